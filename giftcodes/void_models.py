"""A request to withdraw many codes at once: asked for by one person, decided by another one."""

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from parties.models import User

MAX_SPANS = 10_000  # of a pasted list: each serial number may stand alone


class VoidScope(models.TextChoices):
    """How the codes were named."""

    CHANNEL = "channel", _("a channel")
    RANGE = "range", _("a range of serial numbers")
    LIST = "list", _("a list of serial numbers")


class VoidState(models.TextChoices):
    REQUESTED = "requested", _("waiting for approval")
    APPROVED = "approved", _("withdrawn")
    REJECTED = "rejected", _("rejected")
    TAKEN_BACK = "taken_back", _("taken back")


class VoidRequest(models.Model):
    """Codes of one batch that shall be withdrawn, sparing those that are claimed when it is approved.

    It is decided once and never edited (PostgreSQL refuses that); `public_id` is made by the form, so that
    sending it twice asks once. What was foreseen when it was asked for stays beside what came of it.
    """

    public_id = models.UUIDField(_("request number"), default=uuid.uuid4, unique=True, editable=False)
    batch = models.ForeignKey(
        "giftcodes.Batch", models.PROTECT, related_name="void_requests", verbose_name=_("batch")
    )
    scope = models.CharField(_("codes named by"), max_length=10, choices=VoidScope.choices)
    channel = models.ForeignKey(
        "giftcodes.Channel", models.PROTECT, null=True, related_name="+", verbose_name=_("channel")
    )
    codes = models.PositiveIntegerField(_("codes named"))
    foreseen_codes = models.PositiveIntegerField(_("unclaimed when it was asked for"))
    foreseen_claimed = models.PositiveIntegerField(_("claimed when it was asked for"))
    reason = models.CharField(_("reason"), max_length=200)
    fingerprint = models.CharField(_("fingerprint"), max_length=64)
    state = models.CharField(
        _("state"), max_length=10, choices=VoidState.choices, default=VoidState.REQUESTED
    )
    requested_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("requested by"))
    requested_at = models.DateTimeField(_("requested at"))
    decided_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", verbose_name=_("decided by")
    )
    decided_at = models.DateTimeField(_("decided at"), null=True)
    decision_note = models.CharField(_("note on the decision"), max_length=200, blank=True)
    # What came of it: of the codes named so many were withdrawn, claimed before, withdrawn before.
    voided_codes = models.PositiveIntegerField(_("codes withdrawn"), null=True)
    spared_codes = models.PositiveIntegerField(_("claimed codes spared"), null=True)
    void_before_codes = models.PositiveIntegerField(_("codes withdrawn before"), null=True)

    class Meta:
        verbose_name = _("withdrawal of codes")
        verbose_name_plural = _("withdrawals of codes")
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=VoidState.values), name="giftcodes_voidrequest_state_known"
            ),
            models.CheckConstraint(
                condition=Q(scope="channel", channel__isnull=False)
                | Q(scope__in=["range", "list"], channel=None),
                name="giftcodes_voidrequest_scope",
            ),
            models.CheckConstraint(
                condition=Q(codes__gte=1) & Q(codes__gte=F("foreseen_codes") + F("foreseen_claimed")),
                name="giftcodes_voidrequest_foreseen_within",
            ),
            models.CheckConstraint(
                condition=~Q(reason="") & ~Q(fingerprint=""), name="giftcodes_voidrequest_has_reason"
            ),
            models.CheckConstraint(
                condition=Q(state="requested", decided_by=None, decided_at=None)
                | (~Q(state="requested") & Q(decided_by__isnull=False, decided_at__isnull=False)),
                name="giftcodes_voidrequest_decided_by_somebody",
            ),
            # Whoever asked takes it back; everything else is decided by another person.
            models.CheckConstraint(
                condition=Q(decided_by=None)
                | Q(state="taken_back", decided_by=F("requested_by"))
                | (~Q(state="taken_back") & ~Q(decided_by=F("requested_by"))),
                name="giftcodes_voidrequest_by_two_people",
            ),
            models.CheckConstraint(
                condition=~Q(state="rejected") | ~Q(decision_note=""),
                name="giftcodes_voidrequest_rejected_with_note",
            ),
            models.CheckConstraint(
                condition=Q(
                    state="approved",
                    voided_codes__isnull=False,
                    spared_codes__isnull=False,
                    void_before_codes__isnull=False,
                    codes=F("voided_codes") + F("spared_codes") + F("void_before_codes"),
                )
                | (~Q(state="approved") & Q(voided_codes=None, spared_codes=None, void_before_codes=None)),
                name="giftcodes_voidrequest_adds_up",
            ),
        ]
        indexes = [models.Index(fields=["batch", "state"], name="giftcodes_voidrequest_of_batch")]

    def __str__(self) -> str:
        return self.public_id.hex[:8]


class VoidSpan(models.Model):
    """Serials of the batch that a request names, both ends included. Never edited, never deleted."""

    request = models.ForeignKey(VoidRequest, models.PROTECT, related_name="spans", db_index=False)
    first_serial = models.BigIntegerField(_("first serial"))
    last_serial = models.BigIntegerField(_("last serial"))

    class Meta:
        verbose_name = _("range of a withdrawal")
        verbose_name_plural = _("ranges of a withdrawal")
        constraints = [
            models.UniqueConstraint(
                fields=["request", "first_serial"], name="giftcodes_voidspan_first_serial_once"
            ),
            models.CheckConstraint(
                condition=Q(last_serial__gte=F("first_serial"), first_serial__gte=0),
                name="giftcodes_voidspan_range",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.first_serial}..{self.last_serial}"
