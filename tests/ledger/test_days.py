"""Days are closed one after the other and sealed once, whatever crashes in between."""

import logging
from collections.abc import Callable
from datetime import date, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings as site_settings
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from pytest_django.fixtures import Settings

from giftcodes import services as giftcodes
from ledger import audit, seals, tasks
from ledger import services as ledger
from ledger.errors import DayClosed, DayNotClosable, SealKeyMissing, SealRefused
from ledger.models import ClosedDay, DaySeal, Reason
from ledger.rows import NO_HEAD
from ledger.services import Move, days
from ledger.statements import database_time
from parties.models import Brand
from tests import make
from tests.ledger.sealed_days import FIRST, LATER, SECOND, THIRD, found, seal, two_programs
from tests.make import NOON
from tests.tampering import past_the_guards

pytestmark = pytest.mark.django_db

MIDNIGHT = seals.end_of(SECOND)


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, settings: Settings) -> None:
    settings.SEALS_DIR = tmp_path


def test_a_day_ends_at_midnight_in_japan() -> None:
    assert seals.end_of(SECOND).isoformat() == "2026-11-03T00:00:00+09:00"


def test_a_day_is_closed_from_its_end_on_and_once() -> None:
    make.brand(funds=100)
    at = seals.end_of(FIRST)
    with pytest.raises(DayNotClosable, match="has not ended"):
        ledger.close_day(day=FIRST, at=at - timedelta(microseconds=1))

    closed = ledger.close_day(day=FIRST, at=at)

    assert (closed.ends_at, closed.closed_at) == (at, at)
    assert ledger.close_day(day=FIRST, at=LATER).closed_at == at


@pytest.mark.parametrize("day", [FIRST - timedelta(days=1), SECOND])
def test_the_first_day_that_is_closed_is_that_of_the_first_row(day: date) -> None:
    make.brand(funds=100)

    with pytest.raises(DayNotClosable, match="2026-11-01 is next"):
        ledger.close_day(day=day, at=LATER)


def test_no_day_is_left_out() -> None:
    make.brand(funds=100)
    ledger.close_day(day=FIRST, at=LATER)

    with pytest.raises(DayNotClosable, match="2026-11-02 is next"):
        ledger.close_day(day=THIRD, at=LATER + timedelta(days=1))


def test_an_empty_ledger_has_no_day_to_close() -> None:
    assert ledger.seal_due_days(at=NOON, limit=5) == 0
    with pytest.raises(DayNotClosable, match="nothing"):
        ledger.close_day(day=FIRST, at=LATER)


def test_only_a_closed_day_is_sealed_and_in_its_turn() -> None:
    make.brand(funds=100)
    with pytest.raises(SealRefused, match="not closed"):
        ledger.seal_day(day=FIRST, at=LATER)
    ledger.close_day(day=FIRST, at=LATER)
    ledger.close_day(day=SECOND, at=LATER)

    with pytest.raises(SealRefused, match="2026-11-01 comes first"):
        ledger.seal_day(day=SECOND, at=LATER)


def test_a_seal_goes_on_from_the_one_before_in_each_program() -> None:
    two_programs()
    ones = seal(FIRST, SECOND, THIRD)
    chains = {row.program_id: [one for one in ones if one.program_id == row.program_id] for row in ones}

    assert len(chains) == 2
    for first, second, third in chains.values():
        assert (first.previous_head, second.previous_head) == (NO_HEAD, first.head)
        assert third.previous_head == second.head
        assert len({first.head, second.head, third.head}) == 3
    assert found() == []
    assert not list(audit.differences())


def test_a_day_without_rows_is_sealed_all_the_same() -> None:
    make.brand(funds=100)
    first, second = seal(FIRST, SECOND)

    assert (second.rows, second.points, second.previous_head) == (0, 0, first.head)
    assert second.head != first.head
    assert found() == []


def test_a_program_that_begins_later_has_no_seal_before() -> None:
    early = make.brand(funds=100)
    late = make.brand(funds=100)
    past_the_guards(
        f"UPDATE ledger_account SET opened_at = '2026-11-02 03:00:00' WHERE program_id = {late.program_id}"
    )
    past_the_guards(
        "UPDATE ledger_transfer SET posted_at = '2026-11-02 03:00:00' WHERE id IN (SELECT transfer_id"
        " FROM ledger_posting p JOIN ledger_account a ON a.id = p.source_id"
        f" WHERE a.program_id = {late.program_id})"
    )

    seal(FIRST, SECOND)

    assert set(DaySeal.objects.values_list("day", "program")) == {
        (FIRST, early.program_id),
        (SECOND, early.program_id),
        (SECOND, late.program_id),
    }
    assert found() == []


