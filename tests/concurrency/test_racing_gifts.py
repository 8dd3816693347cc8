"""Many callers, one budget; one key, one gift. The controls take a guard away and demand that the race then
happens.
"""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from django.db import connection, transaction
from pytest_django.fixtures import Settings

from giftcodes import audit as giftcodes_audit
from giftcodes import gift_queries, journal, locking
from giftcodes import services as giftcodes
from giftcodes.errors import (
    BudgetExhausted,
    CodeNotUsable,
    GiftClaimed,
    GiftKeyReused,
    NotIssuing,
    TwinInFlight,
)
from giftcodes.gift_models import Gift, GiftRequest, GiftState, GiftStrand
from giftcodes.models import Batch, Claim
from giftcodes.services import Claimed, GiftWanted, Issued, final_ids
from giftcodes.services.gift_ends import return_points
from ledger import audit as ledger_audit
from ledger import queries as ledger_queries
from ledger.models import Reason
from parties.api_models import ApiClient
from tests import make
from tests.concurrency.racing import race
from tests.make import NOON

pytestmark = pytest.mark.django_db(transaction=True)


def no_differences() -> None:
    assert [*ledger_audit.differences(), *giftcodes_audit.differences()] == []


def issuing(batch: Batch, client: ApiClient, key: str, *wanted: GiftWanted) -> Callable[[], Issued]:
    return partial(
        giftcodes.issue_gifts,
        client=client,
        key=key,
        group=batch.limit_group,
        gifts=wanted or [GiftWanted()],
        at=NOON,
    )


def spread_thin() -> Batch:
    """A batch with ten gifts left, one in each of its strands."""
    batch = make.gift_batch(size=160)
    for strand in GiftStrand.objects.filter(batch=batch):
        others = GiftStrand.objects.filter(batch=batch).exclude(pk=strand.pk)
        assert strand.end_serial - strand.next_serial == 16
        assert others.count() == 9
    client = make.api_client(batch.brand)
    for _ in range(10):  # each fits into a strand that is still whole
        make.gifts(batch, *[GiftWanted()] * 15, client=client)
    left = [strand.end_serial - strand.next_serial for strand in GiftStrand.objects.filter(batch=batch)]
    assert left == [1] * 10
    return batch


def test_control_looking_at_the_budget_first_overdraws_it() -> None:
    """What an issue must never be: see that there is enough, then write. Right for one, wrong for many."""
    batch = make.gift_batch(size=10)
    client = make.api_client(batch.brand)
    make.gifts(batch, *[GiftWanted()] * 8, client=client)
    gate = threading.Barrier(6, timeout=30)

    def issue_by_looking_first(place: int) -> None:
        is_enough = gift_queries.left_of(batch).gifts >= 1
        gate.wait()
        if is_enough:
            with transaction.atomic():
                request = GiftRequest.objects.create(
                    client=client,
                    key_digest=f"looking-{place}",
                    fingerprint="x",
                    batch=batch,
                    gifts=1,
                    requested_at=NOON,
                )
                Gift.objects.create(
                    pk=batch.first_claim_id + 100 + place,
                    brand=batch.brand,
                    batch=batch,
                    request=request,
                    position=0,
                    points=500,
                    claim_until=batch.claim_until,
                    issued_at=NOON,
                )

    race(*(partial(issue_by_looking_first, place) for place in range(6)))

    assert Gift.objects.count() == 14
    assert [*giftcodes_audit.differences()] != []


@pytest.mark.parametrize("make_batch", [partial(make.gift_batch, size=10), spread_thin])
def test_of_64_callers_on_the_last_ten_gifts_exactly_ten_get_one(make_batch: Callable[[], Batch]) -> None:
    batch = make_batch()
    client, before = make.api_client(batch.brand), Gift.objects.count()

    outcomes = race(*(issuing(batch, client, f"key-{number}") for number in range(64)))

    kinds = Counter(type(outcome) for outcome in outcomes)
    assert kinds == {Issued: 10, BudgetExhausted: 54}, outcomes
    assert Gift.objects.count() == before + 10
    assert gift_queries.left_of(batch) == (0, 0)
    no_differences()


def test_points_bound_callers_at_once_as_serials_do() -> None:
    batch = make.gift_batch(size=64, face_points=500)
    client = make.api_client(batch.brand)

    wanted = GiftWanted(points=1_600)
    outcomes = race(*(issuing(batch, client, f"key-{number}", wanted) for number in range(32)))

    assert Counter(type(outcome) for outcome in outcomes) == {Issued: 20, BudgetExhausted: 12}, outcomes
    assert gift_queries.left_of(batch) == (44, 0)
    no_differences()


