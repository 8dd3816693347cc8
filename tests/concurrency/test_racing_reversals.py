"""Reversals, take-backs, grants and the expiry under racers, each with a control that shows the race without
its guard.
"""

import threading
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from functools import partial

import pytest
from django.db import transaction
from django.db.models import F

from ledger import audit, queries
from ledger import services as ledger
from ledger.errors import AdjustmentRefused, InsufficientPoints, ReversalRefused
from ledger.expiry import ExpiryPolicy
from ledger.models import Account, Adjustment, Lot, Receivable, Transfer
from ledger.services import GrantAsked, TakenBack
from parties.models import Role, Store
from tests import make
from tests.concurrency.racing import race
from tests.make import NOON

pytestmark = pytest.mark.django_db(transaction=True)
LATER = NOON + timedelta(days=365)


def _spend(wallet: Account, store: Store, points: int, key: str = "1") -> uuid.UUID:
    spent = ledger.spend_points(wallet_id=wallet.pk, store_id=store.pk, points=points, key=key, at=NOON)
    return spent.transfer_id


def _reverse(original_id: uuid.UUID, key: str, points: int | None) -> Transfer:
    return ledger.reverse_transfer(key=key, original_id=original_id, points=points, at=NOON)


def _take_back(original_id: uuid.UUID, key: str) -> TakenBack:
    return ledger.take_back(key=key, original_id=original_id, at=NOON)


def _kinds(outcomes: list[object]) -> Counter[type]:
    return Counter(type(outcome) for outcome in outcomes)


def test_control_reading_what_came_back_first_brings_back_too_much() -> None:
    wallet, store = make.rich_wallet((100, 10), (100, 20))
    _spend(wallet, store, 150)
    gate = threading.Barrier(4, timeout=30)
    lot = Lot.objects.earliest("pk")

    def give_back_by_reading() -> None:
        is_missing = Lot.objects.get(pk=lot.pk).remaining_points == 0
        gate.wait()
        if is_missing:
            Lot.objects.filter(pk=lot.pk).update(remaining_points=F("remaining_points") + 25)

    race(*[give_back_by_reading] * 4)

    assert Lot.objects.get(pk=lot.pk).remaining_points == 100  # of 25 that one of them was to bring back


def test_parts_of_a_spend_reversed_at_once_never_exceed_it() -> None:
    wallet, store = make.rich_wallet((100, 10), (100, 20))
    spend_id = _spend(wallet, store, 150)

    outcomes = race(*(partial(_reverse, spend_id, f"back-{number}", 40) for number in range(6)))

    assert _kinds([*outcomes]) == {Transfer: 3, ReversalRefused: 3}, outcomes
    lots = Lot.objects.filter(wallet=wallet).order_by("expires_at")
    assert list(lots.values_list("remaining_points", flat=True)) == [70, 100]
    assert queries.balance_of(wallet) == 170
    assert not list(audit.differences())


def test_one_reversal_asked_for_by_eight_at_once_happens_once() -> None:
    wallet, store = make.rich_wallet((100, 10))
    spend_id = _spend(wallet, store, 80)

    outcomes = race(*[partial(_reverse, spend_id, "one", 30)] * 8)

    assert len({outcome for outcome in outcomes if isinstance(outcome, Transfer)}) == 1, outcomes
    assert _kinds([*outcomes]) == {Transfer: 8}
    assert queries.balance_of(wallet) == 50


def test_spends_against_a_take_back_leave_either_points_or_a_receivable() -> None:
    wallet, store = make.rich_wallet((100, 10))
    lot = Lot.objects.get()

    *spends, taken = race(
        *(partial(_spend, wallet, store, 15, f"s{number}") for number in range(5)),
        partial(_take_back, lot.transfer_id, "fraud"),
    )

    assert isinstance(taken, TakenBack), taken
    spent = 15 * sum(isinstance(outcome, uuid.UUID) for outcome in spends)
    assert {type(outcome) for outcome in spends} <= {uuid.UUID, InsufficientPoints}
    assert (taken.points, taken.receivable_points) == (100 - spent, spent)
    assert queries.balance_of(wallet) == 0
    assert queries.funds_of(store.brand) == 100 - spent
    assert not list(audit.differences())


