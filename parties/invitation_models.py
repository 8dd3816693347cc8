"""Invitations to roles: asked for by one person, confirmed by another one, accepted by the invited one."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from parties.roles import Language, Role


class InvitationState(models.TextChoices):
    REQUESTED = "requested", _("waits for a second person")
    CONFIRMED = "confirmed", _("waits for the invited person")
    ACCEPTED = "accepted", _("accepted")
    REJECTED = "rejected", _("turned down")
    WITHDRAWN = "withdrawn", _("withdrawn")


_OPEN = Q(state__in=[InvitationState.REQUESTED, InvitationState.CONFIRMED])
_CONFIRMED = Q(confirmed_by__isnull=False, confirmed_at__isnull=False, sends__gte=1)
_NOT_CONFIRMED = Q(confirmed_by=None, confirmed_at=None, token_digest="", expires_at=None, sends=0)


class StaffInvitation(models.Model):
    """One person is asked to take one role, of a brand or, without one, of the operator.

    Who asks, who confirms and who accepts are three people, by constraint. What was asked for is never
    edited. Of the link in the mail only a digest is kept; another mail is another link.
    """

    brand = models.ForeignKey(
        "parties.Brand",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="invitations",
        verbose_name=_("brand"),
    )
    role = models.CharField(_("role"), max_length=10, choices=Role.choices)
    email = models.EmailField(_("e-mail address"))
    name = models.CharField(_("name"), max_length=80)
    language = models.CharField(
        _("language of the mail"), max_length=2, choices=Language.choices, default=Language.JAPANESE
    )
    reason = models.CharField(_("who this is, and why they need it"), max_length=200)
    state = models.CharField(
        _("state"), max_length=9, choices=InvitationState.choices, default=InvitationState.REQUESTED
    )
    requested_by = models.ForeignKey(
        "parties.User", models.PROTECT, related_name="+", verbose_name=_("requested by")
    )
    requested_at = models.DateTimeField(_("requested at"))
    confirmed_by = models.ForeignKey(
        "parties.User", models.PROTECT, null=True, related_name="+", verbose_name=_("confirmed by")
    )
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True)
    token_digest = models.CharField(max_length=64, blank=True, default="")
    expires_at = models.DateTimeField(_("link works until"), null=True)
    sends = models.PositiveSmallIntegerField(_("mails sent"), default=0)
    accepted_by = models.ForeignKey(
        "parties.User", models.PROTECT, null=True, related_name="+", verbose_name=_("accepted by")
    )
    ended_by = models.ForeignKey(
        "parties.User", models.PROTECT, null=True, related_name="+", verbose_name=_("ended by")
    )
    ended_at = models.DateTimeField(_("ended at"), null=True)

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        constraints = [
            models.UniqueConstraint(
                fields=["brand", "email", "role"], condition=_OPEN, name="parties_invitation_open_once"
            ),
            models.UniqueConstraint(
                fields=["email", "role"],
                condition=_OPEN & Q(brand=None),
                name="parties_operator_invitation_open_once",
            ),
            models.UniqueConstraint(
                fields=["token_digest"],
                condition=~Q(token_digest=""),
                name="parties_invitation_link_of_one",
            ),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="parties_invitation_role_known"),
            models.CheckConstraint(
                condition=Q(language__in=Language.values), name="parties_invitation_language_known"
            ),
            models.CheckConstraint(
                condition=Q(confirmed_by=None) | ~Q(confirmed_by=F("requested_by")),
                name="parties_invitation_two_people",
            ),
            models.CheckConstraint(
                condition=Q(accepted_by=None)
                | (~Q(accepted_by=F("requested_by")) & ~Q(accepted_by=F("confirmed_by"))),
                name="parties_invitation_of_somebody_else",
            ),
            models.CheckConstraint(
                condition=(Q(state=InvitationState.REQUESTED, ended_at=None) & _NOT_CONFIRMED)
                | (
                    Q(state=InvitationState.CONFIRMED, ended_at=None)
                    & ~Q(token_digest="")
                    & Q(expires_at__isnull=False)
                    & _CONFIRMED
                )
                | (
                    Q(state=InvitationState.ACCEPTED, ended_at__isnull=False, accepted_by__isnull=False)
                    & Q(token_digest="")
                    & _CONFIRMED
                )
                | (Q(state=InvitationState.REJECTED, ended_at__isnull=False) & _NOT_CONFIRMED)
                | Q(state=InvitationState.WITHDRAWN, ended_at__isnull=False, token_digest=""),
                name="parties_invitation_states",
            ),
            models.CheckConstraint(
                condition=Q(state=InvitationState.ACCEPTED) | Q(accepted_by=None),
                name="parties_invitation_accepted_by",
            ),
        ]

    def __str__(self) -> str:
        """Without the address. The name is gone some time after the end of what was not accepted."""
        return f"{self.name or f'#{self.pk}'} {self.get_role_display()} {self.brand or ''}".strip()
