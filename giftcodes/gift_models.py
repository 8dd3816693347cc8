"""What exists of gifts that a brand's own system issues one by one: what was asked, what was issued, what is
left to be drawn. No code stands here: it is derived from the serial number each time it is asked for.
"""

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from ledger.models import MAX_POINTS
from parties.api_models import ApiClient
from parties.models import Brand

MAX_GIFTS_AT_ONCE = 1_000
MAX_KEY_LENGTH = 255
MAX_RECIPIENT_LENGTH = 64
MAX_STRANDS = 64


class GiftState(models.TextChoices):
    """A gift ends once, in one of three ways."""

    ISSUED = "issued", _("issued")
    CLAIMED = "claimed", _("claimed")
    VOIDED = "voided", _("withdrawn")
    EXPIRED = "expired", _("expired")


class GiftStrand(models.Model):
    """A part of what an API batch can still issue: serials from `next_serial` on, and points.

    Many, so that callers at once draw from different rows. What is drawn is part of the transaction that
    issues: what fails gives it back.
    """

    batch = models.ForeignKey("giftcodes.Batch", models.PROTECT, related_name="strands", db_index=False)
    place = models.PositiveSmallIntegerField()
    next_serial = models.BigIntegerField()
    end_serial = models.BigIntegerField()
    points_left = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["batch", "place"], name="giftcodes_strand_once"),
            models.CheckConstraint(
                condition=Q(next_serial__gte=0, next_serial__lte=F("end_serial")),
                name="giftcodes_strand_serials",
            ),
            models.CheckConstraint(
                condition=Q(points_left__gte=0, points_left__lte=MAX_POINTS), name="giftcodes_strand_points"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.batch_id}/{self.place}"


class GiftRequest(models.Model):
    """One call that issued gifts: for ever the record of its idempotency key. Never edited, never deleted.

    The key itself is not kept, only its SHA-256: it is the partner's own text, of any content.
    """

    # No foreign key checks: they would lock rows that all calls of a client share. Neither is ever deleted.
    client = models.ForeignKey(
        ApiClient, models.PROTECT, related_name="gift_requests", db_constraint=False, db_index=False
    )
    key_digest = models.CharField(max_length=64)
    fingerprint = models.CharField(max_length=64)
    batch = models.ForeignKey(
        "giftcodes.Batch", models.PROTECT, related_name="gift_requests", db_constraint=False, db_index=False
    )
    gifts = models.PositiveSmallIntegerField()
    requested_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["client", "key_digest"], name="giftcodes_giftrequest_key_once"),
            models.CheckConstraint(
                condition=Q(gifts__gte=1, gifts__lte=MAX_GIFTS_AT_ONCE), name="giftcodes_giftrequest_gifts"
            ),
            models.CheckConstraint(
                condition=~Q(key_digest="") & ~Q(fingerprint=""), name="giftcodes_giftrequest_digests"
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class Gift(models.Model):
    """One code of an API batch, issued. Without this row a code of such a batch can't be claimed."""

    id = models.BigIntegerField(_("serial number"), primary_key=True)
    public_id = models.UUIDField(_("gift number"), default=uuid.uuid4, unique=True)
    brand = models.ForeignKey(
        Brand, models.PROTECT, related_name="gifts", db_constraint=False, db_index=False
    )
    batch = models.ForeignKey(
        "giftcodes.Batch", models.PROTECT, related_name="gifts", db_constraint=False, db_index=False
    )
    request = models.ForeignKey(GiftRequest, models.PROTECT, related_name="issued", db_index=False)
    position = models.PositiveSmallIntegerField()
    points = models.BigIntegerField(_("points"))
    claim_until = models.DateTimeField(_("claimable until"))
    recipient_ref = models.CharField(_("recipient"), max_length=MAX_RECIPIENT_LENGTH, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    issued_at = models.DateTimeField(_("issued at"))
    state = models.CharField(_("state"), max_length=10, choices=GiftState.choices, default=GiftState.ISSUED)
    ended_at = models.DateTimeField(_("ended at"), null=True)

    class Meta:
        verbose_name = _("gift")
        verbose_name_plural = _("gifts")
        constraints = [
            models.UniqueConstraint(fields=["request", "position"], name="giftcodes_gift_position_once"),
            models.CheckConstraint(
                condition=Q(points__gt=0, points__lte=MAX_POINTS), name="giftcodes_gift_points"
            ),
            models.CheckConstraint(
                condition=Q(claim_until__gt=F("issued_at")), name="giftcodes_gift_has_time"
            ),
            models.CheckConstraint(
                condition=Q(state="issued", ended_at=None)
                | (Q(state__in=["claimed", "voided", "expired"], ended_at__isnull=False)),
                name="giftcodes_gift_ends_once",
            ),
        ]
        indexes = [
            models.Index(fields=["brand", "request", "position"], name="giftcodes_gift_of_brand"),
            models.Index(
                fields=["brand", "recipient_ref", "request", "position"],
                name="giftcodes_gift_of_recipient",
                condition=~Q(recipient_ref=""),
            ),
            models.Index(
                fields=["brand", "state", "request", "position"],
                name="giftcodes_gift_ended",
                condition=Q(state__in=["voided", "expired"]),
            ),
            models.Index(fields=["claim_until"], name="giftcodes_gift_due", condition=Q(state="issued")),
        ]

    def __str__(self) -> str:
        return str(self.id)


class GiftVoid(models.Model):
    """Who withdrew a gift, and why. Never edited, never deleted."""

    gift = models.OneToOneField(Gift, models.PROTECT, related_name="void", verbose_name=_("gift"))
    client = models.ForeignKey(
        ApiClient, models.PROTECT, related_name="+", verbose_name=_("API client"), db_index=False
    )
    reason = models.CharField(_("reason"), max_length=200)
    voided_at = models.DateTimeField(_("withdrawn at"))

    class Meta:
        verbose_name = _("withdrawn gift")
        verbose_name_plural = _("withdrawn gifts")
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="giftcodes_giftvoid_has_reason"),
        ]

    def __str__(self) -> str:
        return str(self.gift_id)


class GiftReveal(models.Model):
    """A code was asked for again. Never edited, never deleted."""

    gift = models.ForeignKey(Gift, models.PROTECT, related_name="reveals", verbose_name=_("gift"))
    client = models.ForeignKey(
        ApiClient, models.PROTECT, related_name="+", verbose_name=_("API client"), db_index=False
    )
    revealed_at = models.DateTimeField(_("revealed at"))

    class Meta:
        verbose_name = _("revealed code")
        verbose_name_plural = _("revealed codes")

    def __str__(self) -> str:
        return str(self.gift_id)
