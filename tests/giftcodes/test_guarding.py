"""The layers of the guard, on Redis and on the database: both must answer alike."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import LazySettings
from redis import Redis

from giftcodes import services as giftcodes
from giftcodes.errors import ClaimingLocked, CodeNotUsable, LiftRefused, ProofNeeded, TooManyTries
from giftcodes.guard_models import Alarm, AlarmKind, Attempt, ClaimLock, GuardMark, LockLift
from giftcodes.guarding import guard
from giftcodes.guarding.guard import milliseconds
from giftcodes.guarding.rules import Level, Site, networks_of
from giftcodes.guarding.visitors import member_name, visitor
from giftcodes.models import Claim, Series
from giftcodes.services import Asker
from ledger import audit
from parties.models import Member
from tests import make
from tests.giftcodes.guarded import HOME, NOBODY_LISTENS, a_redis, attempt, strike, unknown_code
from tests.make import NOON

pytestmark = pytest.mark.django_db
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture(params=["redis", "database"])
def counters(request: pytest.FixtureRequest, settings: LazySettings) -> Iterator[str]:
    settings.REDIS_URL = fresh_redis() if request.param == "redis" else ""
    yield request.param
    assert not list(audit.differences())


def fresh_redis() -> str:
    with Redis.from_url(a_redis()) as client:
        client.flushdb()
    return a_redis()


def try_until_refused(member: Member, *, at: datetime, address: str = HOME) -> int:
    """How many good codes go through at that moment."""
    batch = make.live_batch(size=70)
    for place in range(70):
        try:
            attempt(make.code_of(batch, place), member, at=at, address=address)
        except TooManyTries:
            return place
    return 70


def test_a_good_code_passes_and_leaves_no_try_behind(counters: str) -> None:
    claimed = attempt(make.live_code(face_points=500), make.member())
    assert claimed.points == 500
    assert not Attempt.objects.exists()


def test_ten_tries_a_minute_and_sixty_an_hour(counters: str) -> None:
    member = make.member()
    passed = [try_until_refused(member, at=NOON + number * MINUTE) for number in range(8)]
    assert passed == [10, 10, 10, 10, 10, 10, 0, 0]
    assert try_until_refused(member, at=NOON + HOUR) == 10


def test_the_answer_to_too_many_tries_says_when_to_try_again(counters: str) -> None:
    member = make.member()
    try_until_refused(member, at=NOON)
    with pytest.raises(TooManyTries) as refusal:
        attempt(make.live_code(), member, at=NOON + timedelta(seconds=20))
    assert refusal.value.until == NOON + MINUTE
    assert refusal.value.now == NOON + timedelta(seconds=20)
    attempt(make.live_code(), member, at=NOON + MINUTE)


def test_five_strikes_lock_for_a_day_from_the_last_one(counters: str) -> None:
    batch, member = make.live_batch(size=9), make.member()
    references = [strike(batch, member, at=NOON + number * HOUR) for number in range(5)]
    locked_until = NOON + 4 * HOUR + DAY
    with pytest.raises(ClaimingLocked) as refusal:
        attempt(make.code_of(batch), member, at=NOON + 23 * HOUR)
    assert refusal.value.until == locked_until
    assert refusal.value.reference == references[-1] == ClaimLock.objects.get().reference
    with pytest.raises(ClaimingLocked):
        attempt(make.code_of(batch), member, at=locked_until - timedelta(milliseconds=1))
    assert not Claim.objects.exists()
    attempt(make.code_of(batch), member, at=locked_until)


def test_four_strikes_do_not_lock(counters: str) -> None:
    batch, member = make.live_batch(size=9), make.member()
    for number in range(9):  # four in any 24 hours
        strike(batch, member, at=NOON + number * 6 * HOUR)
    assert not ClaimLock.objects.exists()
    attempt(make.code_of(batch), member, at=NOON + 9 * 6 * HOUR)


def test_codes_that_were_issued_are_no_strikes(counters: str) -> None:
    batch, member = make.live_batch(size=9), make.member()
    giftcodes.claim_code(text=make.code_of(batch), member=make.member(), at=NOON)
    for number in range(9):
        with pytest.raises(CodeNotUsable):
            attempt(make.code_of(batch), member, at=NOON + number * MINUTE)
    assert set(Attempt.objects.values_list("outcome", "serial_number")) == {
        ("not_usable", batch.first_claim_id)
    }
    attempt(make.code_of(batch, 1), member, at=NOON + HOUR)


def test_thirty_strikes_from_one_address_stop_everybody_there(counters: str) -> None:
    batch = make.live_batch(size=99)
    for number in range(30):
        strike(batch, make.member(), at=NOON + number * MINUTE * 10)
    with pytest.raises(TooManyTries):
        attempt(make.code_of(batch), make.member(), at=NOON + 6 * HOUR)
    attempt(make.code_of(batch), make.member(), at=NOON + 6 * HOUR, address="203.0.113.10")


@pytest.mark.parametrize(
    ("pattern", "elsewhere"),
    [("198.51.100.{}", "198.51.101.1"), ("2001:db8:7:{:x}::1", "2001:db8:8::1")],
)
def test_a_hundred_strikes_from_one_network_stop_it(counters: str, pattern: str, elsewhere: str) -> None:
    batch = make.live_batch(size=9)
    for number in range(100):
        address = pattern.format(number // 20 + 1)
        strike(batch, make.member(), at=NOON + number * MINUTE * 10, address=address)
    at = NOON + 17 * HOUR
    with pytest.raises(TooManyTries):
        attempt(make.code_of(batch), make.member(), at=at, address=pattern.format(99))
    attempt(make.code_of(batch), make.member(), at=at, address=elsewhere)


def test_successes_never_count_against_a_network(counters: str) -> None:
    batch = make.live_batch(size=150)
    for place in range(150):
        attempt(make.code_of(batch, place), make.member())


def test_typing_errors_are_counted_by_address_and_are_no_strikes(counters: str) -> None:
    for _ in range(60):
        giftcodes.count_typo(address=HOME, at=NOON)
    with pytest.raises(TooManyTries):
        giftcodes.count_typo(address=HOME, at=NOON + timedelta(seconds=59))
    giftcodes.count_typo(address="203.0.113.10", at=NOON)
    giftcodes.count_typo(address=HOME, at=NOON + MINUTE)
    attempt(make.live_code(), make.member())


def honest_tries(count: int) -> None:
    """As the guard sees them; the claims themselves would take long."""
    for number in range(count):
        guard.take([], Site(is_unknown=False, most=Level.OPEN), token=f"{number}", now_ms=milliseconds(NOON))


def test_the_breaker_asks_for_proofs_then_closes_and_calms_down(counters: str) -> None:
    honest_tries(200)
    batch = make.live_batch(size=9)
    for number in range(3):
        strike(batch, make.member(), address=f"198.51.{number}.1")
    with pytest.raises(ProofNeeded):  # 3 of 203
        attempt(make.code_of(batch), make.member())
    attempt(make.code_of(batch), make.member(), proof_id="fresh")
    with pytest.raises(ProofNeeded):
        attempt(make.code_of(batch, 1), make.member(), proof_id="fresh")
    for number in range(3, 12):
        with pytest.raises(CodeNotUsable):
            attempt(unknown_code(batch), make.member(), address=f"198.51.{number}.1", proof_id=f"{number}")
    assert list(Alarm.objects.order_by("pk").values_list("kind", "tries", "unknown")) == [
        (AlarmKind.CHALLENGE, 203, 3),
        (AlarmKind.CLOSED, 212, 11),
    ]
    assert guard.level(at=NOON) == Level.CLOSED
    calm = NOON + 30 * MINUTE
    with pytest.raises(ProofNeeded):
        attempt(make.code_of(batch, 1), make.member(), at=calm - timedelta(milliseconds=1))
    attempt(make.code_of(batch, 1), make.member(), at=calm)
    assert Alarm.objects.order_by("pk").last() == Alarm.objects.get(kind=AlarmKind.CALM)


def test_few_tries_do_not_trip_the_breaker(counters: str) -> None:
    batch = make.live_batch(size=9)
    for number in range(60):
        strike(batch, make.member(), address=f"198.51.{number}.1")
    assert guard.level(at=NOON) == Level.OPEN


def test_a_leaked_series_key_gives_itself_away(counters: str, caplog: pytest.LogCaptureFixture) -> None:
    batch = make.live_batch(size=40)
    for number in range(31):
        strike(batch, make.member(), address=f"198.51.{number}.1", at=NOON + number * MINUTE, place=number)
    alarm = Alarm.objects.get()
    assert (alarm.kind, alarm.tries, alarm.unknown, alarm.series) == (AlarmKind.KEY_LEAK, 30, 30, 1)
    assert "key may have leaked" in caplog.text


def test_blind_guesses_are_no_leak(counters: str) -> None:
    batch = make.live_batch(size=2)
    for number in range(40):
        place = 0 if number % 6 == 0 else 1_000 + number  # far behind the only batch
        strike(batch, make.member(), address=f"198.51.{number}.1", at=NOON + number * MINUTE, place=place)
    assert Series.objects.get().next_serial == 2
    assert not Alarm.objects.exists()


def test_support_lifts_a_lock_with_a_reason_once(counters: str) -> None:
    batch, member, support = make.live_batch(size=9), make.member(), make.user(is_staff=True)
    for _ in range(5):
        strike(batch, member)
    lock = ClaimLock.objects.get()
    with pytest.raises(LiftRefused):
        giftcodes.lift_lock(lock_id=lock.pk, reason="  ", user=support, at=NOON)
    giftcodes.lift_lock(lock_id=lock.pk, reason="worn leaflet", user=support, at=NOON)
    again = giftcodes.lift_lock(lock_id=lock.pk, reason="other words", user=make.user(), at=NOON + HOUR)
    assert LockLift.objects.get() == again
    assert (again.reason, again.lifted_by) == ("worn leaflet", support)
    attempt(make.code_of(batch), member)
    for _ in range(4):
        strike(batch, member)
    assert ClaimLock.objects.count() == 1


def test_a_flushed_redis_begins_with_the_strikes_and_locks_of_the_database(settings: LazySettings) -> None:
    settings.REDIS_URL = fresh_redis()
    batch, locked, lifted, warned = make.live_batch(size=9), make.member(), make.member(), make.member()
    for member in (locked, lifted):
        for number in range(5):
            strike(batch, member, address=f"198.51.{number}.1")
    lift_of = ClaimLock.objects.get(member=lifted)
    giftcodes.lift_lock(lock_id=lift_of.pk, reason="worn leaflet", user=make.user(), at=NOON + MINUTE)
    for number in range(4):
        strike(batch, warned, address=f"192.0.{number}.1", at=NOON + MINUTE)
    fresh_redis()
    later = NOON + 2 * MINUTE
    with pytest.raises(ClaimingLocked):
        attempt(make.code_of(batch), locked, at=later)
    attempt(make.code_of(batch), lifted, at=later)
    strike(batch, warned, address="192.0.9.1", at=later)
    with pytest.raises(ClaimingLocked):
        attempt(make.code_of(batch, 1), warned, at=later)
    assert Claim.objects.count() == 1


def test_without_redis_the_database_counts_at_a_tenth(
    settings: LazySettings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.REDIS_URL = fresh_redis()
    member, other = make.member(), make.member()
    assert try_until_refused(member, at=NOON) == 10
    settings.REDIS_URL = NOBODY_LISTENS
    assert try_until_refused(other, at=NOON) == 1
    assert "at a tenth" in caplog.text
    strike(make.live_batch(), other, at=NOON + MINUTE)
    with pytest.raises(TooManyTries):
        attempt(make.live_code(), other, at=NOON + HOUR)
    assert not ClaimLock.objects.exists()


def test_the_tables_hold_no_code_and_no_address(counters: str) -> None:
    batch, member = make.live_batch(size=9), make.member()
    reference = strike(batch, member, address="2001:db8:1:2:3::4")
    row = Attempt.objects.get(reference=reference)
    assert (row.outcome, row.serial_number, row.is_in_issued_range) == ("unknown", None, True)
    assert row.network == "2001:db8:1::/48"
    kept = str(Attempt.objects.values().get()) + str(list(GuardMark.objects.values()))
    assert unknown_code(batch) not in kept
    assert "2001:db8:1:2" not in kept
    assert row.person == visitor(person=member_name(member.pk), address="").person
    assert len(reference) == 8
    assert not set(reference) & set("01ILOU")


def test_old_tries_are_deleted_and_young_ones_kept(counters: str) -> None:
    batch, member, now = make.live_batch(size=9), make.member(), datetime.now(UTC)
    Attempt.objects.bulk_create(
        Attempt(
            reference=f"OLD{days}",
            at=now - timedelta(days=days),
            person="p",
            address="a",
            network="n",
            outcome="unknown",
            series=1,
            is_in_issued_range=False,
        )
        for days in (91, 89)
    )
    giftcodes.prune_tries(at=now)
    assert list(Attempt.objects.values_list("reference", flat=True)) == ["OLD89"]
    assert member.pk
    assert batch.pk


@pytest.mark.parametrize(
    ("address", "itself", "around"),
    [
        ("203.0.113.9", "203.0.113.9/32", "203.0.113.0/24"),
        ("::ffff:203.0.113.9", "203.0.113.9/32", "203.0.113.0/24"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/64", "fe80::/48"),
        ("", "none", "none"),
        ("not an address", "none", "none"),
    ],
)
def test_an_address_counts_as_itself_and_as_its_network(address: str, itself: str, around: str) -> None:
    assert networks_of(address) == (itself, around)


def test_an_asker_without_an_address_is_counted_too(counters: str) -> None:
    claimed = giftcodes.try_code(text=make.live_code(), asker=Asker(make.member(), ""), at=NOON)
    assert claimed.points == 500
