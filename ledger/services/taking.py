"""Points leave the lots of a wallet: what spending and holding have in common.

Two round trips. The first locks the wallet, then reads; the second writes everything. Whoever changes lots
locks their wallet's row first, so between the two nobody else does.
"""

import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar

from django.db import IntegrityError, connection

from ledger.errors import DayClosed, InsufficientPoints, MoveRefused
from ledger.lots import OpenLot, Taken, take
from ledger.models import BY_HAND, MAX_KEY_LENGTH, MAX_POINTS, Reason, UseKind, transfer_id_of
from ledger.pipeline import Rows
from ledger.services.accounts import open_accepted, open_held
from ledger.services.posting import Move
from ledger.services.telling import moved, telling
from ledger.statements import Statement, as_uuid, fold, run_together
from parties.event_models import EventType
from parties.events import NewEvent
from parties.models import Brand

Result = TypeVar("Result")


class Asked(NamedTuple):
    """Points of a wallet for a store. `reason` is SPEND (they go to its brand) or HOLD (they are set
    aside).
    """

    wallet_id: int
    store_id: int
    points: int
    key: str
    reason: Reason
    at: datetime


class Found(NamedTuple):
    """What the first round trip has locked and read. `target_id` is None while nobody has opened the
    account.
    """

    program_id: int
    brand_id: int
    target_id: int | None
    is_repeat: bool
    lots: Rows
    member: uuid.UUID
    store_code: str


class Took(NamedTuple):
    """What the second has written; `balance` is the wallet's after it."""

    taken: tuple[Taken, ...]
    balance: int


class Uses(NamedTuple):
    """What the uses that one act makes of several lots have in common."""

    program_id: int
    transfer_id: uuid.UUID
    kind: UseKind
    acceptor_id: int | None
    store_id: int | None
    at: datetime


def full_key(verb: str, key: str) -> str:
    """The key of the transfer that the asker's `key` makes. MoveRefused if the ledger can't keep it, and for
    one that begins as those of acts by hand do.
    """
    full = f"{verb}:{key}"
    if not key or len(full) > MAX_KEY_LENGTH or not key.isprintable():
        raise MoveRefused(f"a key is one line of 1 to {MAX_KEY_LENGTH - len(verb) - 1} characters")
    if key.startswith(BY_HAND):
        raise MoveRefused(f"keys that begin with {BY_HAND!r} are those of acts by hand")
    return full


def refuse_odd_points(points: int) -> None:
    """MoveRefused unless `points` is a whole number of 1 to 10^12."""
    if type(points) is not int or not 0 < points <= MAX_POINTS:
        raise MoveRefused(f"points must be a whole number of 1 to {MAX_POINTS:,}")


def once(act: Callable[[Asked], Result], asked: Asked) -> Result:
    """What `act` gives. It opens a transaction and gives back the first result where the key was used before;
    where another wallet uses the key at the same moment, the second attempt finds that.
    """
    try:
        return act(asked)
    except IntegrityError as error:
        if DayClosed.is_meant_by(error):
            raise DayClosed(f"{asked.at}") from error
        if not any(name in str(error) for name in _USED_BEFORE):
            raise
        return act(asked)


def find(asked: Asked) -> Found:
    """Lock the wallet and read what the decision needs. MoveRefused if there is no such wallet, if its
    member has left, or if there is no such store in its program.
    """
    wallet, store, lots = run_together(
        _lock_wallet(asked.wallet_id),
        Statement(
            _FIND_STORE.format(label=_LABEL[asked.reason]), [transfer_id_of(asked.key), asked.store_id]
        ),
        _page_of_lots(asked.wallet_id, (asked.at, _AFTER_ALL_IDS), _FIRST_PAGE),
    )
    if not wallet:
        raise MoveRefused("no such wallet")
    if not store or store[0][1] != wallet[0][0]:
        raise MoveRefused("no such store in the program of the wallet")
    brand_id, program_id, target_id, earlier, store_code = store[0]
    member = as_uuid(wallet[0][1])
    return Found(program_id, brand_id, target_id, earlier is not None, lots, member, store_code)