def test_sealing_again_gives_the_same_seals_and_leaves_the_files_alone() -> None:
    two_programs()
    first = seal(FIRST, SECOND)
    files = _files()

    again = [*ledger.seal_day(day=FIRST, at=LATER), *ledger.seal_day(day=SECOND, at=LATER)]

    assert again == first
    assert _files() == files
    assert len(files) == 4


def _files() -> dict[Path, tuple[bytes, int]]:
    """All files of the folder, drafts too, with when they were written."""
    found = [path for path in Path(site_settings.SEALS_DIR).rglob("*") if path.is_file()]
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in found}


class Crash(Exception):
    """The process ends here."""


def _crash(*_args: object) -> None:
    raise Crash


@pytest.mark.parametrize("point", ["seals.rows_of", "seals.Draft.finish", "seals.Draft.place", "_record"])
def test_a_crash_while_sealing_is_mended_by_a_repeat(point: str, monkeypatch: pytest.MonkeyPatch) -> None:
    two_programs()
    ledger.close_day(day=FIRST, at=LATER)
    with monkeypatch.context() as patch:
        patch.setattr(f"ledger.services.days.{point}", _crash)
        with pytest.raises(Crash):
            ledger.seal_day(day=FIRST, at=LATER)
    assert not DaySeal.objects.exists()
    left = {path: content for path, (content, _) in _files().items()}
    assert len(left) == (2 if point == "_record" else 0)

    seal(FIRST)

    assert found() == []
    assert {path: content for path, (content, _) in _files().items() if path in left} == left
    assert len(_files()) == 2


def test_a_manifest_that_was_lost_is_written_again_byte_by_byte() -> None:
    two_programs()
    seal(FIRST, SECOND)
    contents = {path: content for path, (content, _) in _files().items()}
    path = max(contents)
    path.unlink()

    ledger.seal_day(day=SECOND, at=LATER)

    assert {path: content for path, (content, _) in _files().items()} == contents


def test_a_lost_manifest_is_not_written_again_over_changed_rows() -> None:
    two_programs()
    seal(FIRST, SECOND)
    path = max(_files())
    path.unlink()
    past_the_guards("UPDATE ledger_posting SET points = points + 1 WHERE points = 120")

    with pytest.raises(SealRefused, match="have changed"):
        ledger.seal_day(day=SECOND, at=LATER)
    assert not path.exists()


def test_a_manifest_that_says_otherwise_is_never_written_over() -> None:
    make.brand(funds=100)
    ledger.close_day(day=FIRST, at=LATER)
    path = seals.manifest_path(site_settings.SEALS_DIR, Brand.objects.get().program_id, "2026-11-01")
    path.parent.mkdir(parents=True)
    path.write_text("something else")

    with pytest.raises(SealRefused, match="says otherwise"):
        ledger.seal_day(day=FIRST, at=LATER)
    assert (path.read_text(), DaySeal.objects.count(), len(_files())) == ("something else", 0, 1)


def test_a_new_key_seals_new_days_and_the_old_one_still_proves_the_old(settings: Settings) -> None:
    two_programs()
    seal(FIRST)
    old = settings.LEDGER_SEAL_KEYS
    settings.LEDGER_SEAL_KEYS = {"new": bytes(range(32))} | old
    seal(SECOND)

    assert set(DaySeal.objects.values_list("day", "key_id")) == {(FIRST, "test"), (SECOND, "new")}
    assert found() == []
    settings.LEDGER_SEAL_KEYS = old
    assert {one.check for one in found()} == {"the key of a seal is there"}
    max(_files()).unlink()
    with pytest.raises(SealKeyMissing):
        ledger.seal_day(day=SECOND, at=LATER)


