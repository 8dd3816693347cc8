"""What marketers and finance work with: campaigns, the orders for their codes, the deposits that pay for
them.
"""

import uuid

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

# Tables of this app, which Django looks for here.
from campaigns import (  # noqa: F401
    alert_models,
    approval_models,
    audience_models,
    conditions_models,
    dispute_models,
    extension_models,
    mailing_models,
    monthly_models,
    reorder_models,
    result_models,
    support_models,
)
from campaigns.legal_models import LEGAL_CONSTRAINTS, StatesLegalForm
from giftcodes.models import MAX_CODES_PER_BATCH, Activation, Batch
from ledger.models import MAX_POINTS
from parties.models import Brand, User

MAX_LOT_LIFE_DAYS = 3_660


def logo_path(_campaign: "Campaign", _filename: str) -> str:
    """Where a logo is kept: a name that cannot be guessed or collide; the uploaded name is not used."""
    return f"logos/{uuid.uuid4().hex}.png"


class KnownBy(models.TextChoices):
    """How the page of a campaign knows whose wallet the points go to."""

    SIGN_IN = "sign_in", _("sign-in by e-mail")
    MEMBERSHIP_NUMBER = "membership_number", _("membership number of the brand, without a sign-in")


def hero_path(_campaign: "Campaign", _filename: str) -> str:
    """Where a crop of the picture over the page is kept, likewise."""
    return f"heroes/{uuid.uuid4().hex}.webp"


class Campaign(StatesLegalForm):
    """A brand's promotion: its period, its page, its limit per member, its legal form. Ends are exclusive
    instants.

    `published_at` is null as long as the page is a draft that the public doesn't see.
    """

    brand = models.ForeignKey(Brand, models.PROTECT, related_name="campaigns", verbose_name=_("brand"))
    slug = models.SlugField(_("address of the page"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=80)
    starts_at = models.DateTimeField(_("begins"))
    ends_at = models.DateTimeField(_("ends"))
    limit_per_member = models.PositiveSmallIntegerField(_("codes per member"), null=True, blank=True)
    known_by = models.CharField(
        _("members are known by"), max_length=20, choices=KnownBy.choices, default=KnownBy.SIGN_IN
    )
    title_ja = models.CharField(_("title (Japanese)"), max_length=80)
    title_en = models.CharField(_("title (English)"), max_length=80, blank=True)
    text_ja = models.TextField(_("text (Japanese)"), max_length=2_000, blank=True)
    text_en = models.TextField(_("text (English)"), max_length=2_000, blank=True)
    colour = models.CharField(
        _("colour"), max_length=7, default="#1a5f7a", validators=[RegexValidator(r"^#[0-9a-fA-F]{6}\Z")]
    )
    logo = models.ImageField(_("logo"), upload_to=logo_path, blank=True)
    hero_wide = models.ImageField(_("picture over the page"), upload_to=hero_path, blank=True)
    hero_narrow = models.ImageField(
        _("the picture for telephones"), upload_to=hero_path, blank=True, editable=False
    )
    hero_alt_ja = models.CharField(_("description of the picture (Japanese)"), max_length=120, blank=True)
    hero_alt_en = models.CharField(_("description of the picture (English)"), max_length=120, blank=True)
    is_hero_decorative = models.BooleanField(_("the picture is decoration only"), default=False)
    published_at = models.DateTimeField(_("published at"), null=True, editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    history = HistoricalRecords()

    class Meta:
        verbose_name = _("campaign")
        verbose_name_plural = _("campaigns")
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="campaigns_campaign_has_length"
            ),
            models.CheckConstraint(
                condition=Q(limit_per_member=None) | Q(limit_per_member__gte=1),
                name="campaigns_campaign_limit",
            ),
            models.CheckConstraint(
                condition=Q(known_by__in=KnownBy.values), name="campaigns_campaign_known_by"
            ),
            models.CheckConstraint(
                condition=Q(hero_wide="", hero_narrow="") | (~Q(hero_wide="") & ~Q(hero_narrow="")),
                name="campaigns_campaign_hero_has_both_crops",
            ),
            models.CheckConstraint(
                condition=Q(hero_wide="") | Q(is_hero_decorative=True) | ~Q(hero_alt_ja=""),
                name="campaigns_campaign_hero_is_described",
            ),
            *LEGAL_CONSTRAINTS,
        ]

    def __str__(self) -> str:
        return self.name


