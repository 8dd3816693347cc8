"""A request for a later end of an order's claim window: asked for by one person, decided by another one."""

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from giftcodes.extension_models import BatchExtension
from parties.models import User


class ExtensionState(models.TextChoices):
    REQUESTED = "requested", _("waiting for approval")
    APPROVED = "approved", _("extended")
    REJECTED = "rejected", _("rejected")
    TAKEN_BACK = "taken_back", _("taken back")


class ExtensionRequest(models.Model):
    """It is decided once and never edited (PostgreSQL refuses that); `public_id` is made by the form, so that
    sending it twice asks once. One waits per order at most.
    """

    public_id = models.UUIDField(_("request number"), default=uuid.uuid4, unique=True, editable=False)
    order = models.ForeignKey(
        "campaigns.Order", models.PROTECT, related_name="extensions", verbose_name=_("order")
    )
    until_before = models.DateTimeField(_("claimable until, before"))
    until_after = models.DateTimeField(_("claimable until, since then"))
    reason = models.CharField(_("reason"), max_length=200)
    fingerprint = models.CharField(_("fingerprint"), max_length=64)
    state = models.CharField(
        _("state"), max_length=10, choices=ExtensionState.choices, default=ExtensionState.REQUESTED
    )
    requested_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("requested by"))
    requested_at = models.DateTimeField(_("requested at"))
    decided_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", verbose_name=_("decided by")
    )
    decided_at = models.DateTimeField(_("decided at"), null=True)
    decision_note = models.CharField(_("note on the decision"), max_length=200, blank=True)
    amendment = models.OneToOneField(
        BatchExtension, models.PROTECT, null=True, related_name="request", verbose_name=_("extension")
    )

    class Meta:
        verbose_name = _("extension of a claim window")
        verbose_name_plural = _("extensions of claim windows")
        constraints = [
            models.UniqueConstraint(
                fields=["order"], condition=Q(state="requested"), name="campaigns_extension_one_waits"
            ),
            models.CheckConstraint(
                condition=Q(state__in=ExtensionState.values), name="campaigns_extension_state_known"
            ),
            models.CheckConstraint(
                condition=Q(until_after__gt=F("until_before")), name="campaigns_extension_only_later"
            ),
            models.CheckConstraint(
                condition=~Q(reason="") & ~Q(fingerprint=""), name="campaigns_extension_has_reason"
            ),
            models.CheckConstraint(
                condition=Q(state="requested", decided_by=None, decided_at=None)
                | (~Q(state="requested") & Q(decided_by__isnull=False, decided_at__isnull=False)),
                name="campaigns_extension_decided_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(decided_by=None)
                | Q(state="taken_back", decided_by=F("requested_by"))
                | (~Q(state="taken_back") & ~Q(decided_by=F("requested_by"))),
                name="campaigns_extension_by_two_people",
            ),
            models.CheckConstraint(
                condition=Q(state="approved", amendment__isnull=False)
                | (~Q(state="approved") & Q(amendment=None)),
                name="campaigns_extension_approved_amends",
            ),
            models.CheckConstraint(
                condition=~Q(state="rejected") | ~Q(decision_note=""),
                name="campaigns_extension_rejected_with_note",
            ),
        ]

    def __str__(self) -> str:
        return self.public_id.hex[:8]
