"""Expired points become breakage of their funder: in steps, once, whenever and however often it runs."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from ledger import audit, queries, tasks
from ledger import services as ledger
from ledger.models import Account, Hold, HoldState, Lot, LotUse, Reason, Transfer, transfer_id_of
from ledger.statements import database_time
from parties.models import Brand
from tests import make
from tests.make import NOON

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(days=365)


def _breakage(brand: Brand) -> int:
    return queries.balance_of(ledger.open_breakage(brand=brand, at=NOON))


def _left(wallet: Account) -> list[int]:
    return list(Lot.objects.filter(wallet=wallet).order_by("pk").values_list("remaining_points", flat=True))


def test_what_is_left_in_a_lot_becomes_breakage_of_its_funder() -> None:
    funder = make.brand(funds=1_000)
    other = make.brand(funds=1_000, program=funder.program)
    wallet, store = make.rich_wallet((100, 10), (200, 20), funder=funder)
    make.lot(wallet, 400, funder=other, days=15)
    ledger.spend_points(wallet_id=wallet.pk, store_id=store.pk, points=30, key="1", at=NOON)

    assert ledger.expire_lots(at=LATER) == 3

    assert (_left(wallet), queries.balance_of(wallet)) == ([0, 0, 0], 0)
    assert (_breakage(funder), _breakage(other)) == (270, 400)
    lot = Lot.objects.earliest("pk")
    transfer = Transfer.objects.get(key=f"expire:{lot.pk}:0")
    assert (transfer.reason, transfer.posted_at) == (Reason.EXPIRE, LATER)
    assert transfer.pk == transfer_id_of(transfer.key)
    use = LotUse.objects.get(transfer=transfer)
    assert (use.lot, use.kind, use.funder, use.acceptor, use.points) == (lot, "expiry", funder, None, 70)
    assert not list(audit.differences())


def test_a_lot_expires_at_its_end_and_not_a_microsecond_before() -> None:
    wallet, _store = make.rich_wallet((100, 10))
    end = Lot.objects.get().expires_at

    assert ledger.expire_lots(at=end - timedelta(microseconds=1)) == 0
    assert queries.balance_of(wallet) == 100
    assert ledger.expire_lots(at=end) == 1
    assert ledger.expire_lots(at=end) == 0
    assert queries.balance_of(wallet) == 0


def test_a_step_takes_no_more_lots_than_its_limit_the_longest_ended_first() -> None:
    wallet, _store = make.rich_wallet((1, 12), (2, 11), (4, 10))

    assert ledger.expire_lots(at=LATER, limit=2) == 2
    assert _left(wallet) == [1, 0, 0]
    assert queries.balance_of(wallet) == 1  # what waits for the next step is no longer spendable either
    assert ledger.expire_lots(at=LATER, limit=2) == 1
    assert ledger.expire_lots(at=LATER, limit=2) == 0
    assert not list(audit.differences())


def test_points_that_come_back_after_the_end_expire_once_more() -> None:
    wallet, store = make.rich_wallet((100, 10))
    spent = ledger.spend_points(wallet_id=wallet.pk, store_id=store.pk, points=80, key="1", at=NOON)
    lot = Lot.objects.get()
    ledger.expire_lots(at=LATER)

    for number, points in enumerate([50, 30], start=1):
        ledger.reverse_transfer(key=f"r{number}", original_id=spent.transfer_id, points=points, at=LATER)
        assert ledger.expire_lots(at=LATER) == 1
        assert Transfer.objects.filter(key=f"expire:{lot.pk}:{number}").exists()

    assert (_left(wallet), _breakage(store.brand)) == ([0], 100)
    assert not list(audit.differences())


def test_a_step_costs_the_same_few_statements_however_many_lots() -> None:
    make.rich_wallet((1, 10))
    with CaptureQueriesContext(connection) as one:
        ledger.expire_lots(at=LATER)
    make.rich_wallet(*[(1, 10)] * 30)
    with CaptureQueriesContext(connection) as many:
        assert ledger.expire_lots(at=LATER) == 30
    assert len(many) <= len(one)


def _run_in_steps(at: datetime, limit: int) -> None:
    while ledger.expire_lots(at=at, limit=limit):
        pass


class AnySchedule(TestCase):
    """Many small steps at odd times leave what one big step at the end does."""

    # Each example is many statements; `make test-deep` takes the time for many.
    @hypothesis_settings(max_examples=hypothesis_settings().max_examples // 5)
    @given(
        lots=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 6)), min_size=1, max_size=6),
        runs=st.lists(st.tuples(st.integers(0, 8), st.integers(1, 3)), max_size=5),
    )
    def test_any_schedule_comes_to_the_same(
        self, lots: list[tuple[int, int]], runs: list[tuple[int, int]]
    ) -> None:
        total = sum(points for points, _ in lots)
        stepwise, _store = make.rich_wallet(*lots)
        at_once, _store = make.rich_wallet(*lots)
        ended = Lot.objects.filter(wallet=stepwise)
        for days, limit in sorted(runs):
            at = NOON + timedelta(days=days)
            _run_in_steps(at, limit)
            alive = ended.filter(expires_at__gt=at).values_list("granted_points", flat=True)
            assert queries.balance_of(stepwise) == sum(alive)

        _run_in_steps(LATER, 1_000)

        for wallet in (stepwise, at_once):
            funder = Lot.objects.filter(wallet=wallet).select_related("funder")[0].funder
            assert (queries.balance_of(wallet), _breakage(funder)) == (0, total)
        assert not list(audit.differences())


def test_the_task_ends_holds_first_and_then_every_due_lot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_LOTS_PER_STEP", 2)
    long_ago = database_time() - timedelta(days=100)
    funder = make.brand(funds=1_000)
    wallet, store = make.wallet(make.member(), funder.program), make.store(brand=funder)
    for _ in range(5):
        make.lot(wallet, 100, funder=funder, days=10, at=long_ago)
    hold = ledger.hold_points(
        wallet_id=wallet.pk,
        store_id=store.pk,
        points=150,
        key="cart",
        expires_at=long_ago + timedelta(hours=1),
        at=long_ago,
    )

    tasks.expire_points()

    assert Hold.objects.get(pk=hold.pk).state == HoldState.EXPIRED
    assert (_left(wallet), _breakage(funder)) == ([0] * 5, 500)
    tasks.expire_points()
    assert _breakage(funder) == 500
    assert not list(audit.differences())


@override_settings(EXPIRY_SECONDS=0.0)
def test_the_task_stops_at_its_time_and_goes_on_with_the_next_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_LOTS_PER_STEP", 2)
    long_ago = database_time() - timedelta(days=100)
    funder = make.brand(funds=1_000)
    wallet = make.wallet(make.member(), funder.program)
    for _ in range(5):
        make.lot(wallet, 100, funder=funder, days=10, at=long_ago)

    def after(run: Callable[[], object]) -> int:
        run()
        return queries.balance_of(wallet)

    assert [after(tasks.expire_points) for _ in range(4)] == [300, 100, 0, 0]
