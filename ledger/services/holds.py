"""Two-step spending: points of a wallet are set aside for a checkout, and that ends exactly once.

Whoever ends a hold locks its wallet first, like everybody who changes lots, and then wins the hold by a
filtered update.
"""

import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import IntegrityError, connection, transaction

from ledger.errors import DayClosed, HoldEnded, InsufficientPoints, KeyReused, LimitExceeded, MoveRefused
from ledger.lots import OpenLot, Taken, give_back, take
from ledger.models import Hold, HoldState, Reason, Transfer, UseKind, transfer_id_of
from ledger.services.accounts import open_accepted
from ledger.services.posting import Move
from ledger.services.recoveries import recover
from ledger.services.spending import Spent, spent_before
from ledger.services.taking import (
    Asked,
    Uses,
    debit_lots,
    find,
    full_key,
    insert_transfer,
    insert_uses,
    once,
    refuse_odd_points,
    take_points,
)
from ledger.services.telling import CAPTURE, moved, telling
from ledger.statements import Statement, as_uuid, fold, run_together
from parties.event_models import EventType
from parties.events import NewEvent
from parties.models import Brand

SHORTEST_HOLD, LONGEST_HOLD = timedelta(minutes=1), timedelta(days=7)


def hold_points(
    *, wallet_id: int, store_id: int, points: int, key: str, expires_at: datetime, at: datetime
) -> Hold:
    """Set points of the wallet aside for a checkout at the store, until `expires_at` (exclusive; a minute to
    seven days away), once per `key`.

    Soonest to expire first; what is held can't be spent otherwise. A repeat with the same wallet, store,
    points and end gives back the first hold as it is now; with others, KeyReused. InsufficientPoints and
    MoveRefused as for `spend_points`, and MoveRefused for a shorter or longer life. A refusal changes
    nothing.
    """
    refuse_odd_points(points)
    asked = Asked(wallet_id, store_id, points, full_key("hold", key), Reason.HOLD, at)
    once(lambda asked: _hold(asked, expires_at), asked)
    return Hold.objects.get(pk=transfer_id_of(asked.key))


@transaction.atomic
def _hold(asked: Asked, expires_at: datetime) -> None:
    found = find(asked)
    if found.is_repeat:
        _refuse_another(asked, expires_at)
        return
    if not SHORTEST_HOLD <= expires_at - asked.at <= LONGEST_HOLD:
        raise MoveRefused("a hold lives for a minute to seven days")
    hold_id = transfer_id_of(asked.key)
    values = [hold_id, asked.wallet_id, asked.store_id, asked.points, asked.at, expires_at]
    take_points(asked, found, Statement(_INSERT_HOLD, values))


_INSERT_HOLD = (
    "INSERT INTO ledger_hold"
    " (transfer_id, wallet_id, store_id, points, held_at, expires_at, state, captured_points)"
    " VALUES (%s, %s, %s, %s, %s, %s, 'open', 0)"
)


def _refuse_another(asked: Asked, expires_at: datetime) -> None:
    hold = Hold.objects.filter(pk=transfer_id_of(asked.key), wallet=asked.wallet_id, store=asked.store_id)
    if not hold.filter(points=asked.points, expires_at=expires_at).exists():
        raise KeyReused(asked.key)


def capture_hold(*, hold_id: uuid.UUID, points: int | None, at: datetime) -> Spent:
    """Spend held points at the hold's store, all of them or `points`; the rest goes back to the wallet.

    Honoured before the hold's `expires_at`, also when a lot has expired meanwhile: the member decided in
    time. A repeat with the same points gives back the first result, `is_repeat` set. HoldEnded if the hold
    was captured for another amount, released, or is past its end; InsufficientPoints for more than is held;
    MoveRefused for no such hold, or points that are no whole number of 1 to 10^12; LimitExceeded if the
    wallet would pass 10^12 points. A refusal changes nothing.
    """
    if points is not None:
        refuse_odd_points(points)
    return _capture(hold_id, points, at)


@transaction.atomic
def _capture(hold_id: uuid.UUID, points: int | None, at: datetime) -> Spent:
    won = _win(hold_id, Statement(_CAPTURE, [points, at, hold_id, at, points]))
    if won is None:
        return _same_capture(hold_id, points)
    captured = won.points if points is None else points
    taken = take((OpenLot(*part) for part in won.lots), captured)
    balance = _write(won, taken, give_back(won.lots, won.points - captured), at, HoldState.CAPTURED)
    return Spent(transfer_id_of(_key(CAPTURE, hold_id)), captured, balance, tuple(taken), is_repeat=False)


