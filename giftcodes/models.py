"""The code engine's tables. A code is never stored: a batch is one row, and rows exist only for what
happens.
"""

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

# Tables of this app, which Django looks for here.
from giftcodes import (  # noqa: F401
    delivery_models,
    extension_models,
    gift_models,
    guard_models,
    void_models,
)
from ledger.models import MAX_POINTS, Account, transfer_id_of
from parties.models import Brand, Member, User

SERIALS_PER_SERIES = 10**9
# Of 10^14 possible codes per series, so many may be live: guessing then hits once in a million tries, at
# most. Above the second number the order form warns.
MAX_LIVE_CODES = 10**8
WARN_LIVE_CODES = 10**7
MAX_CODES_PER_BATCH = 10**7
SANDBOX_SERIES = 9


class Series(models.Model):
    """A generation of the code key: the first digit of its codes."""

    digit = models.PositiveSmallIntegerField(_("series"), primary_key=True)
    alg_id = models.CharField(_("algorithm"), max_length=20, default="ff1-damm-1", editable=False)
    master_key_id = models.CharField(_("master key"), max_length=16, editable=False)
    salt = models.BinaryField(_("salt"), max_length=32, editable=False)
    next_serial = models.BigIntegerField(_("next serial"), default=0, editable=False)
    live_codes = models.BigIntegerField(_("live codes"), default=0, editable=False)
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("series")
        verbose_name_plural = _("series")
        constraints = [
            models.CheckConstraint(condition=Q(digit__gte=1, digit__lte=9), name="giftcodes_series_digit"),
            models.CheckConstraint(
                condition=Q(next_serial__gte=0, next_serial__lte=SERIALS_PER_SERIES),
                name="giftcodes_series_room",
            ),
            models.CheckConstraint(
                condition=Q(live_codes__gte=0, live_codes__lte=MAX_LIVE_CODES),
                name="giftcodes_series_density",
            ),
        ]

    def __str__(self) -> str:
        return str(self.digit)


class BatchState(models.TextChoices):
    APPROVED = "approved", _("approved")
    MINTING = "minting", _("minting")
    MINTED = "minted", _("minted")
    ACTIVE = "active", _("active")
    PAUSED = "paused", _("paused")
    CLOSED = "closed", _("closed")


class Activation(models.TextChoices):
    BY_HAND = "by_hand", _("by hand, after the file has arrived")
    AT_START = "at_start", _("by itself, at the start of the claim window")
    ON_RECEIPT = "on_receipt", _("when the recipient has confirmed that the file has arrived")


