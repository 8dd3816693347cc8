"""One code, many racers: exactly one wins. The first test takes the guard away and demands that the race then
happens; without it, the tests below would prove nothing.
"""

import threading
from collections import Counter
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection, transaction

from giftcodes import audit as giftcodes_audit
from giftcodes import queries
from giftcodes import services as giftcodes
from giftcodes.errors import CodeNotUsable
from giftcodes.models import Batch, Claim, ClaimTally
from giftcodes.services import Claimed
from ledger import audit as ledger_audit
from ledger import queries as ledger_queries
from ledger import services as ledger
from parties.models import Member
from tests import make
from tests.concurrency.racing import race
from tests.make import NOON

pytestmark = pytest.mark.django_db(transaction=True)


def _no_differences() -> None:
    assert [*ledger_audit.differences(), *giftcodes_audit.differences()] == []


def _claim_by_reading_first(batch: Batch, member: Member, gate: threading.Barrier | None = None) -> int:
    """What a claim must never be: look whether somebody was first, then write. Right for one, wrong for
    two.
    """
    claim_id, wallet = batch.first_claim_id, make.wallet(member, batch.brand.program)
    if Claim.objects.filter(pk=claim_id).exists():
        raise CodeNotUsable
    if gate is not None:
        gate.wait()
    claim = Claim(pk=claim_id, batch=batch, member=member, points=batch.face_points, claimed_at=NOON)
    with transaction.atomic():
        Claim.objects.bulk_create([claim], ignore_conflicts=True)
        return ledger.grant_claimed(
            key=f"claim:{claim_id}:{member.pk}",
            unclaimed_id=batch.unclaimed_id,
            wallet_id=wallet.pk,
            funder_id=batch.brand_id,
            points=batch.face_points,
            expires_at=NOON + timedelta(days=180),
            at=NOON,
        )


def _paid(batch: Batch, members: list[Member]) -> int:
    return sum(ledger_queries.wallet_balance(member, batch.brand.program_id) for member in members)


def test_control_reading_first_is_right_one_after_the_other() -> None:
    batch, members = make.live_batch(face_points=500), [make.member(), make.member()]
    _claim_by_reading_first(batch, members[0])
    with pytest.raises(CodeNotUsable):
        _claim_by_reading_first(batch, members[1])
    assert _paid(batch, members) == 500


@pytest.mark.parametrize("racers", [2, 8])
def test_control_reading_first_pays_every_racer(racers: int) -> None:
    batch, members = make.live_batch(face_points=500), [make.member() for _ in range(racers)]
    gate = threading.Barrier(racers, timeout=30)

    race(*(partial(_claim_by_reading_first, batch, member, gate) for member in members))

    assert _paid(batch, members) == 500 * racers


@pytest.mark.parametrize("racers", [2, 8, 64])
def test_of_any_number_of_claims_of_one_code_exactly_one_wins(racers: int) -> None:
    batch = make.live_batch(face_points=500)
    code, members = make.code_of(batch), [make.member() for _ in range(racers)]

    outcomes = race(*(partial(giftcodes.claim_code, text=code, member=member, at=NOON) for member in members))

    kinds = Counter(type(outcome) for outcome in outcomes)
    assert kinds == {Claimed: 1, CodeNotUsable: racers - 1}, outcomes
    assert _paid(batch, members) == 500
    assert Claim.objects.count() == 1
    _no_differences()


def test_a_member_who_taps_eight_times_is_paid_once_and_told_so_eight_times() -> None:
    batch, member = make.live_batch(face_points=500), make.member()
    code = make.code_of(batch)

    outcomes = race(*[partial(giftcodes.claim_code, text=code, member=member, at=NOON)] * 8)

    assert Counter(outcome.is_repeat for outcome in outcomes if isinstance(outcome, Claimed)) == {
        False: 1,
        True: 7,
    }
    assert ledger_queries.wallet_balance(member, batch.brand.program_id) == 500
    _no_differences()


def test_different_codes_at_once_all_arrive_in_one_wallet() -> None:
    batch, member = make.live_batch(size=16, face_points=5), make.member()
    codes = [make.code_of(batch, place) for place in range(16)]

    outcomes = race(*(partial(giftcodes.claim_code, text=code, member=member, at=NOON) for code in codes))

    assert all(isinstance(outcome, Claimed) for outcome in outcomes), outcomes
    assert ledger_queries.wallet_balance(member, batch.brand.program_id) == 80
    assert member.wallets.count() == 1
    _no_differences()