def test_a_reversed_spend_against_a_take_back_gets_every_point_to_the_brand() -> None:
    """They need the same two tallies and the wallet: taken in different orders, they would wait for ever."""
    wallet, store = make.rich_wallet((100, 10))
    lot, spend_id = Lot.objects.get(), _spend(wallet, store, 80)

    *reversals, taken = race(
        *(partial(_reverse, spend_id, f"r{number}", 20) for number in range(4)),
        partial(_take_back, lot.transfer_id, "fraud"),
    )

    assert _kinds([*reversals]) == {Transfer: 4}, reversals
    assert isinstance(taken, TakenBack), taken
    assert (queries.balance_of(wallet), queries.funds_of(store.brand)) == (0, 100)
    owed = Receivable.objects.filter(original=lot.transfer_id).values_list("points", "recovered_points")
    assert [points - recovered for points, recovered in owed] in ([], [0])
    assert not list(audit.differences())


def test_a_claim_taken_back_by_eight_at_once_is_taken_back_once() -> None:
    wallet, store = make.rich_wallet((100, 10))
    _spend(wallet, store, 30)
    lot = Lot.objects.get()

    outcomes = race(*(partial(_take_back, lot.transfer_id, f"fraud-{number}") for number in range(8)))

    assert {type(outcome) for outcome in outcomes} == {TakenBack}, outcomes
    assert sorted(outcome.points for outcome in outcomes if isinstance(outcome, TakenBack)) == [0] * 7 + [70]
    assert (Receivable.objects.get().points, queries.funds_of(store.brand)) == (30, 70)
    assert not list(audit.differences())


def test_one_grant_asked_for_by_eight_at_once_happens_once() -> None:
    brand = make.brand(funds=1_000)
    wallet = make.wallet(make.member(), brand.program)
    grant = partial(
        ledger.grant_points,
        brand_id=brand.pk,
        wallet_id=wallet.pk,
        points=100,
        expires=ExpiryPolicy.after_days(30),
        key="receipt",
        at=NOON,
    )

    outcomes = race(*[grant] * 8)

    assert sorted(outcome.is_repeat for outcome in outcomes if isinstance(outcome, ledger.Granted)) == [
        False,
        *[True] * 7,
    ], outcomes
    assert (queries.balance_of(wallet), queries.funds_of(brand)) == (100, 900)
    assert not list(audit.differences())


def test_grants_and_take_backs_of_one_wallet_do_not_wait_for_each_other() -> None:
    wallet, store = make.rich_wallet(*[(10, 10)] * 6)
    make.deposit(store.brand, 1_000)
    lots = Lot.objects.order_by("pk")
    taking: list[Callable[[], object]] = [partial(_take_back, lot.transfer_id, f"t{lot.pk}") for lot in lots]

    outcomes = race(*taking, *[partial(make.lot, wallet, 10, funder=store.brand)] * 6)

    assert _kinds([*outcomes]) == {TakenBack: 6, Lot: 6}, outcomes
    assert (queries.balance_of(wallet), queries.funds_of(store.brand)) == (60, 1_000)
    assert not list(audit.differences())


def test_wallets_that_owe_the_same_brands_in_another_order_do_not_wait_for_each_other() -> None:
    program = make.program()
    brands = [make.brand(program=program, funds=1_000) for _ in range(2)]
    store, spends = make.store(brand=brands[0]), []
    for number in range(8):
        wallet = make.wallet(make.member(), program)
        order = brands if number % 2 else brands[::-1]
        lots = [make.lot(wallet, 10, funder=brand) for brand in order * 4]
        spends.append(_spend(wallet, store, 80, f"{number}"))
        for lot in lots:
            _take_back(lot.transfer_id, f"{lot.pk}")

    outcomes = race(*(partial(_reverse, spend_id, f"{spend_id}", None) for spend_id in spends))

    assert _kinds([*outcomes]) == {Transfer: 8}, outcomes
    assert [queries.funds_of(brand) for brand in brands] == [1_000, 1_000]
    assert not list(audit.differences())


def test_control_reading_the_due_lots_first_expires_them_twice() -> None:
    wallet, _store = make.rich_wallet((100, 10), (100, 100))
    gate = threading.Barrier(2, timeout=30)

    def expire_by_reading() -> None:
        due = Lot.objects.filter(expires_at__lte=NOON + timedelta(days=20), remaining_points__gt=0).get()
        gate.wait()
        Account.objects.filter(pk=wallet.pk).update(balance=F("balance") - due.remaining_points)
        Lot.objects.filter(pk=due.pk).update(remaining_points=0)

    race(expire_by_reading, expire_by_reading)

    assert queries.balance_of(wallet) == 0  # of the 100 that have not expired