def test_large_requests_at_once_are_all_or_nothing() -> None:
    batch = make.gift_batch(size=200)
    client = make.api_client(batch.brand)

    wanted = [GiftWanted()] * 60
    outcomes = race(*(issuing(batch, client, f"key-{number}", *wanted) for number in range(8)))

    assert Counter(type(outcome) for outcome in outcomes) == {Issued: 3, BudgetExhausted: 5}, outcomes
    assert (Gift.objects.count(), gift_queries.left_of(batch).gifts) == (180, 20)
    no_differences()


def test_a_hundred_twins_of_one_key_get_one_gift() -> None:
    batch = make.gift_batch(size=10)
    client = make.api_client(batch.brand)
    call = issuing(batch, client, "order-1")

    outcomes = race(*[call] * 100)

    issued = [outcome for outcome in outcomes if isinstance(outcome, Issued)]
    assert {type(outcome) for outcome in outcomes} <= {Issued, TwinInFlight}, outcomes
    assert [outcome.is_replay for outcome in issued].count(False) == 1
    assert len({outcome.gifts[0].code for outcome in [*issued, call()]}) == 1
    assert (Gift.objects.count(), GiftRequest.objects.count()) == (1, 1)
    no_differences()


def test_without_the_lock_the_unique_key_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locking, "try_request", lambda client_id, key_digest: [])
    batch = make.gift_batch(size=10)
    client = make.api_client(batch.brand)
    call = issuing(batch, client, "order-1")

    outcomes = race(*[call] * 16)

    assert {type(outcome) for outcome in outcomes} <= {Issued, TwinInFlight}, outcomes
    assert [outcome.is_replay for outcome in outcomes if isinstance(outcome, Issued)].count(False) == 1
    assert Gift.objects.count() == 1
    no_differences()


@pytest.mark.postgresql
def test_a_twin_is_told_at_once_while_the_first_is_under_way() -> None:
    batch = make.gift_batch(size=10)
    client = make.api_client(batch.brand)
    call = issuing(batch, client, "order-1")
    begun, told = threading.Event(), threading.Event()

    def issue_slowly() -> Issued:
        with transaction.atomic():
            issued = call()
            begun.set()
            told.wait(20)
        return issued

    def ask_meanwhile() -> Issued:
        begun.wait(20)
        try:
            return call()
        finally:
            told.set()

    first, twin = race(issue_slowly, ask_meanwhile)
    assert isinstance(first, Issued)
    assert isinstance(twin, TwinInFlight)
    assert call().gifts == first.gifts


def test_of_two_bodies_with_one_key_one_is_issued() -> None:
    batch = make.gift_batch(size=20)
    client = make.api_client(batch.brand)
    calls = [issuing(batch, client, "order-1", GiftWanted(points=100 + number)) for number in range(8)]

    outcomes = race(*calls)

    kinds = Counter(type(outcome) for outcome in outcomes)
    assert kinds[Issued] == 1
    assert set(kinds) <= {Issued, GiftKeyReused, TwinInFlight}, outcomes
    assert Gift.objects.count() == 1
    no_differences()


@pytest.mark.parametrize("rounds", [12])
def test_of_claim_and_withdrawal_one_wins_and_the_points_are_in_one_place(rounds: int) -> None:
    batch, member = make.gift_batch(size=20, face_points=500), make.member()
    client = make.api_client(batch.brand)
    gifts = make.gifts(batch, *[GiftWanted()] * rounds, client=client)
    rows = [Gift.objects.get(pk=gift.serial_number) for gift in gifts]
    calls: list[Callable[[], object]] = []
    for gift, row in zip(gifts, rows, strict=True):
        calls.append(partial(giftcodes.claim_code, text=gift.code, member=member, at=NOON))
        calls.append(partial(giftcodes.void_gift, gift=row, client=client, reason="returned", at=NOON))

    outcomes = race(*calls)

    won = Counter(type(outcome) for outcome in outcomes)
    assert won[Claimed] == won[GiftClaimed]
    assert won[Gift] == won[CodeNotUsable]
    assert won[Claimed] + won[Gift] == rounds, outcomes
    assert ledger_queries.wallet_balance(member, batch.brand.program_id) == 500 * won[Claimed]
    assert ledger_queries.funds_of(batch.brand) == 500 * won[Gift]
    no_differences()


def test_of_claim_and_expiry_one_wins_even_where_their_clocks_differ() -> None:
    batch, member = make.gift_batch(size=20, face_points=500), make.member()
    end = NOON + timedelta(days=1)
    gifts = make.gifts(batch, *[GiftWanted(claim_until=end)] * 12)
    claims = [
        partial(giftcodes.claim_code, text=gift.code, member=member, at=end - timedelta(seconds=1))
        for gift in gifts
    ]

    *outcomes, _first, _second = race(*claims, *[partial(giftcodes.expire_gifts, at=end)] * 2)
    giftcodes.expire_gifts(at=end)

    won = sum(isinstance(outcome, Claimed) for outcome in outcomes)
    assert Gift.objects.filter(state=GiftState.CLAIMED).count() == won
    assert Gift.objects.filter(state=GiftState.EXPIRED).count() == 12 - won
    assert ledger_queries.funds_of(batch.brand) == 500 * (12 - won)
    no_differences()


