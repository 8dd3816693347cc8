"""Deliveries that people asked for beside the order's own file, of any kind; and who had which file when."""

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from parties.models import User

AGE_RECIPIENT_LENGTH = 62


class DeliveryKind(models.TextChoices):
    CSV = "csv", _("CSV")
    XLSX = "xlsx", _("Excel workbook (XLSX)")
    ADDRESSES = "urls", _("list of claim addresses")
    QR_PNG = "qr_png", _("QR codes as PNG pictures")
    QR_SVG = "qr_svg", _("QR codes as SVG drawings")
    LABELS = "labels", _("printable sheets: 24 labels on A4 (PDF)")
    CARDS = "cards", _("printable sheets: 10 business cards on A4 (PDF)")


class SealKind(models.TextChoices):
    ZIP = "zip", _("AES-256 zip, with a passphrase that is told apart")
    AGE = "age", _("age, for the recipient's public key")


class DeliveryState(models.TextChoices):
    REQUESTED = "requested", pgettext_lazy("delivery", "waiting for approval")
    APPROVED = "approved", pgettext_lazy("delivery", "approved, being made")
    SEALED = "sealed", pgettext_lazy("delivery", "sealed")
    REJECTED = "rejected", pgettext_lazy("delivery", "rejected")


class FurtherDelivery(models.Model):
    """A delivery of a batch that has its own file already. What was asked for is frozen; then how far it is.

    `content_number` is the number that stands in the content: its own, or that of the delivery that is made
    again, so that the content is the same.
    """

    public_id = models.UUIDField(_("delivery number"), default=uuid.uuid4, unique=True, editable=False)
    batch = models.ForeignKey(
        "giftcodes.Batch", models.PROTECT, related_name="further_deliveries", verbose_name=_("batch")
    )
    again_of = models.ForeignKey(
        "self", models.PROTECT, null=True, related_name="made_again", verbose_name=_("made again of")
    )
    kind = models.CharField(_("kind"), max_length=10, choices=DeliveryKind.choices)
    channel = models.ForeignKey(
        "giftcodes.Channel", models.PROTECT, null=True, related_name="+", verbose_name=_("channel")
    )
    by_channel = models.BooleanField(_("split by channel"), default=False)
    sealing = models.CharField(_("sealed as"), max_length=3, choices=SealKind.choices)
    age_recipient = models.CharField(_("age key"), max_length=AGE_RECIPIENT_LENGTH, blank=True)
    recipient = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("recipient"))
    reason = models.CharField(_("reason"), max_length=200)
    content_number = models.UUIDField(_("number in the content"), editable=False)
    marked_for = models.CharField(_("marked for"), max_length=254, editable=False)
    words = models.JSONField(_("words on printed sheets"), editable=False)
    logo = models.BinaryField(_("logo on printed sheets"), editable=False)
    salt = models.BinaryField(_("salt"), max_length=32, editable=False)
    code_count = models.PositiveIntegerField(_("codes"))
    request_hash = models.CharField(_("fingerprint"), max_length=64, editable=False)
    requested_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("requested by"))
    requested_at = models.DateTimeField(_("requested at"))

    state = models.CharField(
        _("state"), max_length=10, choices=DeliveryState.choices, default=DeliveryState.REQUESTED
    )
    decided_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", verbose_name=_("decided by")
    )
    decided_at = models.DateTimeField(_("decided at"), null=True)
    decision_note = models.CharField(_("note on the decision"), max_length=200, blank=True)
    parts_made = models.PositiveIntegerField(_("parts made"), default=0)
    codes_made = models.PositiveIntegerField(_("codes made"), default=0)
    sealed_until = models.BigIntegerField(_("bytes sealed so far"), default=0)
    content_sha256 = models.CharField(_("SHA-256 of the content"), max_length=64, blank=True)
    sealed_sha256 = models.CharField(_("SHA-256 of the sealed file"), max_length=64, blank=True)
    sealed_bytes = models.BigIntegerField(_("size of the sealed file"), null=True)
    sealed_at = models.DateTimeField(_("sealed at"), null=True)
    downloaded_at = models.DateTimeField(_("downloaded at"), null=True)
    passphrase_shown_at = models.DateTimeField(_("passphrase shown at"), null=True)

    class Meta:
        verbose_name = _("further delivery")
        verbose_name_plural = _("further deliveries")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=DeliveryKind.values), name="giftcodes_further_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=DeliveryState.values), name="giftcodes_further_state_known"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="giftcodes_further_has_reason"),
            models.CheckConstraint(
                condition=Q(decided_by=None)
                | (~Q(decided_by=F("requested_by")) & ~Q(decided_by=F("recipient"))),
                name="giftcodes_further_by_two_people",
            ),
            models.CheckConstraint(
                condition=Q(state="requested", decided_by=None, decided_at=None)
                | (~Q(state="requested") & Q(decided_by__isnull=False, decided_at__isnull=False)),
                name="giftcodes_further_decided_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(sealing="zip", age_recipient="")
                | (Q(sealing="age", passphrase_shown_at=None) & ~Q(age_recipient="")),
                name="giftcodes_further_sealing",
            ),
            models.CheckConstraint(
                condition=Q(codes_made__lte=F("code_count"), code_count__gte=1),
                name="giftcodes_further_made_within",
            ),
            models.CheckConstraint(
                condition=(
                    Q(state="sealed", sealed_at__isnull=False, sealed_bytes__isnull=False)
                    & Q(codes_made=F("code_count"))
                    & ~Q(content_sha256="")
                    & ~Q(sealed_sha256="")
                )
                | (~Q(state="sealed") & Q(sealed_at=None, downloaded_at=None, passphrase_shown_at=None)),
                name="giftcodes_further_sealed_has_prints",
            ),
        ]

    def __str__(self) -> str:
        return str(self.public_id)


class CustodyAct(models.TextChoices):
    MADE = "made", pgettext_lazy("custody of a file", "made and sealed")
    DOWNLOADED = "downloaded", pgettext_lazy("custody of a file", "downloaded")
    PASSPHRASE = "passphrase", pgettext_lazy("custody of a file", "passphrase shown")
    RECEIVED = "received", pgettext_lazy("custody of a file", "receipt confirmed")


class CustodyEntry(models.Model):
    """What happened to a sealed file: each thing once. Never edited, never deleted."""

    batch = models.ForeignKey(
        "giftcodes.Batch", models.PROTECT, related_name="custody", verbose_name=_("batch")
    )
    file_id = models.UUIDField(_("file number"))
    act = models.CharField(_("what happened"), max_length=10, choices=CustodyAct.choices)
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("by"))
    at = models.DateTimeField(_("at"))
    address = models.GenericIPAddressField(_("from the address"), null=True)
    sealed_sha256 = models.CharField(_("SHA-256 of the sealed file"), max_length=64)

    class Meta:
        verbose_name = _("custody entry")
        verbose_name_plural = _("custody log")
        constraints = [
            models.UniqueConstraint(fields=["file_id", "act"], name="giftcodes_custody_once"),
            models.CheckConstraint(
                condition=Q(act="made", by=None)
                | (~Q(act="made") & Q(act__in=CustodyAct.values, by__isnull=False)),
                name="giftcodes_custody_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.file_id} {self.act}"