def test_eight_expiries_at_once_move_each_lot_once() -> None:
    funder = make.brand(funds=1_000)
    wallets = [make.rich_wallet(*[(5, 10)] * 10, funder=funder)[0] for _ in range(6)]

    def expire_all() -> int:
        moved = 0
        while step := ledger.expire_lots(at=LATER, limit=7):
            moved += step
        return moved

    outcomes = race(*[expire_all] * 8)

    assert sum(outcome for outcome in outcomes if isinstance(outcome, int)) == 60, outcomes
    assert {queries.balance_of(wallet) for wallet in wallets} == {0}
    assert queries.balance_of(ledger.open_breakage(brand=funder, at=NOON)) == 300
    assert not list(audit.differences())


def test_spends_racing_with_the_expiry_get_what_has_not_expired() -> None:
    wallet, store = make.rich_wallet(*[(10, 10)] * 8, (40, 100))
    end = Lot.objects.earliest("expires_at").expires_at

    def spend(number: int) -> object:
        return ledger.spend_points(
            wallet_id=wallet.pk, store_id=store.pk, points=10, key=f"s{number}", at=end
        )

    *spends, expired = race(
        *(partial(spend, number) for number in range(5)), partial(ledger.expire_lots, at=end)
    )

    assert expired == 8
    assert _kinds([*spends]) == {ledger.Spent: 4, InsufficientPoints: 1}, spends
    assert queries.balance_of(wallet) == 0
    assert queries.balance_of(ledger.open_breakage(brand=store.brand, at=NOON)) == 80
    assert not list(audit.differences())


def test_an_expiry_waits_for_a_spend_under_way() -> None:
    wallet, store = make.rich_wallet((10, 10), (40, 100))
    end = Lot.objects.earliest("expires_at").expires_at
    just_before = end - timedelta(microseconds=1)

    with ThreadPoolExecutor(1) as other:
        with transaction.atomic():
            ledger.spend_points(wallet_id=wallet.pk, store_id=store.pk, points=4, key="last", at=just_before)
            expiry = other.submit(race, partial(ledger.expire_lots, at=end))
            wait([expiry], timeout=0.5)
        outcomes = expiry.result(timeout=30)

    assert outcomes == [1]
    assert queries.balance_of(ledger.open_breakage(brand=store.brand, at=NOON)) == 6
    assert queries.balance_of(wallet) == 40
    assert not list(audit.differences())


def test_a_release_waits_for_a_claim_or_grant_that_is_being_taken_back() -> None:
    wallet, store = make.rich_wallet((60, 10))
    grant, end = Lot.objects.get().transfer_id, NOON + timedelta(hours=1)
    hold = ledger.hold_points(
        wallet_id=wallet.pk, store_id=store.pk, points=60, key="cart", expires_at=end, at=NOON
    )

    with ThreadPoolExecutor(1) as other:
        with transaction.atomic():
            _take_back(grant, "fraud")
            release = other.submit(race, partial(ledger.release_hold, hold_id=hold.pk, at=NOON))
            wait([release], timeout=0.5)
        outcomes = release.result(timeout=30)

    assert outcomes == [hold]
    assert Receivable.objects.get().recovered_points == 60
    assert (queries.balance_of(wallet), queries.funds_of(store.brand)) == (0, 60)
    assert not list(audit.differences())


def test_of_eight_who_confirm_at_once_one_wins() -> None:
    brand = make.brand(funds=1_000)
    wallet = make.wallet(make.member(), brand.program)
    asked = ledger.request_adjustment(
        public_id=uuid.uuid4(),
        brand_id=brand.pk,
        asked=GrantAsked(wallet.pk, 100, ExpiryPolicy.after_days(30)),
        reason="goodwill",
        user=make.staff(Role.SUPPORT, brand),
        at=NOON,
    )
    people = [make.staff(Role.FINANCE, brand) for _ in range(8)]

    def confirm(number: int) -> Adjustment:
        return ledger.confirm_adjustment(
            adjustment_id=asked.pk,
            user=people[number],
            fingerprint=asked.fingerprint,
            verified_at=NOON,
            at=NOON,
        )

    outcomes = race(*(partial(confirm, number) for number in range(8)))

    assert _kinds([*outcomes]) == {Adjustment: 1, AdjustmentRefused: 7}, outcomes
    assert queries.balance_of(wallet) == 100
    assert not list(audit.differences())
