"""Check every sealed day against its rows, its seals and its manifests, and name each difference
(invariant 25).

What proves what: the head of a day, in the database and in the manifest, proves all rows at once to whoever
has the key. If it does not match, each row is judged by its own link in the manifest. Without the manifest
the head still tells that something changed, but not what: give `folder`, a copy that was kept elsewhere.
"""

import hmac
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from itertools import chain, pairwise
from pathlib import Path
from typing import BinaryIO, NamedTuple

from django.conf import settings

from ledger import seals
from ledger.audit import Difference, run_checks
from ledger.errors import SealKeyMissing
from ledger.keys import seal_key
from ledger.models import ClosedDay, DaySeal
from ledger.rows import NO_HEAD, DayTotals, head_of, link_after
from ledger.seals import Chain, SealedRow, Span

MAX_NAMED = 1_000  # rows of one day that are named one by one; the others are counted

CLOSED_IN_TURN = "days are closed one after the other, at midnight"
ALL_SEALED = "a closed day is sealed in every program"
LINKED = "a seal goes on from the seal before"
HAS_MANIFEST = "a seal has its manifest"
HAS_SEAL = "a manifest has its seal"
AUTHENTIC = "a manifest is as it was written"
HEAD = "the rows of a sealed day give its head"
KEY = "the key of a seal is there"
ROW = "a row of a sealed day is as it was sealed"

# Rows that no day can hold, because the transfer that says when is missing: PostgreSQL's own check of the
# reference would have to be switched off for one.
_CHECKS = {
    "a sealed row has its transfer": " UNION ALL ".join(
        f"SELECT '{table} of transfer ' || CAST(r.transfer_id AS text), 'its transfer', 'none'"  # noqa: S608
        f" FROM {table} r"  # the names of our own tables
        " WHERE NOT EXISTS (SELECT 1 FROM ledger_transfer t WHERE t.id = r.transfer_id)"
        for table in (model._meta.db_table for model in seals.DEPENDENTS)
    )
}


class _Known(NamedTuple):
    """What there is beside the rows."""

    seals: dict[tuple[str, int], DaySeal]
    manifests: dict[tuple[str, int], Path]
    folder: Path

    def programs(self, day: str) -> list[int]:
        return sorted(
            {program for place, program in self.seals.keys() | self.manifests.keys() if place == day}
        )


def differences(*, since: date | None = None, folder: Path | None = None) -> Iterator[Difference]:
    """Every difference in the sealed days; none in sound ones.

    Rows are read for the days from `since` on (None: all); whether days, seals and manifests belong together
    is always checked for all of them. `folder` holds the manifests; None: SEALS_DIR.
    """
    folder = folder or settings.SEALS_DIR
    found = {(seal.day_id.isoformat(), seal.program_id): seal for seal in DaySeal.objects.order_by("day")}
    known = _Known(found, seals.manifests_in(folder), folder)
    closed = {row.day: row for row in ClosedDay.objects.order_by("day")}
    sealed = {date.fromisoformat(day) for day, _program in known.seals.keys() | known.manifests.keys()}
    if not closed and not sealed:
        return
    first = min(closed.keys() | sealed)
    yield from _closed_in_turn(list(closed.values()))
    yield from _sealed_in_turn(known, closed, sealed, first)
    yield from run_checks(_CHECKS)
    for day in sorted(sealed):
        if since is None or day >= since:
            yield from _of_day(seals.span_of(day, first_day=first), known)


def _closed_in_turn(closed: list[ClosedDay]) -> Iterator[Difference]:
    for row in closed:
        if row.ends_at != (end := seals.end_of(row.day)):
            yield Difference(CLOSED_IN_TURN, str(row.day), str(end), str(row.ends_at))
    for one, other in pairwise(closed):
        if other.day != (due := one.day + timedelta(days=1)):
            yield Difference(CLOSED_IN_TURN, f"the day after {one.day}", str(due), str(other.day))


