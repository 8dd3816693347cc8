"""Expired lots: their points go to the breakage of their funder, in steps of bounded size."""

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import Count

from ledger.models import Account, AccountKind, Lot, LotUse, UseKind, transfer_id_of
from ledger.services.accounts import open_breakage
from ledger.statements import Statement, run_together
from parties.models import Brand


def expire_lots(*, at: datetime, limit: int = 1_000) -> int:
    """Move what is left in lots that have ended by `at` to the breakage of their funders: one step of at most
    `limit` lots, the longest ended first, in one transaction. Gives back how many lots; 0 when none is left.

    Stopped at any moment and started again, by any number at once, it comes to the same: a lot's points are
    moved once. Points that come back to a lot after its end are moved by a later step.
    """
    due = Lot.objects.filter(remaining_points__gt=0, expires_at__lte=at).order_by("expires_at", "pk")
    while picked := list(due.values_list("pk", "wallet_id")[:limit]):
        if moved := _expire_picked(picked, at):
            return moved
    return 0  # whoever was faster has moved all that was picked, and nothing more was there to pick


@transaction.atomic
def _expire_picked(picked: Sequence[tuple[int, int]], at: datetime) -> int:
    lock_wallets({wallet_id for _, wallet_id in picked})
    return expire_locked([lot_id for lot_id, _ in picked], at)


def lock_wallets(wallet_ids: Collection[int]) -> None:
    """Have the lots and balances of several wallets to oneself, taken in id order, as everybody does."""
    wallets = Account.objects.filter(pk__in=wallet_ids, kind=AccountKind.WALLET).order_by("pk")
    list(wallets.select_for_update(no_key=True).values_list("pk"))


def expire_locked(lot_ids: Collection[int], at: datetime) -> int:
    """The step itself, for callers that hold the locks of the wallets: how many of the lots had ended with
    points left.
    """
    ended = Lot.objects.filter(pk__in=lot_ids, remaining_points__gt=0, expires_at__lte=at)
    found = list(ended.order_by("pk").values_list("pk", "wallet_id", "funder_id", "remaining_points"))
    if found:
        _move(_moved(found, at), at)
    return len(found)


class _Moved(NamedTuple):
    """What happens to one lot, column by column as the statements below read it."""

    lot_id: int
    wallet_id: int
    funder_id: int
    points: int
    program_id: int
    breakage_id: int
    transfer_id: str
    key: str


def _moved(found: Sequence[tuple[int, int, int, int]], at: datetime) -> list[_Moved]:
    """One transfer each. Points can come back to a lot that has expired, and expire again: the key counts."""
    breakage = breakage_of({funder_id for _, _, funder_id, _ in found}, at)
    uses = LotUse.objects.filter(lot__in=[lot_id for lot_id, *_ in found], kind=UseKind.EXPIRY)
    earlier = dict(uses.values_list("lot").annotate(times=Count("pk")).order_by())
    moved = []
    for lot_id, wallet_id, funder_id, points in found:
        key, target = f"expire:{lot_id}:{earlier.get(lot_id, 0)}", breakage[funder_id]
        ends = (target.program_id, target.pk, transfer_id_of(key).hex, key)
        moved.append(_Moved(lot_id, wallet_id, funder_id, points, *ends))
    return moved


def breakage_of(brand_ids: Collection[int], at: datetime) -> dict[int, Account]:
    """The breakage account by brand, opened where there was none."""
    found = Account.objects.filter(kind=AccountKind.BREAKAGE, brand__in=brand_ids)
    accounts = {account.brand_id or 0: account for account in found}
    new = Brand.objects.filter(pk__in=brand_ids).exclude(pk__in=accounts).select_related("program")
    return accounts | {brand.pk: open_breakage(brand=brand, at=at) for brand in new.order_by("pk")}


def _move(moved: Sequence[_Moved], at: datetime) -> None:
    """Plain SQL, each table once: through the ORM a million lots take three times as long."""
    table, values = _as_table(moved)
    for sql, before in (
        (_INSERT_TRANSFERS, [at]),
        (_INSERT_POSTINGS, [at]),
        (_INSERT_USES, [at]),
        (_DEBIT_WALLETS, []),
        (_EMPTY_LOTS, []),
    ):
        run_together(Statement(sql.format(moved=table), [*before, *values]))


def _as_table(moved: Sequence[_Moved]) -> tuple[str, list[str]]:
    """SQL and values of the rows as a table: the same SQL for one or many."""
    if connection.vendor != "postgresql":
        return _MOVED_AS_JSON, [json.dumps(moved)]
    columns = zip(*moved, strict=True)
    return _MOVED_AS_ARRAYS, ["{" + ",".join(map(str, column)) + "}" for column in columns]


_MOVED_AS_ARRAYS = (
    "unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::uuid[],"
    f" %s::text[]) AS moved ({', '.join(_Moved._fields)})"
)
_MOVED_AS_JSON = (
    "(SELECT json_extract(value, '$[0]') AS lot_id, json_extract(value, '$[1]') AS wallet_id,"
    " json_extract(value, '$[2]') AS funder_id, json_extract(value, '$[3]') AS points,"
    " json_extract(value, '$[4]') AS program_id, json_extract(value, '$[5]') AS breakage_id,"
    " json_extract(value, '$[6]') AS transfer_id, json_extract(value, '$[7]') AS key"
    " FROM json_each(%s)) AS moved"
)
_INSERT_TRANSFERS = (
    "INSERT INTO ledger_transfer (id, key, reason, posted_at)"
    " SELECT transfer_id, key, 'expire', %s FROM {moved}"
)
_INSERT_POSTINGS = (
    "INSERT INTO ledger_posting (transfer_id, source_id, target_id, points, posted_at)"
    " SELECT transfer_id, wallet_id, breakage_id, points, %s FROM {moved}"
)
_INSERT_USES = (
    "INSERT INTO ledger_lotuse (program_id, transfer_id, lot_id, kind, funder_id, points, posted_at)"
    " SELECT program_id, transfer_id, lot_id, 'expiry', funder_id, points, %s FROM {moved}"
)
_DEBIT_WALLETS = (
    "UPDATE ledger_account SET balance = balance - spent.points FROM ("
    "SELECT wallet_id, SUM(points) AS points FROM {moved} GROUP BY wallet_id"
    ") AS spent WHERE ledger_account.id = spent.wallet_id"
)
_EMPTY_LOTS = "UPDATE ledger_lot SET remaining_points = 0 WHERE id IN (SELECT lot_id FROM {moved})"