def test_a_limit_per_member_holds_when_the_member_claims_many_codes_at_once() -> None:
    batch, member = make.live_batch(size=12, face_points=5, limit_per_member=3), make.member()
    codes = [make.code_of(batch, place) for place in range(12)]

    outcomes = race(*(partial(giftcodes.claim_code, text=code, member=member, at=NOON) for code in codes))

    assert Counter(type(outcome) for outcome in outcomes) == {Claimed: 3, CodeNotUsable: 9}, outcomes
    assert ClaimTally.objects.get(member=member).claims == 3
    assert ledger_queries.wallet_balance(member, batch.brand.program_id) == 15
    _no_differences()


def test_control_counting_first_breaks_the_limit() -> None:
    batch, member = make.live_batch(size=6, face_points=5), make.member()
    gate = threading.Barrier(6, timeout=30)

    def claim_by_counting(place: int) -> None:
        is_below = Claim.objects.filter(member=member).count() < 3
        gate.wait()
        if is_below:
            giftcodes.claim_code(text=make.code_of(batch, place), member=member, at=NOON)

    race(*(partial(claim_by_counting, place) for place in range(6)))

    assert Claim.objects.filter(member=member).count() == 6


def test_closing_a_batch_while_it_is_claimed_counts_every_code_once() -> None:
    batch = make.live_batch(size=24, face_points=5)
    codes = [make.code_of(batch, place) for place in range(24)]
    claims = [partial(giftcodes.claim_code, text=code, member=make.member(), at=NOON) for code in codes]

    *outcomes, closed = race(*claims, partial(giftcodes.close_batch, batch_id=batch.pk, at=batch.claim_until))

    won = sum(isinstance(outcome, Claimed) for outcome in outcomes)
    assert closed == 24 - won
    assert ledger_queries.balance_of(batch.unclaimed) == 0
    assert ledger_queries.funds_of(batch.brand) == 5 * (24 - won)
    _no_differences()


def test_voiding_codes_while_they_are_claimed_spares_what_was_claimed() -> None:
    batch = make.live_batch(size=24, face_points=5)
    codes = [make.code_of(batch, place) for place in range(24)]
    claims = [partial(giftcodes.claim_code, text=code, member=make.member(), at=NOON) for code in codes]
    void = partial(
        giftcodes.void_codes,
        batch_id=batch.pk,
        first_serial=batch.first_serial,
        last_serial=batch.first_serial + 23,
        **make.decided(batch),
    )

    *outcomes, first, second = race(*claims, void, void)

    won = sum(isinstance(outcome, Claimed) for outcome in outcomes)
    assert {first, second} == {0, 24 - won}, outcomes
    counts = queries.counts_of(batch)
    assert (counts.claimed, counts.voided, counts.unclaimed) == (won, 24 - won, 0)
    assert ledger_queries.balance_of(batch.unclaimed) == 0
    _no_differences()


@pytest.mark.postgresql
def test_control_without_the_lock_a_claim_slips_in_behind_the_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """The claim has read the batch as active and not committed; a closing that doesn't wait counts it as
    unclaimed.
    """
    monkeypatch.setattr("giftcodes.locking.own_batch", lambda batch_id: None)
    batch, member = make.live_batch(size=1, face_points=5), make.member()
    code, claimed, counted = make.code_of(batch), threading.Event(), threading.Event()

    def claim_slowly() -> None:
        with transaction.atomic():
            giftcodes.claim_code(text=code, member=member, at=NOON)
            claimed.set()
            counted.wait(10)

    def close_meanwhile() -> int:
        claimed.wait(10)
        try:
            return giftcodes.close_batch(batch_id=batch.pk, at=batch.claim_until)
        finally:
            counted.set()

    _, expired = race(claim_slowly, close_meanwhile)

    assert expired == 1  # the code is claimed and expired: its points were paid out twice
    assert [*giftcodes_audit.differences()] != []


@pytest.mark.postgresql
def test_closing_waits_for_a_claim_under_way() -> None:
    batch, member = make.live_batch(size=1, face_points=5), make.member()
    code, claimed = make.code_of(batch), threading.Event()

    def claim_slowly() -> None:
        with transaction.atomic():
            giftcodes.claim_code(text=code, member=member, at=NOON)
            claimed.set()
            waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            with connection.cursor() as cursor:
                for _ in range(10_000):
                    cursor.execute(waiting)
                    if cursor.fetchone()[0]:
                        return

    def close_meanwhile() -> int:
        claimed.wait(10)
        return giftcodes.close_batch(batch_id=batch.pk, at=batch.claim_until)

    _, expired = race(claim_slowly, close_meanwhile)

    assert expired == 0
    _no_differences()
