"""Sealed days of the audit log: what is changed, taken out, put in or cut off afterwards is named."""

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction

from ledger import log_audit, log_seals
from ledger import services as ledger
from ledger.errors import SealKeyMissing, SealRefused
from ledger.keys import newest_seal_key_id, seal_key
from ledger.rows import NO_HEAD, DayTotals, canonical_row, head_of, link_after
from parties import audit_log
from parties.staff_models import Act, AuditRecord, AuditSeal
from tests import make
from tests.make import NOON

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
FIRST = date(2026, 11, 2)  # of NOON


@contextmanager
def tampering() -> Iterator[None]:
    """As somebody who may do anything to the database does it: without its triggers."""
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL session_replication_role = replica")
        yield


def recorded(at: datetime, reason: str = "why") -> AuditRecord:
    """A record of that moment: the database's clock gives the moment, so it is moved there afterwards."""
    audit_log.record(Act.APPROVED, by=make.user(is_staff=True), brand=make.brand(), reason=reason)
    record = AuditRecord.objects.latest("pk")
    with tampering():
        AuditRecord.objects.filter(pk=record.pk).update(recorded_at=at)
    return record


@pytest.fixture
def three_days() -> list[AuditRecord]:
    """Two records, none, one: sealed."""
    records = [recorded(NOON), recorded(NOON + timedelta(hours=1)), recorded(NOON + 2 * DAY)]
    assert ledger.seal_due_log_days(at=NOON + 3 * DAY, limit=10) == 3
    return records


def names() -> set[str]:
    return {difference.check for difference in log_audit.differences()}


def subjects() -> set[str]:
    return {difference.subject for difference in log_audit.differences()}


def test_days_are_sealed_in_turn_those_without_records_too(three_days: list[AuditRecord]) -> None:
    seals = list(AuditSeal.objects.order_by("day"))
    assert [(seal.day, seal.rows) for seal in seals] == [
        (FIRST, 2),
        (FIRST + DAY, 0),
        (FIRST + 2 * DAY, 1),
    ]
    assert [seal.previous_head for seal in seals[1:]] == [seal.head for seal in seals[:-1]]
    assert seals[0].previous_head == "0" * 64
    assert not names()
    assert ledger.seal_due_log_days(at=NOON + 3 * DAY, limit=10) == 0


def test_a_day_is_sealed_ten_minutes_after_midnight_in_japan() -> None:
    recorded(NOON)
    midnight = datetime.fromisoformat("2026-11-03T00:00:00+09:00")
    assert ledger.seal_due_log_days(at=midnight + timedelta(minutes=10, seconds=-1), limit=1) == 0
    assert ledger.seal_due_log_days(at=midnight + timedelta(minutes=10), limit=1) == 1
    recorded(midnight - timedelta(microseconds=1))
    assert names() == {log_audit.HEAD, log_audit.RECORD}  # it belongs to the day that is sealed


def test_without_records_nothing_is_sealed() -> None:
    assert ledger.seal_due_log_days(at=NOON, limit=10) == 0
    assert not names()


COLUMNS = {
    "recorded_at": NOON + timedelta(hours=2),
    "act": "rejected",
    "actor_id": 10**9,
    "brand_id": None,
    "subject_type": "campaigns.order",
    "subject_id": "7",
    "subject": "another",
    "reason": "another",
    "address": "203.0.113.7",
}


def test_every_column_is_sealed() -> None:
    assert {"id", *COLUMNS} == set(log_seals.COLUMNS)
    assert set(log_seals.COLUMNS) == {field.attname for field in AuditRecord._meta.concrete_fields}


@pytest.mark.parametrize("column", COLUMNS)
def test_a_changed_record_is_named(three_days: list[AuditRecord], column: str) -> None:
    victim = three_days[0]
    with tampering():
        AuditRecord.objects.filter(pk=victim.pk).update(**{column: COLUMNS[column]})
    assert names() == {log_audit.HEAD, log_audit.RECORD}
    assert f"audit record {victim.pk}" in subjects()


def test_a_missing_and_an_added_record_are_named(three_days: list[AuditRecord]) -> None:
    gone = three_days[1].pk
    with tampering():
        AuditRecord.objects.filter(pk=gone).delete()
    added = recorded(NOON + DAY)
    assert {f"audit record {gone}", f"audit record {added.pk}"} <= subjects()


def _drop_seal() -> None:
    AuditSeal.objects.filter(day=FIRST + DAY).delete()


def _drop_tail() -> None:
    AuditSeal.objects.filter(day=FIRST + 2 * DAY).delete()
    AuditRecord.objects.filter(recorded_at__gt=NOON + DAY).delete()


def _change_head() -> None:
    AuditSeal.objects.filter(day=FIRST).update(head="1" * 64)


def _drop_manifest() -> None:
    log_seals.manifest_path(Path(settings.SEALS_DIR), FIRST).unlink()


