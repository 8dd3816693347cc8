"""Who is who: programs, brands, stores, users, members and what staff may do."""

import uuid
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

# Tables of this app, which Django looks for here.
from parties import (  # noqa: F401
    act_models,
    allowance_models,
    api_models,
    event_models,
    invitation_models,
    notice_models,
    site_models,
    staff_models,
    webhook_models,
)
from parties.card_tokens import CARD_NUMBERS
from parties.numbers import LEAST_LENGTH, LONGEST_PREFIX, MOST_LENGTH, Pattern
from parties.roles import Language as Language  # noqa: PLC0414  # of this module to everybody else
from parties.roles import Role as Role  # noqa: PLC0414


class Program(models.Model):
    """A point currency that members hold: the unit of one ledger. One point is worth `yen_per_point` yen."""

    slug = models.SlugField(_("short name"), unique=True)
    name = models.CharField(_("name"), max_length=80)
    unit_label = models.CharField(_("unit label"), max_length=20, default="pt")
    yen_per_point = models.PositiveSmallIntegerField(_("yen per point"), default=1)
    is_sandbox = models.BooleanField(
        _("sandbox"), default=False, editable=False, help_text=_("Nothing in it is worth anything.")
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("program")
        verbose_name_plural = _("programs")
        constraints = [
            models.CheckConstraint(
                condition=Q(yen_per_point__gte=1, yen_per_point__lte=10_000),
                name="parties_program_yen_per_point",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Brand(models.Model):
    """A company of a program, that funds codes, or accepts points, or both."""

    program = models.ForeignKey(Program, models.PROTECT, related_name="brands", verbose_name=_("program"))
    slug = models.SlugField(_("short name"), unique=True)
    name = models.CharField(_("name"), max_length=80)
    legal_name = models.CharField(_("registered company name"), max_length=120, blank=True)
    sandbox_of = models.OneToOneField(
        "self",
        models.PROTECT,
        null=True,
        related_name="sandbox",
        verbose_name=_("sandbox of"),
        editable=False,
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("brand")
        verbose_name_plural = _("brands")

    def __str__(self) -> str:
        return self.name


class Store(models.Model):
    """One of a brand's places of business."""

    brand = models.ForeignKey(Brand, models.PROTECT, related_name="stores", verbose_name=_("brand"))
    code = models.SlugField(_("store code"), max_length=32)
    name = models.CharField(_("name"), max_length=80)

    class Meta:
        verbose_name = _("store")
        verbose_name_plural = _("stores")
        constraints = [
            models.UniqueConstraint(fields=["brand", "code"], name="parties_store_code_once_per_brand")
        ]

    def __str__(self) -> str:
        return f"{self.brand} {self.name}"


class UserManager(BaseUserManager["User"]):
    """Makes users whose login is their e-mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A user who may sign in by e-mail; without a password only by an e-mailed code."""
        if not email:
            raise ValueError("a user needs an e-mail address")
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A user of the operator who may do everything the admin offers."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


class User(AbstractBaseUser, PermissionsMixin):
    """Somebody who signs in: staff of a brand or the operator, or the person behind a member."""

    # Members who sign in through a provider may have none: LINE, for one, tells none that it has verified.
    email = models.EmailField(_("e-mail address"), unique=True, null=True, blank=True)
    name = models.CharField(_("name"), max_length=80, blank=True)
    is_staff = models.BooleanField(_("may open the admin"), default=False)
    is_active = models.BooleanField(_("active"), default=True)
    date_joined = models.DateTimeField(_("joined at"), default=timezone.now, editable=False)
    # Of mails; "" as long as nobody has said. It is personal, so it goes with the user.
    language = models.CharField(_("language"), max_length=2, choices=Language.choices, blank=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        constraints = [
            models.UniqueConstraint(Lower("email"), name="parties_user_email_once_in_any_case"),
            models.CheckConstraint(
                condition=Q(is_staff=False) | Q(email__isnull=False),
                name="parties_staff_have_email",
                violation_error_message=_("Staff need an e-mail address."),
            ),
            models.CheckConstraint(
                condition=Q(email__isnull=True) | ~Q(email=""), name="parties_user_email_not_empty"
            ),
            models.CheckConstraint(
                condition=Q(language__in=["", *Language.values]), name="parties_user_language_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.email or f"#{self.pk}"

    def get_full_name(self) -> str:
        return str(self)

    def get_short_name(self) -> str:
        return str(self)


class Member(models.Model):
    """An end user as the ledger knows them: an opaque id. What is personal sits in `MemberProfile` and
    `User`. Whoever has left (`closed_at`) is nobody's any more: no user, no new points, no spending.
    """

    public_id = models.UUIDField(_("member number"), default=uuid.uuid4, unique=True, editable=False)
    user = models.OneToOneField(
        User, models.SET_NULL, null=True, blank=True, related_name="member", verbose_name=_("user")
    )
    joined_at = models.DateTimeField(_("joined at"), default=timezone.now, editable=False)
    closed_at = models.DateTimeField(_("left at"), null=True, editable=False)

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        constraints = [
            models.CheckConstraint(
                condition=Q(closed_at=None) | Q(user=None), name="parties_member_left_has_no_user"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.public_id.hex[:4]}…{self.public_id.hex[-4:]}"


class Gender(models.TextChoices):
    FEMALE = "female", _("female")
    MALE = "male", _("male")
    OTHER = "other", _("other")


class MemberProfile(models.Model):
    """What a member chose to tell. Each field is optional; erasing the row leaves every balance as it was."""

    member = models.OneToOneField(Member, models.CASCADE, related_name="profile", primary_key=True)
    birth_year = models.PositiveSmallIntegerField(_("year of birth"), null=True, blank=True)
    prefecture = models.PositiveSmallIntegerField(_("prefecture (JIS X 0401)"), null=True, blank=True)
    gender = models.CharField(_("gender"), max_length=8, choices=Gender.choices, blank=True)

    class Meta:
        verbose_name = _("member profile")
        verbose_name_plural = _("member profiles")
        constraints = [
            models.CheckConstraint(
                condition=Q(birth_year__isnull=True) | Q(birth_year__gte=1900, birth_year__lte=2100),
                name="parties_profile_birth_year",
            ),
            models.CheckConstraint(
                condition=Q(prefecture__isnull=True) | Q(prefecture__gte=1, prefecture__lte=47),
                name="parties_profile_prefecture",
            ),
        ]

    def __str__(self) -> str:
        return str(self.member)


class MemberCard(models.Model):
    """The number that a member's card at a till is made of (see `card_tokens`). Random, so that it tells
    neither how many members there are nor when one joined; a new one makes what the old one showed worthless.
    """

    member = models.OneToOneField(Member, models.CASCADE, related_name="card", primary_key=True)
    number = models.PositiveIntegerField(_("card number"), editable=False)
    numbered_at = models.DateTimeField(_("numbered at"))

    class Meta:
        verbose_name = _("membership card")
        verbose_name_plural = _("membership cards")
        constraints = [
            models.UniqueConstraint(fields=["number"], name="parties_card_number_once"),
            models.CheckConstraint(
                condition=Q(number__gte=0, number__lt=CARD_NUMBERS), name="parties_card_number_has_8_digits"
            ),
        ]

    def __str__(self) -> str:
        return str(self.member)


class Purpose(models.TextChoices):
    MARKETING_MAIL = "marketing_mail", _("news by e-mail")
    STATISTICS = "statistics", _("statistics by age, gender and prefecture")
    EXPIRY_NOTICE = "expiry_notice", _("notices before points expire")


class Consent(models.Model):
    """A member said yes or no to one purpose at one moment, to what `wording` stands for in `language`. The
    newest row per purpose counts. Never edited; it holds nothing that names a person, and outlives them.
    """

    member = models.ForeignKey(Member, models.CASCADE, related_name="consents", verbose_name=_("member"))
    purpose = models.CharField(_("purpose"), max_length=20, choices=Purpose.choices)
    granted = models.BooleanField(_("granted"))
    given_at = models.DateTimeField(_("given at"))
    wording = models.CharField(_("version of the wording"), max_length=20, blank=True)
    language = models.CharField(_("language"), max_length=2, choices=Language.choices, blank=True)

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        constraints = [
            models.CheckConstraint(
                condition=Q(purpose__in=Purpose.values), name="parties_consent_purpose_known"
            ),
        ]
        indexes = [models.Index(fields=["member", "purpose", "-given_at"], name="parties_consent_newest")]

    def __str__(self) -> str:
        return f"{self.member} {self.purpose} {self.granted}"


class StaffRole(models.Model):
    """What one person may do for one brand, or, without a brand, for the operator: for all brands."""

    user = models.ForeignKey(User, models.CASCADE, related_name="staff_roles", verbose_name=_("user"))
    brand = models.ForeignKey(
        Brand, models.CASCADE, null=True, blank=True, related_name="staff_roles", verbose_name=_("brand")
    )
    role = models.CharField(_("role"), max_length=10, choices=Role.choices)

    class Meta:
        verbose_name = _("staff role")
        verbose_name_plural = _("staff roles")
        constraints = [
            models.UniqueConstraint(fields=["user", "brand", "role"], name="parties_staff_role_once"),
            models.UniqueConstraint(
                fields=["user", "role"], condition=Q(brand=None), name="parties_operator_role_once"
            ),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="parties_staff_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.get_role_display()} {self.brand or ''}".strip()


class CheckDigit(models.TextChoices):
    """The values are the keys of `numbers.CHECKS`."""

    NONE = "", _("none")
    LUHN = "luhn", _("Luhn (modulus 10, weights 2 and 1; bank and many loyalty cards)")
    EAN = "ean", _("Modulus 10, weight 3 (JAN/EAN bar codes)")
    MODULUS_11 = "modulus_11", _("Modulus 11, weights 2 to 7")
    DAMM = "damm", _("Damm")
    VERHOEFF = "verhoeff", _("Verhoeff")


class NumberPattern(models.Model):
    """How the membership numbers of a brand look: typing errors are told before points go anywhere."""

    brand = models.OneToOneField(
        Brand, models.PROTECT, related_name="number_pattern", verbose_name=_("brand")
    )
    prefix = models.CharField(_("begins with"), max_length=LONGEST_PREFIX, blank=True)
    least_length = models.PositiveSmallIntegerField(_("shortest length"))
    most_length = models.PositiveSmallIntegerField(_("longest length"))
    has_letters = models.BooleanField(_("has letters A to Z too"), default=False)
    check_digit = models.CharField(
        _("check digit"), max_length=10, choices=CheckDigit.choices, default=CheckDigit.NONE, blank=True
    )
    example = models.CharField(_("example"), max_length=2 * MOST_LENGTH)

    class Meta:
        verbose_name = _("membership number pattern")
        verbose_name_plural = _("membership number patterns")
        constraints = [
            models.CheckConstraint(
                condition=Q(least_length__gte=LEAST_LENGTH)
                & Q(most_length__gte=F("least_length"), most_length__lte=MOST_LENGTH),
                name="parties_numberpattern_lengths",
            ),
            models.CheckConstraint(
                condition=Q(check_digit__in=CheckDigit.values), name="parties_numberpattern_check_known"
            ),
            # A check digit is taken of digits.
            models.CheckConstraint(
                condition=Q(check_digit="") | Q(has_letters=False), name="parties_numberpattern_check_digits"
            ),
            models.CheckConstraint(condition=~Q(example=""), name="parties_numberpattern_has_example"),
        ]

    def __str__(self) -> str:
        return str(self.brand)

    @property
    def pattern(self) -> Pattern:
        """The same, for `numbers.read_number`."""
        return Pattern(
            prefix=self.prefix,
            least_length=self.least_length,
            most_length=self.most_length,
            has_letters=self.has_letters,
            check=self.check_digit,
            example=self.example,
        )


class MembershipNumber(models.Model):
    """A number of a brand, and the member whom the ledger knows for it.

    The number itself is not here: `digest` is keyed, so that whoever reads the table learns no numbers, and a
    door that is told one finds its row. Erasing the row leaves every balance as it was.
    """

    brand = models.ForeignKey(
        Brand, models.PROTECT, related_name="membership_numbers", verbose_name=_("brand")
    )
    digest = models.CharField(_("number (keyed hash)"), max_length=64)
    tail = models.CharField(_("last signs"), max_length=4)
    member = models.ForeignKey(
        Member, models.CASCADE, related_name="membership_numbers", verbose_name=_("member")
    )
    first_used_at = models.DateTimeField(_("first used at"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("membership number")
        verbose_name_plural = _("membership numbers")
        constraints = [
            models.UniqueConstraint(fields=["brand", "digest"], name="parties_number_once_per_brand"),
            models.CheckConstraint(condition=~Q(digest="") & ~Q(tail=""), name="parties_number_is_kept"),
        ]

    def __str__(self) -> str:
        return f"{self.brand} {self.member}"  # the admin's log keeps this for longer than the row
