"""Bookings under way while a day is closed and sealed: whatever gets in is sealed, with a control that shows
the race without the lock.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from django.db import connection, connections, transaction
from django.db.models import Model
from pytest_django.fixtures import Settings

from ledger import audit, locking, seals
from ledger import services as ledger
from ledger.errors import DayClosed, DayNotClosable, SealRefused
from ledger.models import Account, ClosedDay, DaySeal, Reason, Transfer
from ledger.services import Move
from parties.models import Brand
from tests import make
from tests.concurrency.racing import race
from tests.ledger.sealed_days import FIRST, LATER, SECOND, found, named, seal, subject
from tests.make import NOON

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, settings: Settings) -> None:
    settings.SEALS_DIR = tmp_path


def _book(brand: Brand, key: str) -> Transfer:
    world, funds = ledger.open_world(program=brand.program, at=NOON), ledger.open_funds(brand=brand, at=NOON)
    moves = [Move(world.pk, funds.pk, 5)]
    return ledger.post_transfer(key=key, reason=Reason.DEPOSIT, moves=moves, at=NOON)


@contextmanager
def under_way(act: Callable[[], object]) -> Iterator[Callable[[], None]]:
    """Another connection has done the act and not committed; it commits when the given function is called,
    at the latest at the end.
    """
    done, go_on = threading.Event(), threading.Event()

    def run() -> None:
        try:
            with transaction.atomic():
                act()
                done.set()
                go_on.wait(timeout=30)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    assert done.wait(timeout=30)

    def commit() -> None:
        go_on.set()
        thread.join(timeout=30)

    try:
        yield commit
    finally:
        commit()


def _commit_when_somebody_waits(commit: Callable[[], None], table: type[Model]) -> None:
    """PostgreSQL tells who waits for a lock on the table; SQLite does not, so there a moment has to do."""
    deadline = time.monotonic() + (20 if connection.vendor == "postgresql" else 0.3)
    try:
        while time.monotonic() < deadline and not _somebody_waits(table):
            time.sleep(0.01)
    finally:
        connections.close_all()
        commit()


def _somebody_waits(table: type[Model]) -> bool:
    if connection.vendor != "postgresql":
        return False
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = %s::regclass",
            [table._meta.db_table],
        )
        waiting: int = cursor.fetchone()[0]
        return waiting > 0


def test_closing_waits_for_a_transfer_under_way_and_the_seal_has_it() -> None:
    brand = make.brand(funds=100)
    seal(FIRST)

    with under_way(partial(_book, brand, "under way")) as commit:
        closed, _ = race(
            partial(ledger.close_day, day=SECOND, at=LATER),
            partial(_commit_when_somebody_waits, commit, Transfer),
        )
    (row,) = ledger.seal_day(day=SECOND, at=LATER)

    assert isinstance(closed, ClosedDay), closed
    assert (row.rows, row.points) == (2, 5)  # the transfer and its posting
    assert found() == []
    assert not list(audit.differences())


@pytest.mark.postgresql
def test_control_without_the_lock_a_transfer_appears_behind_the_seal(monkeypatch: pytest.MonkeyPatch) -> None:
    brand = make.brand(funds=100)
    seal(FIRST)
    with under_way(partial(_book, brand, "under way")), monkeypatch.context() as patch:
        patch.setattr(locking, "still", lambda _model: None)  # the guard away
        (row,) = seal(SECOND)

    assert row.rows == 0
    late = Transfer.objects.get(key="under way")
    assert named()[subject(Transfer, late.pk, "2026-11-02")] == "it was added"


@pytest.mark.postgresql
def test_closing_gives_up_while_somebody_is_booking_for_long_and_nothing_is_closed() -> None:
    brand = make.brand(funds=100)
    seal(FIRST)
    with under_way(partial(_book, brand, "under way")):
        with pytest.raises(DayNotClosable, match="still booking"):
            ledger.close_day(day=SECOND, at=LATER)
        assert ClosedDay.objects.count() == 1

    (row,) = seal(SECOND)
    assert row.rows == 2
    assert found() == []


@pytest.mark.postgresql
def test_sealing_waits_for_an_account_under_way_or_gives_up() -> None:
    brand = make.brand(funds=100)
    seal(FIRST)
    with under_way(partial(ledger.open_breakage, brand=brand, at=NOON)) as commit:
        ledger.close_day(day=SECOND, at=LATER)
        with pytest.raises(SealRefused, match="still opening"):
            ledger.seal_day(day=SECOND, at=LATER)
        assert not DaySeal.objects.filter(day=SECOND).exists()
        sealed, _ = race(
            partial(ledger.seal_day, day=SECOND, at=LATER),
            partial(_commit_when_somebody_waits, commit, Account),
        )

    assert isinstance(sealed, list), sealed
    assert [row.rows for row in sealed] == [1]
    assert found() == []


@pytest.mark.postgresql
def test_of_bookings_and_a_closing_at_once_each_is_sealed_or_refused() -> None:
    brand = make.brand(funds=100)
    seal(FIRST)
    gate = threading.Event()

    def close() -> DaySeal:
        gate.wait(timeout=30)
        (row,) = seal(SECOND)
        return row

    def book(racer: int) -> Counter[type]:
        outcomes = Counter[type]()
        for number in range(40):
            try:
                _book(brand, f"{racer}:{number}")
                outcomes[Transfer] += 1
            except DayClosed:
                outcomes[DayClosed] += 1
            if number == 5:
                gate.set()
        return outcomes

    sealed, *booked = race(close, *(partial(book, racer) for racer in range(6)))

    assert isinstance(sealed, DaySeal), sealed
    outcomes = sum((one for one in booked if isinstance(one, Counter)), Counter[type]())
    assert outcomes.total() == 6 * 40, booked
    assert Transfer.objects.filter(posted_at=NOON).count() == outcomes[Transfer] == sealed.rows / 2
    assert found() == []
    assert not list(audit.differences())


def test_days_that_are_sealed_by_four_at_once_are_sealed_once(tmp_path: Path) -> None:
    one, other = make.brand(funds=100), make.brand(funds=200)
    at = seals.end_of(SECOND) + timedelta(minutes=10)

    outcomes = race(*[partial(ledger.seal_due_days, at=at, limit=9)] * 4)

    assert all(isinstance(outcome, int) for outcome in outcomes), outcomes
    assert sorted(DaySeal.objects.values_list("day", "program")) == sorted(
        (day, brand.program_id) for day in (FIRST, SECOND) for brand in (one, other)
    )
    assert found() == []
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 4  # and no draft