def _change_manifest() -> None:
    path = log_seals.manifest_path(Path(settings.SEALS_DIR), FIRST)
    path.write_text(path.read_text().replace("rows 2", "rows 3"))


@pytest.mark.parametrize(
    ("tamper", "found"),
    [
        (_drop_seal, log_audit.IN_TURN),
        (_drop_tail, log_audit.IN_TURN),
        (_change_head, log_audit.LINKED),
        (_drop_manifest, log_audit.MANIFEST),
        (_change_manifest, log_audit.MANIFEST),
    ],
)
def test_seals_and_manifests_hold_each_other(
    three_days: list[AuditRecord], tamper: Callable[[], None], found: str
) -> None:
    with tampering():
        tamper()
    assert found in names()


def test_a_chain_written_anew_by_whoever_has_the_key_is_told_by_a_copy_of_the_manifests(
    three_days: list[AuditRecord], tmp_path: Path
) -> None:
    copy = tmp_path / log_seals.FOLDER
    copy.mkdir()
    for path in log_seals.manifests_in(Path(settings.SEALS_DIR)).values():
        (copy / path.name).write_text(path.read_text())
        path.unlink()
    with tampering():
        AuditRecord.objects.filter(pk=three_days[0].pk).update(reason="another")
        AuditSeal.objects.all().delete()
    ledger.seal_due_log_days(at=NOON + 3 * DAY, limit=10)
    assert not names()
    assert log_audit.MANIFEST in {difference.check for difference in log_audit.differences(folder=tmp_path)}


def test_a_crash_between_manifest_and_seal_is_mended_and_nothing_is_written_over(
    three_days: list[AuditRecord],
) -> None:
    kept = {path: path.read_bytes() for path in log_seals.manifests_in(Path(settings.SEALS_DIR)).values()}
    with tampering():
        AuditSeal.objects.all().delete()
    assert ledger.seal_due_log_days(at=NOON + 3 * DAY, limit=10) == 3
    assert {path: path.read_bytes() for path in kept} == kept
    with tampering():
        AuditSeal.objects.all().delete()
        AuditRecord.objects.filter(pk=three_days[0].pk).update(reason="another")
    with pytest.raises(SealRefused):
        ledger.seal_due_log_days(at=NOON + 3 * DAY, limit=10)
    assert {path: path.read_bytes() for path in kept} == kept


def test_without_the_key_nothing_is_sealed_and_the_audit_says_so(
    three_days: list[AuditRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "LEDGER_SEAL_KEYS", {"other": b"o" * 32})
    assert names() == {log_audit.KEY}
    recorded(NOON + 4 * DAY)
    with tampering():
        AuditSeal.objects.filter(day=FIRST + 2 * DAY).delete()
    with pytest.raises(SealKeyMissing):
        ledger.seal_due_log_days(at=NOON + 6 * DAY, limit=10)


def test_days_that_a_restore_lost_are_set_aside(three_days: list[AuditRecord]) -> None:
    with tampering():
        AuditSeal.objects.filter(day=FIRST + 2 * DAY).delete()
    assert log_audit.IN_TURN in names()
    aside = ledger.set_aside_manifests(at=NOON + 3 * DAY)
    assert aside is not None
    assert (aside / log_seals.FOLDER / f"{FIRST + 2 * DAY}.seal").exists()
    assert not names()


def test_the_command_names_them(three_days: list[AuditRecord]) -> None:
    with tampering():
        AuditRecord.objects.filter(pk=three_days[0].pk).update(reason="another")
    said = StringIO()
    with pytest.raises(SystemExit):
        call_command("audit", stdout=said, stderr=StringIO())
    assert f"audit record {three_days[0].pk}" in said.getvalue()
    whole = StringIO()
    call_command("audit", since=FIRST + DAY, stdout=whole)
    assert "異常はありません" in whole.getvalue()


def test_a_long_day_is_sealed_line_by_line_with_the_same_head(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def rows(count: int) -> Iterator[tuple[object, ...]]:
        return ((number, NOON, "approved", 1, None, "", "", "x" * 60, "", None) for number in range(1, count))

    def peak_of(count: int) -> int:
        monkeypatch.setattr(log_seals, "records_of", lambda day: rows(count))
        tracemalloc.start()
        log_seals.write_manifest(tmp_path / "long.seal", FIRST, key_id=key_id, previous_head=NO_HEAD)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    key_id = newest_seal_key_id()
    peak_of(10)
    assert peak_of(20_000) < peak_of(2_000) + 100_000  # bytes; the lines alone would be a million
    said = (tmp_path / "long.seal").read_text().splitlines()
    key, link = seal_key(key_id, purpose=log_seals.PURPOSE), bytes.fromhex(NO_HEAD)
    for values in rows(2_000):
        link = link_after(key, link, canonical_row(log_seals.TABLE, values))  # type: ignore[arg-type]
    totals = DayTotals(0, FIRST.isoformat(), 1_999, 0, NO_HEAD, key_id)
    assert said[-2:] == ["rows 1999", f"head {head_of(key, totals, link)}"]