def _same_capture(hold_id: uuid.UUID, points: int | None) -> Spent:
    hold = _hold_of(hold_id)
    captured = hold.points if points is None else points
    if captured > hold.points:
        raise InsufficientPoints(f"hold {hold_id}")
    if hold.state != HoldState.CAPTURED or hold.captured_points != captured:
        raise HoldEnded(f"hold {hold_id}")
    return spent_before(transfer_id_of(_key(CAPTURE, hold_id)), hold.wallet_id)


def release_hold(*, hold_id: uuid.UUID, at: datetime) -> Hold:
    """Give the held points back to the wallet. Harmless for a hold that was released or has expired;
    HoldEnded if it was captured, MoveRefused for no such hold, LimitExceeded if the wallet would pass 10^12
    points.

    Points of a lot that has expired meanwhile come back to it all the same, and can't be spent.
    """
    _give_back(hold_id, HoldState.RELEASED, at)
    hold = _hold_of(hold_id)
    if hold.state == HoldState.CAPTURED:
        raise HoldEnded(f"hold {hold_id}")
    return hold


def expire_holds(*, at: datetime, limit: int = 500) -> int:
    """End up to `limit` holds whose end has come, and give their points back; how many it were.

    Each in a transaction of its own: it can be stopped anywhere and asked again. 0 means that none is left
    but those whose wallet is full (10^12 points): they wait, and hold up nobody else.
    """
    due = Hold.objects.filter(state=HoldState.OPEN, expires_at__lte=at).order_by("expires_at", "pk")
    return sum(_expire(hold_id, at) for hold_id in due.values_list("pk", flat=True)[:limit])


def expire_holds_of(wallet_id: int, at: datetime) -> None:
    """End the wallet's holds whose end has come, for services that must not depend on when beat comes by.
    LimitExceeded if the wallet would pass 10^12 points.
    """
    due = Hold.objects.filter(wallet=wallet_id, state=HoldState.OPEN, expires_at__lte=at)
    for hold_id in due.order_by("expires_at", "pk").values_list("pk", flat=True):
        _give_back(hold_id, HoldState.EXPIRED, at)


def _expire(hold_id: uuid.UUID, at: datetime) -> bool:
    try:
        return _give_back(hold_id, HoldState.EXPIRED, at)
    except LimitExceeded:
        return False


@transaction.atomic
def _give_back(hold_id: uuid.UUID, state: HoldState, at: datetime) -> bool:
    won = _win(hold_id, Statement(_GIVE_BACK, [state.value, at, hold_id]))
    if won is None:
        return False
    _write(won, [], won.lots[::-1], at, state)
    return True


def _hold_of(hold_id: uuid.UUID) -> Hold:
    hold = Hold.objects.filter(pk=hold_id).first()
    if hold is None:
        raise MoveRefused("no such hold")
    return hold


def _key(verb: str, hold_id: uuid.UUID) -> str:
    return f"{verb}:{hold_id.hex}"


class _Won(NamedTuple):
    """The hold that was ended here, and where its points can go. `accepted_id` is None while nobody has
    opened the account; `owes` if something of the wallet was taken back after it had been spent.
    """

    id: uuid.UUID
    points: int
    wallet_id: int
    store_id: int
    brand_id: int
    program_id: int
    held_id: int
    accepted_id: int | None
    owes: bool
    member: uuid.UUID
    store_code: str
    lots: list[Taken]


def _win(hold_id: uuid.UUID, end: Statement) -> _Won | None:
    """Lock the wallet, end the hold if `end` finds it open, and read what is needed to move its points."""
    lock = " FOR NO KEY UPDATE" if connection.vendor == "postgresql" else ""
    _wallet, won, ends, lots = run_together(
        Statement(_LOCK_WALLET + lock, [hold_id]),
        end,
        Statement(_FIND_ENDS, [hold_id]),
        Statement(_HELD_LOTS, [hold_id]),
    )
    if not won:
        return None
    *found, member, store_code = ends[0]
    return _Won._make((hold_id, *found, as_uuid(member), store_code, [Taken(*row) for row in lots]))


def _write(
    won: _Won, taken: Sequence[Taken], returned: Sequence[Taken], at: datetime, state: HoldState
) -> int:
    """`taken` goes to the brand of the store, `returned` back to its lots; the wallet's balance then."""
    steps = [
        *(_spend_held(won, taken, at) if taken else []),
        *(_return_held(won, returned, at) if returned else []),
        telling(won.brand_id, at, *_events(won, taken, returned, state)),
        Statement(_BALANCE, [won.wallet_id]),
    ]
    if returned:
        steps[-1] = Statement(_CREDIT_WALLET, [sum(part.points for part in returned), won.wallet_id])
    passes_on = won.owes and bool(returned)
    try:
        *_, balances = run_together(*fold(*steps), is_last=not passes_on)
    except IntegrityError as error:
        if DayClosed.is_meant_by(error):
            raise DayClosed(f"{at}") from error
        if "ledger_balance_within_limits" in str(error):
            raise LimitExceeded(f"account {won.wallet_id}") from error
        raise
    balance = int(balances[0][0])
    if passes_on:
        release = Transfer(id=transfer_id_of(_key("release", won.id)), posted_at=at)
        balance -= recover(returned={part.lot_id: part.points for part in returned}, transfer=release)
    return balance


