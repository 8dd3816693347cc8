"""Spends under racers: one winner for the last point, once per key; with controls that show the races without
the guard.
"""

import threading
from collections import Counter
from datetime import timedelta
from functools import partial

import pytest

from ledger import audit, queries
from ledger import services as ledger
from ledger.errors import InsufficientPoints, KeyReused
from ledger.lots import OpenLot, take
from ledger.models import Account, AccountKind, Lot, LotUse, Transfer
from ledger.services import Spent
from parties.models import Store
from tests import make
from tests.concurrency.racing import race
from tests.make import NOON

pytestmark = pytest.mark.django_db(transaction=True)


def _spend(wallet: Account, store: Store, points: int, key: str) -> Spent:
    return ledger.spend_points(wallet_id=wallet.pk, store_id=store.pk, points=points, key=key, at=NOON)


def test_control_reading_the_lots_without_the_lock_spends_a_point_for_every_racer() -> None:
    wallet, _ = make.rich_wallet((1, 10))
    gate, given = threading.Barrier(8, timeout=30), Counter[int]()

    def spend_by_reading() -> None:
        rows = queries.open_lots(wallet).values_list("pk", "funder_id", "remaining_points")
        taken = take((OpenLot(*row) for row in rows), 1)
        gate.wait()
        for lot_id, _, points in taken:
            Lot.objects.filter(pk=lot_id).update(remaining_points=0)  # what was read, less what is taken
            given[lot_id] += points

    race(*[spend_by_reading] * 8)

    assert sum(given.values()) == 8  # of one point
    assert queries.open_lots(wallet).count() == 0


def test_of_sixteen_who_want_the_last_point_one_gets_it() -> None:
    wallet, store = make.rich_wallet((1, 10))

    outcomes = race(*(partial(_spend, wallet, store, 1, f"{number}") for number in range(16)))

    assert Counter(map(type, outcomes)) == {Spent: 1, InsufficientPoints: 15}, outcomes
    assert queries.balance_of(wallet) == 0
    assert LotUse.objects.count() == 1
    assert not list(audit.differences())


def test_spends_that_together_exceed_the_wallet_win_while_it_lasts() -> None:
    wallet, store = make.rich_wallet((30, 10), (30, 20), (40, 30))

    outcomes = race(*(partial(_spend, wallet, store, 15, f"{number}") for number in range(12)))

    assert Counter(map(type, outcomes)) == {Spent: 6, InsufficientPoints: 6}, outcomes
    assert queries.balance_of(wallet) == 10
    assert list(queries.open_lots(wallet).values_list("remaining_points", flat=True)) == [10]
    spent = sorted(row.balance for row in outcomes if isinstance(row, Spent))
    assert spent == [10, 25, 40, 55, 70, 85]  # each saw what the one before had left
    assert not list(audit.differences())


def test_of_two_spends_that_do_not_both_fit_one_wins() -> None:
    wallet, store = make.rich_wallet((50, 10), (50, 20))

    outcomes = race(partial(_spend, wallet, store, 60, "a"), partial(_spend, wallet, store, 70, "b"))

    assert Counter(map(type, outcomes)) == {Spent: 1, InsufficientPoints: 1}, outcomes
    assert not list(audit.differences())


def test_control_looking_for_the_key_first_spends_for_every_racer() -> None:
    wallet, store = make.rich_wallet((100, 10))
    gate = threading.Barrier(8, timeout=30)

    def spend_by_looking(number: int) -> None:
        is_new = not Transfer.objects.filter(key__startswith="spend:one").exists()
        gate.wait()
        if is_new:
            _spend(wallet, store, 10, f"one-{number}")

    race(*(partial(spend_by_looking, number) for number in range(8)))

    assert queries.balance_of(wallet) == 20


def test_one_key_used_by_sixteen_at_once_spends_once_and_answers_all_alike() -> None:
    wallet, store = make.rich_wallet((100, 10))

    outcomes = race(*[partial(_spend, wallet, store, 10, "one")] * 16)

    results = [row for row in outcomes if isinstance(row, Spent)]
    assert Counter(row.is_repeat for row in results) == {False: 1, True: 15}, outcomes
    assert len({row._replace(is_repeat=False) for row in results}) == 1
    assert queries.balance_of(wallet) == 90
    assert not list(audit.differences())


def test_one_key_used_for_several_wallets_at_once_spends_of_one_of_them() -> None:
    brand = make.brand(funds=800)
    wallets = [make.rich_wallet((100, 10), funder=brand)[0] for _ in range(8)]
    store = make.store(brand=brand)

    outcomes = race(*(partial(_spend, wallet, store, 10, "one") for wallet in wallets))

    assert Counter(map(type, outcomes)) == {Spent: 1, KeyReused: 7}, outcomes
    assert sum(queries.balance_of(wallet) for wallet in wallets) == 790
    assert not list(audit.differences())


def test_the_first_spends_at_a_brand_open_its_account_once() -> None:
    brand = make.brand(funds=800)
    wallets = [make.rich_wallet((100, 10), funder=brand)[0] for _ in range(8)]
    store = make.store(brand=brand)

    outcomes = race(*(partial(_spend, wallet, store, 10, f"{wallet.pk}") for wallet in wallets))

    assert Counter(map(type, outcomes)) == {Spent: 8}, outcomes
    accepted = Account.objects.get(kind=AccountKind.ACCEPTED, brand=brand)
    assert queries.balance_of(accepted) == 80
    assert not list(audit.differences())


def test_spends_and_grants_of_one_wallet_at_once_all_count() -> None:
    wallet, store = make.rich_wallet((80, 10), funder=make.brand(funds=160))

    def grant() -> int:
        return make.lot(wallet, 10, funder=store.brand).granted_points

    outcomes = race(*[grant] * 8, *(partial(_spend, wallet, store, 10, f"{number}") for number in range(8)))

    assert Counter(map(type, outcomes)) == {int: 8, Spent: 8}, outcomes
    assert queries.balance_of(wallet) == 80
    assert not list(audit.differences())


def test_a_lot_that_is_expiring_is_either_spent_or_expired() -> None:
    wallet, store = make.rich_wallet((100, 1))
    end = Lot.objects.get(wallet=wallet).expires_at
    late = partial(ledger.expire_lots, at=end)
    early = partial(
        ledger.spend_points,
        wallet_id=wallet.pk,
        store_id=store.pk,
        points=100,
        key="k",
        at=end - timedelta(microseconds=1),
    )

    outcomes = race(early, *[late] * 7)

    accepted = queries.balance_of(ledger.open_accepted(brand=store.brand, at=NOON))
    broken = queries.balance_of(ledger.open_breakage(brand=store.brand, at=NOON))
    is_spent = isinstance(outcomes[0], Spent)
    assert (accepted, broken) == ((100, 0) if is_spent else (0, 100)), outcomes
    assert sum(row for row in outcomes[1:] if isinstance(row, int)) == (0 if is_spent else 1)
    assert not list(audit.differences())
