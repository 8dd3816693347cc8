"""States that call for attention, for the tests of alerts."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from campaigns import services as campaigns
from campaigns.alert_models import Alert, AlertKind, ClaimCount
from campaigns.models import Campaign
from ledger.expiry import JAPAN
from parties.models import Brand
from tests import make
from tests.make import NOON

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
THIS_HOUR = NOON.astimezone(JAPAN)


def open_alerts(kind: AlertKind | None = None) -> list[Alert]:
    rows = Alert.objects.filter(ended_at=None).order_by("pk")
    return list(rows if kind is None else rows.filter(kind=kind))


def look(at: datetime = NOON) -> tuple[int, int]:
    """How many alerts opened, and how many ended."""
    return tuple(campaigns.look_for_alerts(at=at))  # type: ignore[return-value]  # two numbers


def poor_brand(*, left_percent: int = 10) -> Brand:
    """A brand whose funds are so much of its last deposit."""
    brand = make.brand(funds=1_000)
    if left_percent < 100:
        make.gift_batch(brand=brand, size=1, face_points=1_000 - left_percent * 10, most_points=1_000)
    return brand


def past(campaign: Campaign, counts: Sequence[int], *, hour: datetime = THIS_HOUR) -> None:
    """Claims of the hour, and of the same one on the days before, the newest first; none where it says 0."""
    ClaimCount.objects.bulk_create(
        ClaimCount(campaign=campaign, hour=hour - day * DAY, claims=claims, points=claims * 100)
        for day, claims in enumerate(counts)
        if claims
    )
