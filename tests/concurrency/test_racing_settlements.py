"""Statements under racers: no use is lost or counted twice, and one decision is taken. The control shows what
is lost without waiting for a moment at which nobody writes.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import connections, models, transaction
from django.db.models import Sum

from ledger import audit, queries
from ledger import services as ledger
from ledger.counting import counted_uses
from ledger.errors import SettlementRefused
from ledger.files.content import frozen_content
from ledger.models import Account, LotUse, Posting, Reason, Settlement, SettlementLine, SettlementState
from parties.models import Role, User
from tests import make
from tests.concurrency.racing import race
from tests.ledger.coalition import NOVEMBER_ENDS, OCTOBER_ENDS, Coalition, coalition, november, october

pytestmark = pytest.mark.django_db(transaction=True)


def _wallet(shops: Coalition, points: int) -> Account:
    wallet = make.wallet(make.member(), shops.program)
    make.lot(wallet, points, funder=shops.cafe, at=shops.dated)
    return wallet


def _spend(shops: Coalition, wallet: Account, points: int, key: str) -> ledger.Spent:
    return ledger.spend_points(
        wallet_id=wallet.pk, store_id=shops.main_street.pk, points=points, key=key, at=october(20)
    )


def _prepare(shops: Coalition, user: User) -> Settlement:
    return ledger.prepare_settlement(
        program_id=shops.program.pk, ends_at=OCTOBER_ENDS, user=user, at=november(2)
    )


def _close(settlement: Settlement, user: User) -> Settlement:
    return ledger.close_settlement(
        settlement_id=settlement.pk,
        user=user,
        sha256=settlement.sha256,
        verified_at=november(3),
        at=november(3),
    )


def _reject(settlement: Settlement, user: User) -> Settlement:
    return ledger.reject_settlement(settlement_id=settlement.pk, user=user, at=november(3))


def _sound() -> bool:
    return not list(audit.differences())


def _while_a_spend_is_under_way(shops: Coalition, act: Callable[[], Any]) -> list[Any]:
    """Run `act` while the spend of an earlier row is not committed yet, but one of a later row is.

    The slow spend commits a little after `act` has begun. Gives back what `act` gave or raised.
    """
    slow, quick = _wallet(shops, 500), _wallet(shops, 70)
    written, may_commit = threading.Event(), threading.Event()

    def spend_slowly() -> None:
        try:
            with transaction.atomic():
                _spend(shops, slow, 500, "slow")
                written.set()
                may_commit.wait(timeout=30)
        finally:
            connections.close_all()

    spending = threading.Thread(target=spend_slowly)
    spending.start()
    assert written.wait(timeout=30)
    _spend(shops, quick, 70, "quick")
    acting: list[Any] = []
    actor = threading.Thread(target=lambda: acting.extend(race(act)))
    actor.start()
    actor.join(timeout=0.5)
    may_commit.set()
    spending.join(timeout=30)
    actor.join(timeout=30)
    return acting


@pytest.mark.postgresql
def test_control_counting_up_to_the_last_row_without_waiting_loses_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def not_still(_model: type[models.Model]) -> None:
        """The guard away."""

    monkeypatch.setattr("ledger.services.settlements.still", not_still)
    shops = coalition()

    (prepared,) = _while_a_spend_is_under_way(shops, partial(_prepare, shops, shops.first))

    assert frozen_content(prepared).total.points == 70
    with pytest.raises(SettlementRefused, match="do not give this statement"):
        shops.close(prepared)
    Settlement.objects.filter(pk=prepared.pk).update(
        state=SettlementState.CLOSED, decided_by=shops.second, decided_at=november(3)
    )
    assert frozen_content(shops.prepare(NOVEMBER_ENDS)).total.points == 0  # 500 are in neither of the two
    assert not _sound()


@pytest.mark.postgresql
def test_a_spend_under_way_is_waited_for_and_counted() -> None:
    shops = coalition()

    (prepared,) = _while_a_spend_is_under_way(shops, partial(_prepare, shops, shops.first))

    assert isinstance(prepared, Settlement), prepared
    assert frozen_content(prepared).total.points == 570
    assert shops.close(prepared).state == SettlementState.CLOSED
    assert _sound()


@pytest.mark.postgresql
def test_who_writes_for_too_long_is_not_waited_for_for_ever() -> None:
    shops = coalition()
    wallet, begun, may_end = _wallet(shops, 500), threading.Event(), threading.Event()

    def spend_slowly() -> None:
        try:
            with transaction.atomic():
                _spend(shops, wallet, 500, "slow")
                begun.set()
                may_end.wait(timeout=30)
        finally:
            connections.close_all()

    spending = threading.Thread(target=spend_slowly)
    spending.start()
    assert begun.wait(timeout=30)
    with pytest.raises(SettlementRefused) as refused:
        _prepare(shops, shops.first)
    may_end.set()
    spending.join(timeout=30)

    assert refused.value.rule == "busy"
    assert frozen_content(_prepare(shops, shops.first)).total.points == 500


@pytest.mark.postgresql
def test_nobody_waits_while_a_statement_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    shops, counted = coalition(), []
    wallet = _wallet(shops, 500)

    def counting(*args: Any, **options: Any) -> Any:
        counted.extend(race(partial(_spend, shops, wallet, 500, "meanwhile")))
        return counted_uses(*args, **options)

    monkeypatch.setattr("ledger.services.settlements.counted_uses", counting)
    prepared = _prepare(shops, shops.first)

    assert [type(outcome) for outcome in counted] == [ledger.Spent]
    assert frozen_content(prepared).total.points == 0
    monkeypatch.undo()
    shops.close(prepared)
    assert frozen_content(shops.settle(NOVEMBER_ENDS)).total.points == 500


def test_spends_during_two_statements_are_counted_exactly_once() -> None:
    shops = coalition()
    wallets = [_wallet(shops, 200) for _ in range(3)]

    def spend_often(number: int) -> None:
        for turn in range(20):
            _spend(shops, wallets[number], 10, f"{number}-{turn}")

    def settle_twice() -> None:
        for ends_at in (OCTOBER_ENDS, NOVEMBER_ENDS):
            time.sleep(0.05)
            shops.settle(ends_at)

    outcomes = race(*(partial(spend_often, number) for number in range(3)), settle_twice)
    assert outcomes == [None] * 4
    january = NOVEMBER_ENDS.replace(year=2027, month=1)
    shops.settle(january)

    counted = SettlementLine.objects.aggregate(points=Sum("points"), uses=Sum("uses"))
    spent = LotUse.objects.filter(acceptor=shops.books).aggregate(points=Sum("points"))["points"]
    assert counted == {"points": 600, "uses": 60}
    assert spent == 600
    assert queries.balance_of(ledger.open_accepted(brand=shops.books, at=october(1))) == 0
    assert _sound()


def test_control_looking_at_the_state_first_closes_twice() -> None:
    shops = coalition()
    _spend(shops, _wallet(shops, 500), 500, "one")
    prepared, gate = _prepare(shops, shops.first), threading.Barrier(4, timeout=30)
    posted = Counter[str]()

    def close_by_looking() -> None:
        waits = Settlement.objects.get(pk=prepared.pk).state == SettlementState.PREPARED
        gate.wait()
        if waits:
            posted["moved"] += 500

    race(*[close_by_looking] * 4)

    assert posted["moved"] == 2_000  # of 500


def test_of_several_people_who_close_at_once_one_does() -> None:
    shops = coalition()
    _spend(shops, _wallet(shops, 500), 500, "one")
    prepared = _prepare(shops, shops.first)
    people = [make.staff(Role.FINANCE, None) for _ in range(4)]

    outcomes = race(*(partial(_close, prepared, person) for person in people))

    assert Counter(type(outcome) for outcome in outcomes) == {Settlement: 1, SettlementRefused: 3}, outcomes
    assert Posting.objects.filter(transfer__reason=Reason.SETTLE).count() == 1
    assert _sound()


def test_one_person_who_closes_several_times_at_once_closes_once() -> None:
    shops = coalition()
    _spend(shops, _wallet(shops, 500), 500, "one")
    prepared = _prepare(shops, shops.first)

    outcomes = race(*[partial(_close, prepared, shops.second)] * 4)

    assert outcomes == [prepared] * 4
    assert Posting.objects.filter(transfer__reason=Reason.SETTLE).count() == 1
    assert _sound()


def test_a_statement_is_closed_or_rejected_never_both() -> None:
    shops = coalition()
    _spend(shops, _wallet(shops, 500), 500, "one")
    prepared = _prepare(shops, shops.first)
    third = make.staff(Role.FINANCE, None)

    outcomes = race(partial(_close, prepared, shops.second), partial(_reject, prepared, third))

    assert Counter(type(outcome) for outcome in outcomes) == {Settlement: 1, SettlementRefused: 1}, outcomes
    decided = Settlement.objects.get()
    moved = Posting.objects.filter(transfer__reason=Reason.SETTLE).count()
    assert moved == (decided.state == SettlementState.CLOSED)
    assert _sound()


def test_of_two_people_who_prepare_at_once_one_does() -> None:
    shops = coalition()
    _spend(shops, _wallet(shops, 500), 500, "one")

    outcomes = race(*(partial(_prepare, shops, user) for user in (shops.first, shops.second)))

    assert Counter(type(outcome) for outcome in outcomes) == {Settlement: 1, SettlementRefused: 1}, outcomes
    assert Settlement.objects.count() == 1


def test_one_person_who_prepares_several_times_at_once_prepares_once() -> None:
    shops = coalition()
    _spend(shops, _wallet(shops, 500), 500, "one")

    outcomes = race(*[partial(_prepare, shops, shops.first)] * 4)

    assert outcomes == [Settlement.objects.get()] * 4
    assert _sound()
