"""What a partner system has left: of its calls, and of the points of the day.

Redis counts where one is configured; while it is away the database does, at a tenth of the limits. Without
REDIS_URL (the embedded default, one machine) the database counts at full limits. If both are away nothing is
granted: LimitsNotKnown. `at` None is the counter's own clock, which is what the doors ask by.
"""

import logging
import time
from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.db import InterfaceError, OperationalError
from redis.exceptions import RedisError

from parties.api_models import ApiClient
from parties.errors import DailyPointsExceeded, LimitsNotKnown, TooManyCalls
from parties.limiting import on_database
from parties.limiting.on_redis import redis_limits
from parties.limiting.rules import (
    Allowance,
    Limits,
    allowance,
    end_of,
    microseconds,
    seconds_to_a_call,
    tightened,
)

SECONDS_BETWEEN_TRIES = 5.0  # at a Redis that was away, so that not every call waits for it

logger = logging.getLogger(__name__)
_away_until: dict[str, float] = {}


class TakenPoints(NamedTuple):
    """Points taken of a client's day: what `give_back_points` needs to know."""

    client_id: int
    limits: Limits
    points: int
    day: int
    is_on_redis: bool


def limits_of(client: ApiClient) -> Limits:
    """What was agreed with the client."""
    return Limits(client.rate_per_second, client.burst, client.points_per_day)


def take_call(*, client: ApiClient, at: datetime | None = None) -> Allowance:
    """Count one call and tell what is left; TooManyCalls if there was none, LimitsNotKnown if nobody knows.

    Calls are a token bucket: `burst` at once, `rate_per_second` of them come back every second. Not to be
    called inside a transaction.
    """
    limits, now_us = limits_of(client), None if at is None else microseconds(at)
    url = _redis_that_answers()
    if url:
        try:
            taken, left = redis_limits(url).take_call(client.pk, limits, now_us=now_us)
        except RedisError as error:
            _note_that_it_is_away(url, error)
        else:
            return _told(limits, taken, left)
    if settings.REDIS_URL:
        limits = tightened(limits)
    try:
        taken, left = on_database.take_call(client.pk, limits, now_us=now_us)
    except (OperationalError, InterfaceError) as error:
        raise LimitsNotKnown from error
    return _told(limits, taken, left)


def _told(limits: Limits, is_taken: bool, left: int) -> Allowance:
    told = allowance(limits, left)
    if not is_taken:
        raise TooManyCalls(seconds_to_a_call(limits, left), told)
    return told


def take_points(*, client: ApiClient, points: int, at: datetime | None = None) -> TakenPoints:
    """Count points that the client is about to issue or give, before it does.

    DailyPointsExceeded if they are more than what is left of the client's day (Japan time), and then nothing
    is counted; LimitsNotKnown if nobody knows. Never more than `points_per_day` are granted in a day,
    whatever Redis forgets: it hands out what the database has leased to it. Not to be called inside a
    transaction.
    """
    if points < 0:
        raise ValueError(points)
    limits, now_us = limits_of(client), None if at is None else microseconds(at)
    try:
        url = _redis_that_answers()
        if url:
            try:
                return _take_through_redis(url, client.pk, limits, points, now_us)
            except RedisError as error:
                _note_that_it_is_away(url, error)
        own = tightened(limits) if settings.REDIS_URL else limits
        taken = on_database.take_points(
            client.pk, points, limits=limits, own_cap=own.points_per_day, now_us=now_us
        )
    except (OperationalError, InterfaceError) as error:
        raise LimitsNotKnown from error
    if not taken.is_taken:
        raise DailyPointsExceeded(taken.left, end_of(taken.day))
    return TakenPoints(client.pk, limits, points, taken.day, is_on_redis=False)


def _take_through_redis(
    url: str, client_id: int, limits: Limits, points: int, now_us: int | None
) -> TakenPoints:
    """Each round but the last leases points, of which there is an end."""
    counters, leased, day = redis_limits(url), 0, 0
    while True:
        taken = counters.take_points(client_id, limits, points, leased=leased, day=day, now_us=now_us)
        if taken.is_taken:
            return TakenPoints(client_id, limits, points, taken.day, is_on_redis=True)
        day, short = taken.day, points - taken.left
        leased, left = on_database.lease_points(
            client_id, short, is_part=taken.may_lease_part, limits=limits, day=day
        )
        if not leased:
            raise DailyPointsExceeded(taken.left + left, end_of(day))


def give_back_points(*, taken: TakenPoints, at: datetime | None = None) -> None:
    """The points were not needed, or (with that in `taken.points`) not as many: what they were for was
    refused, or cost less. Once for each `take_points`.

    If it can't be told now it is not told at all: counting too much is the safe side.
    """
    client_id, limits, points, day, is_on_redis = taken
    now_us = None if at is None else microseconds(at)
    try:
        if not is_on_redis:
            on_database.give_back(client_id, points, day=day)
        elif url := _redis_that_answers():
            redis_limits(url).take_points(client_id, limits, 0, leased=points, day=day, now_us=now_us)
    except (RedisError, OperationalError, InterfaceError) as error:
        logger.warning("%d points of API client %d were not given back: %s", points, client_id, error)


def _redis_that_answers() -> str:
    """The address of Redis; empty if there is none, or if it was away a moment ago."""
    url: str = settings.REDIS_URL
    return url if url and time.monotonic() >= _away_until.get(url, 0.0) else ""


def _note_that_it_is_away(url: str, error: RedisError) -> None:
    _away_until[url] = time.monotonic() + SECONDS_BETWEEN_TRIES
    logger.warning("Redis can't count calls (%s): the database does, at a tenth of the limits", error)


def look_at_redis_again() -> None:
    """Forget that Redis was away: for tests that share a process."""
    _away_until.clear()
