"""The guard for people who are not signed in: every layer holds, and none can be turned on somebody else."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from redis import Redis

from giftcodes import services as giftcodes
from giftcodes.errors import AnonymousClosed, ClaimingLocked, CodeNotUsable, TooManyTries
from giftcodes.guard_models import Alarm, AlarmKind, Attempt, ClaimLock
from giftcodes.guarding import guard
from giftcodes.guarding.rules import STRIKES_OF_STRANGERS, Level, Site
from giftcodes.models import Batch
from ledger import audit
from parties.models import Member, MembershipNumber
from tests import make
from tests.giftcodes.guarded import NOBODY_LISTENS, a_redis, attempt, stranger, strike_without_sign_in
from tests.make import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["redis", "database"], autouse=True)
def _counters(request: pytest.FixtureRequest, settings: LazySettings) -> None:
    with Redis.from_url(a_redis()) as client:
        client.flushdb()
    settings.REDIS_URL = a_redis() if request.param == "redis" else ""


def give(batch: Batch, place: int, visitor: str = "shopper", **who: Any) -> giftcodes.Claimed:
    asker = stranger(batch, visitor, **who)
    return giftcodes.try_code_for_number(text=make.code_of(batch, place), asker=asker, at=NOON)


def test_strikes_lock_the_browser_alone() -> None:
    batch, number = make.live_batch(size=3), make.membership_number()
    for _ in range(5):
        strike_without_sign_in(batch, "guesser", number=number, at=NOON)
    with pytest.raises(ClaimingLocked):
        give(batch, 0, "guesser")
    assert give(batch, 0, "owner", number=number).points == batch.face_points
    assert ClaimLock.objects.get().member is None


def test_the_member_of_a_number_is_not_whom_the_guard_counts() -> None:
    batch, number = make.live_batch(size=3), make.membership_number()
    give(batch, 0, number=number)
    member = Member.objects.get()
    for _ in range(5):
        strike_without_sign_in(batch, "guesser", number=number, at=NOON)
    assert attempt(make.code_of(batch, 1), member).points == batch.face_points


def test_addresses_and_networks_count_with_or_without_a_sign_in() -> None:
    batch = make.live_batch(size=1)
    for number in range(30):
        strike_without_sign_in(batch, f"new {number}", at=NOON)
    with pytest.raises(TooManyTries):
        give(batch, 0, "another new one")
    with pytest.raises(TooManyTries):
        attempt(make.code_of(batch), make.member())


def test_a_24_reaches_a_hundred_guesses_a_day_however_often_it_drops_its_cookies() -> None:
    batch, passed = make.live_batch(size=1), 0
    for number in range(130):
        at = NOON + timedelta(minutes=10 * number)  # slower than the strangers' hundred an hour
        try:
            strike_without_sign_in(batch, f"new {number}", address=f"203.0.113.{number % 100}", at=at)
        except TooManyTries:
            continue
        passed += 1
    assert passed == 100


def test_all_strangers_together_make_a_hundred_strikes_an_hour_then_a_sign_in_is_asked() -> None:
    batch = make.live_batch(size=4)
    for number in range(STRIKES_OF_STRANGERS):
        strike_without_sign_in(batch, f"bot {number}", address=f"10.0.{number}.1", at=NOON)
    with pytest.raises(AnonymousClosed):
        give(batch, 0)
    assert attempt(make.code_of(batch, 1), make.member()).points == batch.face_points  # members go on
    later = NOON + timedelta(minutes=61)
    asker = stranger(batch, "shopper")
    assert giftcodes.try_code_for_number(text=make.code_of(batch), asker=asker, at=later)
    assert not Alarm.objects.exclude(
        kind=AlarmKind.KEY_LEAK
    ).exists()  # too few tries for the breaker to judge


@pytest.mark.parametrize("unknown", [3, 20])
def test_both_levels_of_the_breaker_close_the_way_for_half_an_hour_and_nothing_is_looked_at(
    unknown: int,
) -> None:
    batch = make.live_batch(size=1)
    for number in range(200):
        asked = Site(is_unknown=number >= 200 - unknown, most=Level.CLOSED)
        guard.take([], asked, token=f"t{number}", now_ms=guard.milliseconds(NOON))
    assert guard.level(at=NOON) == (Level.CHALLENGE if unknown == 3 else Level.CLOSED)
    with pytest.raises(AnonymousClosed):
        give(batch, 0)
    assert not Attempt.objects.exists()
    assert not Member.objects.exists()
    calm = NOON + timedelta(minutes=31)
    asker = stranger(batch, "shopper")
    assert giftcodes.try_code_for_number(text=make.code_of(batch), asker=asker, at=calm)


def test_while_redis_is_away_the_limits_of_strangers_tighten_too(settings: LazySettings) -> None:
    settings.REDIS_URL = NOBODY_LISTENS
    batch = make.live_batch(size=1)
    for number in range(STRIKES_OF_STRANGERS // 10):
        strike_without_sign_in(batch, f"bot {number}", address=f"10.0.{number}.1", at=NOON)
    with pytest.raises(AnonymousClosed):
        give(batch, 0)


def test_a_code_of_another_group_is_refused_and_no_strike() -> None:
    batch, other = make.live_batch(size=1), make.live_batch(size=1)
    asker = stranger(batch, "shopper")
    with pytest.raises(CodeNotUsable):
        giftcodes.try_code_for_number(text=make.code_of(other), asker=asker, at=NOON)
    assert Attempt.objects.get().outcome == "not_usable"
    assert not MembershipNumber.objects.exists()


def test_a_repeat_is_told_to_who_had_the_code_before_or_received_it() -> None:
    batch, number = make.live_batch(size=1), make.membership_number()
    first = give(batch, 0, number=number)
    late = NOON + timedelta(seconds=1)
    assert give(batch, 0, number=number).is_repeat
    received = frozenset({first.serial_number})
    assert give(batch, 0, number=number, holds_since=late, received=received).is_repeat
    with pytest.raises(CodeNotUsable):
        give(batch, 0, number=number, holds_since=late)
    with pytest.raises(CodeNotUsable):
        give(batch, 0, number=make.membership_number(), received=received)
    assert not list(audit.differences())


def test_finding_the_number_is_one_query_more_and_members_are_not_asked_it() -> None:
    batch, number = make.live_batch(size=3), make.membership_number()
    give(batch, 0, number=number)
    member = Member.objects.get()

    def asked(place: int, by_number: bool) -> int:
        with CaptureQueriesContext(connection) as captured:
            if by_number:
                give(batch, place, number=number)
            else:
                attempt(make.code_of(batch, place), member)
        return sum("parties_membershipnumber" in query["sql"] for query in captured)

    assert (asked(1, by_number=True), asked(2, by_number=False)) == (1, 0)
