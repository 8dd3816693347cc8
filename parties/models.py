"""Who is who: programs, brands, stores, users, members and what staff may do."""

import uuid
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from parties import notice_models  # noqa: F401  # tables of this app, which Django looks for here


class Program(models.Model):
    """A point currency that members hold: the unit of one ledger. One point is worth `yen_per_point` yen."""

    slug = models.SlugField(_("short name"), unique=True)
    name = models.CharField(_("name"), max_length=80)
    unit_label = models.CharField(_("unit label"), max_length=20, default="pt")
    yen_per_point = models.PositiveSmallIntegerField(_("yen per point"), default=1)
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


class Language(models.TextChoices):
    JAPANESE = "ja", _("Japanese")
    ENGLISH = "en", _("English")


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

    email = models.EmailField(_("e-mail address"), unique=True)
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
                condition=Q(language__in=["", *Language.values]), name="parties_user_language_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        return self.name or self.email

    def get_short_name(self) -> str:
        return self.name or self.email


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
    """What a member chose to tell. Each field is optional, and erasing the row leaves every balance as it
    was.
    """

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


class Role(models.TextChoices):
    MARKETER = "marketer", _("marketer")
    APPROVER = "approver", _("approver")
    FINANCE = "finance", _("finance")
    SUPPORT = "support", _("support")
    AUDITOR = "auditor", _("auditor")


class StaffRole(models.Model):
    """What one person may do for one brand, or, without a brand, for the operator (that is, for all
    brands).
    """

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
