"""Instant issue: a partner's own system asks for gifts and gets codes.

Mostly it is one round trip to the database (`quick_gifts`). Where that can't be it is two: the first one
takes the client's key to itself, looks whether it was used, and finds the orders that can be drawn from. The
second one draws serials and points and writes what was issued, with the commit. A code is derived from its
serial number each time it is asked for, so a repeat gives the same and nothing is stored.
"""

import random
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from django.db import IntegrityError, connection, transaction

from giftcodes import directory, locking
from giftcodes.errors import (
    BudgetExhausted,
    GiftKeyReused,
    KeysMissing,
    NotIssuing,
    TwinInFlight,
    WorthMore,
)
from giftcodes.gift_models import MAX_STRANDS, Gift, GiftRequest, GiftReveal
from giftcodes.models import claim_id_of
from giftcodes.services import draws, gift_events, quick_gifts
from giftcodes.services.gift_wishes import GiftWanted, digest_of_key, fingerprint_of, refuse_unfit
from giftcodes.services.issuing import (
    IssuedGift,
    OpenOrder,
    Request,
    as_json,
    new_gifts,
    refusal_of,
    with_code,
    worth_of,
)
from ledger.statements import Statement, as_instant, instant_sql, run_together
from parties.api_models import ApiClient
from parties.errors import NotReachable
from parties.event_models import EventType


class Issued(NamedTuple):
    """What a request issued, now or, `is_replay`, when its key was used first; in the request's order."""

    gifts: list[IssuedGift]
    is_replay: bool


_Write = Callable[[Request, OpenOrder, datetime], list[Gift]]


def issue_gifts(
    *,
    client: ApiClient,
    key: str,
    group: str,
    gifts: Sequence[GiftWanted],
    is_list: bool = False,
    at_most: int | None = None,
    at: datetime | None = None,
) -> Issued:
    """Issue 1 to 1,000 gifts of the client's brand, all or nothing, once per client and `key`, for ever.
    `is_list`: they were asked for as a list, even if it is one.

    `group` is the limit group of the campaign's batches. They are drawn from the newest order that has enough
    left; one request is never spread over two orders. A repeat gives the same gifts with the same codes,
    whatever has become of them. `at_most`: points that they may be worth together. `at` None (what doors
    pass) means the database's own clock.
    GiftRefused for what can't be a gift, GiftKeyReused if the key made another request, TwinInFlight if one
    with this key is under way. NotIssuing, BudgetExhausted, WorthMore than `at_most`, KeysMissing: then
    nothing has happened, and the key is as good as new.
    """
    refuse_unfit(key, gifts)
    request = _asked(client, key, group, gifts, is_list=is_list, at_most=at_most)
    quick = quick_gifts.issue(request, at)
    if quick and quick.earlier:
        return _replay(request, *quick.earlier)
    if quick:
        return Issued(_with_codes(quick.gifts), is_replay=False)
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
    client: ApiClient,
    key: str,
    group: str,
    gifts: Sequence[GiftWanted],
    *,
    is_list: bool,
    at_most: int | None = None,
) -> Request:
    fingerprint = fingerprint_of(group, gifts, is_list=is_list)
    return Request(client, digest_of_key(key), fingerprint, group, gifts, at_most)


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
def _issue(request: Request, write: _Write, at: datetime | None) -> Issued | None:
    """One try; None if nothing could be drawn this way."""
    now, orders, earlier = _look(request, at)
    if earlier is not None:
        return _replay(request, *earlier)
    fitting = _fitting(request, orders, now)
    for order in fitting if write is _from_all else fitting[:1]:  # the others end their transaction
        worth = worth_of(request.gifts, order.batch.face_points)
        if request.at_most is not None and worth > request.at_most:
            raise WorthMore(worth)
        if gifts := write(request, order, now):
            if order is orders[0]:
                quick_gifts.remember(request, order)
            return Issued(_with_codes(gifts), is_replay=False)
    return None


def _look(request: Request, at: datetime | None) -> tuple[datetime, list[OpenOrder], tuple[int, str] | None]:
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


def _order(row: Sequence[Any]) -> OpenOrder:
    _now, series, first_serial, claim_until, most_points, gifts_left, points_left = row
    batch = directory.batch_of(series, first_serial)
    if batch is None or directory.series_key(series) is None:
        raise KeysMissing(f"series {series} has no batch at {first_serial}")
    return OpenOrder(batch, series, as_instant(claim_until), most_points, int(gifts_left), int(points_left))


def _fitting(request: Request, orders: Sequence[OpenOrder], now: datetime) -> list[OpenOrder]:
    """The orders that could take the request. NotIssuing, BudgetExhausted, or what no order allows."""
    if not orders:
        raise NotIssuing
    refusals = {order: refusal_of(request, order, now) for order in orders}
    fitting = [order for order in orders if refusals[order] is None]
    if not fitting:
        raise refusals[orders[0]] or BudgetExhausted
    enough = [
        order
        for order in fitting
        if order.gifts_left >= len(request.gifts)
        and order.points_left >= worth_of(request.gifts, order.batch.face_points)
    ]
    if not enough:
        raise BudgetExhausted
    return enough


def _replay(request: Request, request_id: int, fingerprint: str) -> Issued:
    if fingerprint != request.fingerprint:
        raise GiftKeyReused
    gifts = list(Gift.objects.filter(request=request_id).order_by("position"))
    return Issued(_with_codes(gifts), is_replay=True)


def _draw_and_write(request: Request, order: OpenOrder, now: datetime, *, lock: str) -> list[Gift]:
    """Draw from one strand and write everything, in one statement that ends the transaction; no gifts if no
    strand that can be had has enough.
    """
    gifts, batch = new_gifts(request, order, now), order.batch
    drawn = [batch.id, len(gifts), sum(gift.points for gift in gifts)]
    record = [request.client.pk, request.key_digest, request.fingerprint, batch.id, len(gifts), now]
    place = [claim_id_of(order.series, 0), batch.brand_id, batch.id]
    # Where to begin, anew for each draw: so callers spread, whether they are processes or threads. Who waits
    # begins at the first one, like all who lock several: what was waited for in vain stays locked.
    start = random.randrange(MAX_STRANDS) if lock else 0  # noqa: S311  # nothing hangs on who knows it
    issue = Statement(
        _ISSUE.format(lock=lock),
        [*drawn, start, drawn[1], drawn[2], drawn[1], *record, *place, now, as_json(gifts)],
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


def _from_all(request: Request, order: OpenOrder, now: datetime) -> list[Gift]:
    """Draw from whatever strands have enough together, behind all others; no gifts if they have not."""
    gifts = new_gifts(request, order, now)
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
    return [with_code(gift) for gift in gifts]
