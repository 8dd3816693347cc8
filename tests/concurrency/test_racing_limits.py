"""Calls and points at once: exactly as many pass as were agreed, on Redis and on the database."""

import threading
from functools import partial

import pytest
from django.conf import LazySettings
from django.db import connections
from redis import Redis

from parties import api_limits
from parties.allowance_models import ApiAllowance
from parties.api_models import ApiClient
from parties.errors import DailyPointsExceeded, TooManyCalls
from tests import make
from tests.concurrency.racing import race
from tests.giftcodes.guarded import NOBODY_LISTENS, a_redis
from tests.make import NOON

pytestmark = pytest.mark.django_db(transaction=True)
RACERS, BURST = 48, 200


@pytest.fixture(params=["redis", "database"])
def _counters(request: pytest.FixtureRequest, settings: LazySettings) -> None:
    settings.REDIS_URL = a_redis() if request.param == "redis" else ""
    with Redis.from_url(a_redis()) as client:
        client.flushdb()


def calls(client: ApiClient, count: int) -> int:
    """How many of so many calls passed."""
    passed = 0
    for _ in range(count):
        try:
            api_limits.take_call(client=client, at=NOON)
        except TooManyCalls:
            continue
        passed += 1
    return passed


def points(client: ApiClient, count: int, each: int) -> int:
    """How many points were granted."""
    granted = 0
    for _ in range(count):
        try:
            api_limits.take_points(client=client, points=each, at=NOON)
        except DailyPointsExceeded:
            continue
        granted += each
    return granted


def total(outcomes: list[int | Exception]) -> int:
    assert all(isinstance(outcome, int) for outcome in outcomes), outcomes
    return sum(outcome for outcome in outcomes if isinstance(outcome, int))


@pytest.mark.usefixtures("_counters")
def test_of_three_hundred_calls_at_once_exactly_the_burst_passes() -> None:
    client = make.api_client(burst=BURST)
    outcomes = race(*[partial(calls, client, 10)] * 30)
    assert total(outcomes) == BURST


@pytest.mark.usefixtures("_counters")
def test_points_taken_at_once_end_at_the_cap_exactly() -> None:
    client = make.api_client(points_per_day=1_000)
    outcomes = race(*[partial(points, client, 6, 7)] * RACERS)
    assert total(outcomes) == 994  # 142 x 7: 6 are left, which nobody asked for
    assert total(race(*[partial(points, client, 1, 1)] * RACERS)) == 6


def test_a_redis_that_is_flushed_and_lost_meanwhile_grants_no_more_than_the_day(
    settings: LazySettings,
) -> None:
    client = make.api_client(points_per_day=1_000)
    settings.REDIS_URL = a_redis()
    granted = total(race(*[partial(points, client, 3, 5)] * 20))
    with Redis.from_url(a_redis()) as redis:
        redis.flushdb()
    granted += total(race(*[partial(points, client, 3, 5)] * 20))
    settings.REDIS_URL = NOBODY_LISTENS
    without = total(race(*[partial(points, client, 3, 5)] * 20))
    assert 0 < without <= 100
    settings.REDIS_URL = a_redis()
    api_limits.look_at_redis_again()
    assert granted + without + total(race(*[partial(points, client, 20, 5)] * 20)) <= 1_000


def test_a_crowd_at_the_beginning_of_a_day_leases_one_part_of_it_and_what_it_needs(
    settings: LazySettings,
) -> None:
    client = make.api_client(points_per_day=1_000)
    settings.REDIS_URL = a_redis()
    assert total(race(*[partial(points, client, 1, 5)] * 20)) == 100
    assert ApiAllowance.objects.get(client=client).taken_points <= 50 + 20 * 5


def test_control_reading_first_lets_more_pass() -> None:
    client = make.api_client(points_per_day=10)
    ApiAllowance.objects.create(
        client=client, calls_left=0, calls_at=0, day=1, taken_points=0, points_without_redis=0
    )
    gate = threading.Barrier(20, timeout=30)

    def read_then_write() -> int:
        row = ApiAllowance.objects.get(client=client)
        gate.wait()
        is_free = row.taken_points + 1 <= client.points_per_day
        if is_free:
            row.taken_points += 1
            row.save()
        connections.close_all()
        return int(is_free)

    assert total(race(*[read_then_write] * 20)) > client.points_per_day