def _sealed_in_turn(
    known: _Known, closed: dict[date, ClosedDay], sealed: set[date], first: date
) -> Iterator[Difference]:
    newest = max(closed, default=None)
    for day in sorted(closed.keys() | sealed):
        name = day.isoformat()
        if day not in closed:
            yield Difference(CLOSED_IN_TURN, name, "a closed day", "none")
        if day == newest and day not in sealed:
            continue  # closed just now, and about to be sealed
        expected = set(seals.programs_of(seals.span_of(day, first_day=first))) | set(known.programs(name))
        for program in sorted(expected):
            if (name, program) not in known.seals:
                yield Difference(ALL_SEALED, f"program {program} of {name}", "a seal", "none")
                if (name, program) in known.manifests:
                    yield Difference(HAS_SEAL, str(known.manifests[name, program]), "a seal", "none")
            elif (name, program) not in known.manifests:
                path = seals.manifest_path(known.folder, program, name)
                yield Difference(HAS_MANIFEST, f"program {program} of {name}", str(path), "no file")
    heads: dict[int, str] = {}
    for (name, program), seal in known.seals.items():
        if seal.previous_head != (head := heads.get(program, NO_HEAD)):
            yield Difference(LINKED, f"program {program} of {name}", head, seal.previous_head)
        heads[program] = seal.head


class _Comparison:
    """One program's rows of a day beside its manifest, both read once, line by line."""

    def __init__(self, program_id: int, day: date, seal: DaySeal | None, path: Path | None) -> None:
        self.subject = f"program {program_id} of {day}"
        self.seal = seal
        self.path = path
        self._file = _opened(path)
        self.is_as_written = self._file is not None
        said = seals.opening_of(path)
        key_id = seal.key_id if seal else said.get("key", "")
        previous_head = seal.previous_head if seal else said.get("previous", "")
        try:
            self.chain = Chain(program_id=program_id, day=day, key_id=key_id, previous_head=previous_head)
            self._expect(self.chain.opening())
        except BaseException:
            self.close()
            raise

    def add(self, row: SealedRow) -> None:
        self._expect([self.chain.add(row)])

    def finish(self) -> None:
        self._expect(self.chain.closing())
        self.is_as_written = self.is_as_written and self._file is not None and not self._file.readline()

    def _expect(self, lines: Iterable[str]) -> None:
        if self.is_as_written and self._file is not None:
            self.is_as_written = all(self._file.readline() == line.encode() for line in lines)

    @property
    def is_sound(self) -> bool:
        """Whether the rows give the head of the seal."""
        found = (self.chain.rows, self.chain.points, self.chain.head())
        return self.seal is not None and found == (self.seal.rows, self.seal.points, self.seal.head)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _opened(path: Path | None) -> BinaryIO | None:
    """None for a manifest that can't be read as well: it is named as not what was sealed."""
    try:
        return path.open("rb") if path else None
    except OSError:
        return None


def _of_day(span: Span, known: _Known) -> Iterator[Difference]:
    name = span.day.isoformat()
    compared: dict[int, _Comparison] = {}
    added: list[SealedRow] = []
    try:
        for program in known.programs(name):
            seal, path = known.seals.get((name, program)), known.manifests.get((name, program))
            try:
                compared[program] = _Comparison(program, span.day, seal, path)
            except (SealKeyMissing, ValueError) as error:
                yield Difference(KEY, f"program {program} of {name}", "a key and a head", str(error))
        programs = known.programs(name)
        for row in seals.rows_of(span):
            program = seals.chained_in(row, programs)
            if program in compared:
                compared[program].add(row)
            elif program not in programs and len(added) < MAX_NAMED:
                added.append(row)
        for comparison in compared.values():
            comparison.finish()
    finally:
        for comparison in compared.values():
            comparison.close()
    for row in added:  # of a program that has no seal of the day at all
        yield Difference(ROW, f"{row.table} {row.row_id} of {name}", "no such row", "it was added")
    yield from _judge(span, known, compared, has_added=bool(added))


def _judge(
    span: Span, known: _Known, compared: dict[int, _Comparison], *, has_added: bool
) -> Iterator[Difference]:
    is_broken = has_added
    for comparison in compared.values():
        is_broken |= not comparison.is_sound and (comparison.seal is not None or not comparison.is_as_written)
        if comparison.seal is not None and not comparison.is_sound:
            yield Difference(HEAD, comparison.subject, _totals(comparison.seal), _totals(comparison.chain))
            if comparison.path is None:
                yield Difference(
                    ROW, comparison.subject, "a manifest that names the row", "none: give a copy"
                )
    if is_broken:
        yield from _name_rows(span, known, compared)
    for program, comparison in compared.items():
        if comparison.path is None or comparison.is_as_written:
            continue
        if comparison.is_sound or not _is_authentic(comparison.path, program, span.day):
            yield Difference(AUTHENTIC, str(comparison.path), "what was sealed", "something else")


