"""Figures for pages whose counting takes longer than a page may: counted once, shown with their moment, and
counted again by a worker as long as somebody asks for them.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection, transaction

from ledger.models import Sheet
from ledger.plain import pack, unpack

COSTLY_MS = 200  # what is quicker is counted each time, and always new
AGAIN = timedelta(minutes=30)
ASKED_WITHIN = timedelta(days=7)  # else it is not counted again until somebody asks
FORGOTTEN = timedelta(days=60)
SETTLED = timedelta(minutes=5)  # whatever was booked up to so long ago is committed: it changes no more
_NOTED = timedelta(hours=1)  # how exactly `asked_at` is kept: reading shall seldom write
_LONGEST = Sheet._meta.get_field("subject").max_length or 0


class Counted(NamedTuple):
    """A kind of figures: what `count(*about, at=...)` gives is of the type `shape`, which `ledger.plain` can
    keep. `about` are numbers and texts, or lists of them.
    """

    kind: str
    shape: Any
    count: Callable[..., Any]

    def subject(self, about: tuple[Any, ...]) -> str:
        return f"{self.kind}:{json.dumps(about, separators=(',', ':'))}"


class Kept(NamedTuple):
    """Figures, and when they were true."""

    figures: Any
    counted_at: datetime


def figures_of(counted: Counted, *about: Any, at: datetime, as_of: datetime | None = None) -> Kept:
    """The newest figures that are kept; if there are none, those of now (`at`), kept if counting took long.

    With `as_of`: those of that moment, which never change, and are kept unless the moment is just now.
    """
    if as_of is not None and as_of > at - SETTLED:
        with _one_picture():
            return Kept(counted.count(*about, at=as_of), as_of)
    subject = counted.subject((*about, as_of.isoformat()) if as_of else about)
    sheet = Sheet.objects.filter(subject=subject).first()
    if sheet is None:
        return _count(counted, subject, about, moment=as_of or at, at=at, is_final=as_of is not None)
    if sheet.asked_at < at - _NOTED:
        Sheet.objects.filter(pk=sheet.pk).update(asked_at=at)
    return Kept(unpack(counted.shape, sheet.figures), sheet.counted_at)


def count_due_sheets(kinds: Iterable[Counted], *, at: datetime) -> int:
    """Count again what is due of these kinds, and drop what nobody asked for in a long time; how many were
    counted. Of any number of calls at once, one counts each.
    """
    Sheet.objects.filter(asked_at__lt=at - FORGOTTEN).delete()
    by_kind = {counted.kind: counted for counted in kinds}
    done = 0
    for sheet in _due(at):
        kind, _colon, about = sheet.subject.partition(":")
        if kind in by_kind and _take(sheet, at=at):
            _count(by_kind[kind], sheet.subject, json.loads(about), moment=at, at=at, is_final=False)
            done += 1
    return done


def count_first(counted: Counted, *about: Any, at: datetime) -> bool:
    """Count what nobody has asked for yet, so that the first who does need not wait; False if it is known."""
    subject = counted.subject(about)
    if Sheet.objects.filter(subject=subject).exists():
        return False
    _count(counted, subject, about, moment=at, at=at, is_final=False)
    return True


def _count(
    counted: Counted, subject: str, about: Iterable[Any], *, moment: datetime, at: datetime, is_final: bool
) -> Kept:
    """Keep it if it took long; if it did not, what was kept before goes. Of several at once, the newest is
    kept.
    """
    begun = time.perf_counter()
    with _one_picture():
        figures = counted.count(*about, at=moment)
    took_ms = int((time.perf_counter() - begun) * 1000)
    kept = Sheet.objects.filter(subject=subject)
    if took_ms < COSTLY_MS:
        kept.filter(counted_at__lte=moment).delete()
    elif len(subject) <= _LONGEST:
        next_count_at = None if is_final else at + AGAIN
        values = {
            "figures": pack(figures),
            "counted_at": moment,
            "took_ms": took_ms,
            "next_count_at": next_count_at,
        }
        if not kept.filter(counted_at__lte=moment).update(**values):
            Sheet.objects.bulk_create([Sheet(subject=subject, asked_at=at, **values)], ignore_conflicts=True)
    return Kept(figures, moment)


def _due(at: datetime) -> list[Sheet]:
    """The longest due first."""
    due = Sheet.objects.filter(next_count_at__lte=at, asked_at__gt=at - ASKED_WITHIN)
    return list(due.order_by("next_count_at", "pk"))


def _take(sheet: Sheet, *, at: datetime) -> bool:
    found = Sheet.objects.filter(pk=sheet.pk, next_count_at=sheet.next_count_at)
    return bool(found.update(next_count_at=at + AGAIN))


@contextmanager
def _one_picture() -> Iterator[None]:
    """All of it is read as it is now, however long that takes, and with room to sort and to join in memory.
    Where a transaction is under way, as it is.
    """
    if connection.vendor != "postgresql" or connection.in_atomic_block:
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SET LOCAL work_mem = '64MB'")
        yield
