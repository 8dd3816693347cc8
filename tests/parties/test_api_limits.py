"""What a partner system has left, on Redis and on the database: both must answer alike."""

import doctest
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import LazySettings
from django.db import IntegrityError, OperationalError, connection, transaction
from redis import Redis

from parties import api_limits
from parties.allowance_models import ApiAllowance
from parties.api_limits import give_back_points, take_call, take_points
from parties.api_models import ApiClient
from parties.errors import DailyPointsExceeded, LimitsNotKnown, TooManyCalls
from parties.limiting import on_database, rules
from parties.limiting.rules import Allowance, Limits, microseconds
from tests import make
from tests.giftcodes.guarded import NOBODY_LISTENS, a_redis
from tests.make import NOON

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)
MIDNIGHT = datetime(2026, 11, 2, 15, 0, tzinfo=UTC)  # in Japan


def fresh_redis() -> str:
    with Redis.from_url(a_redis()) as client:
        client.flushdb()
    return a_redis()


@pytest.fixture(params=["redis", "database"])
def counters(request: pytest.FixtureRequest, settings: LazySettings) -> str:
    settings.REDIS_URL = fresh_redis() if request.param == "redis" else ""
    counted_by: str = request.param
    return counted_by


def calls_until_refused(client: ApiClient, *, at: datetime | None) -> int:
    for number in range(300):
        try:
            take_call(client=client, at=at)
        except TooManyCalls:
            return number
    raise AssertionError("never refused")


def left_of_the_day(client: ApiClient, *, at: datetime) -> int:
    with pytest.raises(DailyPointsExceeded) as refusal:
        take_points(client=client, points=rules.DAY_US, at=at)
    return refusal.value.left


def test_a_burst_of_three_hundred_at_once_lets_exactly_the_agreed_two_hundred_through(counters: str) -> None:
    client = make.api_client()
    outcomes = []
    for _ in range(300):
        try:
            outcomes.append(take_call(client=client, at=NOON).remaining)
        except TooManyCalls as refusal:
            outcomes.append(-refusal.retry_after)
    assert outcomes == [*range(199, -1, -1), *[-1] * 100]


def test_calls_come_back_at_the_agreed_rate_and_no_further_than_the_burst(counters: str) -> None:
    client = make.api_client(rate_per_second=7, burst=10)
    assert calls_until_refused(client, at=NOON) == 10
    assert calls_until_refused(client, at=NOON + SECOND) == 7
    later = NOON + SECOND
    assert calls_until_refused(client, at=later + timedelta(microseconds=142_857)) == 0  # 1/7 s is a bit more
    assert calls_until_refused(client, at=later + timedelta(microseconds=142_858)) == 1
    assert calls_until_refused(client, at=NOON + timedelta(days=400)) == 10


def test_an_odd_rate_loses_nothing_to_rounding(counters: str) -> None:
    client = make.api_client(rate_per_second=9_999, burst=1)
    moments = [NOON + timedelta(microseconds=101 * number) for number in range(40)]
    assert sum(calls_until_refused(client, at=moment) for moment in moments) == 40


def test_an_answer_says_what_is_left_and_when_all_of_it_is_back(counters: str) -> None:
    client = make.api_client(rate_per_second=2, burst=5)
    told = [take_call(client=client, at=NOON) for _ in range(5)]
    assert told[0] == Allowance(limit=5, remaining=4, reset_seconds=1)
    assert told[-1] == Allowance(limit=5, remaining=0, reset_seconds=3)
    with pytest.raises(TooManyCalls) as refusal:
        take_call(client=client, at=NOON)
    assert refusal.value.retry_after == 1
    assert refusal.value.allowance == Allowance(limit=5, remaining=0, reset_seconds=3)


def test_a_clock_that_goes_back_gives_nothing(counters: str) -> None:
    client = make.api_client(burst=3)
    assert calls_until_refused(client, at=NOON) == 3
    assert calls_until_refused(client, at=NOON - timedelta(hours=1)) == 0
    assert calls_until_refused(client, at=NOON) == 0


