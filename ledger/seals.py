"""Sealed days: the rows of a day in canonical order, a chain over them per program, and the manifest files.

A manifest is UTF-8 text with LF ends, one file per program and day: SEALS_DIR/program-<id>/<day>.seal.

    tokuten day seal 1
    program 3
    day 2026-11-02
    key s1
    previous <head of the day before, 64 hex digits>
    <table> <id> <link, 32 hex digits>          one line per row, in the order in which they are chained
    rows 2
    points 500
    head <64 hex digits>

Format and chain of the digests: `ledger/rows.py`. Order: the accounts opened on the day by (opened_at, id),
then its transfers by (posted_at, id), each followed by its postings, its lot, the uses of lots and its hold,
each table by id. A day begins and ends at midnight in Japan; the first day has no beginning.
"""

import fcntl
import os
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TextIO
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Exists, OuterRef, Q, QuerySet

from ledger.errors import SealRefused
from ledger.expiry import JAPAN
from ledger.keys import seal_key
from ledger.models import Account, DaySeal, Hold, Lot, LotUse, Posting, Transfer
from ledger.rows import DayTotals, Value, canonical_row, head_of, link_after
from parties.models import Program

TITLE = "tokuten day seal 1"
PURPOSE = "ledger seal"  # of the key
_PROGRAM_FOLDER = re.compile(r"program-([1-9][0-9]{0,17})")
_EARLIEST, _LATEST = date(2000, 1, 1), date(9000, 1, 1)  # within what a database's moments can hold
_CHUNK = 1_000  # transfers that are read with one query per table

# What is sealed of each table, in this order, for ever: a new column asks for version 2 of the format. Left
# out is what changes with later rows, each of which is sealed in its turn: the balance of an account, what
# remains of a lot, and how a hold ended.
SEALED: dict[type[models.Model], tuple[str, ...]] = {
    Account: ("id", "program_id", "kind", "label", "brand_id", "member_id", "floor", "opened_at"),
    Transfer: ("id", "key", "reason", "posted_at", "original_id"),
    Posting: ("id", "transfer_id", "source_id", "target_id", "points", "posted_at"),
    Lot: ("id", "wallet_id", "funder_id", "transfer_id", "granted_points", "granted_at", "expires_at"),
    LotUse: (
        "id",
        "program_id",
        "transfer_id",
        "lot_id",
        "kind",
        "funder_id",
        "acceptor_id",
        "store_id",
        "points",
        "posted_at",
    ),
    Hold: ("transfer_id", "wallet_id", "store_id", "points", "held_at", "expires_at"),
}
# What hangs on a transfer, and where the transfer and the order stand among the columns above.
DEPENDENTS: tuple[type[models.Model], ...] = (Posting, Lot, LotUse, Hold)
_TRANSFER_PLACE = {model: SEALED[model].index("transfer_id") for model in DEPENDENTS}


class Span(NamedTuple):
    """A day: from `starts_at` (None: from the very beginning) up to `ends_at`, which is exclusive."""

    day: date
    starts_at: datetime | None
    ends_at: datetime


class SealedRow(NamedTuple):
    """One row in canonical form. `program_id` is None if a row's program can't be told: what it hangs on is
    missing. `points` are those of a posting, else 0.
    """

    program_id: int | None
    table: str
    row_id: str
    content: bytes
    points: int


def end_of(day: date) -> datetime:
    """The exclusive end of a day: midnight in Japan."""
    return datetime.combine(day + timedelta(days=1), time(), tzinfo=JAPAN)


def span_of(day: date, *, first_day: date) -> Span:
    """The day's span. The first day that is sealed takes in all that lies before it."""
    return Span(day, None if day == first_day else end_of(day - timedelta(days=1)), end_of(day))


def programs_of(span: Span) -> list[int]:
    """The programs that have a seal of the day, even of no rows: those with an account opened before its end,
    and those with a seal of an earlier day.
    """
    accounts = Account.objects.filter(program=OuterRef("pk"), opened_at__lt=span.ends_at)
    seals = DaySeal.objects.filter(program=OuterRef("pk"), day__lt=span.day)
    found = Program.objects.filter(Exists(accounts) | Exists(seals))
    return list(found.order_by("pk").values_list("pk", flat=True))


def rows_of(span: Span) -> Iterator[SealedRow]:
    """The rows of the day in all programs, in the order in which they are sealed; in constant memory."""
    for values in _of_span(Account, "opened_at", span):
        yield _sealed(Account, values, program_id=values[1])
    transfers = _of_span(Transfer, "posted_at", span)
    while chunk := list(islice(transfers, _CHUNK)):
        yield from _with_dependents(chunk)


def _of_span(model: type[models.Model], moment: str, span: Span) -> Iterator[tuple[Any, ...]]:
    within = Q(**{f"{moment}__lt": span.ends_at})
    if span.starts_at is not None:
        within &= Q(**{f"{moment}__gte": span.starts_at})
    found = QuerySet[Any](model).filter(within).order_by(moment, "pk").values_list(*SEALED[model])
    return iter(found.iterator(chunk_size=_CHUNK))


def _with_dependents(transfers: list[tuple[Any, ...]]) -> Iterator[SealedRow]:
    ids = [values[0] for values in transfers]
    dependents: dict[type[models.Model], dict[UUID, list[tuple[Any, ...]]]] = {}
    for model in DEPENDENTS:
        found = QuerySet[Any](model).filter(transfer__in=ids).order_by("pk").values_list(*SEALED[model])
        by_transfer = dependents[model] = defaultdict(list)
        for values in found:
            by_transfer[values[_TRANSFER_PLACE[model]]].append(values)
    sources = {values[2] for postings in dependents[Posting].values() for values in postings}
    programs = dict(Account.objects.filter(pk__in=sources).values_list("pk", "program_id"))
    for transfer in transfers:
        postings = dependents[Posting].get(transfer[0], [])
        program_id = programs.get(postings[0][2]) if postings else None
        yield _sealed(Transfer, transfer, program_id=program_id)
        for model in DEPENDENTS:
            for values in dependents[model].get(transfer[0], ()):
                yield _sealed(model, values, program_id=program_id)


