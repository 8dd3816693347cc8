"""How much an API client may do, as data; pure.

Calls are a token bucket: so many at once, and so many a second come back. They are counted in millionths, so
that `n` calls a second are `n` millionths per microsecond: whole numbers alone, on Redis and on the database.
"""

from datetime import UTC, datetime
from typing import NamedTuple

CALL = 1_000_000  # one call, in millionths
FALLBACK_DIVISOR = 10
# A day's points are handed to Redis in so many parts. What it holds when it is flushed is lost to the client.
PARTS_OF_A_DAY = 20
DAY_US = 86_400_000_000
JAPAN_US = 9 * 3_600_000_000  # Japan has no summer time


class Limits(NamedTuple):
    """Calls per second and at once, points per day of Japan time."""

    calls_per_second: int
    calls_at_once: int
    points_per_day: int

    @property
    def full(self) -> int:
        """The bucket's size, in millionths."""
        return self.calls_at_once * CALL

    @property
    def microseconds_to_fill(self) -> int:
        """How long an empty bucket takes."""
        return -(-self.full // self.calls_per_second)


class Allowance(NamedTuple):
    """What is left of the calls at once, and the whole seconds until all of them are there again."""

    limit: int
    remaining: int
    reset_seconds: int


def tightened(limits: Limits) -> Limits:
    """A tenth, for the time without Redis."""
    second, at_once, day = limits
    return Limits(
        max(1, second // FALLBACK_DIVISOR), max(1, at_once // FALLBACK_DIVISOR), day // FALLBACK_DIVISOR
    )


def allowance(limits: Limits, left: int) -> Allowance:
    """What so many millionths mean to the caller.

    >>> allowance(Limits(100, 200, 0), 199_500_000)
    Allowance(limit=200, remaining=199, reset_seconds=1)
    """
    per_second = limits.calls_per_second * CALL
    return Allowance(limits.calls_at_once, left // CALL, -(-(limits.full - left) // per_second))


def seconds_to_a_call(limits: Limits, left: int) -> int:
    """Whole seconds until one call is there, at least one.

    >>> seconds_to_a_call(Limits(1, 5, 0), 250_000)
    1
    """
    return max(1, -(-(CALL - left) // (limits.calls_per_second * CALL)))


def day_of(now_us: int) -> int:
    """The day of Japan time, counted from 1970-01-01.

    >>> day_of(15 * 3_600_000_000 - 1), day_of(15 * 3_600_000_000)
    (0, 1)
    """
    return (now_us + JAPAN_US) // DAY_US


def end_of(day: int) -> datetime:
    """The instant at which that day of Japan time is over.

    >>> end_of(0)
    datetime.datetime(1970, 1, 1, 15, 0, tzinfo=datetime.timezone.utc)
    """
    return datetime.fromtimestamp(((day + 1) * DAY_US - JAPAN_US) // 1_000_000, UTC)


def microseconds(at: datetime) -> int:
    """The instant in microseconds since 1970, exactly."""
    whole = int(at.replace(microsecond=0).timestamp())
    return whole * 1_000_000 + at.microsecond
