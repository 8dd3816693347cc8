"""Holds: set aside, then captured, released or expired, exactly once."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from ledger import audit, queries
from ledger import services as ledger
from ledger.errors import HoldEnded, InsufficientPoints, KeyReused, LimitExceeded, MoveRefused
from ledger.lots import Taken
from ledger.models import MAX_POINTS, Account, AccountKind, Hold, HoldState, Lot, LotUse, Transfer, UseKind
from ledger.services import Spent
from parties.models import Store
from tests import make
from tests.make import NOON

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
INSTANT = timedelta(microseconds=1)


def _hold(wallet: Account, store: Store, points: int = 100, **changes: Any) -> Hold:
    asked: dict[str, Any] = {"key": "cart-1", "expires_at": NOON + HOUR, "at": NOON} | changes
    return ledger.hold_points(wallet_id=wallet.pk, store_id=store.pk, points=points, **asked)


def _capture(hold: Hold, points: int | None = None, **changes: Any) -> Spent:
    return ledger.capture_hold(hold_id=hold.pk, points=points, **({"at": NOON} | changes))


def _release(hold: Hold, **changes: Any) -> Hold:
    return ledger.release_hold(hold_id=hold.pk, **({"at": NOON} | changes))


def _remaining(wallet: Account) -> list[int]:
    lots = Lot.objects.filter(wallet=wallet).order_by("expires_at", "pk")
    return list(lots.values_list("remaining_points", flat=True))


def _balances(wallet: Account, store: Store) -> tuple[int, int, int]:
    """In the wallet, held, accepted."""
    held = ledger.open_held(program=store.brand.program, at=NOON)
    accepted = ledger.open_accepted(brand=store.brand, at=NOON)
    return queries.balance_of(wallet), queries.balance_of(held), queries.balance_of(accepted)


def _uses_agree_with_lots() -> bool:
    return all(
        lot.remaining_points == lot.granted_points - sum(lot.uses.values_list("points", flat=True))
        for lot in Lot.objects.all()
    )


def test_a_hold_sets_points_aside_soonest_to_expire_first() -> None:
    wallet, store = make.rich_wallet((100, 20), (100, 10))

    hold = _hold(wallet, store, 150)

    assert (hold.wallet, hold.store, hold.points, hold.state) == (wallet, store, 150, HoldState.OPEN)
    assert (hold.held_at, hold.expires_at, hold.ended_at) == (NOON, NOON + HOUR, None)
    assert _remaining(wallet) == [0, 50]
    assert _balances(wallet, store) == (50, 150, 0)
    assert not LotUse.objects.exclude(kind=UseKind.HOLD, acceptor=None, store=None).exists()
    assert _uses_agree_with_lots()
    assert not list(audit.differences())


def test_a_held_point_can_neither_be_spent_nor_held_again() -> None:
    wallet, store = make.rich_wallet((100, 10))
    _hold(wallet, store, 60)

    with pytest.raises(InsufficientPoints):
        ledger.spend_points(wallet_id=wallet.pk, store_id=store.pk, points=41, key="k", at=NOON)
    with pytest.raises(InsufficientPoints):
        _hold(wallet, store, 41, key="cart-2")
    ledger.spend_points(wallet_id=wallet.pk, store_id=store.pk, points=40, key="k", at=NOON)
    assert _balances(wallet, store) == (0, 60, 40)


def test_a_capture_spends_all_that_is_held() -> None:
    wallet, store = make.rich_wallet((100, 10), (100, 20))
    hold = _hold(wallet, store, 150)
    lots = Lot.objects.filter(wallet=wallet).order_by("expires_at").values_list("pk", flat=True)

    spent = _capture(hold, at=NOON + HOUR / 2)

    brand = store.brand_id
    assert spent.taken == (Taken(lots[0], brand, 100), Taken(lots[1], brand, 50))
    assert (spent.points, spent.balance, spent.is_repeat) == (150, 50, False)
    assert _balances(wallet, store) == (50, 0, 150)
    hold.refresh_from_db()
    assert (hold.state, hold.captured_points, hold.ended_at) == (HoldState.CAPTURED, 150, NOON + HOUR / 2)
    spends = LotUse.objects.filter(transfer=spent.transfer_id, kind=UseKind.SPEND)
    assert set(spends.values_list("acceptor", "store")) == {(brand, store.pk)}
    assert not Transfer.objects.filter(reason="release").exists()
    assert _uses_agree_with_lots()
    assert not list(audit.differences())


def test_a_capture_of_a_part_gives_the_rest_back_latest_end_first() -> None:
    wallet, store = make.rich_wallet((100, 10), (100, 20), (100, 30))
    hold = _hold(wallet, store, 250)

    spent = _capture(hold, 120)

    assert [part.points for part in spent.taken] == [100, 20]
    assert _remaining(wallet) == [0, 80, 100]
    assert _balances(wallet, store) == (180, 0, 120)
    assert spent.balance == 180
    hold.refresh_from_db()
    assert (hold.state, hold.captured_points) == (HoldState.CAPTURED, 120)
    assert _uses_agree_with_lots()
    assert not list(audit.differences())


def test_no_more_can_be_captured_than_is_held() -> None:
    wallet, store = make.rich_wallet((200, 10))
    hold = _hold(wallet, store, 100)

    with pytest.raises(InsufficientPoints):
        _capture(hold, 101)

    assert _balances(wallet, store) == (100, 100, 0)
    assert _capture(hold, 100).balance == 100


def test_capturing_the_same_again_gives_the_first_result() -> None:
    wallet, store = make.rich_wallet((200, 10))
    hold = _hold(wallet, store, 100)
    first = _capture(hold, 70)

    again = _capture(hold, 70, at=NOON + HOUR)  # past its end: a repeat is no second capture

    assert again == first._replace(is_repeat=True)
    for other in (71, 69, None):
        with pytest.raises(HoldEnded):
            _capture(hold, other)
    assert _balances(wallet, store) == (130, 0, 70)


def test_capturing_all_is_the_same_as_capturing_its_points() -> None:
    hold = _hold(*make.rich_wallet((200, 10)))
    first = _capture(hold)
    assert _capture(hold, 100) == _capture(hold) == first._replace(is_repeat=True)


def test_a_hold_can_be_captured_until_just_before_its_end() -> None:
    wallet, store = make.rich_wallet((200, 10))
    one, other = _hold(wallet, store, 50), _hold(wallet, store, 50, key="cart-2")

    with pytest.raises(HoldEnded):
        _capture(one, at=NOON + HOUR)
    assert _capture(other, at=NOON + HOUR - INSTANT).points == 50
    assert _balances(wallet, store) == (100, 50, 50)


def test_a_release_gives_everything_back_to_its_lots() -> None:
    wallet, store = make.rich_wallet((100, 10), (100, 20))
    hold = _hold(wallet, store, 150)

    released = _release(hold, at=NOON + HOUR / 2)

    assert (released.state, released.ended_at) == (HoldState.RELEASED, NOON + HOUR / 2)
    assert _remaining(wallet) == [100, 100]
    assert _balances(wallet, store) == (200, 0, 0)
    assert _uses_agree_with_lots()
    assert not list(audit.differences())


def test_releasing_twice_is_harmless_and_a_released_hold_cannot_be_captured() -> None:
    wallet, store = make.rich_wallet((100, 10))
    hold = _hold(wallet, store)
    first = _release(hold)

    again = _release(hold, at=NOON + HOUR)

    assert (again.state, again.ended_at) == (first.state, NOON)
    with pytest.raises(HoldEnded):
        _capture(hold)
    assert _balances(wallet, store) == (100, 0, 0)


def test_a_captured_hold_cannot_be_released() -> None:
    wallet, store = make.rich_wallet((100, 10))
    hold = _hold(wallet, store)
    _capture(hold, 60)

    with pytest.raises(HoldEnded):
        _release(hold)

    assert _balances(wallet, store) == (40, 0, 60)


def test_a_hold_expires_at_its_end_and_not_before() -> None:
    wallet, store = make.rich_wallet((100, 10))
    hold = _hold(wallet, store)

    assert ledger.expire_holds(at=NOON + HOUR - INSTANT) == 0
    assert ledger.expire_holds(at=NOON + HOUR) == 1
    assert ledger.expire_holds(at=NOON + HOUR) == 0

    hold.refresh_from_db()
    assert (hold.state, hold.ended_at) == (HoldState.EXPIRED, NOON + HOUR)
    assert _balances(wallet, store) == (100, 0, 0)
    with pytest.raises(HoldEnded):
        _capture(hold)
    assert _release(hold).state == HoldState.EXPIRED
    assert not list(audit.differences())


def test_holds_expire_in_steps_the_longest_ended_first() -> None:
    wallet, store = make.rich_wallet((100, 10))
    holds = [_hold(wallet, store, 10, key=f"{n}", expires_at=NOON + n * HOUR) for n in (3, 1, 4, 2)]
    _capture(holds[3], 10)

    assert ledger.expire_holds(at=NOON + 4 * HOUR, limit=2) == 2
    states = [Hold.objects.get(pk=hold.pk).state for hold in holds]
    assert states == ["expired", "expired", "open", "captured"]
    assert ledger.expire_holds(at=NOON + 4 * HOUR, limit=2) == 1
    assert _balances(wallet, store) == (90, 0, 10)


def test_a_capture_is_honoured_when_a_lot_has_expired_meanwhile() -> None:
    wallet, store = make.rich_wallet((100, 1))
    end = Lot.objects.get(wallet=wallet).expires_at
    hold = _hold(wallet, store, 80, expires_at=NOON + timedelta(days=7))

    assert _capture(hold, 50, at=end).points == 50

    assert _remaining(wallet) == [50]  # what came back has expired
    with pytest.raises(InsufficientPoints):
        ledger.spend_points(wallet_id=wallet.pk, store_id=store.pk, points=1, key="k", at=end)
    assert _uses_agree_with_lots()
    assert not list(audit.differences())


def test_what_comes_back_to_an_expired_lot_goes_to_breakage_with_the_next_expiry() -> None:
    wallet, store = make.rich_wallet((100, 1))
    end = Lot.objects.get(wallet=wallet).expires_at
    hold = _hold(wallet, store, 80, expires_at=NOON + timedelta(days=7))
    assert ledger.expire_lots(at=end) == 1

    _release(hold, at=end)

    assert _balances(wallet, store) == (80, 0, 0)
    assert ledger.expire_lots(at=end) == 1
    assert queries.balance_of(wallet) == 0
    assert queries.balance_of(ledger.open_breakage(brand=store.brand, at=NOON)) == 100
    assert not list(audit.differences())


def test_released_points_of_a_grant_taken_back_go_on_to_their_brand() -> None:
    brand = make.brand(funds=100)
    wallet, store = make.rich_wallet((100, 10), funder=brand)
    hold = _hold(wallet, store, 80)
    grant = Lot.objects.get(wallet=wallet).transfer_id
    taken_back = ledger.take_back(key="fraud", original_id=grant, at=NOON)
    assert (taken_back.points, taken_back.receivable_points) == (20, 80)

    spent = _capture(hold, 50)

    assert spent.balance == 0
    assert _balances(wallet, store) == (0, 0, 50)
    assert queries.funds_of(brand) == 50  # 20 at once, 30 that the capture gave back
    assert not list(audit.differences())


def test_asking_for_a_hold_twice_with_one_key_holds_once() -> None:
    wallet, store = make.rich_wallet((200, 10))
    first = _hold(wallet, store)

    assert _hold(wallet, store, at=NOON + HOUR).pk == first.pk
    _release(first)
    assert _hold(wallet, store).state == HoldState.RELEASED
    assert _balances(wallet, store) == (200, 0, 0)


def test_the_same_key_for_another_hold_is_refused() -> None:
    wallet, store = make.rich_wallet((200, 10))
    other, _ = make.rich_wallet((100, 10), funder=make.brand(funds=100, program=store.brand.program))
    _hold(wallet, store)

    for changes in (
        {"wallet": other},
        {"store": make.store(brand=store.brand)},
        {"points": 99},
        {"expires_at": NOON + HOUR + INSTANT},
    ):
        with pytest.raises(KeyReused):
            _hold(**{"wallet": wallet, "store": store} | changes)
    assert _balances(wallet, store) == (100, 100, 0)


def test_a_hold_lives_for_a_minute_to_seven_days() -> None:
    wallet, store = make.rich_wallet((200, 10))
    shortest, longest = timedelta(minutes=1), timedelta(days=7)

    for life in (shortest - INSTANT, longest + INSTANT, timedelta(0), -HOUR):
        with pytest.raises(MoveRefused):
            _hold(wallet, store, expires_at=NOON + life)
    for life in (shortest, longest):
        assert _hold(wallet, store, 10, key=f"{life}", expires_at=NOON + life).state == HoldState.OPEN
    assert _balances(wallet, store) == (180, 20, 0)


@pytest.mark.parametrize("points", [0, -1, MAX_POINTS + 1, 2**63, 0.1, True, "1"])
def test_points_that_are_no_whole_number_within_the_limits_are_refused(points: Any) -> None:
    wallet, store = make.rich_wallet((200, 10))
    hold = _hold(wallet, store)

    with pytest.raises(MoveRefused):
        _hold(wallet, store, points, key="cart-2")
    with pytest.raises(MoveRefused):
        _capture(hold, points)
    assert _balances(wallet, store) == (100, 100, 0)


def test_a_hold_needs_a_store_of_the_wallets_program_and_enough_points() -> None:
    wallet, store = make.rich_wallet((100, 10))

    with pytest.raises(MoveRefused):
        _hold(wallet, make.store(brand=make.brand()))
    with pytest.raises(InsufficientPoints):
        _hold(wallet, store, 101)
    assert not Hold.objects.exists()
    assert _balances(wallet, store) == (100, 0, 0)
    assert _hold(wallet, store).points == 100


def test_what_nobody_held_can_neither_be_captured_nor_released() -> None:
    for end in (_capture, _release):
        with pytest.raises(MoveRefused):
            end(Hold(pk=uuid.uuid4()))


def test_a_hold_whose_wallet_is_full_waits_and_holds_up_nobody_else() -> None:
    brand = make.brand(funds=MAX_POINTS)
    full, store = make.rich_wallet((MAX_POINTS, 10), funder=brand)
    make.deposit(brand, 200)
    other, _ = make.rich_wallet((100, 10), funder=brand)
    waits, hold = _hold(full, store), _hold(other, store, key="cart-2", expires_at=NOON + 2 * HOUR)
    make.lot(full, 100, funder=brand)

    with pytest.raises(LimitExceeded):
        _release(waits)
    with pytest.raises(LimitExceeded):
        _capture(waits, 1)
    assert ledger.expire_holds(at=NOON + 2 * HOUR) == 1

    assert [Hold.objects.get(pk=row.pk).state for row in (waits, hold)] == ["open", "expired"]
    ledger.spend_points(wallet_id=full.pk, store_id=store.pk, points=100, key="k", at=NOON)
    assert ledger.expire_holds(at=NOON + 2 * HOUR) == 1
    assert queries.balance_of(full) == MAX_POINTS
    assert not list(audit.differences())


def test_a_capture_at_a_brand_that_never_took_points_opens_its_account() -> None:
    wallet, store = make.rich_wallet((100, 10))
    hold = _hold(wallet, store)
    assert not Account.objects.filter(kind=AccountKind.ACCEPTED).exists()

    _capture(hold)

    assert queries.balance_of(Account.objects.get(kind=AccountKind.ACCEPTED, brand=store.brand)) == 100


def test_what_the_caller_undoes_did_not_end_the_hold() -> None:
    wallet, store = make.rich_wallet((100, 10))
    hold = _hold(wallet, store)

    with transaction.atomic():
        _capture(hold)
        transaction.set_rollback(True)

    assert Hold.objects.get(pk=hold.pk).state == HoldState.OPEN
    assert _release(hold).state == HoldState.RELEASED
    assert _balances(wallet, store) == (100, 0, 0)


def test_three_hundred_lots_are_held_captured_in_part_and_returned() -> None:
    brand = make.brand(funds=300)
    wallet, store = make.wallet(make.member(), brand.program), make.store(brand=brand)
    make.many_lots(wallet, 300, funder=brand)
    hold = _hold(wallet, store, 300)

    spent = _capture(hold, 200)

    lots = Lot.objects.filter(wallet=wallet).order_by("expires_at", "pk")
    assert [part.lot_id for part in spent.taken] == list(lots.values_list("pk", flat=True)[:200])
    assert _remaining(wallet) == [0] * 200 + [1] * 100
    assert _uses_agree_with_lots()
    assert not list(audit.differences())
