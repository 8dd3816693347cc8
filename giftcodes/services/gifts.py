"""Instant issue: a partner's own system asks for gifts and gets codes. Two round trips to the database.

The first one takes the client's key to itself, looks whether it was used, and finds the orders that can be
drawn from. The second one draws serials and points and writes what was issued, with the commit. A code is
derived from its serial number each time it is asked for, so a repeat gives the same and nothing is stored.
"""

import json
import random
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from django.db import IntegrityError, connection, transaction

from giftcodes import codec, directory, locking
from giftcodes.directory import KnownBatch
from giftcodes.errors import (
    BudgetExhausted,
    GiftKeyReused,
    GiftRefused,
    KeysMissing,
    NotIssuing,
    TwinInFlight,
)
from giftcodes.gift_models import MAX_STRANDS, Gift, GiftRequest, GiftReveal, GiftState
from giftcodes.models import SERIALS_PER_SERIES, claim_id_of
from giftcodes.services import draws, gift_events
from giftcodes.services.gift_wishes import GiftWanted, digest_of_key, fingerprint_of, refuse_unfit
from ledger.statements import Statement, as_instant, instant_sql, run_together
from parties.api_models import ApiClient
from parties.errors import NotReachable
from parties.event_models import EventType


class IssuedGift(NamedTuple):
    """A gift with its code."""

    public_id: uuid.UUID
    serial_number: int
    code: str
    url: str
    points: int
    claim_until: datetime
    issued_at: datetime
    state: GiftState
    recipient_ref: str
    metadata: Mapping[str, str]

    def __repr__(self) -> str:  # the code must not reach a log or a traceback
        return f"IssuedGift({self.serial_number})"


class Issued(NamedTuple):
    """What a request issued, now or, `is_replay`, when its key was used first; in the request's order."""

    gifts: list[IssuedGift]
    is_replay: bool


_Write = Callable[["_Request", "_Order", datetime], list[Gift]]


class _Order(NamedTuple):
    """A batch that issues now, and what is left of it at most: what others draw is not seen yet."""

    batch: KnownBatch
    series: int
    claim_until: datetime
    most_points: int
    gifts_left: int
    points_left: int


class _Request(NamedTuple):
    """A request on its way."""

    client: ApiClient
    key_digest: str
    fingerprint: str
    group: str
    gifts: Sequence[GiftWanted]


def issue_gifts(
    *,
    client: ApiClient,
    key: str,
    group: str,
    gifts: Sequence[GiftWanted],
    is_list: bool = False,
    at: datetime | None = None,
) -> Issued:
    """Issue 1 to 1,000 gifts of the client's brand, all or nothing, once per client and `key`, for ever.
    `is_list`: they were asked for as a list, even if it is one.

    `group` is the limit group of the campaign's batches. They are drawn from the newest order that has enough
    left; one request is never spread over two orders. A repeat gives the same gifts with the same codes,
    whatever has become of them. `at` None (what doors pass) means the database's own clock.
    GiftRefused for what can't be a gift, GiftKeyReused if the key made another request, TwinInFlight if one
    with this key is under way. NotIssuing, BudgetExhausted, KeysMissing: then nothing has happened, and the
    key is as good as new.
    """
    refuse_unfit(key, gifts)
    request = _asked(client, key, group, gifts, is_list=is_list)
    # Past those who are drawing; then behind them; then from all strands together, which is final.
    ways: list[_Write] = [_past, _behind] if connection.vendor == "postgresql" else []
    for write in [*ways, _from_all]:
        try:
            issued = _issue(request, write, at)
        except IntegrityError as error:
            if "key_once" in str(error) or "key_digest" in str(error):
                raise TwinInFlight from error
            raise
        if issued is not None:
            return issued
    raise BudgetExhausted


def _asked(
    client: ApiClient, key: str, group: str, gifts: Sequence[GiftWanted], *, is_list: bool
) -> _Request:
    fingerprint = fingerprint_of(group, gifts, is_list=is_list)
    return _Request(client, digest_of_key(key), fingerprint, group, gifts)


def issued_before(
    *, client: ApiClient, key: str, group: str, gifts: Sequence[GiftWanted], is_list: bool = False
) -> Issued | None:
    """What `issue_gifts` gives for a repeat; None if the key was not used. GiftKeyReused, KeysMissing."""
    request = _asked(client, key, group, gifts, is_list=is_list)
    earlier = GiftRequest.objects.filter(client=client, key_digest=request.key_digest).first()
    return None if earlier is None else _replay(request, earlier.pk, earlier.fingerprint)


def reveal_gift(*, gift: Gift, client: ApiClient, at: datetime) -> IssuedGift:
    """The gift with its code again, which leaves a row. NotReachable if it is another brand's; KeysMissing,
    and then nothing is written.
    """
    if gift.brand_id != client.brand_id:
        raise NotReachable
    shown = _with_codes([gift])[0]
    GiftReveal.objects.create(gift=gift, client=client, revealed_at=at)
    return shown