def _sealed(model: type[models.Model], values: Sequence[Any], *, program_id: int | None) -> SealedRow:
    table, row_id = model._meta.db_table, values[0]
    points: int = values[4] if model is Posting else 0
    name = row_id.hex if isinstance(row_id, UUID) else str(row_id)
    return SealedRow(program_id, table, name, canonical_row(table, values), points)


def chained_in(row: SealedRow, programs: Sequence[int]) -> int:
    """The program in whose chain the row stands. One that can't be told is sealed all the same, in the first
    program's: refusing would leave the day open for ever, and the audit names such a row.
    """
    if row.program_id is not None:
        return row.program_id
    if not programs:
        raise SealRefused(f"no program has an account, but there is {row.table} {row.row_id}")
    return programs[0]


def row_now(table: str, row_id: str) -> bytes | None:
    """The row of that table and id as it stands now, in canonical form, wherever it belongs; None if there is
    none.
    """
    model = next((model for model in SEALED if model._meta.db_table == table), None)
    if model is None:
        return None
    try:
        pk = model._meta.pk.to_python(row_id)
    except ValidationError:
        return None
    values: Sequence[Value] | None = QuerySet[Any](model).filter(pk=pk).values_list(*SEALED[model]).first()
    return None if values is None else canonical_row(table, values)


class Chain:
    """The chain of one program over one day; its lines, in order, are the manifest. SealKeyMissing if the key
    is away.
    """

    def __init__(self, *, program_id: int, day: date, key_id: str, previous_head: str) -> None:
        self._key = seal_key(key_id, purpose=PURPOSE)
        self._link = bytes.fromhex(previous_head)
        self.totals = DayTotals(program_id, day.isoformat(), 0, 0, previous_head, key_id)
        self.rows = self.points = 0

    def opening(self) -> list[str]:
        totals = self.totals
        named = {"program": totals.program_id, "day": totals.day, "key": totals.key_id}
        return _lines(TITLE, **named, previous=totals.previous_head)

    def add(self, row: SealedRow) -> str:
        """The line of the next row."""
        self._link = link_after(self._key, self._link, row.content)
        self.rows += 1
        self.points += row.points
        return f"{row.table} {row.row_id} {self._link.hex()}\n"

    def head(self) -> str:
        totals = self.totals._replace(rows=self.rows, points=self.points)
        return head_of(self._key, totals, self._link)

    def closing(self) -> list[str]:
        return _lines(rows=self.rows, points=self.points, head=self.head())


def _lines(*titles: str, **values: object) -> list[str]:
    return [f"{line}\n" for line in (*titles, *(f"{name} {value}" for name, value in values.items()))]


class Draft(NamedTuple):
    """A manifest that is being written, in the folder where it will stand."""

    chain: Chain
    file: TextIO
    draft: Path
    path: Path

    def finish(self) -> None:
        """Write the end, and get it all to the disk."""
        self.file.writelines(self.chain.closing())
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()

    def place(self) -> None:
        """Give it its name, for good."""
        self.draft.chmod(0o644)  # it holds no secret, and whoever copies it elsewhere must read it
        self.draft.replace(self.path)
        sync_folder(self.path.parent)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until no other process writes manifests in the folder, which is made if it isn't there, and keep
    it to oneself. The lock ends with its process.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def start_draft(chain: Chain) -> Draft:
    """A draft in SEALS_DIR with the opening written. For whoever has the folder `alone`."""
    path = manifest_path(settings.SEALS_DIR, chain.totals.program_id, chain.totals.day)
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        sync_folder(path.parent.parent)
    for left in path.parent.glob(".????-??-??.*"):
        left.unlink()  # by a process that was killed: nobody else writes here now
    descriptor, name = tempfile.mkstemp(prefix=f".{chain.totals.day}.", dir=path.parent)
    file = os.fdopen(descriptor, "w", encoding="utf-8", newline="\n", buffering=1 << 20)
    file.writelines(chain.opening())
    return Draft(chain, file, Path(name), path)


def manifest_path(folder: Path, program_id: int, day: str) -> Path:
    return folder / f"program-{program_id}" / f"{day}.seal"


def manifests_in(folder: Path) -> dict[tuple[str, int], Path]:
    """The manifests of a folder by day (YYYY-MM-DD) and program. What is no file, or has a name that no
    manifest can have, is passed over.
    """
    found = {}
    for path in folder.glob("program-*/????-??-??.seal"):
        program = _PROGRAM_FOLDER.fullmatch(path.parent.name)
        if program and _is_day(path.stem) and path.is_file():
            found[path.stem, int(program[1])] = path
    return found


def _is_day(text: str) -> bool:
    try:
        return _EARLIEST <= date.fromisoformat(text) <= _LATEST
    except ValueError:
        return False


def sync_folder(folder: Path) -> None:
    """Get what the folder lists to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def opening_of(path: Path | None) -> dict[str, str]:
    """What the opening of a manifest says: program, day, key and previous; empty if nothing readable is
    there.
    """
    if path is None:
        return {}
    try:
        with path.open(encoding="utf-8") as file:
            lines = [line.rstrip("\n").partition(" ") for line in islice(file, 5)]
    except (OSError, UnicodeDecodeError):
        return {}
    return {name: value for name, _space, value in lines[1:]}
