"""What a campaign states of its legal form, what the rules found for its orders, and who signed where a
lawyer had to be asked.
"""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Length
from django.db.models.lookups import Exact
from django.utils.translation import gettext_lazy as _

from campaigns.legal import Industry, JointKind, LegalForm, Statement, Tie, UsedAt
from ledger.models import MAX_POINTS
from parties.models import User

MAX_YEN = MAX_POINTS
MAX_PARTIES = 10_000
MAX_AGE = 100
_SHA256_LETTERS = 64


class StatesLegalForm(models.Model):
    """Columns of Campaign: its legal form, and what the rules ask of that. `legal_form` is "" as long as
    nobody has stated one; no order can be submitted then.

    Apart from Campaign only to be read as a whole. They are columns of it, so that its history keeps them and
    whoever holds the campaign holds them.
    """

    legal_form = models.CharField(_("legal form"), max_length=13, choices=LegalForm.choices, blank=True)
    tie = models.CharField(
        _("to get a code, people have to"), max_length=8, choices=Tie.choices, default=Tie.NONE
    )
    tied_price_yen = models.BigIntegerField(
        _("lowest price for one code (yen)"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_YEN)],
    )
    planned_sales_yen = models.BigIntegerField(
        _("planned sales in the campaign (yen)"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_YEN)],
    )
    joint_kind = models.CharField(_("held jointly by"), max_length=6, choices=JointKind.choices, blank=True)
    joint_parties = models.PositiveSmallIntegerField(
        _("number of businesses that hold it"),
        null=True,
        blank=True,
        validators=[MinValueValidator(2), MaxValueValidator(MAX_PARTIES)],
    )
    is_by_chance = models.BooleanField(_("chance or skill decides who gets one, or how much"), default=False)
    collects_kinds = models.BooleanField(
        _("people collect different kinds to get something (カード合わせ)"), default=False
    )
    points_used_at = models.CharField(
        _("the points can be used"), max_length=6, choices=UsedAt.choices, default=UsedAt.OWN
    )
    is_use_restricted = models.BooleanField(_("the points are good for certain goods only"), default=False)
    is_mixed_with_premiums = models.BooleanField(
        _("people may choose a premium instead of the points"), default=False
    )
    asks_for_posts = models.BooleanField(_("people are asked to post about it"), default=False)
    shows_advertisement = models.BooleanField(
        _("each such post shows 「広告」, 「PR」 or 「プロモーション」: agreed and checked"), default=False
    )
    industry = models.CharField(
        _("industry"), max_length=11, choices=Industry.choices, default=Industry.GENERAL
    )
    least_age = models.PositiveSmallIntegerField(
        _("age from which people may take part"), default=0, validators=[MaxValueValidator(MAX_AGE)]
    )
    has_guardian_consent = models.BooleanField(
        _("a guardian's consent is asked for below 16 years"), default=False
    )
    is_six_months_stated = models.BooleanField(
        _("buyers are told that it can be used within six months of issue only"), default=False
    )
    prepaid_registration = models.CharField(
        _("number of the registration (資金決済法)"), max_length=60, blank=True
    )

    class Meta:
        abstract = True


NOT_STATED = {field.name: field.get_default() for field in StatesLegalForm._meta.local_fields}
LEGAL_FIELDS = tuple(NOT_STATED)
_TIED = (LegalForm.TO_ALL, LegalForm.LOTTERY, LegalForm.JOINT_LOTTERY)
_LOTTERIES = (LegalForm.LOTTERY, LegalForm.JOINT_LOTTERY)

