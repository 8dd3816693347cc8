"""Disputes: notes on a statement, and corrections that count in the next one."""

import uuid
from typing import Any

import pytest

from ledger import audit
from ledger import services as ledger
from ledger.errors import KeyReused, SettlementRefused
from ledger.files.content import frozen_content
from ledger.models import Adjustment, Reason, Settlement, SettlementLine, SettlementNote, Transfer
from parties.errors import NotReachable
from parties.models import Role
from tests import make
from tests.ledger.coalition import (
    NOVEMBER_ENDS,
    Coalition,
    balances_of,
    coalition,
    lines_of,
    november,
    october,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def shops() -> Coalition:
    return coalition()


def test_notes_are_for_finance_of_the_operator_and_of_brands_in_a_closed_statement(shops: Coalition) -> None:
    shops.spend(shops.cafe, shops.main_street, 500, at=october(5))
    waiting, dispute = shops.prepare(), "b-01: 40 too many"
    inside, outside = make.staff(Role.FINANCE, shops.books), make.staff(Role.FINANCE, shops.drugs)

    def note(person: Any, text: str = dispute) -> SettlementNote:
        return ledger.note_settlement(settlement_id=waiting.pk, user=person, text=text, at=november(9))

    with pytest.raises(NotReachable):
        note(inside)
    shops.close(waiting)
    assert note(inside).author == inside
    assert note(shops.first, "  looked at it \n").text == "looked at it"
    for person in (outside, make.staff(Role.MARKETER, shops.books)):
        with pytest.raises(NotReachable):
            note(person)
    for text in ("", " \n", "a" * 2_001):
        with pytest.raises(SettlementRefused) as refused:
            note(inside, text)
        assert refused.value.rule == "text"
    assert SettlementNote.objects.count() == 2


def _adjustment(shops: Coalition, settlement: Settlement, **changes: Any) -> Adjustment:
    asked = {
        "public_id": uuid.uuid4(),
        "kind": "correct",
        "brand": shops.cafe,
        "points": -40,
        "reason": "counted twice",
        "settlement": settlement,
        "acceptor": shops.books,
        "store": shops.main_street,
        "requested_by": shops.first,
        "requested_at": november(9),
    }
    return Adjustment.objects.create(**asked | changes)


@pytest.mark.parametrize("points", [-40, 40])
def test_a_correction_counts_in_the_next_statement(shops: Coalition, points: int) -> None:
    shops.spend(shops.cafe, shops.main_street, 500, at=october(5))
    closed = shops.settle()

    correction = shops.correct(closed, points, store=shops.main_street, at=november(10))

    again = ledger.correct_settlement(adjustment=correction, at=november(11))
    assert again.key == f"correct:{correction.public_id.hex}"
    assert balances_of(shops.cafe, shops.books) == [(0, 500 - points), (points, 0)]
    assert not list(audit.differences())
    next_statement = shops.settle(NOVEMBER_ENDS)
    assert lines_of(next_statement) == {("みどり", "ふくろ", "b-01"): (1, points, points)}
    assert balances_of(shops.cafe, shops.books) == [(0, 500), (0, 0)]
    assert frozen_content(closed).total.points == 500
    assert not list(audit.differences())


def test_a_correction_of_no_store_in_particular_is_a_line_of_its_own(shops: Coalition) -> None:
    shops.correct(shops.settle(), -40, store=None, at=november(10))

    assert lines_of(shops.settle(NOVEMBER_ENDS)) == {("みどり", "ふくろ", ""): (1, -40, -40)}


def test_a_correction_is_of_a_closed_statement_and_its_own_brands(shops: Coalition) -> None:
    other, waiting = coalition(), shops.prepare()
    refused_ones = {"open": _adjustment(shops, waiting)}
    closed = shops.close(waiting)
    refused_ones["program"] = _adjustment(shops, closed, acceptor=other.books, store=None)
    refused_ones["store"] = _adjustment(shops, closed, store=shops.station)
    refused_ones["kind"] = _adjustment(
        shops,
        None,  # type: ignore[arg-type]  # a grant has no settlement
        kind="grant",
        points=1,
        acceptor=None,
        store=None,
        wallet=make.wallet(make.member(), shops.program),
        expiry_policy="days:1",
    )
    refused_ones["open"].settlement = waiting  # as it was read before it was closed

    for rule, adjustment in refused_ones.items():
        with pytest.raises(SettlementRefused) as refused:
            ledger.correct_settlement(adjustment=adjustment, at=november(10))
        assert refused.value.rule == rule
    assert not Transfer.objects.filter(reason=Reason.CORRECT).exists()


def test_a_key_of_a_correction_that_moved_something_else_is_refused(shops: Coalition) -> None:
    correction = shops.correct(shops.settle(), -40, store=None, at=november(10))
    correction.points = 41

    with pytest.raises(KeyReused):
        ledger.correct_settlement(adjustment=correction, at=november(10))


def test_two_brands_that_owe_each_other_more_than_any_account_holds_are_refused(shops: Coalition) -> None:
    closed = shops.settle()
    for _ in range(2):
        shops.correct(closed, 10**12, store=None, at=november(10))

    with pytest.raises(SettlementRefused) as refused:
        shops.prepare(NOVEMBER_ENDS)

    assert refused.value.rule == "limit"
    assert not SettlementLine.objects.exists()
