"""A hundred tries at once: exactly as many pass as may, on Redis and on the database."""

import threading
from functools import partial

import pytest
from django.conf import LazySettings
from django.db import connections
from redis import Redis

from giftcodes.guard_models import GuardMark
from giftcodes.guarding import guard
from giftcodes.guarding.rules import Rule, Span
from tests.concurrency.racing import race
from tests.giftcodes.guarded import a_redis

pytestmark = pytest.mark.django_db(transaction=True)
RACERS, LIMIT = 100, 10
NOW = 1_800_000_000_000
RULES = [Rule("try:somebody", [Span(60, LIMIT)], is_marked=True)]


@pytest.fixture(params=["redis", "database"])
def _counters(request: pytest.FixtureRequest, settings: LazySettings) -> None:
    settings.REDIS_URL = a_redis() if request.param == "redis" else ""
    with Redis.from_url(a_redis()) as client:
        client.flushdb()


def take(number: int) -> bool:
    return guard.take(RULES, None, token=f"racer-{number}", now_ms=NOW + number).is_passed


@pytest.mark.usefixtures("_counters")
def test_of_a_hundred_tries_at_once_exactly_ten_pass() -> None:
    passed = race(*(partial(take, number) for number in range(RACERS)))
    assert sorted(map(str, passed)) == ["False"] * (RACERS - LIMIT) + ["True"] * LIMIT


def test_control_reading_first_lets_more_pass() -> None:
    gate = threading.Barrier(20, timeout=30)

    def read_then_write() -> bool:
        is_free = GuardMark.objects.filter(key="try:somebody").count() < LIMIT
        gate.wait()
        if is_free:
            GuardMark.objects.create(key="try:somebody", at_ms=NOW)
        connections.close_all()
        return is_free

    assert race(*[read_then_write] * 20).count(True) > LIMIT


def test_when_redis_dies_midway_the_limits_tighten(settings: LazySettings) -> None:
    settings.REDIS_URL = a_redis()
    assert [take(number) for number in range(4)] == [True] * 4
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    guard.look_at_redis_again()
    passed = race(*(partial(take, number) for number in range(10, 40)))
    assert passed.count(True) == 1
    assert passed.count(False) == 29