LEGAL_CONSTRAINTS = [
    models.CheckConstraint(
        condition=Q(legal_form__in=["", *LegalForm.values])
        & Q(tie__in=Tie.values)
        & Q(joint_kind__in=["", *JointKind.values])
        & Q(points_used_at__in=UsedAt.values)
        & Q(industry__in=Industry.values),
        name="campaigns_campaign_legal_known",
    ),
    models.CheckConstraint(
        # In a check, what is unknown passes: that it is known is said by itself.
        condition=Q(
            tie=Tie.PURCHASE,
            tied_price_yen__isnull=False,
            tied_price_yen__gte=1,
            tied_price_yen__lte=MAX_YEN,
        )
        | (~Q(tie=Tie.PURCHASE) & Q(tied_price_yen=None)),
        name="campaigns_campaign_legal_price",
    ),
    models.CheckConstraint(
        condition=~Q(legal_form__in=_TIED) | ~Q(tie=Tie.NONE), name="campaigns_campaign_legal_tied"
    ),
    models.CheckConstraint(
        condition=Q(
            legal_form__in=_LOTTERIES,
            planned_sales_yen__isnull=False,
            planned_sales_yen__gte=1,
            planned_sales_yen__lte=MAX_YEN,
        )
        | (~Q(legal_form__in=_LOTTERIES) & Q(planned_sales_yen=None)),
        name="campaigns_campaign_legal_sales",
    ),
    models.CheckConstraint(
        condition=(
            Q(legal_form=LegalForm.JOINT_LOTTERY, joint_parties__gte=2, joint_parties__lte=MAX_PARTIES)
            & ~Q(joint_kind="")
            & Q(joint_parties__isnull=False)
        )
        | (~Q(legal_form=LegalForm.JOINT_LOTTERY) & Q(joint_kind="", joint_parties=None)),
        name="campaigns_campaign_legal_joint",
    ),
    models.CheckConstraint(condition=Q(least_age__lte=MAX_AGE), name="campaigns_campaign_legal_age"),
]


def statement_of(stated: StatesLegalForm) -> Statement | None:
    """What the campaign states; None as long as it has stated no form."""
    if not stated.legal_form:
        return None
    return Statement(
        form=LegalForm(stated.legal_form),
        tie=Tie(stated.tie),
        tied_price_yen=stated.tied_price_yen,
        planned_sales_yen=stated.planned_sales_yen,
        joint_kind=JointKind(stated.joint_kind) if stated.joint_kind else None,
        joint_parties=stated.joint_parties,
        is_by_chance=stated.is_by_chance,
        collects_kinds=stated.collects_kinds,
        used_at=UsedAt(stated.points_used_at),
        is_use_restricted=stated.is_use_restricted,
        is_mixed=stated.is_mixed_with_premiums,
        asks_for_posts=stated.asks_for_posts,
        shows_advertisement=stated.shows_advertisement,
        industry=Industry(stated.industry),
        least_age=stated.least_age,
        has_guardian_consent=stated.has_guardian_consent,
        is_six_months_stated=stated.is_six_months_stated,
        registration=stated.prepaid_registration,
    )


class LegalCheck(models.Model):
    """What the rules found when an order was submitted; append-only (on PostgreSQL by a trigger as well). The
    latest check of an order is the one that its fingerprint holds.

    `content` is version, statement, numbers and findings; `sha256` is over its canonical JSON.
    """

    # A draft that was submitted once and taken back may be discarded; what was found of it stays.
    order = models.ForeignKey(
        "campaigns.Order", models.DO_NOTHING, related_name="legal_checks", db_constraint=False
    )
    requested_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    version = models.CharField(_("version of the rules"), max_length=10)
    content = models.JSONField()
    sha256 = models.CharField(max_length=_SHA256_LETTERS)
    asks_counsel = models.BooleanField()
    checked_at = models.DateTimeField(_("checked at"))

    class Meta:
        verbose_name = _("legal check")
        verbose_name_plural = _("legal checks")
        constraints = [
            models.CheckConstraint(
                condition=Exact(Length("sha256"), _SHA256_LETTERS), name="campaigns_legalcheck_hashed"
            ),
            models.CheckConstraint(condition=~Q(version=""), name="campaigns_legalcheck_has_version"),
        ]

    def __str__(self) -> str:
        return f"{self.order_id} {self.version}"


class LegalSignOff(models.Model):
    """Somebody other than the requester signed that counsel was asked about a check; once per check,
    append-only likewise.
    """

    # "legal_check": "check" is a method of every model.
    legal_check = models.OneToOneField(LegalCheck, models.PROTECT, related_name="sign_off")
    # The requester of the check, so that the database can tell the two apart.
    requested_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    signed_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("signed by"))
    signed_at = models.DateTimeField(_("signed at"))
    counsel = models.CharField(_("name of counsel"), max_length=80)
    note = models.CharField(_("what counsel said"), max_length=500)

    class Meta:
        verbose_name = _("sign-off after asking counsel")
        verbose_name_plural = _("sign-offs after asking counsel")
        constraints = [
            models.CheckConstraint(
                condition=~Q(signed_by=F("requested_by")), name="campaigns_signoff_by_two_people"
            ),
            models.CheckConstraint(
                condition=~Q(counsel="") & ~Q(note=""), name="campaigns_signoff_names_counsel"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.legal_check} {self.counsel}"