class Batch(models.Model):
    """The codes of one approved order: one range of serials with terms frozen at approval."""

    public_id = models.UUIDField(_("batch number"), default=uuid.uuid4, unique=True, editable=False)
    order_key = models.CharField(_("order"), max_length=64, unique=True, editable=False)
    brand = models.ForeignKey(Brand, models.PROTECT, related_name="batches", verbose_name=_("brand"))
    series = models.ForeignKey(Series, models.PROTECT, related_name="batches", verbose_name=_("series"))
    first_serial = models.BigIntegerField(_("first serial"), editable=False)
    size = models.PositiveIntegerField(_("codes"), editable=False)
    unclaimed = models.OneToOneField(
        Account, models.PROTECT, related_name="batch", verbose_name=_("account of unclaimed points")
    )
    master_key_id = models.CharField(_("master key"), max_length=16, editable=False)
    wrapped_key = models.BinaryField(_("wrapped key"), max_length=64, editable=False)

    # The terms. Editing the campaign never reaches them.
    face_points = models.BigIntegerField(_("points per code"), editable=False)
    claim_from = models.DateTimeField(_("claimable from"), editable=False)
    claim_until = models.DateTimeField(_("claimable until"), editable=False)
    lot_life_days = models.PositiveSmallIntegerField(_("life of the points in days"), editable=False)
    limit_per_member = models.PositiveSmallIntegerField(_("codes per member"), null=True, editable=False)
    limit_group = models.CharField(_("counted together with"), max_length=64, editable=False)
    claim_url_base = models.URLField(_("claim page"), max_length=200, editable=False)
    activation = models.CharField(_("activation"), max_length=10, choices=Activation.choices, editable=False)
    # NULL: the codes go out in a file. Else they are issued one by one, as gifts of up to so many points.
    most_points = models.BigIntegerField(_("most points per gift"), null=True, editable=False)

    state = models.CharField(
        _("state"), max_length=10, choices=BatchState.choices, default=BatchState.APPROVED, editable=False
    )
    minted_codes = models.PositiveIntegerField(_("minted codes"), default=0, editable=False)
    expired_codes = models.PositiveIntegerField(_("expired codes"), null=True, editable=False)
    approved_at = models.DateTimeField(_("approved at"), editable=False)
    minted_at = models.DateTimeField(_("minted at"), null=True, editable=False)
    activated_at = models.DateTimeField(_("activated at"), null=True, editable=False)
    closed_at = models.DateTimeField(_("closed at"), null=True, editable=False)

    class Meta:
        verbose_name = _("batch")
        verbose_name_plural = _("batches")
        constraints = [
            # Ranges are disjoint: PostgreSQL also has an exclusion constraint (see the migrations).
            models.UniqueConstraint(
                fields=["series", "first_serial"], name="giftcodes_batch_first_serial_once"
            ),
            models.CheckConstraint(
                condition=Q(size__gte=1, size__lte=MAX_CODES_PER_BATCH), name="giftcodes_batch_size"
            ),
            models.CheckConstraint(
                condition=Q(first_serial__gte=0, first_serial__lte=SERIALS_PER_SERIES - F("size")),
                name="giftcodes_batch_within_series",
            ),
            models.CheckConstraint(
                condition=Q(face_points__gt=0, face_points__lte=MAX_POINTS),
                name="giftcodes_batch_face_points",
            ),
            models.CheckConstraint(
                condition=Q(claim_until__gt=F("claim_from")), name="giftcodes_batch_window_has_length"
            ),
            models.CheckConstraint(
                condition=Q(most_points=None)
                | Q(most_points__gte=F("face_points"), most_points__lte=MAX_POINTS),
                name="giftcodes_batch_most_points",
            ),
            models.CheckConstraint(condition=Q(lot_life_days__gte=1), name="giftcodes_batch_lot_life"),
            models.CheckConstraint(
                condition=Q(limit_per_member=None) | Q(limit_per_member__gte=1), name="giftcodes_batch_limit"
            ),
            models.CheckConstraint(
                condition=Q(state__in=BatchState.values), name="giftcodes_batch_state_known"
            ),
            models.CheckConstraint(
                condition=Q(minted_codes__lte=F("size")), name="giftcodes_batch_minted_within"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["approved", "minting"])
                | Q(minted_codes=F("size"), minted_at__isnull=False),
                name="giftcodes_batch_minted_whole",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["active", "paused"]) | Q(activated_at__isnull=False),
                name="giftcodes_batch_active_since",
            ),
            models.CheckConstraint(
                condition=Q(state="closed", closed_at__isnull=False, expired_codes__isnull=False)
                | (~Q(state="closed") & Q(closed_at=None, expired_codes=None)),
                name="giftcodes_batch_closed_counts",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.series_id}-{self.first_serial:09d}+{self.size}"

    @property
    def issues_gifts(self) -> bool:
        """Whether its codes come out one by one, through the API, instead of in a file."""
        return self.most_points is not None

    @property
    def first_claim_id(self) -> int:
        """The claim key of the first serial; the batch's claims have keys from here up to `end_claim_id`,
        exclusive.
        """
        return claim_id_of(self.series_id, self.first_serial)

    @property
    def end_claim_id(self) -> int:
        return self.first_claim_id + self.size


class Channel(models.Model):
    """A named part of a batch (a poster, a shop, an e-mail), so that results can be told apart."""

    batch = models.ForeignKey(Batch, models.PROTECT, related_name="channels", verbose_name=_("batch"))
    name = models.CharField(_("name"), max_length=40)
    first_serial = models.BigIntegerField(_("first serial"))
    size = models.PositiveIntegerField(_("codes"))

    class Meta:
        verbose_name = _("channel")
        verbose_name_plural = _("channels")
        constraints = [
            models.UniqueConstraint(fields=["batch", "name"], name="giftcodes_channel_name_once"),
            models.UniqueConstraint(
                fields=["batch", "first_serial"], name="giftcodes_channel_first_serial_once"
            ),
            models.CheckConstraint(condition=Q(size__gte=1), name="giftcodes_channel_size"),
        ]

    def __str__(self) -> str:
        return self.name


def claim_id_of(series: int, serial: int) -> int:
    """The public serial number: ten digits, the series before the nine digits of the serial."""
    return series * SERIALS_PER_SERIES + serial


class Claim(models.Model):
    """A code became points in one wallet. Its key is made of series and serial, so there is at most one per
    code.
    """

    id = models.BigIntegerField(_("serial number"), primary_key=True)
    # No foreign key check: it would lock the batch, which all its claims share, once per claim. A batch is
    # never deleted.
    batch = models.ForeignKey(
        Batch, models.PROTECT, related_name="claims", db_constraint=False, db_index=False
    )
    member = models.ForeignKey(
        Member, models.PROTECT, related_name="claims", db_index=False, db_constraint=False
    )
    points = models.BigIntegerField(_("points"))
    claimed_at = models.DateTimeField(_("claimed at"))

    class Meta:
        verbose_name = _("claim")
        verbose_name_plural = _("claims")
        constraints = [models.CheckConstraint(condition=Q(points__gt=0), name="giftcodes_claim_points")]
        indexes = [models.Index(fields=["member", "claimed_at"], name="giftcodes_claim_of_member")]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def transfer_id(self) -> uuid.UUID:
        """The one transfer of this claim: its id follows from the claim's key."""
        return transfer_id_of(claim_key(self.id))


def claim_key(claim_id: int) -> str:
    """The key of the transfer that the claim makes."""
    return f"claim:{claim_id}"