@transaction.atomic
def _issue(request: _Request, write: _Write, at: datetime | None) -> Issued | None:
    """One try; None if nothing could be drawn this way."""
    now, orders, earlier = _look(request, at)
    if earlier is not None:
        return _replay(request, *earlier)
    fitting = _fitting(request, orders, now)
    for order in fitting if write is _from_all else fitting[:1]:  # the others end their transaction
        if gifts := write(request, order, now):
            return Issued(_with_codes(gifts), is_replay=False)
    return None


def _look(request: _Request, at: datetime | None) -> tuple[datetime, list[_Order], tuple[int, str] | None]:
    """The moment, the orders that issue now, the newest first, and the request that the key made before."""
    now, now_params = instant_sql(at)
    values = [*now_params, request.client.brand_id, request.group, *now_params, *now_params]
    lock = locking.try_request(request.client.pk, request.key_digest)
    *locked, earlier, rows = run_together(
        *lock,
        Statement(_FIND_REQUEST, [request.client.pk, request.key_digest]),
        Statement(_FIND_ORDERS.format(now=now), values),
    )
    if not earlier and locked and not locked[0][0][0]:
        raise TwinInFlight
    return (
        as_instant(rows[0][0]),
        [_order(row) for row in rows if row[1] is not None],
        earlier[0] if earlier else None,
    )


_FIND_REQUEST = "SELECT id, fingerprint FROM giftcodes_giftrequest WHERE client_id = %s AND key_digest = %s"
# One row at least, for the moment.
_FIND_ORDERS = (
    "SELECT n.now, b.series_id, b.first_serial, b.claim_until, b.most_points,"
    " SUM(s.end_serial - s.next_serial), SUM(s.points_left) FROM (SELECT {now} AS now) n"
    " LEFT JOIN giftcodes_batch b ON b.brand_id = %s AND b.limit_group = %s AND b.state = 'active'"
    " AND b.most_points IS NOT NULL AND b.claim_from <= {now} AND b.claim_until > {now}"
    " LEFT JOIN giftcodes_giftstrand s ON s.batch_id = b.id"
    " GROUP BY n.now, b.id, b.series_id, b.first_serial, b.claim_until, b.most_points, b.approved_at"
    " ORDER BY b.approved_at DESC, b.id DESC"
)


def _order(row: Sequence[Any]) -> _Order:
    _now, series, first_serial, claim_until, most_points, gifts_left, points_left = row
    batch = directory.batch_of(series, first_serial)
    if batch is None or directory.series_key(series) is None:
        raise KeysMissing(f"series {series} has no batch at {first_serial}")
    return _Order(batch, series, as_instant(claim_until), most_points, int(gifts_left), int(points_left))


def _fitting(request: _Request, orders: Sequence[_Order], now: datetime) -> list[_Order]:
    """The orders that could take the request. NotIssuing, BudgetExhausted, or what no order allows."""
    if not orders:
        raise NotIssuing
    refusals = {order: _refusal(request, order, now) for order in orders}
    fitting = [order for order in orders if refusals[order] is None]
    if not fitting:
        raise refusals[orders[0]] or BudgetExhausted
    enough = [
        order
        for order in fitting
        if order.gifts_left >= len(request.gifts)
        and order.points_left >= sum(_points(wanted, order) for wanted in request.gifts)
    ]
    if not enough:
        raise BudgetExhausted
    return enough


def _refusal(request: _Request, order: _Order, now: datetime) -> GiftRefused | None:
    for position, wanted in enumerate(request.gifts):
        if wanted.points is not None and wanted.points > order.most_points:
            return GiftRefused("points", position)
        if wanted.claim_until is not None and not now < wanted.claim_until <= order.claim_until:
            return GiftRefused("claim_until", position)
    return None


def _points(wanted: GiftWanted, order: _Order) -> int:
    return order.batch.face_points if wanted.points is None else wanted.points


def _replay(request: _Request, request_id: int, fingerprint: str) -> Issued:
    if fingerprint != request.fingerprint:
        raise GiftKeyReused
    gifts = list(Gift.objects.filter(request=request_id).order_by("position"))
    return Issued(_with_codes(gifts), is_replay=True)


def _new_gifts(request: _Request, order: _Order, now: datetime) -> list[Gift]:
    """What is to be issued, without serials as yet."""
    return [
        Gift(
            public_id=uuid.uuid4(),
            brand_id=order.batch.brand_id,
            batch_id=order.batch.id,
            position=position,
            points=_points(wanted, order),
            claim_until=wanted.claim_until or order.claim_until,
            recipient_ref=wanted.recipient_ref,
            metadata=dict(wanted.metadata or {}),
            issued_at=now,
            state=GiftState.ISSUED,
        )
        for position, wanted in enumerate(request.gifts)
    ]