def _events(
    won: _Won, taken: Sequence[Taken], returned: Sequence[Taken], state: HoldState
) -> Iterator[NewEvent]:
    of: dict[str, object] = {"hold": won.id, "member": won.member, "store": won.store_code}
    if taken:
        transfer_id, points = transfer_id_of(_key(CAPTURE, won.id)), sum(part.points for part in taken)
        yield moved(EventType.POINTS_SPENT, won.id, {"transfer": transfer_id, "points": points} | of)
    if returned:
        points = sum(part.points for part in returned)
        yield moved(EventType.POINTS_RELEASED, won.id, {"points": points, "because": state.value} | of)


def _spend_held(won: _Won, taken: Sequence[Taken], at: datetime) -> list[Statement]:
    """Out of the hold, then spent, lot by lot."""
    key, points = _key(CAPTURE, won.id), sum(part.points for part in taken)
    accepted_id = won.accepted_id or open_accepted(brand=Brand.objects.get(pk=won.brand_id), at=at).pk
    held = Uses(won.program_id, transfer_id_of(key), UseKind.HOLD, None, None, at)
    spent = held._replace(kind=UseKind.SPEND, acceptor_id=won.brand_id, store_id=won.store_id)
    return [
        *insert_transfer(key, Reason.CAPTURE, Move(won.held_id, accepted_id, points), at),
        insert_uses(_negative(taken), held),
        insert_uses(taken, spent),
    ]


def _return_held(won: _Won, returned: Sequence[Taken], at: datetime) -> list[Statement]:
    key, points = _key("release", won.id), sum(part.points for part in returned)
    held = Uses(won.program_id, transfer_id_of(key), UseKind.HOLD, None, None, at)
    return [
        *insert_transfer(key, Reason.RELEASE, Move(won.held_id, won.wallet_id, points), at),
        debit_lots(_negative(returned)),
        insert_uses(_negative(returned), held),
    ]


def _negative(taken: Sequence[Taken]) -> list[Taken]:
    return [part._replace(points=-part.points) for part in taken]


_LOCK_WALLET = (
    "SELECT id FROM ledger_account WHERE id = (SELECT wallet_id FROM ledger_hold WHERE transfer_id = %s)"
)
_CAPTURE = (
    "UPDATE ledger_hold SET state = 'captured', captured_points = COALESCE(%s, points), ended_at = %s"
    " WHERE transfer_id = %s AND state = 'open' AND expires_at > %s AND points >= COALESCE(%s, points)"
    " RETURNING points"
)
_GIVE_BACK = (
    "UPDATE ledger_hold SET state = %s, ended_at = %s WHERE transfer_id = %s AND state = 'open'"
    " RETURNING points"
)
_FIND_ENDS = (
    "SELECT h.points, h.wallet_id, h.store_id, s.brand_id, b.program_id, held.id, accepted.id,"
    " EXISTS (SELECT 1 FROM ledger_receivable r"
    " WHERE r.wallet_id = h.wallet_id AND r.recovered_points < r.points),"
    " (SELECT m.public_id FROM parties_member m JOIN ledger_account w ON w.member_id = m.id"
    " WHERE w.id = h.wallet_id), s.code"
    " FROM ledger_hold h JOIN parties_store s ON s.id = h.store_id"
    " JOIN parties_brand b ON b.id = s.brand_id"
    " JOIN ledger_account held ON held.program_id = b.program_id AND held.label = 'held'"
    " LEFT JOIN ledger_account accepted ON accepted.program_id = b.program_id"
    " AND accepted.label = 'accepted:' || s.brand_id"
    " WHERE h.transfer_id = %s"
)
# In the order in which they were taken: soonest to expire first.
_HELD_LOTS = (
    "SELECT lot_id, funder_id, points FROM ledger_lotuse WHERE transfer_id = %s AND kind = 'hold' ORDER BY id"
)
_BALANCE = "SELECT balance FROM ledger_account WHERE id = %s"
_CREDIT_WALLET = "UPDATE ledger_account SET balance = balance + %s WHERE id = %s RETURNING balance"