def take_points(asked: Asked, found: Found, *further: Statement) -> Took:
    """Take the points and write all of it, with `further` in the same transaction, which this ends.

    InsufficientPoints if the lots that have not expired do not have as many.
    """
    taken = take(_open_lots(asked, found.lots), asked.points)
    if sum(part.points for part in taken) < asked.points:
        raise InsufficientPoints(f"account {asked.wallet_id}")
    transfer_id, target_id = transfer_id_of(asked.key), found.target_id or _open_target(asked, found)
    if asked.reason == Reason.SPEND:
        uses = Uses(found.program_id, transfer_id, UseKind.SPEND, found.brand_id, asked.store_id, asked.at)
    else:
        uses = Uses(found.program_id, transfer_id, UseKind.HOLD, None, None, asked.at)
    # A lot that lacked points, or a wallet, would fail by its check constraint, and everything with it.
    steps = fold(
        *insert_transfer(asked.key, asked.reason, Move(asked.wallet_id, target_id, asked.points), asked.at),
        debit_lots(taken),
        insert_uses(taken, uses),
        *further,
        telling(found.brand_id, asked.at, _event(asked, found)),
        Statement(_DEBIT_WALLET, [asked.points, asked.wallet_id]),
    )
    *_, balances = run_together(*steps, is_last=True)
    return Took(tuple(taken), int(balances[0][0]))


def _event(asked: Asked, found: Found) -> NewEvent:
    transfer_id = transfer_id_of(asked.key)
    data = {"points": asked.points, "member": found.member, "store": found.store_code}
    if asked.reason == Reason.HOLD:
        return moved(EventType.POINTS_HELD, transfer_id, data)
    return moved(EventType.POINTS_SPENT, transfer_id, {"transfer": transfer_id, "hold": None} | data)


def _lock_wallet(wallet_id: int) -> Statement:
    """Locks the wallet's row to the end of the transaction; gives its program and member, or no row if it is
    no wallet or its member has left.

    SQLite's transactions, which are IMMEDIATE, wait for each other as a whole.
    """
    lock = " FOR NO KEY UPDATE" if connection.vendor == "postgresql" else ""
    sql = (
        "SELECT program_id, (SELECT m.public_id FROM parties_member m WHERE m.id = member_id)"
        " FROM ledger_account WHERE id = %s AND kind = 'wallet'"
        " AND member_id IN (SELECT id FROM parties_member WHERE closed_at IS NULL)"
    )
    return Statement(sql + lock, [wallet_id])


def _open_target(asked: Asked, found: Found) -> int:
    brand = Brand.objects.select_related("program").get(pk=found.brand_id)
    if asked.reason == Reason.HOLD:
        return open_held(program=brand.program, at=asked.at).pk
    return open_accepted(brand=brand, at=asked.at).pk


# Most spends need a lot or two. Whoever needs more than the first page gets the rest in long ones.
_FIRST_PAGE, _NEXT_PAGE = 64, 4_096
_AFTER_ALL_IDS = 2**63 - 1


def _page_of_lots(wallet_id: int, after: tuple[datetime | str, int], size: int) -> Statement:
    """The next lots with points after (end, id), soonest to expire first."""
    return Statement(_PAGE_OF_LOTS, [wallet_id, *after, size])


def _open_lots(asked: Asked, page: Rows) -> Iterator[OpenLot]:
    size = _FIRST_PAGE
    while page:
        for lot_id, funder_id, points, _ in page:
            yield OpenLot(lot_id, funder_id, points)
        if len(page) < size:
            return
        last_id, _, _, last_end = page[-1]
        size = _NEXT_PAGE
        page = run_together(_page_of_lots(asked.wallet_id, (last_end, last_id), size))[0]


def insert_transfer(key: str, reason: Reason, move: Move, at: datetime) -> list[Statement]:
    """A transfer and its one posting."""
    transfer_id = transfer_id_of(key)
    return [
        Statement(_INSERT_TRANSFER, [transfer_id, key, reason.value, at]),
        Statement(_INSERT_POSTING, [transfer_id, *move, at]),
    ]


