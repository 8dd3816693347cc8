"""What members accept before they take part in a campaign (利用規約・応募条件), and who accepted it.

Not to be taken for the terms of a batch, which are what its codes promise.
"""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Length
from django.db.models.lookups import Exact, LessThanOrEqual
from django.utils.translation import gettext_lazy as _

from parties.models import Member, User

MAX_CONDITIONS_LETTERS = 20_000
_SHA256_LETTERS = 64


class ConditionsVersion(models.Model):
    """The conditions of one campaign. A draft, one at a time, is edited freely; once published, a version is
    never changed or deleted (on PostgreSQL by a trigger as well), and a new one follows with the next number.

    The hashes are SHA-256, in hexadecimal, of the texts as UTF-8. Of the versions that are in force, the one
    with the highest number counts.
    """

    campaign = models.ForeignKey("campaigns.Campaign", models.PROTECT, related_name="conditions")
    number = models.PositiveSmallIntegerField(_("version"))
    text_ja = models.TextField(_("conditions (Japanese)"), max_length=MAX_CONDITIONS_LETTERS)
    text_en = models.TextField(_("conditions (English)"), max_length=MAX_CONDITIONS_LETTERS, blank=True)
    sha256_ja = models.CharField(max_length=_SHA256_LETTERS)
    sha256_en = models.CharField(max_length=_SHA256_LETTERS, blank=True)
    # Of a draft, the wish (None: with its publication); of a published version never before its publication.
    in_force_from = models.DateTimeField(_("in force from"), null=True, blank=True)
    edited_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    edited_at = models.DateTimeField()
    published_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    published_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("conditions of participation")
        verbose_name_plural = _("conditions of participation")
        constraints = [
            models.UniqueConstraint(fields=["campaign", "number"], name="campaigns_conditions_number_once"),
            models.UniqueConstraint(
                fields=["campaign"], condition=Q(published_at=None), name="campaigns_conditions_one_draft"
            ),
            models.CheckConstraint(condition=Q(number__gte=1), name="campaigns_conditions_number"),
            models.CheckConstraint(condition=~Q(text_ja=""), name="campaigns_conditions_has_japanese"),
            models.CheckConstraint(
                condition=LessThanOrEqual(Length("text_ja"), MAX_CONDITIONS_LETTERS)
                & LessThanOrEqual(Length("text_en"), MAX_CONDITIONS_LETTERS),
                name="campaigns_conditions_length",
            ),
            models.CheckConstraint(
                condition=Exact(Length("sha256_ja"), _SHA256_LETTERS)
                & (
                    Q(text_en="", sha256_en="")
                    | (~Q(text_en="") & Exact(Length("sha256_en"), _SHA256_LETTERS))
                ),
                name="campaigns_conditions_hashed",
            ),
            models.CheckConstraint(
                condition=Q(published_at=None, published_by=None)
                | Q(published_at__isnull=False, published_by__isnull=False, in_force_from__isnull=False),
                name="campaigns_conditions_published_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(published_at=None) | Q(in_force_from__gte=F("published_at")),
                name="campaigns_conditions_not_backdated",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.campaign} {self.number}"


class ConditionsLanguage(models.TextChoices):
    """The languages of the texts."""

    JA = "ja", _("Japanese")
    EN = "en", _("English")


class ConditionsAcceptance(models.Model):
    """A member accepted a version, once, in the language that was shown; append-only. Made by the claim that
    needed it, in its transaction.

    It hangs on the member's opaque id, so it stays when the person behind it is erased.
    """

    member = models.ForeignKey(Member, models.PROTECT, related_name="+")
    version = models.ForeignKey(ConditionsVersion, models.PROTECT, related_name="acceptances")
    accepted_at = models.DateTimeField()
    language = models.CharField(max_length=2, choices=ConditionsLanguage.choices)
    sha256 = models.CharField(max_length=_SHA256_LETTERS)  # of the text that was shown

    class Meta:
        verbose_name = _("acceptance of conditions")
        verbose_name_plural = _("acceptances of conditions")
        constraints = [
            models.UniqueConstraint(fields=["member", "version"], name="campaigns_acceptance_once"),
            models.CheckConstraint(
                condition=Q(language__in=ConditionsLanguage.values), name="campaigns_acceptance_language"
            ),
            models.CheckConstraint(
                condition=Exact(Length("sha256"), _SHA256_LETTERS), name="campaigns_acceptance_hashed"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.member_id} {self.version_id}"
