"""What staff can be told of guessing. Nothing here changes a row."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import TruncHour

from giftcodes.guard_models import Attempt, ClaimLock, LockLift, Outcome
from giftcodes.guarding.visitors import person_of

MOST_LOCKS, MOST_NETWORKS = 200, 10
DAY = timedelta(days=1)
NEAR = 2  # strikes: an honest person makes one in some 1,750 typed codes


class Hour(NamedTuple):
    """Codes that were refused in the hour from then on."""

    begins_at: datetime
    unknown: int
    not_usable: int


class Person(NamedTuple):
    """One who tries, by their hash: strikes in 24 hours, and the newest of them."""

    name: str
    strikes: int
    newest: Attempt


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


def strikes_of(person: str, *, now: datetime) -> int:
    """Unknown codes of the person in the last 24 hours that still count: a lifted lock forgets them."""
    return _strikes(now).filter(person=person, at__gt=_forgotten_at([person]).get(person, now - DAY)).count()


def standing_lock_of(person: str, *, now: datetime) -> ClaimLock | None:
    """The lock that keeps the person from claiming now, if one does."""
    return ClaimLock.objects.filter(person=person, locked_until__gt=now, lift=None).order_by("-pk").first()


def near_lock(*, now: datetime) -> list[Person]:
    """Persons with 2 strikes or more in 24 hours who are not locked: most strikes first."""
    counted = _strikes(now).values("person").annotate(strikes=Count("pk"))
    persons = [row["person"] for row in counted.filter(strikes__gte=NEAR).order_by("-strikes")[:MOST_LOCKS]]
    locked = ClaimLock.objects.filter(person__in=persons, locked_until__gt=now, lift=None)
    forgotten, passed_over = _forgotten_at(persons), set(locked.values_list("person", flat=True))
    found: dict[str, list[Attempt]] = {}
    for attempt in _strikes(now).filter(person__in=persons).order_by("at"):
        if attempt.person not in passed_over and attempt.at > forgotten.get(attempt.person, now - DAY):
            found.setdefault(attempt.person, []).append(attempt)
    near = [Person(name, len(tries), tries[-1]) for name, tries in found.items() if len(tries) >= NEAR]
    return sorted(near, key=lambda person: (-person.strikes, -person.newest.pk))[:MOST_NETWORKS]


def _strikes(now: datetime) -> QuerySet[Attempt]:
    return Attempt.objects.filter(at__gt=now - DAY, outcome=Outcome.UNKNOWN)


def _forgotten_at(persons: list[str]) -> dict[str, datetime]:
    """When support last lifted a lock of each person, which forgets the strikes before."""
    lifts = LockLift.objects.filter(lock__person__in=persons).order_by("lifted_at")
    return dict(lifts.values_list("lock__person", "lifted_at"))


def is_standing(lock: ClaimLock, *, now: datetime) -> bool:
    """Whether the lock keeps its person from claiming now."""
    return lock.locked_until > now and not LockLift.objects.filter(lock=lock).exists()


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
