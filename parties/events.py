"""Write events, in the transaction of what they tell: both are there, or neither is (invariant 19).

Engines that send plain SQL add `statement` to theirs; everybody else calls `record`. An event is written only
for a brand with an API client, which the statement finds out itself: to other brands' acts it adds one
look-up in a small index, and no row.
"""

import json
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from parties.event_models import EventType
from parties.moments import NOW

MOST_BYTES = 2_000  # of the particulars of one event
MOST_AT_ONCE = 1_000


class NewEvent(NamedTuple):
    """What happened to which object. `data` is small, with opaque ids and points: no code, no person."""

    type: EventType
    object_id: str
    data: Mapping[str, Any]


def statement(
    *,
    brand_id: int,
    events: Sequence[NewEvent],
    at: datetime | None,
    only_if: tuple[str, Sequence[Any]] | None = None,
) -> tuple[str, list[Any]]:
    """SQL with %s placeholders, and its values, that writes the events in this order: the same text for one
    or many. `only_if` is a query, with its values, without whose rows nothing is written: for causes in the
    same round trip that may not have come about. `at` None: the moment of the statement, by the database.

    Each gets the next place in its object's sequence. Whoever calls keeps acts on one object apart, by a lock
    or a filtered update before this statement is sent: two at once would get the same place, and one of them
    would fail by the unique key. ValueError for more events, or larger ones, than there should be.
    """
    if len(events) > MOST_AT_ONCE:
        raise ValueError(f"at most {MOST_AT_ONCE} events at once")
    rows, places = [], Counter[str]()
    for number, event in enumerate(events):
        if len(json.dumps(event.data)) > MOST_BYTES:
            raise ValueError(f"the particulars of {event.type} are too large")
        places[event.object_id] += 1
        rows.append(
            {
                "number": number,
                "id": uuid.uuid4().hex,
                "type": event.type.value,
                "object": event.object_id,
                "place": places[event.object_id],
                "data": event.data,
            }
        )
    moment: list[Any] = [] if at is None else [at]
    values: list[Any] = [brand_id, brand_id, *moment, json.dumps(rows), brand_id, *(only_if or ("", ()))[1]]
    words = {
        "at": "%s" if moment else NOW[connection.vendor],
        "only_if": f" AND EXISTS ({only_if[0]})" if only_if else "",
    }
    return _INSERT[connection.vendor].format(**words), values


def record(*, brand_id: int, events: Sequence[NewEvent], at: datetime) -> None:
    """Write the events now, in the caller's transaction: as `statement`."""
    sql, values = statement(brand_id=brand_id, events=events, at=at)
    if connection.vendor == "sqlite":
        values[2] = connection.ops.adapt_datetimefield_value(at)
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


_COLUMNS = (
    "INSERT INTO parties_event"
    " (public_id, brand_id, type, object_id, sequence, data, occurred_at, transaction_number)"
)
_NEXT_PLACE = (
    "COALESCE((SELECT MAX(earlier.sequence) FROM parties_event earlier"
    " WHERE earlier.brand_id = %s AND earlier.object_id = {object}), 0) + {place}"
)
_IS_TOLD = "WHERE EXISTS (SELECT 1 FROM parties_apiclient client WHERE client.brand_id = %s)"
# A number of 64 bits that is never used again: unlike that of 32 bits it doesn't wrap.
_TRANSACTION = "CAST(CAST(pg_current_xact_id() AS text) AS bigint)"
_INSERT = {
    "postgresql": (
        f"{_COLUMNS} SELECT new.id, %s, new.type, new.object,"  # noqa: S608  # constants
        f" {_NEXT_PLACE.format(object='new.object', place='new.place')}, new.data, {{at}}, {_TRANSACTION}"
        " FROM jsonb_to_recordset(CAST(%s AS jsonb))"
        " AS new (number integer, id uuid, type text, object text, place integer, data jsonb)"
        f" {_IS_TOLD}{{only_if}} ORDER BY new.number"
    ),
    "sqlite": (
        f"{_COLUMNS} SELECT new.id, %s, new.type, new.object,"  # noqa: S608  # constants
        f" {_NEXT_PLACE.format(object='new.object', place='new.place')}, new.data, {{at}}, 0"
        " FROM (SELECT key AS number, json_extract(value, '$.id') AS id,"
        " json_extract(value, '$.type') AS type, json_extract(value, '$.object') AS object,"
        " json_extract(value, '$.place') AS place, json_extract(value, '$.data') AS data"
        f" FROM json_each(%s)) AS new {_IS_TOLD}{{only_if}} ORDER BY new.number"
    ),
}