def _draw_and_write(request: _Request, order: _Order, now: datetime, *, lock: str) -> list[Gift]:
    """Draw from one strand and write everything, in one statement that ends the transaction; no gifts if no
    strand that can be had has enough.
    """
    gifts, batch = _new_gifts(request, order, now), order.batch
    drawn = [batch.id, len(gifts), sum(gift.points for gift in gifts)]
    record = [request.client.pk, request.key_digest, request.fingerprint, batch.id, len(gifts), now]
    place = [claim_id_of(order.series, 0), batch.brand_id, batch.id]
    # Where to begin, anew for each draw: so callers spread, whether they are processes or threads. Who waits
    # begins at the first one, like all who lock several: what was waited for in vain stays locked.
    start = random.randrange(MAX_STRANDS) if lock else 0  # noqa: S311  # nothing hangs on who knows it
    issue = Statement(
        _ISSUE.format(lock=lock),
        [*drawn, start, drawn[1], drawn[2], drawn[1], *record, *place, now, _as_json(gifts)],
    )
    told = gift_events.issued_if_drawn(batch.brand_id, gifts, at=now)
    issued, *_ = run_together(issue, told, is_last=True)
    for serial_number, position in issued:
        gifts[position].pk = serial_number
    return gifts if issued else []


_ISSUE = (
    "WITH strand AS ("
    "SELECT id FROM giftcodes_giftstrand WHERE batch_id = %s AND end_serial - next_serial >= %s"
    " AND points_left >= %s ORDER BY place < %s, place LIMIT 1 FOR UPDATE{lock}"
    "), drawn AS ("
    "UPDATE giftcodes_giftstrand s SET next_serial = s.next_serial + %s, points_left = s.points_left - %s"
    " FROM strand WHERE s.id = strand.id RETURNING s.next_serial - %s AS first_serial"
    "), asked AS ("
    "INSERT INTO giftcodes_giftrequest (client_id, key_digest, fingerprint, batch_id, gifts, requested_at)"
    " SELECT %s, %s, %s, %s, %s, %s FROM drawn RETURNING id"
    ") INSERT INTO giftcodes_gift (id, public_id, brand_id, batch_id, request_id, position, points,"
    " claim_until, recipient_ref, metadata, issued_at, state)"
    " SELECT %s + d.first_serial + w.place, w.public_id, %s, %s, a.id, w.place, w.points, w.claim_until,"
    " w.recipient_ref, w.metadata, %s, 'issued' FROM drawn d, asked a, jsonb_to_recordset(%s::jsonb)"
    " AS w(place int, public_id uuid, points bigint, claim_until timestamptz, recipient_ref text,"
    " metadata jsonb) RETURNING id, position"
)


def _as_json(gifts: Sequence[Gift]) -> str:
    return json.dumps(
        [
            {
                "place": gift.position,
                "public_id": gift.public_id.hex,
                "points": gift.points,
                "claim_until": gift.claim_until.isoformat(),
                "recipient_ref": gift.recipient_ref,
                "metadata": gift.metadata,
            }
            for gift in gifts
        ]
    )


def _from_all(request: _Request, order: _Order, now: datetime) -> list[Gift]:
    """Draw from whatever strands have enough together, behind all others; no gifts if they have not."""
    gifts = _new_gifts(request, order, now)
    serials = draws.draw(order.batch.id, [gift.points for gift in gifts])
    if serials is None:
        return []
    record = GiftRequest.objects.create(
        client=request.client,
        key_digest=request.key_digest,
        fingerprint=request.fingerprint,
        batch_id=order.batch.id,
        gifts=len(gifts),
        requested_at=now,
    )
    for gift, serial in zip(gifts, serials, strict=True):
        gift.pk, gift.request = claim_id_of(order.series, serial), record
    Gift.objects.bulk_create(gifts)
    gift_events.tell_of(EventType.GIFT_ISSUED, gifts, at=now)
    return gifts


_past = partial(_draw_and_write, lock=" SKIP LOCKED")
_behind = partial(_draw_and_write, lock="")


def _with_codes(gifts: Sequence[Gift]) -> list[IssuedGift]:
    return [_with_code(gift) for gift in gifts]


def _with_code(gift: Gift) -> IssuedGift:
    series, serial = divmod(gift.pk, SERIALS_PER_SERIES)
    batch, key = directory.batch_of(series, serial), directory.series_key(series)
    if batch is None or key is None:
        raise KeysMissing(f"gift {gift.pk} has no batch")
    code = codec.encode_one(serial, series=series, series_key=key, batch_key=batch.key)
    return IssuedGift(
        public_id=gift.public_id,
        serial_number=gift.pk,
        code=code,
        url=f"{batch.claim_url_base}#c={code}",
        points=gift.points,
        claim_until=gift.claim_until,
        issued_at=gift.issued_at,
        state=GiftState(gift.state),
        recipient_ref=gift.recipient_ref,
        metadata=gift.metadata,
    )