class ClaimTally(models.Model):
    """How many codes of a group one member has claimed: the row that holds `limit_per_member` when claims
    race.
    """

    limit_group = models.CharField(_("counted together"), max_length=64)
    member = models.ForeignKey(Member, models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    claims = models.PositiveIntegerField(_("claims"))

    class Meta:
        verbose_name = _("claim tally")
        verbose_name_plural = _("claim tallies")
        constraints = [
            models.UniqueConstraint(fields=["limit_group", "member"], name="giftcodes_tally_once"),
        ]

    def __str__(self) -> str:
        return f"{self.limit_group} {self.member_id}: {self.claims}"


class Void(models.Model):
    """A range of a batch withdrawn, sparing what was claimed. Never edited, never deleted. One code alone may
    be one person's act. `request` names the act of which the range is a part, if it was asked for.
    """

    batch = models.ForeignKey(
        Batch, models.PROTECT, related_name="voids", verbose_name=_("batch"), db_index=False
    )
    first_serial = models.BigIntegerField(_("first serial"))
    last_serial = models.BigIntegerField(_("last serial"))
    codes = models.PositiveIntegerField(_("codes withdrawn"))
    reason = models.CharField(_("reason"), max_length=200)
    requested_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("requested by"))
    approved_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("approved by"))
    voided_at = models.DateTimeField(_("withdrawn at"))
    request = models.ForeignKey(
        "giftcodes.VoidRequest", models.PROTECT, null=True, related_name="voids", verbose_name=_("request")
    )

    class Meta:
        verbose_name = _("void")
        verbose_name_plural = _("voids")
        constraints = [
            models.CheckConstraint(
                condition=Q(last_serial__gte=F("first_serial"), first_serial__gte=0),
                name="giftcodes_void_range",
            ),
            models.CheckConstraint(
                condition=Q(codes__gte=0, codes__lte=F("last_serial") - F("first_serial") + 1),
                name="giftcodes_void_codes_within",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="giftcodes_void_has_reason"),
            models.CheckConstraint(
                condition=~Q(requested_by=F("approved_by")) | Q(request=None, last_serial=F("first_serial")),
                name="giftcodes_void_by_two_people",
            ),
        ]
        indexes = [models.Index(fields=["batch", "first_serial"], name="giftcodes_void_of_batch")]

    def __str__(self) -> str:
        return f"{self.first_serial}..{self.last_serial}"


class BatchSwitch(models.Model):
    """A batch was paused, or went on: who, when, and why. Never edited, never deleted."""

    batch = models.ForeignKey(Batch, models.PROTECT, related_name="switches", verbose_name=_("batch"))
    is_pause = models.BooleanField(_("paused"))
    reason = models.CharField(_("reason"), max_length=200)
    switched_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("by"))
    switched_at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("pause")
        verbose_name_plural = _("pauses")
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="giftcodes_batchswitch_has_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.batch_id} {'paused' if self.is_pause else 'resumed'}"


class Delivery(models.Model):
    """The sealed file of a batch, for one person. Progress while it is written; its fingerprints when it is
    done.
    """

    public_id = models.UUIDField(_("file number"), default=uuid.uuid4, unique=True, editable=False)
    batch = models.OneToOneField(Batch, models.PROTECT, related_name="delivery", verbose_name=_("batch"))
    recipient = models.ForeignKey(
        User, models.PROTECT, related_name="deliveries", verbose_name=_("recipient")
    )
    salt = models.BinaryField(_("salt"), max_length=32, editable=False)
    sealed_until = models.BigIntegerField(_("bytes sealed so far"), default=0, editable=False)
    row_count = models.PositiveIntegerField(_("rows"), null=True, editable=False)
    total_points = models.BigIntegerField(_("total points"), null=True, editable=False)
    content_sha256 = models.CharField(_("SHA-256 of the content"), max_length=64, blank=True, editable=False)
    sealed_sha256 = models.CharField(
        _("SHA-256 of the sealed file"), max_length=64, blank=True, editable=False
    )
    sealed_bytes = models.BigIntegerField(_("size of the sealed file"), null=True, editable=False)
    sealed_at = models.DateTimeField(_("sealed at"), null=True, editable=False)
    downloaded_at = models.DateTimeField(_("downloaded at"), null=True, editable=False)
    passphrase_shown_at = models.DateTimeField(_("passphrase shown at"), null=True, editable=False)

    class Meta:
        verbose_name = _("sealed file")
        verbose_name_plural = _("sealed files")
        constraints = [
            models.CheckConstraint(
                condition=Q(sealed_at=None)
                | (
                    Q(row_count__isnull=False, total_points__isnull=False, sealed_bytes__isnull=False)
                    & ~Q(content_sha256="")
                    & ~Q(sealed_sha256="")
                ),
                name="giftcodes_delivery_sealed_has_prints",
            ),
            models.CheckConstraint(
                condition=Q(downloaded_at=None) | Q(sealed_at__isnull=False),
                name="giftcodes_delivery_download_after_seal",
            ),
        ]

    def __str__(self) -> str:
        return str(self.public_id)
