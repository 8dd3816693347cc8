"""What staff can be told of guessing. Nothing here changes a row."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import TruncHour

from giftcodes.guard_models import Attempt, ClaimLock, Outcome
from giftcodes.guarding.visitors import person_of

MOST_LOCKS, MOST_NETWORKS = 200, 10


class Hour(NamedTuple):
    """Codes that were refused in the hour from then on."""

    begins_at: datetime
    unknown: int
    not_usable: int


class Found(NamedTuple):
    """What a reference number stands for: a refused try, and the lock that began with it, if one did."""

    attempt: Attempt
    lock: ClaimLock | None


def refusals_by_hour(*, now: datetime, hours: int) -> list[Hour]:
    """The last so many hours, the one that has begun included, the oldest first; empty ones too."""
    last = now.replace(minute=0, second=0, microsecond=0)
    begins = [last - timedelta(hours=back) for back in reversed(range(hours))]
    counted = (
        Attempt.objects.filter(at__gte=begins[0])
        .annotate(hour=TruncHour("at", tzinfo=begins[0].tzinfo))
        .values("hour")
        .annotate(unknown=Count("pk", filter=Q(outcome=Outcome.UNKNOWN)), all=Count("pk"))
        .order_by("hour")
    )
    rows = {row["hour"]: row for row in counted}
    empty = {"unknown": 0, "all": 0}
    found = [(hour, rows.get(hour, empty)) for hour in begins]
    return [Hour(hour, row["unknown"], row["all"] - row["unknown"]) for hour, row in found]


def refused_tries_of(member_id: int) -> QuerySet[Attempt]:
    """Refused tries of one member that are still kept, the oldest first. Whether a code exists is for nobody
    to learn: show moment and reference number, and nothing else.
    """
    return Attempt.objects.filter(person=person_of(member_id)).order_by("at", "pk")


def locks_of(member_id: int) -> QuerySet[ClaimLock]:
    """Locks of one member, the oldest first."""
    return ClaimLock.objects.filter(person=person_of(member_id)).order_by("locked_until", "pk")


def standing_locks(*, now: datetime) -> QuerySet[ClaimLock]:
    """Locks that keep somebody from claiming now, the newest first."""
    standing = ClaimLock.objects.filter(locked_until__gt=now, lift=None).select_related("member")
    return standing.order_by("-locked_at")[:MOST_LOCKS]


def busiest_networks(*, since: datetime) -> list[tuple[str, int]]:
    """Networks with most strikes since then: the network and its strikes."""
    strikes = Attempt.objects.filter(at__gte=since, outcome=Outcome.UNKNOWN).values("network")
    counted = strikes.annotate(strikes=Count("pk")).order_by("-strikes", "network")[:MOST_NETWORKS]
    return [(row["network"], row["strikes"]) for row in counted]


def by_reference(reference: str) -> Found | None:
    """What support is told of the number on a member's page."""
    attempt = Attempt.objects.filter(reference=reference).first()
    if attempt is None:
        return None
    lock = ClaimLock.objects.filter(person=attempt.person).select_related("member", "lift").order_by("-pk")
    return Found(attempt, lock.first())