def test_clients_do_not_share(counters: str) -> None:
    first, second = make.api_client(burst=3), make.api_client(burst=4)
    assert calls_until_refused(first, at=NOON) == 3
    assert calls_until_refused(second, at=NOON) == 4


def test_a_changed_agreement_counts_at_the_next_call(counters: str) -> None:
    client = make.api_client(burst=9)
    take_call(client=client, at=NOON)
    client.burst = 3
    assert calls_until_refused(client, at=NOON) == 3


def test_the_counters_own_clock_counts_like_any_other(counters: str) -> None:
    client = make.api_client(rate_per_second=1, burst=100)
    assert take_call(client=client) == Allowance(100, 99, 1)
    assert take_call(client=client).remaining == 98
    before, now = datetime.now(UTC), microseconds(datetime.now(UTC))
    assert take_points(client=client, points=1).day in {rules.day_of(now), rules.day_of(now) + 1}
    with pytest.raises(DailyPointsExceeded) as refusal:
        take_points(client=client, points=10**12)
    assert before < refusal.value.resets_at <= datetime.now(UTC) + timedelta(days=1)


def test_points_of_a_day_are_granted_to_the_last_and_no_further(counters: str) -> None:
    client = make.api_client(points_per_day=1_000)
    for points in (333, 333, 333):
        take_points(client=client, points=points, at=NOON)
    with pytest.raises(DailyPointsExceeded) as refusal:
        take_points(client=client, points=2, at=NOON)
    assert (refusal.value.left, refusal.value.resets_at) == (1, MIDNIGHT)
    take_points(client=client, points=1, at=NOON)
    assert left_of_the_day(client, at=NOON) == 0


def test_a_new_day_begins_at_midnight_in_japan(counters: str) -> None:
    client = make.api_client(points_per_day=1_000)
    take_points(client=client, points=1_000, at=NOON)
    assert left_of_the_day(client, at=MIDNIGHT - timedelta(microseconds=1)) == 0
    take_points(client=client, points=1_000, at=MIDNIGHT)
    assert left_of_the_day(client, at=MIDNIGHT) == 0


def test_points_of_refused_work_come_back_to_their_own_day(counters: str) -> None:
    client = make.api_client(points_per_day=1_000)
    taken = take_points(client=client, points=700, at=NOON)
    give_back_points(taken=taken, at=NOON)
    assert left_of_the_day(client, at=NOON) == 1_000
    taken = take_points(client=client, points=1_000, at=NOON)
    take_points(client=client, points=400, at=MIDNIGHT)
    give_back_points(taken=taken, at=MIDNIGHT)
    assert left_of_the_day(client, at=MIDNIGHT) == 600


def test_a_client_without_points_issues_none(counters: str) -> None:
    client = make.api_client(points_per_day=0)
    with pytest.raises(DailyPointsExceeded) as refusal:
        take_points(client=client, points=1, at=NOON)
    assert refusal.value.left == 0
    take_points(client=client, points=0, at=NOON)
    with pytest.raises(ValueError, match="-1"):
        take_points(client=client, points=-1, at=NOON)


def test_a_lower_cap_counts_at_once_and_counts_what_was_taken(counters: str) -> None:
    client = make.api_client(points_per_day=1_000_000)
    take_points(client=client, points=10, at=NOON)
    client.points_per_day = 5
    assert left_of_the_day(client, at=NOON) == 0
    with pytest.raises(DailyPointsExceeded):
        take_points(client=client, points=1, at=NOON)


def test_a_flushed_redis_grants_no_point_twice(settings: LazySettings) -> None:
    client, granted = make.api_client(points_per_day=1_000), 0
    settings.REDIS_URL = a_redis()
    for number in range(200):
        if number % 7 == 0:
            fresh_redis()
        try:
            take_points(client=client, points=10, at=NOON)
        except DailyPointsExceeded:
            break
        granted += 10
    assert granted <= 1_000
    assert granted >= 200  # a part of the day is lost at each flush, not the day