class OrderState(models.TextChoices):
    DRAFT = "draft", _("draft")
    SUBMITTED = "submitted", _("waiting for approval")
    APPROVED = "approved", _("approved")
    REJECTED = "rejected", _("rejected")


class Issuing(models.TextChoices):
    """How the codes of an order come to people."""

    FILE = "file", _("codes in a sealed file")
    API = "api", _("gifts issued one by one through the API")


class Order(models.Model):
    """A request for so many codes at a face value, approved by another person and funded when it is
    approved.
    """

    public_id = models.UUIDField(_("order number"), default=uuid.uuid4, unique=True, editable=False)
    campaign = models.ForeignKey(Campaign, models.PROTECT, related_name="orders", verbose_name=_("campaign"))
    face_points = models.BigIntegerField(
        _("points per code"), validators=[MinValueValidator(1), MaxValueValidator(MAX_POINTS)]
    )
    issuing = models.CharField(
        _("the codes come as"), max_length=4, choices=Issuing.choices, default=Issuing.FILE
    )
    most_points = models.BigIntegerField(
        _("most points per gift"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_POINTS)],
    )
    claim_from = models.DateTimeField(_("claimable from"))
    claim_until = models.DateTimeField(_("claimable until"))
    lot_life_days = models.PositiveSmallIntegerField(
        _("life of the points in days"),
        default=180,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_LOT_LIFE_DAYS)],
    )
    activation = models.CharField(
        _("activation"), max_length=10, choices=Activation.choices, default=Activation.AT_START
    )
    state = models.CharField(
        _("state"), max_length=10, choices=OrderState.choices, default=OrderState.DRAFT, editable=False
    )
    requested_by = models.ForeignKey(
        User, models.PROTECT, related_name="requested_orders", verbose_name=_("requested by"), editable=False
    )
    submitted_at = models.DateTimeField(_("submitted at"), null=True, editable=False)
    submitted_hash = models.CharField(_("fingerprint"), max_length=64, blank=True, editable=False)
    # How often it was submitted: approvals count for the submission that they saw.
    submissions = models.PositiveIntegerField(_("submissions"), default=0, editable=False)
    decided_by = models.ForeignKey(
        User,
        models.PROTECT,
        null=True,
        related_name="decided_orders",
        verbose_name=_("decided by"),
        editable=False,
    )
    decided_at = models.DateTimeField(_("decided at"), null=True, editable=False)
    decision_note = models.CharField(_("note on the decision"), max_length=200, blank=True, editable=False)
    batch = models.OneToOneField(
        Batch, models.PROTECT, null=True, related_name="order", verbose_name=_("batch"), editable=False
    )

    history = HistoricalRecords()

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        constraints = [
            models.CheckConstraint(
                condition=Q(face_points__gt=0, face_points__lte=MAX_POINTS),
                name="campaigns_order_face_points",
            ),
            models.CheckConstraint(
                condition=Q(claim_until__gt=F("claim_from")), name="campaigns_order_window_has_length"
            ),
            models.CheckConstraint(
                condition=Q(issuing="file", most_points=None)
                | Q(
                    issuing="api",
                    most_points__isnull=False,
                    most_points__gte=F("face_points"),
                    most_points__lte=MAX_POINTS,
                ),
                name="campaigns_order_most_points",
            ),
            models.CheckConstraint(condition=Q(lot_life_days__gte=1), name="campaigns_order_lot_life"),
            models.CheckConstraint(
                condition=Q(state__in=OrderState.values), name="campaigns_order_state_known"
            ),
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("requested_by")),
                name="campaigns_order_by_two_people",
            ),
            models.CheckConstraint(
                condition=Q(state="approved", batch__isnull=False, decided_by__isnull=False)
                | (~Q(state="approved") & Q(batch=None)),
                name="campaigns_order_approved_has_batch",
            ),
            models.CheckConstraint(
                condition=Q(state="draft") | (Q(submitted_at__isnull=False) & ~Q(submitted_hash="")),
                name="campaigns_order_submitted_has_hash",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.campaign} {self.public_id.hex[:8]}"


