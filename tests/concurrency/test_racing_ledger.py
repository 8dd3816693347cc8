"""Funds, reversals and serial ranges under racers, each with a control that shows the race without its
guard.
"""

import threading
from collections import Counter
from functools import partial

import pytest
from django.db.models import F

from giftcodes import services as giftcodes
from giftcodes.models import Batch, Series
from giftcodes.services import ChannelSize
from ledger import audit, queries
from ledger import services as ledger
from ledger.errors import InsufficientPoints, ReversalRefused
from ledger.models import Account, AccountKind, Reason, Transfer
from ledger.services import Move
from parties.models import Brand, User
from tests import make
from tests.concurrency.racing import race
from tests.make import NOON

pytestmark = pytest.mark.django_db(transaction=True)


def _approve(brand: Brand, number: int, recipient: User) -> Batch:
    return giftcodes.create_batch(
        order_key=f"{brand.pk}:{number}",
        brand=brand,
        terms=make.terms(face_points=10),
        channels=[ChannelSize("poster", 100)],
        recipient=recipient,
        at=NOON,
    )


def test_control_reading_the_balance_first_overdraws_the_funds() -> None:
    brand = make.brand(funds=3_000)
    funds, gate = ledger.open_funds(brand=brand, at=NOON), threading.Barrier(8, timeout=30)
    Account.objects.filter(pk=funds.pk).update(floor=-100_000)  # the guard away

    def approve_by_reading() -> None:
        is_enough = queries.balance_of(Account.objects.get(pk=funds.pk)) >= 1_000
        gate.wait()
        if is_enough:
            Account.objects.filter(pk=funds.pk).update(balance=F("balance") - 1_000)

    race(*[approve_by_reading] * 8)

    assert queries.balance_of(funds) == -5_000


def test_funds_never_go_below_zero_when_approvals_race() -> None:
    brand, recipient = make.brand(funds=3_500), make.user(is_staff=True)
    giftcodes.open_series(digit=1, at=NOON)

    outcomes = race(*(partial(_approve, brand, number, recipient) for number in range(8)))

    kinds = Counter(type(outcome) for outcome in outcomes)
    assert kinds == {Batch: 3, InsufficientPoints: 5}, outcomes
    assert queries.funds_of(brand) == 500
    batches = Batch.objects.order_by("first_serial")
    assert [batch.first_serial for batch in batches] == [0, 100, 200]  # disjoint, and no gap from a refusal
    assert Series.objects.get(digit=1).live_codes == 300
    assert not list(audit.differences())


def test_one_key_used_by_sixteen_at_once_moves_once() -> None:
    brand = make.brand(funds=1_000)
    funds = ledger.open_funds(brand=brand, at=NOON)
    target = ledger.open_account(
        program=brand.program, kind=AccountKind.UNCLAIMED, label="u", brand=brand, at=NOON
    )
    moves = [Move(funds.pk, target.pk, 100)]

    outcomes = race(
        *[partial(ledger.post_transfer, key="one", reason=Reason.APPROVE, moves=moves, at=NOON)] * 16
    )

    assert {outcome.pk for outcome in outcomes if isinstance(outcome, Transfer)} == {
        Transfer.objects.get(key="one").pk
    }
    assert all(isinstance(outcome, Transfer) for outcome in outcomes), outcomes
    assert queries.funds_of(brand) == 900
    assert not list(audit.differences())


def test_reversals_at_once_never_exceed_their_original() -> None:
    brand = make.brand(funds=1_000)
    funds = ledger.open_funds(brand=brand, at=NOON)
    target = ledger.open_account(
        program=brand.program, kind=AccountKind.UNCLAIMED, label="u", brand=brand, at=NOON
    )
    original = ledger.post_transfer(
        key="original", reason=Reason.APPROVE, moves=[Move(funds.pk, target.pk, 500)], at=NOON
    )
    back = partial(ledger.reverse_transfer, original_id=original.pk, points=200, at=NOON)

    outcomes = race(*(partial(back, key=f"back-{number}") for number in range(6)))

    kinds = Counter(type(outcome) for outcome in outcomes)
    assert kinds == {Transfer: 2, ReversalRefused: 4}, outcomes
    assert queries.funds_of(brand) == 900
    assert not list(audit.differences())


def test_transfers_in_opposite_directions_do_not_wait_for_each_other() -> None:
    one = make.brand(funds=1_000)
    other = make.brand(funds=1_000, program=one.program)
    a, b = ledger.open_funds(brand=one, at=NOON), ledger.open_funds(brand=other, at=NOON)
    calls = [
        partial(
            ledger.post_transfer,
            key=f"t-{number}",
            reason=Reason.DEPOSIT,
            moves=[Move(a.pk, b.pk, 1) if number % 2 else Move(b.pk, a.pk, 1)],
            at=NOON,
        )
        for number in range(16)
    ]

    outcomes = race(*calls)

    assert all(isinstance(outcome, Transfer) for outcome in outcomes), outcomes
    assert (queries.funds_of(one), queries.funds_of(other)) == (1_000, 1_000)
