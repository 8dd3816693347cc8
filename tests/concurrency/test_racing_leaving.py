"""Somebody leaves while points come and go: one is first, and no point is lost or left to nobody."""

import threading
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from giftcodes import audit as giftcodes_audit
from giftcodes import services as giftcodes
from giftcodes.errors import CodeNotUsable
from giftcodes.services import Claimed
from ledger import audit, queries
from ledger import services as ledger
from ledger.errors import InsufficientPoints, MoveRefused, PointsHeld
from ledger.models import Account, AccountKind, Hold, Lot, LotUse
from ledger.services import Forfeited, Spent
from parties.models import Member
from tests import make
from tests.concurrency.racing import race
from tests.make import NOON

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]


def breakage() -> int:
    return sum(queries.balance_of(row) for row in Account.objects.filter(kind=AccountKind.BREAKAGE))


def given_up(outcomes: Sequence[object]) -> list[int]:
    return [outcome.points for outcome in outcomes if isinstance(outcome, Forfeited)]


def nothing_differs() -> bool:
    return not [*audit.differences(), *giftcodes_audit.differences()]


def test_without_the_lock_two_who_give_up_the_same_points_both_do() -> None:
    """The control: both read the lots before either takes them."""
    wallet, _store = make.rich_wallet((100, 10))
    gate, taken = threading.Barrier(2, timeout=30), []

    def give_up_by_reading() -> None:
        points = sum(queries.open_lots(wallet).values_list("remaining_points", flat=True))
        gate.wait()
        Lot.objects.filter(wallet=wallet).update(remaining_points=0)
        taken.append(points)

    race(*[give_up_by_reading] * 2)

    assert sum(taken) == 200  # of 100


def test_of_eight_who_give_up_the_same_points_under_different_keys_one_does() -> None:
    wallet, _store = make.rich_wallet((70, 10), (30, 20))
    outcomes = race(
        *(
            partial(ledger.forfeit_points, wallet_id=wallet.pk, key=f"{number}", at=NOON)
            for number in range(8)
        )
    )
    assert Counter(given_up(outcomes)) == {100: 1, 0: 7}, outcomes
    assert (queries.balance_of(wallet), breakage()) == (0, 100)
    assert nothing_differs()


def test_under_one_key_eight_get_one_result() -> None:
    wallet, _store = make.rich_wallet((100, 10))
    outcomes = race(*[partial(ledger.forfeit_points, wallet_id=wallet.pk, key="leave", at=NOON)] * 8)
    repeats = [outcome.is_repeat for outcome in outcomes if isinstance(outcome, Forfeited)]
    assert Counter(repeats) == {False: 1, True: 7}, outcomes
    assert given_up(outcomes) == [100] * 8
    assert nothing_differs()


@pytest.mark.parametrize("_round", range(5))
def test_a_spend_and_giving_up_share_the_points_between_them(_round: int) -> None:
    wallet, store = make.rich_wallet((60, 10), (40, 20))
    spend = partial(ledger.spend_points, wallet_id=wallet.pk, store_id=store.pk, points=10, at=NOON)
    outcomes = race(
        *(partial(spend, key=f"{number}") for number in range(4)),
        partial(ledger.forfeit_points, wallet_id=wallet.pk, key="leave", at=NOON),
        *(partial(spend, key=f"{number}") for number in range(4, 8)),
    )
    assert set(map(type, outcomes)) <= {Spent, InsufficientPoints, Forfeited}, outcomes
    spent = sum(outcome.points for outcome in outcomes if isinstance(outcome, Spent))
    assert (queries.balance_of(wallet), breakage()) == (0, 100 - spent)
    assert nothing_differs()


@pytest.mark.parametrize("_round", range(5))
def test_a_hold_is_first_and_stops_it_or_comes_too_late(_round: int) -> None:
    wallet, store = make.rich_wallet((100, 10))
    hold = partial(
        ledger.hold_points,
        wallet_id=wallet.pk,
        store_id=store.pk,
        points=10,
        key="cart",
        expires_at=NOON + timedelta(hours=1),
        at=NOON,
    )
    held, left = race(hold, partial(ledger.forfeit_points, wallet_id=wallet.pk, key="leave", at=NOON))
    if isinstance(held, Hold):
        assert isinstance(left, PointsHeld)
        assert queries.balance_of(wallet) == 90
    else:
        assert isinstance(held, InsufficientPoints)
        assert given_up([left]) == [100]
    assert nothing_differs()


def _claims(member: Member, size: int) -> list[Any]:
    batch = make.live_batch(size=size, face_points=10)
    return [
        partial(giftcodes.claim_code, text=make.code_of(batch, place), member=member, at=NOON)
        for place in range(size)
    ]


def test_without_the_members_lock_points_come_to_somebody_who_has_left() -> None:
    """The control: whether the member has left is read, and then, before the points come, they leave."""
    wallet, _store = make.rich_wallet((100, 10))
    has_read, has_left = threading.Event(), threading.Event()

    def come() -> None:
        assert Member.objects.get(wallets=wallet).closed_at is None
        has_read.set()
        has_left.wait(30)
        Lot.objects.filter(wallet=wallet).update(remaining_points=5)

    def leave() -> None:
        has_read.wait(30)
        ledger.close_membership(member_id=wallet.member_id or 0, at=NOON)
        has_left.set()

    race(come, leave)
    assert Member.objects.get(wallets=wallet).closed_at == NOON
    assert queries.open_lots(wallet).exists()  # points of nobody


@pytest.mark.parametrize("_round", range(5))
def test_a_claim_is_before_the_leaving_or_refused(_round: int) -> None:
    wallet, store = make.rich_wallet((100, 10))
    member = Member.objects.get(wallets=wallet)
    claims = _claims(member, 6)
    outcomes = race(*claims[:3], partial(ledger.close_membership, member_id=member.pk, at=NOON), *claims[3:])
    assert set(map(type, outcomes)) <= {Claimed, CodeNotUsable, list}, outcomes
    claimed = sum(outcome.points for outcome in outcomes if isinstance(outcome, Claimed))
    assert sum(queries.balance_of(row) for row in Account.objects.filter(member=member)) == 0
    assert breakage() == 100 + claimed
    assert LotUse.objects.exclude(kind="forfeit").count() == 0
    with pytest.raises(CodeNotUsable):
        giftcodes.claim_code(text=make.live_code(), member=member, at=NOON)
    with pytest.raises(MoveRefused):
        ledger.spend_points(wallet_id=wallet.pk, store_id=store.pk, points=1, key="s", at=NOON)
    assert nothing_differs()


def test_of_eight_who_close_the_same_account_one_does() -> None:
    wallet, _store = make.rich_wallet((100, 10))
    member = Member.objects.get(wallets=wallet)
    outcomes = race(*[partial(ledger.close_membership, member_id=member.pk, at=NOON)] * 8)
    assert Counter(map(type, outcomes)) == {list: 1, type(None): 7}, outcomes
    assert breakage() == 100
    assert nothing_differs()