def test_a_lost_round_to_redis_costs_points_and_gives_none(settings: LazySettings) -> None:
    client = make.api_client(points_per_day=1_000)
    settings.REDIS_URL = a_redis()
    limits, day = api_limits.limits_of(client), rules.day_of(microseconds(NOON))
    leased, _ = on_database.lease_points(client.pk, 10, is_part=True, limits=limits, day=day)
    assert leased == 50  # a process died with them
    assert left_of_the_day(client, at=NOON) == 950


def test_when_redis_dies_the_database_grants_a_tenth(
    settings: LazySettings, caplog: pytest.LogCaptureFixture
) -> None:
    client = make.api_client(rate_per_second=100, burst=200, points_per_day=1_000)
    settings.REDIS_URL = fresh_redis()
    assert calls_until_refused(client, at=NOON) == 200
    take_points(client=client, points=10, at=NOON)
    settings.REDIS_URL = NOBODY_LISTENS
    assert calls_until_refused(client, at=NOON) == 20
    assert "at a tenth" in caplog.text
    assert calls_until_refused(client, at=NOON + SECOND) == 10
    assert left_of_the_day(client, at=NOON) == 100
    take_points(client=client, points=100, at=NOON)
    with pytest.raises(DailyPointsExceeded):
        take_points(client=client, points=1, at=NOON)
    settings.REDIS_URL = a_redis()  # it is back, with what it knew
    assert left_of_the_day(client, at=NOON) == 890


def test_the_tenth_of_the_database_stays_within_the_day(settings: LazySettings) -> None:
    client = make.api_client(points_per_day=1_000)
    settings.REDIS_URL = fresh_redis()
    take_points(client=client, points=970, at=NOON)
    settings.REDIS_URL = NOBODY_LISTENS
    assert left_of_the_day(client, at=NOON) <= 30


def test_without_redis_and_database_nothing_is_granted(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make.api_client()
    settings.REDIS_URL = NOBODY_LISTENS

    def refuse(*_: object, **__: object) -> None:
        raise OperationalError("the server closed the connection")

    taken = api_limits.TakenPoints(client.pk, Limits(1, 1, 1), 1, 0, is_on_redis=False)
    monkeypatch.setattr(on_database, "_run", refuse)
    with pytest.raises(LimitsNotKnown):
        take_call(client=client, at=NOON)
    with pytest.raises(LimitsNotKnown):
        take_points(client=client, points=1, at=NOON)
    monkeypatch.setattr(on_database, "give_back", refuse)
    give_back_points(taken=taken)  # counted too much, and no error on top of the refusal


def test_a_redis_that_is_away_is_asked_again_after_a_while_only(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make.api_client()
    settings.REDIS_URL = NOBODY_LISTENS
    take_call(client=client, at=NOON)
    monkeypatch.setattr(api_limits, "redis_limits", lambda url: pytest.fail("asked again"))
    take_call(client=client, at=NOON)


@pytest.mark.django_db(transaction=True)
def test_counting_inside_somebody_elses_transaction_is_a_mistake_that_shows(settings: LazySettings) -> None:
    client = make.api_client()
    settings.REDIS_URL = ""
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        take_call(client=client, at=NOON)


def test_the_table_refuses_counts_below_nothing() -> None:
    fine = {"calls_left": 0, "calls_at": 0, "day": 1, "taken_points": 5, "points_without_redis": 5}
    ApiAllowance.objects.create(client=make.api_client(), **fine)
    for wrong in ({"calls_left": -1}, {"points_without_redis": 6}, {"points_without_redis": -1}):
        client = make.api_client()
        with pytest.raises(IntegrityError), transaction.atomic():
            ApiAllowance.objects.create(client=client, **fine | wrong)


def test_the_largest_agreement_fits_the_numbers_of_both_counters(counters: str) -> None:
    client = make.api_client(rate_per_second=10_000, burst=100_000, points_per_day=10**12)
    take_points(client=client, points=10**12, at=NOON)
    assert take_call(client=client, at=NOON).remaining == 99_999
    assert take_call(client=client, at=NOON + timedelta(days=3_650)).remaining == 99_999


def test_the_examples_of_the_rules_are_true() -> None:
    assert doctest.testmod(rules).failed == 0
    assert connection.vendor in on_database._NOW