@pytest.mark.parametrize("ends", ["void", "expire"])
def test_control_looking_for_the_claim_first_pays_twice(ends: str) -> None:
    batch, member = make.gift_batch(size=1, face_points=500), make.member()
    [gift] = make.gifts(batch)
    looked, claimed = threading.Event(), threading.Event()

    def end_by_looking_first() -> None:
        is_claimed = Claim.objects.filter(pk=gift.serial_number).exists()
        looked.set()
        claimed.wait(20)
        if not is_claimed:
            key = f"{ends}:gift:{gift.serial_number}"
            return_points(batch, points=500, key=key, reason=Reason.VOID, at=NOON)

    def claim_meanwhile() -> Claimed:
        looked.wait(20)
        try:
            return giftcodes.claim_code(text=gift.code, member=member, at=NOON)
        finally:
            claimed.set()

    race(end_by_looking_first, claim_meanwhile)

    assert ledger_queries.wallet_balance(member, batch.brand.program_id) == 500
    assert ledger_queries.funds_of(batch.brand) == 500  # paid out twice
    assert [*giftcodes_audit.differences()] != []


@pytest.mark.postgresql
@pytest.mark.parametrize("ends", ["void", "expire"])
def test_what_ends_a_gift_waits_for_a_claim_under_way_or_leaves_it_alone(ends: str) -> None:
    batch, member = make.gift_batch(size=1, face_points=500), make.member()
    client = make.api_client(batch.brand)
    [gift] = make.gifts(batch, client=client)
    row, claimed, over = Gift.objects.get(), threading.Event(), threading.Event()

    def claim_slowly() -> None:
        with transaction.atomic():
            giftcodes.claim_code(text=gift.code, member=member, at=NOON)
            claimed.set()
            with connection.cursor() as cursor:
                while not over.wait(0.01):
                    cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
                    if cursor.fetchone()[0]:
                        return

    def end_meanwhile() -> object:
        claimed.wait(20)
        try:
            if ends == "void":
                return giftcodes.void_gift(gift=row, client=client, reason="returned", at=NOON)
            return giftcodes.expire_gifts(at=batch.claim_until)
        finally:
            over.set()

    _, ended = race(claim_slowly, end_meanwhile)

    assert isinstance(ended, GiftClaimed) if ends == "void" else ended == 0
    assert Gift.objects.get().state == GiftState.CLAIMED
    no_differences()


def test_issuing_while_the_batch_is_closed_loses_no_point() -> None:
    batch = make.gift_batch(size=100, face_points=5)
    client = make.api_client(batch.brand)
    last = batch.claim_until - timedelta(seconds=1)
    calls = [
        partial(
            giftcodes.issue_gifts,
            client=client,
            key=f"key-{number}",
            group=batch.limit_group,
            gifts=[GiftWanted()],
            at=last,
        )
        for number in range(24)
    ]

    *outcomes, closed = race(*calls, partial(giftcodes.close_batch, batch_id=batch.pk, at=batch.claim_until))

    assert closed == 100, closed
    assert {type(outcome) for outcome in outcomes} <= {Issued, BudgetExhausted, NotIssuing}, outcomes
    assert ledger_queries.funds_of(batch.brand) == 500
    assert not Gift.objects.filter(state=GiftState.ISSUED).exists()
    no_differences()


@pytest.mark.postgresql
def test_a_gift_committed_late_is_journaled_and_no_claim_before_its_gift(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CLAIM_JOURNAL_DIR = tmp_path / "journal"
    monkeypatch.setattr(final_ids, "_PATIENCE_SECONDS", 0.2)
    batch, member = make.gift_batch(size=40), make.member()
    client = make.api_client(batch.brand)
    giftcodes.ship_claims(begin=True)
    begun, may_end = threading.Event(), threading.Event()

    def issue_slowly() -> None:
        with transaction.atomic():
            issuing(batch, client, "late")()
            begun.set()
            may_end.wait(20)

    def claim_and_ship_meanwhile() -> int:
        begun.wait(20)
        try:
            [gift] = issuing(batch, client, "early")().gifts
            giftcodes.claim_code(text=gift.code, member=member, at=NOON)
            return giftcodes.ship_claims(begin=False)
        finally:
            may_end.set()

    _, shipped = race(issue_slowly, claim_and_ship_meanwhile)

    assert shipped == 0  # the late one may have the lower number: nothing behind it is final yet
    assert giftcodes.ship_claims(begin=False) == 1
    lines = list(journal.lines(tmp_path / "journal" / "gifts"))
    assert {line.entry.claim for line in lines[1:]} == set(Gift.objects.values_list("pk", flat=True))
    assert len(lines) == 3