def _totals(of: DaySeal | Chain) -> str:
    head = of.head if isinstance(of, DaySeal) else of.head()
    return f"{of.rows} rows, {of.points} points, head {head}"


def _is_authentic(path: Path, program_id: int, day: date) -> bool:
    """Whether the end of the manifest was written by whoever has the key, for this program and day."""
    try:
        with path.open(encoding="utf-8") as file:
            *_, last, rows, points, head = deque(file, maxlen=4)
        said = seals.opening_of(path)
        previous, key_id = said["previous"], said["key"]
        counted = int(rows.removeprefix("rows ")), int(points.removeprefix("points "))
        totals = DayTotals(program_id, day.isoformat(), *counted, previous, key_id)
        key, link = seal_key(key_id, purpose=seals.PURPOSE), bytes.fromhex(last.split(" ")[-1])
    except (OSError, ValueError, KeyError, SealKeyMissing):
        return False
    return hmac.compare_digest(f"head {head_of(key, totals, link)}\n".encode(), head.encode())


class _Line(NamedTuple):
    key: bytes
    link_before: bytes
    link: bytes


def _name_rows(span: Span, known: _Known, compared: dict[int, _Comparison]) -> Iterator[Difference]:
    """Each row of the day that was changed, added or removed. Holds the manifests of the day in memory."""
    name = span.day.isoformat()
    manifests = [(program, known.manifests.get((name, program))) for program in compared]
    read = {program: lines for program, path in manifests if path and (lines := _lines_of(path)) is not None}
    lines = {place: line for found in read.values() for place, line in found.items()}
    named = chain(_changed_and_added(span, lines, known.programs(name), set(read)), _removed(name, lines))
    others = 0
    for number, difference in enumerate(named):
        if number < MAX_NAMED:
            yield difference
        else:
            others += 1
    if others:
        yield Difference(ROW, f"{others} more rows of {name}", "what was sealed", "something else")


def _changed_and_added(
    span: Span, lines: dict[tuple[str, str], _Line], programs: list[int], read: set[int]
) -> Iterator[Difference]:
    """Takes out of `lines` what it finds. `programs` have a chain, those of `read` a manifest too."""
    for row in seals.rows_of(span):
        line = lines.pop((row.table, row.row_id), None)
        subject = f"{row.table} {row.row_id} of {span.day}"
        if line is None:
            if seals.chained_in(row, programs) in read:
                yield Difference(ROW, subject, "no such row", "it was added")
        elif link_after(line.key, line.link_before, row.content) != line.link:
            yield Difference(ROW, subject, "what was sealed", "it was changed")


def _removed(name: str, lines: dict[tuple[str, str], _Line]) -> Iterator[Difference]:
    """What the day no longer holds. A row that only lost what it hangs on is as it was: that one is named."""
    for (table, row_id), line in lines.items():
        content = seals.row_now(table, row_id)
        if content is None:
            yield Difference(ROW, f"{table} {row_id} of {name}", "what was sealed", "it was removed")
        elif link_after(line.key, line.link_before, content) != line.link:
            yield Difference(ROW, f"{table} {row_id} of {name}", "what was sealed", "it was changed")


def _lines_of(path: Path) -> dict[tuple[str, str], _Line] | None:
    """The lines of a manifest by table and id; None if it can't be read as one."""
    lines: dict[tuple[str, str], _Line] = {}
    said = seals.opening_of(path)
    try:
        key = seal_key(said.get("key", ""), purpose=seals.PURPOSE)
        link = bytes.fromhex(said.get("previous", ""))
        with path.open(encoding="utf-8") as file:
            for text in file:
                if text.startswith("ledger_"):
                    table, row_id, digits = text.split()
                    before, link = link, bytes.fromhex(digits)
                    lines[table, row_id] = _Line(key, before, link)
    except (OSError, ValueError, SealKeyMissing):
        return None
    return lines
