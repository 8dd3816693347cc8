"""Partner systems: the API clients of a brand, and their keys."""

import uuid

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

MAX_POINTS_A_DAY = 10**12


class Scope(models.TextChoices):
    """What a key may do. One meaning each; a call needs exactly one."""

    CAMPAIGNS_READ = "campaigns:read", _("look at campaigns and their budgets")
    GIFTS_ISSUE = "gifts:issue", _("issue gifts")
    GIFTS_READ = "gifts:read", _("look at gifts, without their codes")
    GIFTS_REVEAL = "gifts:reveal", _("see the code of a gift again")
    GIFTS_VOID = "gifts:void", _("withdraw gifts that nobody has claimed")
    CLAIMS_WRITE = "claims:write", _("claim codes for the members it signed in")
    MEMBERS_READ = "members:read", _("look at members' balances and histories")
    POINTS_EARN = "points:earn", _("give points for purchases")
    POINTS_SPEND = "points:spend", _("spend points, hold them and reverse its own acts")
    EVENTS_READ = "events:read", _("read events")


class ApiClient(models.Model):
    """A partner system of one brand. Its keys say what it may do, it says how much.

    A client of a sandbox brand is a test client: it reaches nothing that is worth anything.
    """

    public_id = models.UUIDField(_("client number"), default=uuid.uuid4, unique=True, editable=False)
    brand = models.ForeignKey(
        "parties.Brand", models.PROTECT, related_name="api_clients", verbose_name=_("brand")
    )
    name = models.CharField(_("name"), max_length=80)
    rate_per_second = models.PositiveIntegerField(
        _("calls per second"), default=100, validators=[MinValueValidator(1), MaxValueValidator(10_000)]
    )
    burst = models.PositiveIntegerField(
        _("calls at once"), default=200, validators=[MinValueValidator(1), MaxValueValidator(100_000)]
    )
    points_per_day = models.BigIntegerField(
        _("points per day"),
        default=1_000_000,
        validators=[MinValueValidator(0), MaxValueValidator(MAX_POINTS_A_DAY)],
        help_text=_(
            "What it may issue and give in one day of Japan time. Calls above it are refused until the"
            " next day."
        ),
    )
    created_at = models.DateTimeField(_("created at"), editable=False)
    created_by = models.ForeignKey(
        "parties.User", models.PROTECT, related_name="+", verbose_name=_("created by"), editable=False
    )
    disabled_at = models.DateTimeField(_("disabled at"), null=True, editable=False)

    class Meta:
        verbose_name = _("API client")
        verbose_name_plural = _("API clients")
        constraints = [
            models.UniqueConstraint(fields=["brand", "name"], name="parties_api_client_name_once_per_brand"),
            models.CheckConstraint(
                condition=Q(rate_per_second__gte=1, rate_per_second__lte=10_000),
                name="parties_api_client_rate",
            ),
            models.CheckConstraint(
                condition=Q(burst__gte=1, burst__lte=100_000), name="parties_api_client_burst"
            ),
            models.CheckConstraint(
                condition=Q(points_per_day__gte=0, points_per_day__lte=MAX_POINTS_A_DAY),
                name="parties_api_client_points_per_day",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ApiKey(models.Model):
    """One key of a client: its public prefix, and a digest of the rest, which is shown once and stored
    nowhere.

    The secret is random and long, so a slow hash would only cost time at each call.
    """

    client = models.ForeignKey(
        ApiClient, models.PROTECT, related_name="keys", verbose_name=_("API client"), editable=False
    )
    prefix = models.CharField(_("beginning of the key"), max_length=24, unique=True, editable=False)
    digest = models.CharField(_("digest of the key"), max_length=64, editable=False)
    scopes = models.JSONField(_("scopes"), default=list)
    addresses = models.JSONField(_("may call from"), default=list, blank=True)
    created_at = models.DateTimeField(_("created at"), editable=False)
    created_by = models.ForeignKey(
        "parties.User", models.PROTECT, related_name="+", verbose_name=_("created by"), editable=False
    )
    expires_at = models.DateTimeField(_("valid until"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, editable=False)
    revoked_by = models.ForeignKey(
        "parties.User",
        models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("revoked by"),
        editable=False,
    )
    last_used_at = models.DateTimeField(_("last used at"), null=True, editable=False)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        constraints = [
            models.CheckConstraint(condition=~Q(digest=""), name="parties_api_key_has_digest"),
            models.CheckConstraint(
                condition=Q(expires_at=None) | Q(expires_at__gt=F("created_at")),
                name="parties_api_key_ends_after_it_begins",
            ),
            models.CheckConstraint(
                condition=Q(revoked_at=None, revoked_by=None)
                | Q(revoked_at__isnull=False, revoked_by__isnull=False),
                name="parties_api_key_revoked_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return self.prefix


class StandIn(models.Model):
    """One of the two who stand for people in sandboxes, where nobody asks and approves: their log-ins are
    inactive and nobody can sign in with them. They reach sandboxes and nothing else (`access.py`).
    """

    place = models.PositiveSmallIntegerField(primary_key=True)
    user = models.OneToOneField("parties.User", models.PROTECT, related_name="stand_in")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(place__in=[1, 2]), name="parties_standin_two_of_them"),
        ]

    def __str__(self) -> str:
        return f"{self.place}"