class OrderChannel(models.Model):
    """A named part of an order (a poster, a shop, an e-mail), so that results can be told apart."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="channels", verbose_name=_("order"))
    name = models.CharField(_("name"), max_length=40)
    quantity = models.PositiveIntegerField(
        _("codes"), validators=[MinValueValidator(1), MaxValueValidator(MAX_CODES_PER_BATCH)]
    )

    class Meta:
        verbose_name = _("channel")
        verbose_name_plural = _("channels")
        constraints = [
            models.UniqueConstraint(fields=["order", "name"], name="campaigns_order_channel_once"),
            models.CheckConstraint(
                condition=Q(quantity__gte=1, quantity__lte=MAX_CODES_PER_BATCH),
                name="campaigns_order_channel_quantity",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.quantity}"


class DepositState(models.TextChoices):
    REQUESTED = "requested", _("waiting for confirmation")
    CONFIRMED = "confirmed", _("confirmed")
    REJECTED = "rejected", _("rejected")


class Deposit(models.Model):
    """Points that one person of finance recorded and another one confirmed; only then are they in the
    brand's funds.

    Never edited: `public_id` is made by the form, so that sending it twice records it once.
    """

    public_id = models.UUIDField(_("deposit number"), default=uuid.uuid4, unique=True, editable=False)
    brand = models.ForeignKey(Brand, models.PROTECT, related_name="deposits", verbose_name=_("brand"))
    points = models.BigIntegerField(
        _("points"), validators=[MinValueValidator(1), MaxValueValidator(MAX_POINTS)]
    )
    reference = models.CharField(_("reference"), max_length=80)
    state = models.CharField(
        _("state"),
        max_length=10,
        choices=DepositState.choices,
        default=DepositState.REQUESTED,
        editable=False,
    )
    requested_by = models.ForeignKey(
        User, models.PROTECT, related_name="+", verbose_name=_("recorded by"), editable=False
    )
    requested_at = models.DateTimeField(_("recorded at"), editable=False)
    decided_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", verbose_name=_("decided by"), editable=False
    )
    decided_at = models.DateTimeField(_("decided at"), null=True, editable=False)

    class Meta:
        verbose_name = _("deposit")
        verbose_name_plural = _("deposits")
        constraints = [
            models.CheckConstraint(
                condition=Q(points__gt=0, points__lte=MAX_POINTS), name="campaigns_deposit_points"
            ),
            models.CheckConstraint(
                condition=Q(state__in=DepositState.values), name="campaigns_deposit_state_known"
            ),
            models.CheckConstraint(condition=~Q(reference=""), name="campaigns_deposit_has_reference"),
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("requested_by")),
                name="campaigns_deposit_by_two_people",
            ),
            models.CheckConstraint(
                condition=Q(state="requested", decided_by=None, decided_at=None)
                | (~Q(state="requested") & Q(decided_by__isnull=False, decided_at__isnull=False)),
                name="campaigns_deposit_decided_by_somebody",
            ),
            models.UniqueConstraint(
                fields=["brand", "reference"],
                condition=~Q(state="rejected"),
                name="campaigns_deposit_reference_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.brand} {self.reference}"
