"""Events in an order in which no reader ever misses one.

An id is drawn when an event is written, not when it is committed: whoever reads "after the last id" passes
over an event whose transaction was slow, for ever. So events are read in the order of the transactions that
wrote them, and only those of transactions before which nothing is under way any more
(`pg_snapshot_xmin`): whatever is still to be committed comes behind everything that was shown.
"""

from collections.abc import Collection, Sequence
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL

from parties.event_models import Event, EventType
from parties.models import Brand
from parties.moments import rfc3339

Place = Sequence[int]


def events_after(
    *, brand: Brand, after: Place | None, limit: int, types: Collection[EventType] | None = None
) -> list[Event]:
    """Up to `limit` events of the brand behind the place `after` (that of an event that was read before;
    None: from the beginning), of `types` alone if some are named.

    Read to the end, wait, and read on from the last place: every event comes once, in the order of the
    objects' sequences. One is shown when no transaction older than its own is under way any more.
    """
    rows = Event.objects.filter(brand=brand)
    if types is not None:
        rows = rows.filter(type__in=[kind.value for kind in types])
    # A place comes from outside: one that was made up names another place, and nothing worse.
    place = None if after is None else (*after, 0, 0)[:2]
    return next_revealed(rows, after=place, limit=limit)


def next_revealed(rows: QuerySet[Event], *, after: Place | None, limit: int) -> list[Event]:
    """The next ones of `rows` that can be shown, in order."""
    found = revealed(rows if after is None else behind(rows, after))
    return list(found.order_by("transaction_number", "id")[:limit])


def as_told(event: Event) -> dict[str, Any]:
    """The event as partners see it, by webhook and by asking."""
    return {
        "id": event.name,
        "type": event.type,
        "timestamp": rfc3339(event.occurred_at),
        "object": event.object_id,
        "sequence": event.sequence,
        "data": event.data,
    }


def place_of(event: Event) -> list[int]:
    """Where the event stands, for `after`."""
    return [event.transaction_number, event.pk]


def behind(rows: QuerySet[Event], place: Sequence[Any]) -> QuerySet[Event]:
    """Those that stand behind the place: two numbers, or expressions."""
    number, event_id = place
    # The first condition says nothing new: it is the one that the index takes.
    at_or_behind = rows.filter(transaction_number__gte=number)
    return at_or_behind.filter(Q(transaction_number__gt=number) | Q(pk__gt=event_id))


def revealed(rows: QuerySet[Event]) -> QuerySet[Event]:
    """Those before which nothing can come any more. On SQLite all: a writer begins when the one before it has
    ended.
    """
    if connection.vendor != "postgresql":
        return rows
    oldest = "CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint)"
    return rows.filter(transaction_number__lt=RawSQL(oldest, []))  # noqa: S611  # a constant


def next_place() -> list[int]:
    """The place behind which stands what is yet to happen, of a transaction that begins after this one."""
    number = 0
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT CAST(CAST(pg_current_xact_id() AS text) AS bigint)")
            number = cursor.fetchone()[0]
    last = Event.objects.order_by("-pk").values_list("pk", flat=True).first()
    return [number, last or 0]
