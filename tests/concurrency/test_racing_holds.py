"""Holds under racers: each ends once; with a control that shows the race without the guard."""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest

from ledger import audit, queries
from ledger import services as ledger
from ledger.errors import HoldEnded, InsufficientPoints, KeyReused
from ledger.models import Account, Hold, HoldState, LotUse, Transfer
from ledger.services import Spent
from parties.models import Store
from tests import make
from tests.concurrency.racing import race
from tests.make import NOON

pytestmark = pytest.mark.django_db(transaction=True)
END = NOON + timedelta(hours=1)
JUST_BEFORE = END - timedelta(microseconds=1)


def _hold(wallet: Account, store: Store, points: int = 60, key: str = "cart") -> Hold:
    return ledger.hold_points(
        wallet_id=wallet.pk, store_id=store.pk, points=points, key=key, expires_at=END, at=NOON
    )


def _balances(wallet: Account, store: Store) -> tuple[int, int, int]:
    """In the wallet, held, accepted."""
    held = ledger.open_held(program=store.brand.program, at=NOON)
    accepted = ledger.open_accepted(brand=store.brand, at=NOON)
    return queries.balance_of(wallet), queries.balance_of(held), queries.balance_of(accepted)


def test_control_reading_the_state_first_ends_a_hold_for_every_racer() -> None:
    hold, gate = _hold(*make.rich_wallet((100, 10))), threading.Barrier(8, timeout=30)
    ended = Counter[str]()

    def end_by_reading(number: int) -> None:
        is_open = Hold.objects.get(pk=hold.pk).state == HoldState.OPEN
        gate.wait()
        if is_open:
            ended["captured" if number % 2 else "released"] += 1

    race(*(partial(end_by_reading, number) for number in range(8)))

    assert ended == {"captured": 4, "released": 4}


def test_a_hold_and_a_spend_of_the_same_points_do_not_both_win() -> None:
    wallet, store = make.rich_wallet((50, 10), (50, 20))
    spend = partial(ledger.spend_points, wallet_id=wallet.pk, store_id=store.pk, points=60, at=NOON)

    outcomes = race(
        *(partial(_hold, wallet, store, 60, f"{number}") for number in range(4)),
        *(partial(spend, key=f"{number}") for number in range(4)),
    )

    kinds = Counter(map(type, outcomes))
    assert kinds[InsufficientPoints] == 7, outcomes
    assert kinds[Hold] + kinds[Spent] == 1
    assert queries.balance_of(wallet) == 40
    assert not list(audit.differences())


def test_one_key_used_by_sixteen_at_once_holds_once() -> None:
    wallet, store = make.rich_wallet((100, 10))

    outcomes = race(*[partial(_hold, wallet, store)] * 16)

    assert Counter(map(type, outcomes)) == {Hold: 16}, outcomes
    assert len(set(outcomes)) == 1
    assert _balances(wallet, store) == (40, 60, 0)
    assert not list(audit.differences())


def test_one_key_used_for_several_wallets_at_once_holds_in_one_of_them() -> None:
    brand = make.brand(funds=400)
    wallets = [make.rich_wallet((100, 10), funder=brand)[0] for _ in range(4)]
    store = make.store(brand=brand)

    outcomes = race(*(partial(_hold, wallet, store) for wallet in wallets))

    assert Counter(map(type, outcomes)) == {Hold: 1, KeyReused: 3}, outcomes
    assert Hold.objects.count() == 1
    assert not list(audit.differences())


def test_a_hold_is_either_captured_or_released() -> None:
    wallet, store = make.rich_wallet((100, 10))
    hold = _hold(wallet, store)
    capture = partial(ledger.capture_hold, hold_id=hold.pk, points=None, at=NOON)
    release = partial(ledger.release_hold, hold_id=hold.pk, at=NOON)
    both: list[Callable[[], Spent | Hold]] = [capture, release]

    outcomes = race(*both * 4)

    captures, releases = Counter(map(type, outcomes[::2])), Counter(map(type, outcomes[1::2]))
    hold.refresh_from_db()
    if hold.state == HoldState.CAPTURED:
        assert (captures, releases) == ({Spent: 4}, {HoldEnded: 4}), outcomes
        assert _balances(wallet, store) == (40, 0, 60)
    else:
        assert (captures, releases) == ({HoldEnded: 4}, {Hold: 4}), outcomes
        assert _balances(wallet, store) == (100, 0, 0)
    assert not list(audit.differences())


def test_a_hold_is_either_captured_or_expires() -> None:
    wallet, store = make.rich_wallet((100, 10))
    hold = _hold(wallet, store)
    capture = partial(ledger.capture_hold, hold_id=hold.pk, points=20, at=JUST_BEFORE)

    captured, *expired = race(capture, *[partial(ledger.expire_holds, at=END)] * 7)

    hold.refresh_from_db()
    if hold.state == HoldState.CAPTURED:
        assert isinstance(captured, Spent)
        assert expired == [0] * 7
        assert _balances(wallet, store) == (80, 0, 20)
    else:
        assert isinstance(captured, HoldEnded), captured
        assert sorted(row for row in expired if isinstance(row, int)) == [0] * 6 + [1], expired
        assert _balances(wallet, store) == (100, 0, 0)
    assert not list(audit.differences())


def test_captures_of_different_amounts_at_once_spend_one_of_them() -> None:
    wallet, store = make.rich_wallet((100, 10))
    hold = _hold(wallet, store)
    amounts = [10, 20, 30, 40] * 2

    outcomes = race(
        *(partial(ledger.capture_hold, hold_id=hold.pk, points=points, at=NOON) for points in amounts)
    )

    hold.refresh_from_db()
    won = [row for row in outcomes if isinstance(row, Spent)]
    assert sorted(row.is_repeat for row in won) == [False, True], outcomes
    assert {row.points for row in won} == {hold.captured_points}
    assert Counter(map(type, outcomes))[HoldEnded] == 6
    assert _balances(wallet, store) == (100 - hold.captured_points, 0, hold.captured_points)
    assert not list(audit.differences())


def test_many_holds_expired_by_several_at_once_end_once_each() -> None:
    wallet, store = make.rich_wallet((100, 10), (100, 20))
    for number in range(20):
        _hold(wallet, store, 7, f"{number}")

    outcomes = race(*[partial(ledger.expire_holds, at=END)] * 6)

    assert sum(row for row in outcomes if isinstance(row, int)) == 20, outcomes
    assert Hold.objects.filter(state=HoldState.EXPIRED).count() == 20
    assert Transfer.objects.filter(reason="release").count() == 20
    assert sum(LotUse.objects.values_list("points", flat=True)) == 0
    assert _balances(wallet, store) == (200, 0, 0)
    assert not list(audit.differences())