def debit_lots(taken: Sequence[Taken]) -> Statement:
    """Takes the points out of their lots; negative points come back."""
    table, values = _as_table(taken)
    return Statement(_DEBIT_LOTS.format(taken=table), values)


def insert_uses(taken: Sequence[Taken], uses: Uses) -> Statement:
    """Remembers what left the lots (negative: came back), in this order."""
    table, values = _as_table(taken)
    shared = [uses.program_id, uses.transfer_id, uses.kind.value, uses.acceptor_id, uses.store_id, uses.at]
    return Statement(_INSERT_USES.format(taken=table), [*shared, *values])


def _as_table(taken: Sequence[Taken]) -> tuple[str, list[str]]:
    """SQL and values of a table (lot_id, funder_id, points, place): the same SQL for one row or many."""
    if connection.vendor != "postgresql":
        return _TAKEN_AS_JSON, [json.dumps(taken)]
    columns = zip(*taken, strict=True)
    return _TAKEN_AS_ARRAYS, ["{" + ",".join(map(str, column)) + "}" for column in columns]


# What PostgreSQL and SQLite call the rules that a second act of the key breaks. PostgreSQL comes upon the
# hold first: it takes the steps of one statement in an order of its own.
_USED_BEFORE = ("ledger_transfer_pkey", "ledger_hold_pkey", "ledger_transfer.id")
# The brand of the store, its program, the account where the points go, whether the key was used, and what the
# brand calls the store.
_FIND_STORE = (
    "SELECT s.brand_id, b.program_id, a.id, (SELECT t.id FROM ledger_transfer t WHERE t.id = %s), s.code"
    " FROM parties_store s JOIN parties_brand b ON b.id = s.brand_id"
    " LEFT JOIN ledger_account a ON a.program_id = b.program_id AND a.label = {label}"
    " WHERE s.id = %s"
)
_LABEL = {Reason.SPEND: "'accepted:' || s.brand_id", Reason.HOLD: "'held'"}
# The end comes and goes as the database writes it: Python would take 40 ms to read ten thousand of them.
_PAGE_OF_LOTS = (
    "SELECT id, funder_id, remaining_points, CAST(expires_at AS text) AS until FROM ledger_lot"
    " WHERE wallet_id = %s AND remaining_points > 0 AND (expires_at, id) > (%s, %s)"
    " ORDER BY ledger_lot.expires_at, ledger_lot.id LIMIT %s"
)
_INSERT_TRANSFER = "INSERT INTO ledger_transfer (id, key, reason, posted_at) VALUES (%s, %s, %s, %s)"
_INSERT_POSTING = (
    "INSERT INTO ledger_posting (transfer_id, source_id, target_id, points, posted_at)"
    " VALUES (%s, %s, %s, %s, %s)"
)
_DEBIT_LOTS = (
    "UPDATE ledger_lot SET remaining_points = remaining_points - taken.points FROM {taken}"
    " WHERE ledger_lot.id = taken.lot_id"
)
_INSERT_USES = (
    "INSERT INTO ledger_lotuse"
    " (program_id, transfer_id, kind, acceptor_id, store_id, posted_at, lot_id, funder_id, points)"
    " SELECT %s, %s, %s, %s, %s, %s, lot_id, funder_id, points FROM {taken} ORDER BY place"
)
_DEBIT_WALLET = "UPDATE ledger_account SET balance = balance - %s WHERE id = %s RETURNING balance"
_TAKEN_AS_ARRAYS = (
    "unnest(%s::bigint[], %s::bigint[], %s::bigint[]) WITH ORDINALITY"
    " AS taken (lot_id, funder_id, points, place)"
)
_TAKEN_AS_JSON = (
    "(SELECT json_extract(value, '$[0]') AS lot_id, json_extract(value, '$[1]') AS funder_id,"
    " json_extract(value, '$[2]') AS points, key AS place FROM json_each(%s)) AS taken"
)
