"""What API clients have used up, where the database counts it."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class ApiAllowance(models.Model):
    """The counters of one client; `parties/limiting` says what they mean, and writes them."""

    client = models.OneToOneField(
        "parties.ApiClient",
        models.CASCADE,
        primary_key=True,
        related_name="allowance",
        verbose_name=_("API client"),
    )
    # Millionths of calls that were left at that moment, in microseconds since 1970.
    calls_left = models.BigIntegerField()
    calls_at = models.BigIntegerField()
    # The day of Japan time since 1970-01-01, the points taken or leased to Redis in it, and how many of them
    # were taken without Redis.
    day = models.PositiveIntegerField()
    taken_points = models.BigIntegerField()
    points_without_redis = models.BigIntegerField()

    class Meta:
        verbose_name = _("used-up limits")
        verbose_name_plural = _("used-up limits")
        constraints = [
            models.CheckConstraint(
                condition=Q(calls_left__gte=0, calls_at__gte=0), name="parties_allowance_calls"
            ),
            models.CheckConstraint(
                condition=Q(points_without_redis__gte=0, points_without_redis__lte=F("taken_points")),
                name="parties_allowance_points",
            ),
        ]

    def __str__(self) -> str:
        return str(self.client_id)
