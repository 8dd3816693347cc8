"""Sealed days of the audit log: its records in the order of their ids, a chain over them, and manifest files.

As the ledger's sealed days are (`ledger/seals.py`, `ledger/rows.py`), with a chain and a key of its own and
one manifest per day for all brands: SEALS_DIR/audit-log/<day>.seal.

    tokuten audit log seal 1
    day 2026-11-28
    key s1
    previous <head of the day before, 64 hex digits>
    <id> <link, 32 hex digits>                  one line per record
    rows 2
    head <64 hex digits>

The head is that of `ledger.rows` for program 0 and 0 points. A day begins and ends at midnight in Japan, by
the records' `recorded_at`; days without records are sealed too, from the day of the first record on, so that
a missing day is one.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings

from ledger.expiry import JAPAN
from ledger.keys import seal_key
from ledger.rows import DayTotals, canonical_row, head_of, link_after
from ledger.seals import end_of, sync_folder
from parties.staff_models import AuditRecord

TITLE = "tokuten audit log seal 1"
PURPOSE = "audit log seal"  # of the key
FOLDER = "audit-log"
TABLE = "parties_auditrecord"
# What is sealed of a record, in this order, for ever: a new column asks for version 2 of the format.
COLUMNS = (
    "id",
    "recorded_at",
    "act",
    "actor_id",
    "brand_id",
    "subject_type",
    "subject_id",
    "subject",
    "reason",
    "address",
)
_CHUNK = 1_000


class Sealed(NamedTuple):
    """A day's chain: how many records, and the head."""

    rows: int
    head: str


def first_day() -> date | None:
    """The day of the first record; None if there is none."""
    first = AuditRecord.objects.order_by("recorded_at").values_list("recorded_at", flat=True).first()
    return None if first is None else first.astimezone(JAPAN).date()


def records_of(day: date) -> Iterator[tuple[Any, ...]]:
    """The records of the day in their order, as they are sealed; in constant memory."""
    begins = end_of(day - timedelta(days=1))
    found = AuditRecord.objects.filter(recorded_at__gte=begins, recorded_at__lt=end_of(day)).order_by("pk")
    return iter(found.values_list(*COLUMNS).iterator(chunk_size=_CHUNK))


def write_manifest(path: Path, day: date, *, key_id: str, previous_head: str) -> Sealed:
    """Write the manifest of the day as its records stand now, and get it to the disk: line by line, so that a
    day of any length takes no more memory than one record. SealKeyMissing if the key is away.
    """
    key, link, rows = seal_key(key_id, purpose=PURPOSE), bytes.fromhex(previous_head), 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(f"{TITLE}\nday {day.isoformat()}\nkey {key_id}\nprevious {previous_head}\n")
        for values in records_of(day):
            link, rows = link_after(key, link, canonical_row(TABLE, values)), rows + 1
            file.write(f"{values[0]} {link.hex()}\n")
        totals = DayTotals(0, day.isoformat(), rows, 0, previous_head, key_id)
        sealed = Sealed(rows, head_of(key, totals, link))
        file.write(f"rows {rows}\nhead {sealed.head}\n")
        file.flush()
        os.fsync(file.fileno())
    return sealed


def manifest_path(folder: Path, day: date) -> Path:
    return folder / FOLDER / f"{day.isoformat()}.seal"


def manifests_in(folder: Path) -> dict[date, Path]:
    """The manifests of a folder by day; what has another name is passed over."""
    found = {}
    for path in (folder / FOLDER).glob("????-??-??.seal"):
        try:
            found[date.fromisoformat(path.stem)] = path
        except ValueError:
            continue
    return found


@contextmanager
def draft_beside(path: Path) -> Iterator[Path]:
    """A file to be written in the folder of `path`; gone at the end, unless it was moved."""
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        sync_folder(path.parent.parent)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.stem}.", dir=path.parent)
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def place_manifest(draft: Path, path: Path) -> None:
    """Give the draft its name."""
    draft.chmod(0o644)  # it holds no secret, and whoever copies it elsewhere must read it
    draft.replace(path)
    sync_folder(path.parent)


def is_over(day: date, *, at: datetime, grace: timedelta) -> bool:
    """Whether the day ended so long before `at` that nobody still writes to it."""
    return end_of(day) + grace <= at


def folder() -> Path:
    return Path(settings.SEALS_DIR)
