"""Issue gifts in one round trip to the database, from the order that was drawn from last.

What this process remembers is a guess, and nothing rests on it: the one statement looks itself whether that
order still is the newest one that issues, as it was, and whether the key is unused, and draws and writes only
then. Whatever else is the case, it writes nothing, and the thorough way finds out what it is. On PostgreSQL
alone: for a database without a network there is nothing to save.
"""

import random
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Any, NamedTuple

from django.db import IntegrityError, connection, transaction

from giftcodes import directory, locking
from giftcodes.gift_models import MAX_STRANDS, Gift
from giftcodes.models import claim_id_of
from giftcodes.services import gift_events
from giftcodes.services.gift_wishes import GiftWanted
from giftcodes.services.issuing import OpenOrder, Request, as_json, new_gifts, worth_of
from ledger.statements import Statement, as_instant, instant_sql, run_together

MOST_REMEMBERED = 4_096  # groups; then it begins anew


class _Remembered(NamedTuple):
    """Where the order's batch is found, and what it was seen to allow."""

    series: int
    first_serial: int
    claim_until: datetime
    most_points: int


_last: dict[tuple[int, str], _Remembered] = {}


def remember(request: Request, order: OpenOrder) -> None:
    """The group's newest order that issues is this one."""
    if len(_last) >= MOST_REMEMBERED:
        _last.clear()
    place = (request.client.brand_id, request.group)
    _last[place] = _Remembered(order.series, order.batch.first_serial, order.claim_until, order.most_points)


def likely_worth(*, brand_id: int, group: str, gifts: Sequence[GiftWanted]) -> int | None:
    """Points that the gifts are worth together if the order is the one that was drawn from last; None if
    nothing is remembered. Raises KeysMissing.
    """
    order = _remembered(brand_id, group)
    return None if order is None else worth_of(gifts, order.batch.face_points)


class Quick(NamedTuple):
    """The gifts, issued and committed (in the caller's transaction, if there is one); or the number and the
    fingerprint of the request that the key made before.
    """

    gifts: list[Gift]
    earlier: tuple[int, str] | None


def issue(request: Request, at: datetime | None) -> Quick | None:
    """What has become of the request; None if it can't be done this way, and then nothing has happened.
    Raises KeysMissing.
    """
    order = _remembered(request.client.brand_id, request.group)
    if connection.vendor != "postgresql" or order is None or not _is_fit(request, order):
        return None
    gifts = new_gifts(request, order, order.claim_until)
    try:
        # A single statement is a transaction by itself: without BEGIN and COMMIT.
        with _savepoint():
            [rows] = run_together(_statement(request, order, gifts, at))
    except IntegrityError:  # a twin was quicker
        return None
    if not rows:
        return None
    if rows[0][3] is not None:
        return Quick([], (rows[0][0], rows[0][3]))
    for serial_number, position, issued_at, _earlier in rows:
        gifts[position].pk, gifts[position].issued_at = serial_number, as_instant(issued_at)
    return Quick(gifts, None)


def _remembered(brand_id: int, group: str) -> OpenOrder | None:
    last = _last.get((brand_id, group))
    batch = last and directory.batch_of(last.series, last.first_serial)
    if not last or not batch or directory.series_key(last.series) is None:
        return None
    return OpenOrder(batch, last.series, last.claim_until, last.most_points, batch.size, 0)


def _is_fit(request: Request, order: OpenOrder) -> bool:
    worth = worth_of(request.gifts, order.batch.face_points)
    return (request.at_most is None or worth <= request.at_most) and all(
        wanted.claim_until is None and (wanted.points or 0) <= order.most_points for wanted in request.gifts
    )


def _savepoint() -> AbstractContextManager[Any]:
    return transaction.atomic() if connection.in_atomic_block else nullcontext()


def _statement(request: Request, order: OpenOrder, gifts: Sequence[Gift], at: datetime | None) -> Statement:
    now, moment = instant_sql(at)
    client, batch = request.client, order.batch
    drawn = [len(gifts), sum(gift.points for gift in gifts)]
    told = gift_events.issued_if(_IF_ISSUED, batch.brand_id, gifts, at=at)
    values: list[Any] = [
        *[client.pk, request.key_digest],
        *moment,
        locking.request_lock(client.pk, request.key_digest),
        *[client.brand_id, request.group, batch.id, order.claim_until, order.most_points],
        *drawn,
        random.randrange(MAX_STRANDS),  # noqa: S311  # nothing hangs on who knows it
        *[*drawn, drawn[0]],
        *[client.pk, request.key_digest, request.fingerprint, batch.id, len(gifts)],
        *[claim_id_of(order.series, 0), batch.brand_id, batch.id, as_json(gifts)],
        *told.params,
    ]
    return Statement(_ISSUE.format(now=now, told=told.sql), values)


_IF_ISSUED = Statement("SELECT 1 FROM issued", [])
# What `gifts` does in two steps. A statement sees the rows as of its beginning: a twin that commits while it
# waits for nothing is met at the key's unique index.
_ISSUE = (
    "WITH earlier AS ("
    "SELECT id, fingerprint FROM giftcodes_giftrequest WHERE client_id = %s AND key_digest = %s"
    "), free AS ("
    "SELECT {now} AS now WHERE NOT EXISTS (SELECT 1 FROM earlier) AND pg_try_advisory_xact_lock(%s)"
    "), newest AS ("
    "SELECT b.id, b.claim_until, b.most_points, free.now FROM free, LATERAL"
    " (SELECT id, claim_until, most_points FROM giftcodes_batch WHERE brand_id = %s AND limit_group = %s"
    " AND state = 'active' AND most_points IS NOT NULL AND claim_from <= free.now AND claim_until > free.now"
    " ORDER BY approved_at DESC, id DESC LIMIT 1) b"
    "), chosen AS ("
    "SELECT id, now FROM newest WHERE id = %s AND claim_until = %s AND most_points = %s"
    "), strand AS ("
    "SELECT id FROM giftcodes_giftstrand WHERE batch_id = (SELECT id FROM chosen)"
    " AND end_serial - next_serial >= %s AND points_left >= %s"
    " ORDER BY place < %s, place LIMIT 1 FOR UPDATE SKIP LOCKED"
    "), drawn AS ("
    "UPDATE giftcodes_giftstrand s SET next_serial = s.next_serial + %s, points_left = s.points_left - %s"
    " FROM strand WHERE s.id = strand.id RETURNING s.next_serial - %s AS first_serial"
    "), asked AS ("
    "INSERT INTO giftcodes_giftrequest (client_id, key_digest, fingerprint, batch_id, gifts, requested_at)"
    " SELECT %s, %s, %s, %s, %s, chosen.now FROM drawn, chosen RETURNING id, requested_at"
    "), issued AS ("
    "INSERT INTO giftcodes_gift (id, public_id, brand_id, batch_id, request_id, position, points,"
    " claim_until, recipient_ref, metadata, issued_at, state)"
    " SELECT %s + d.first_serial + w.place, w.public_id, %s, %s, a.id, w.place, w.points, w.claim_until,"
    " w.recipient_ref, w.metadata, a.requested_at, 'issued' FROM drawn d, asked a,"
    " jsonb_to_recordset(%s::jsonb) AS w(place int, public_id uuid, points bigint, claim_until timestamptz,"
    " recipient_ref text, metadata jsonb) RETURNING id, position, issued_at"
    "), told AS ({told}) SELECT id, position, issued_at, NULL FROM issued"
    " UNION ALL SELECT id, NULL, NULL, fingerprint FROM earlier"
)
