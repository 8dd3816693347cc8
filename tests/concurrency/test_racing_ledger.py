"""Funds, reversals and serial ranges under racers, each with a control that shows the race without its
guard.
"""

import threading
from collections import Counter
from functools import partial

import pytest
from django.db.models import F, Sum

from giftcodes import services as giftcodes
from giftcodes.errors import BatchRefused
from giftcodes.models import Batch, Series
from giftcodes.services import ChannelSize
from ledger import audit, queries
from ledger import services as ledger
from ledger.errors import InsufficientPoints, ReversalRefused
from ledger.models import Account, Posting, Reason, Transfer, transfer_id_of
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


def test_control_reading_the_next_serial_first_gives_it_out_twice() -> None:
    series, gate = giftcodes.open_series(digit=1, at=NOON), threading.Barrier(8, timeout=30)
    given = Counter[int]()

    def take_by_reading() -> None:
        first = Series.objects.get(pk=series.pk).next_serial
        gate.wait()
        Series.objects.filter(pk=series.pk).update(next_serial=first + 100)
        given[first] += 1

    race(*[take_by_reading] * 8)

    assert given == {0: 8}


def _transfer(brand: Brand, key: str) -> Transfer:
    world, funds = ledger.open_world(program=brand.program, at=NOON), ledger.open_funds(brand=brand, at=NOON)
    moves = [Move(world.pk, funds.pk, 100)]
    return ledger.post_transfer(key=key, reason=Reason.DEPOSIT, moves=moves, at=NOON)


def test_control_looking_for_the_key_first_moves_for_every_racer() -> None:
    brand, gate = make.brand(funds=1_000), threading.Barrier(8, timeout=30)

    def transfer_by_looking(number: int) -> None:
        is_new = not Transfer.objects.filter(key__startswith="one:").exists()
        gate.wait()
        if is_new:
            _transfer(brand, f"one:{number}")

    race(*(partial(transfer_by_looking, number) for number in range(8)))

    assert queries.funds_of(brand) == 1_800


def test_one_key_used_by_sixteen_at_once_moves_once() -> None:
    brand = make.brand(funds=1_000)

    outcomes = race(*[partial(_transfer, brand, "one")] * 16)

    assert all(isinstance(outcome, Transfer) for outcome in outcomes), outcomes
    assert queries.funds_of(brand) == 1_100
    assert not list(audit.differences())


def test_one_order_asked_for_by_eight_at_once_has_one_batch() -> None:
    brand, recipient = make.brand(funds=9_000), make.user(is_staff=True)
    giftcodes.open_series(digit=1, at=NOON)

    outcomes = race(*[partial(_approve, brand, 1, recipient)] * 8)

    assert Counter(type(outcome) for outcome in outcomes) == {Batch: 1, BatchRefused: 7}, outcomes
    assert queries.funds_of(brand) == 8_000


def _back(original: Transfer, key: str, points: int | None) -> Transfer:
    return ledger.reverse_transfer(key=key, original_id=original.pk, points=points, at=NOON)


def test_control_reading_what_is_left_first_takes_back_too_much() -> None:
    brand, gate = make.brand(funds=1_000), threading.Barrier(4, timeout=30)
    original = _transfer(brand, "original")
    world, funds = ledger.open_world(program=brand.program, at=NOON), ledger.open_funds(brand=brand, at=NOON)

    def reverse_by_reading(number: int) -> None:
        is_left = not Transfer.objects.filter(original=original).exists()
        gate.wait()
        if is_left:
            back = Transfer.objects.create(
                id=transfer_id_of(f"{number}"),
                key=f"{number}",
                reason="reverse",
                original=original,
                posted_at=NOON,
            )
            Posting.objects.create(transfer=back, source=funds, target=world, points=100, posted_at=NOON)

    race(*(partial(reverse_by_reading, number) for number in range(4)))

    taken = Posting.objects.filter(transfer__original=original).aggregate(points=Sum("points"))["points"]
    assert taken == 400  # of 100


def test_reversals_at_once_never_exceed_their_original() -> None:
    brand = make.brand(funds=1_000)
    original = _transfer(brand, "original")

    outcomes = race(*(partial(_back, original, f"back-{number}", 40) for number in range(6)))

    assert Counter(type(outcome) for outcome in outcomes) == {Transfer: 2, ReversalRefused: 4}, outcomes
    assert queries.funds_of(brand) == 1_020
    assert not list(audit.differences())


def test_whoever_takes_back_the_rest_gets_exactly_the_rest() -> None:
    brand = make.brand(funds=1_000)
    original = _transfer(brand, "original")

    *parts, rest = race(
        *(partial(_back, original, f"back-{number}", 10) for number in range(7)),
        partial(_back, original, "rest", None),
    )

    assert isinstance(rest, Transfer), rest
    assert {type(part) for part in parts} <= {Transfer, ReversalRefused}
    assert queries.funds_of(brand) == 1_000
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
