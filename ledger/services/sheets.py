"""Figures for pages whose counting takes longer than a page may: counted once, shown with their moment, and
counted again by a worker as long as somebody asks for them.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.db import OperationalError, connection, transaction

from ledger.errors import NotCountedYet
from ledger.models import Sheet
from ledger.plain import pack, unpack

COSTLY_MS = 200  # what is quicker is counted each time, and always new
PATIENCE_MS = 3_000  # for each query of what a page counts itself
AGAIN = timedelta(minutes=30)
ASKED_WITHIN = timedelta(days=7)  # else it is not counted again until somebody asks
FORGOTTEN = timedelta(days=60)
SETTLED = timedelta(minutes=5)  # whatever was booked up to so long ago is committed: it changes no more
_NOTED = timedelta(hours=1)  # how exactly `asked_at` is kept: reading shall seldom write
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_LONGEST = Sheet._meta.get_field("subject").max_length or 0


class Counted(NamedTuple):
    """A kind of figures: what `count(*about, at=...)` gives is of the type `shape`, which `ledger.plain` can
    keep. `about` are numbers and texts, or lists of them.
    """

    kind: str
    shape: Any
    count: Callable[..., Any]

    def subject(self, about: tuple[Any, ...], as_of: datetime | None) -> str:
        """What the figures are about, in one line."""
        moment = f"@{as_of.astimezone(UTC).isoformat()}" if as_of else ""
        return f"{self.kind}{moment}:{json.dumps(about, separators=(',', ':'))}"


class Kept(NamedTuple):
    """Figures, and when they were true."""

    figures: Any
    counted_at: datetime


class _Wanted(NamedTuple):
    """What is to be counted; `as_of` None: as it is whenever it is counted."""

    counted: Counted
    about: tuple[Any, ...]
    as_of: datetime | None

    @property
    def subject(self) -> str:
        return self.counted.subject(self.about, self.as_of)

    @property
    def can_be_kept(self) -> bool:
        """What is about too much for a line has no place: a page waits as long as it takes."""
        return len(self.subject) <= _LONGEST

    @property
    def settled_at(self) -> datetime:
        """From when on the figures of a past moment change no more; long ago for those of now."""
        return self.as_of + SETTLED if self.as_of else _LONG_AGO

    def figures(self, at: datetime, *, patience_ms: int) -> Any:
        with _one_picture(patience_ms):
            return self.counted.count(*self.about, at=self.as_of or at)


def figures_of(counted: Counted, *about: Any, at: datetime, as_of: datetime | None = None) -> Kept:
    """The newest figures that are kept; if there are none, those of now (`at`), kept if counting took long.

    With `as_of`: those of that moment, which never change; they are kept unless the moment is just now.
    NotCountedYet if there are none and counting them takes longer than a page may; a worker will count them.
    """
    wanted = _Wanted(counted, about, as_of)
    sheet = Sheet.objects.filter(subject=wanted.subject).first()
    if sheet is None:
        return _count_for_page(wanted, at=at)
    if sheet.asked_at < at - _NOTED:
        Sheet.objects.filter(pk=sheet.pk).update(asked_at=at)
    if sheet.figures is None:
        raise NotCountedYet
    try:
        return Kept(unpack(counted.shape, sheet.figures), sheet.counted_at)
    except (KeyError, TypeError, ValueError):  # kept by another release, or of a row that is gone
        Sheet.objects.filter(pk=sheet.pk, counted_at=sheet.counted_at).delete()
        return _count_for_page(wanted, at=at)


def count_due_sheets(kinds: Iterable[Counted], *, at: datetime, limit: int = 100) -> int:
    """Count what is due of these kinds, at most so many, and drop what nobody asked for in a long time; how
    many were counted. Of any number of calls at once, one counts each.
    """
    Sheet.objects.filter(asked_at__lt=at - FORGOTTEN).delete()
    by_kind = {counted.kind: counted for counted in kinds}
    done = 0
    for sheet in _due(at):
        if done == limit:
            break
        head, _colon, about = sheet.subject.partition(":[")
        counted = by_kind.get(head.partition("@")[0])
        if counted is not None and _take(sheet, at=at):
            wanted = _Wanted(counted, tuple(json.loads(f"[{about}")), sheet.as_of)
            _count(wanted, at=at, patience_ms=0)
            done += 1
    return done


def count_first(counted: Counted, *about: Any, at: datetime) -> bool:
    """Count what nobody has asked for yet, so that the first who does need not wait. False if it was known,
    or is quick and so not kept.
    """
    wanted = _Wanted(counted, about, None)
    known = Sheet.objects.filter(subject=wanted.subject)
    if known.exists():
        return False
    _count(wanted, at=at, patience_ms=0)
    return known.exists()


def _count_for_page(wanted: _Wanted, *, at: datetime) -> Kept:
    try:
        return _count(wanted, at=at, patience_ms=PATIENCE_MS if wanted.can_be_kept else 0)
    except OperationalError as refusal:
        if not _is_out_of_patience(refusal):
            raise
    ask = Sheet(
        subject=wanted.subject,
        as_of=wanted.as_of,
        counted_at=at - AGAIN,
        took_ms=0,
        asked_at=at,
        next_count_at=max(at, wanted.settled_at),
    )
    Sheet.objects.bulk_create([ask], ignore_conflicts=True)
    raise NotCountedYet


def _count(wanted: _Wanted, *, at: datetime, patience_ms: int) -> Kept:
    """Keep it if it took long; if it did not, what was kept before goes. Of several at once, the newest is
    kept.
    """
    begun = time.perf_counter()
    figures = wanted.figures(at, patience_ms=patience_ms)
    took_ms = int((time.perf_counter() - begun) * 1000)
    moment = wanted.as_of or at
    kept = Sheet.objects.filter(subject=wanted.subject)
    if took_ms < COSTLY_MS:
        kept.filter(counted_at__lte=at).delete()
    elif wanted.can_be_kept and wanted.settled_at <= at:
        values = {
            "figures": pack(figures),
            "counted_at": moment,
            "took_ms": took_ms,
            "next_count_at": None if wanted.as_of else at + AGAIN,
        }
        if not kept.filter(counted_at__lte=at).update(**values):
            new = Sheet(subject=wanted.subject, as_of=wanted.as_of, asked_at=at, **values)
            Sheet.objects.bulk_create([new], ignore_conflicts=True)
    return Kept(figures, moment)


def _due(at: datetime) -> list[Sheet]:
    """The longest due first."""
    due = Sheet.objects.filter(next_count_at__lte=at, asked_at__gt=at - ASKED_WITHIN)
    return list(due.defer("figures").order_by("next_count_at", "pk"))


def _take(sheet: Sheet, *, at: datetime) -> bool:
    found = Sheet.objects.filter(pk=sheet.pk, next_count_at=sheet.next_count_at)
    return bool(found.update(next_count_at=at + AGAIN))


def _is_out_of_patience(refusal: OperationalError) -> bool:
    return getattr(refusal.__cause__, "sqlstate", None) == "57014"  # query_canceled


@contextmanager
def _one_picture(patience_ms: int) -> Iterator[None]:
    """All of it is read as it is now, however long that takes, and with room to sort and to join in memory.
    No query may take longer than `patience_ms` (0: as long as it likes). Where a transaction is under way,
    as it is.
    """
    if connection.vendor != "postgresql" or connection.in_atomic_block:
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SET LOCAL work_mem = '64MB'")
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(patience_ms)])
        yield