def test_a_crash_before_the_key_changed_is_mended_with_the_old_key(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_programs()
    ledger.close_day(day=FIRST, at=LATER)
    with monkeypatch.context() as patch:
        patch.setattr(days, "_record", _crash)
        with pytest.raises(Crash):
            ledger.seal_day(day=FIRST, at=LATER)
    settings.LEDGER_SEAL_KEYS = {"new": bytes(range(32))} | settings.LEDGER_SEAL_KEYS

    seal(FIRST)

    assert set(DaySeal.objects.values_list("key_id", flat=True)) == {"test"}
    assert found() == []


def test_due_days_are_closed_and_sealed_ten_minutes_after_their_end_and_bounded() -> None:
    make.brand(funds=100)
    due = MIDNIGHT + timedelta(minutes=10)

    assert ledger.seal_due_days(at=due - timedelta(microseconds=1), limit=9) == 1
    assert ledger.seal_due_days(at=due, limit=9) == 1
    assert ledger.seal_due_days(at=due, limit=9) == 0
    assert ledger.seal_due_days(at=due + timedelta(days=9), limit=4) == 4
    assert list(ClosedDay.objects.order_by("day").values_list("day", flat=True)) == [
        FIRST + timedelta(days=number) for number in range(6)
    ]
    assert found() == []


def test_a_day_that_was_closed_and_not_sealed_comes_first() -> None:
    make.brand(funds=100)
    ledger.close_day(day=FIRST, at=LATER)

    assert ledger.seal_due_days(at=LATER, limit=1) == 1
    assert DaySeal.objects.get().day_id == FIRST


@pytest.mark.postgresql
@pytest.mark.parametrize("late", [timedelta(microseconds=1), timedelta(days=20)])
def test_postgresql_takes_no_row_for_a_closed_day(late: timedelta) -> None:
    two_programs()
    seal(FIRST, SECOND)
    brand = Brand.objects.order_by("pk")[0]
    world, funds = ledger.open_world(program=brand.program, at=NOON), ledger.open_funds(brand=brand, at=NOON)
    move, at = [Move(world.pk, funds.pk, 5)], MIDNIGHT - late

    refused: list[Callable[[], object]] = [
        lambda: ledger.post_transfer(key="late", reason=Reason.DEPOSIT, moves=move, at=at),
        lambda: ledger.open_wallet(member=make.member(), program=brand.program, at=at),
        lambda: make.lot(make.wallet(make.member(), brand.program), 5, funder=brand, at=at),
    ]
    for call in refused:
        with pytest.raises(DayClosed), transaction.atomic():
            call()
    ledger.post_transfer(key="in time", reason=Reason.DEPOSIT, moves=move, at=MIDNIGHT)
    assert found() == []


@pytest.mark.postgresql
def test_postgresql_takes_no_claim_for_a_closed_day() -> None:
    batch, member = make.live_batch(), make.member()
    make.wallet(member, batch.brand.program)
    seal(FIRST, SECOND)

    with pytest.raises(DayClosed):
        giftcodes.claim_code(text=make.code_of(batch), member=member, at=NOON)
    giftcodes.claim_code(text=make.code_of(batch), member=member, at=LATER)
    assert not list(audit.differences())


@pytest.mark.postgresql
@pytest.mark.parametrize("table", ["ledger_closedday", "ledger_dayseal"])
@pytest.mark.parametrize("change", ["UPDATE {0} SET {1} = {1}", "DELETE FROM {0}", "TRUNCATE {0} CASCADE"])
def test_postgresql_refuses_to_change_seals(table: str, change: str) -> None:
    make.brand(funds=100)
    seal(FIRST)
    column = "ends_at" if table == "ledger_closedday" else "head"
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            cursor.execute(change.format(table, column))


def _opened_days_ago(days: int) -> None:
    """A ledger whose first row is so many days old by the database's own clock, which the task goes by."""
    ledger.open_world(program=make.program(), at=database_time() - timedelta(days=days))


def test_the_task_seals_what_is_due_by_the_databases_clock() -> None:
    _opened_days_ago(3)

    tasks.seal_days()

    assert DaySeal.objects.count() in (2, 3)  # the third only from ten past midnight on
    assert found() == []
    scheduled = [entry["task"] for entry in site_settings.CELERY_BEAT_SCHEDULE.values()]
    assert tasks.seal_days.name in scheduled


def test_the_task_closes_nothing_while_the_clocks_are_days_apart(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    _opened_days_ago(3)
    with monkeypatch.context() as patch:
        patch.setattr(tasks, "database_time", lambda: database_time() + timedelta(days=400))
        tasks.seal_days()
        assert not ClosedDay.objects.exists()
        assert "No day is closed" in caplog.text

    tasks.seal_days()

    assert ClosedDay.objects.exists()


def test_the_task_tries_again_at_the_next_run_when_a_day_can_not_be_sealed(
    caplog: pytest.LogCaptureFixture, settings: Settings, tmp_path: Path
) -> None:
    _opened_days_ago(3)
    (tmp_path / "file").write_text("")
    settings.SEALS_DIR = tmp_path / "file"
    with caplog.at_level(logging.ERROR):
        tasks.seal_days()
    assert not DaySeal.objects.exists()
    settings.SEALS_DIR = tmp_path / "folder"

    tasks.seal_days()

    assert "can't be sealed now" in caplog.text
    assert DaySeal.objects.exists()


def test_the_audit_command_is_content_with_sealed_days() -> None:
    two_programs()
    seal(FIRST, SECOND, THIRD)

    call_command("audit", stdout=StringIO())  # anything else would exit
