"""Points into wallets, each time with a lot that knows its funder and its end."""

import uuid
from datetime import datetime
from typing import NamedTuple

from django.db import IntegrityError, transaction

from ledger.errors import DayClosed, KeyReused, LimitExceeded, MoveRefused
from ledger.expiry import ExpiryPolicy
from ledger.models import Account, AccountKind, Lot, Posting, Reason, Transfer, transfer_id_of
from ledger.services.accounts import open_funds
from ledger.services.posting import Move, accounts_of, begin, post, refuse_impossible
from ledger.services.recoveries import lock_wallet
from ledger.services.taking import full_key
from ledger.services.telling import member_of, moved, tell
from ledger.statements import Statement, fold, run_together
from parties.event_models import EventType
from parties.models import Brand
from parties.moments import rfc3339


class Granted(NamedTuple):
    """What a grant brought. `balance` is the wallet's now; `is_repeat` if the key had granted it before."""

    transfer_id: uuid.UUID
    points: int
    balance: int
    expires_at: datetime
    is_repeat: bool


def grant_points(
    *, brand_id: int, wallet_id: int, points: int, expires: ExpiryPolicy, key: str, at: datetime
) -> Granted:
    """Points from the brand's funds into a wallet, as one lot that ends as `expires` says, once per `key`.

    A repeat with the same brand, wallet, points and end (reckoned from the first) gives back the first
    result; with others, KeyReused. InsufficientPoints if the funds don't suffice. MoveRefused for points that
    are no whole number of 1..10^12, for no such brand or wallet, for a wallet of another program or of a
    member who has left, and for a key that is no line of 1 to 114 characters. ExpiryRefused for a fixed day
    that has passed, LimitExceeded if the wallet would pass 10^12 points.
    """
    key = full_key("grant", key)
    return grant_once(brand_id=brand_id, wallet_id=wallet_id, points=points, expires=expires, key=key, at=at)


@transaction.atomic
def grant_once(
    *, brand_id: int, wallet_id: int, points: int, expires: ExpiryPolicy, key: str, at: datetime
) -> Granted:
    """The grant itself, for the services beside this one: under a key that is complete."""
    brand = Brand.objects.select_related("program").filter(pk=brand_id).first()
    if brand is None:
        raise MoveRefused("no such brand")
    move = Move(open_funds(brand=brand, at=at).pk, wallet_id, points)
    accounts = accounts_of([move])
    refuse_impossible([move], accounts)
    if accounts[wallet_id].kind != AccountKind.WALLET:
        raise MoveRefused("points are granted to a wallet")
    transfer, is_new = begin(key=key, reason=Reason.GRANT, at=at, original=None)
    ends = expires.end(transfer.posted_at)
    if is_new:
        lock_wallet(wallet_id)  # before the funds, as everybody who changes both does
        if Account.objects.filter(pk=wallet_id, member__closed_at__isnull=False).exists():
            raise MoveRefused("the member has left")
        post(transfer, [move], accounts)
        _make_lot(transfer, move, brand, ends)
        data = {"transfer": transfer.pk, "points": points, "member": member_of(wallet_id)}
        earned = moved(EventType.POINTS_EARNED, transfer.pk, data | {"expires_at": rfc3339(ends)})
        tell(brand.pk, transfer.posted_at, earned)
    elif not _is_same_grant(transfer, move, ends):
        raise KeyReused(key)
    balance = Account.objects.values_list("balance", flat=True).get(pk=wallet_id) or 0
    return Granted(transfer.pk, points, balance, ends, is_repeat=not is_new)


def _make_lot(transfer: Transfer, move: Move, brand: Brand, ends: datetime) -> None:
    Lot.objects.create(
        wallet_id=move.target_id,
        funder=brand,
        transfer=transfer,
        granted_points=move.points,
        remaining_points=move.points,
        granted_at=transfer.posted_at,
        expires_at=ends,
    )


def _is_same_grant(transfer: Transfer, move: Move, ends: datetime) -> bool:
    is_posted = Posting.objects.filter(transfer=transfer, **move._asdict()).exists()
    return is_posted and Lot.objects.filter(transfer=transfer, expires_at=ends).exists()


def grant_claimed(
    *,
    key: str,
    unclaimed_id: int,
    wallet_id: int,
    funder_id: int,
    points: int,
    expires_at: datetime,
    at: datetime,
) -> int:
    """Points of a claimed code into a wallet, with their lot; gives back the wallet's new balance.

    Ends the caller's transaction, whose claim row has decided that this happens once: nothing may follow in
    it. One round trip; no row is touched that other members' claims touch. KeyReused if the transfer exists
    all the same, or `wallet_id` is no wallet, LimitExceeded if the wallet would pass 10^12 points: the caller
    must roll back. InsufficientPoints is impossible: the points were reserved when the order was approved.
    """
    transfer_id = transfer_id_of(key)
    try:
        steps = fold(
            Statement(_INSERT_TRANSFER, [transfer_id, key, Reason.CLAIM.value, at]),
            Statement(_INSERT_POSTING, [transfer_id, unclaimed_id, wallet_id, points, at]),
            Statement(_INSERT_LOT, [wallet_id, funder_id, transfer_id, points, points, at, expires_at]),
            Statement(_CREDIT_WALLET, [points, wallet_id]),
        )
        *_, balances = run_together(*steps, is_last=True)
    except IntegrityError as error:
        if DayClosed.is_meant_by(error):
            raise DayClosed(f"{at}") from error
        if "ledger_balance_within_limits" in str(error):
            raise LimitExceeded(f"account {wallet_id}") from error
        if any(name in str(error) for name in _GRANTED_BEFORE):
            raise KeyReused(key) from error
        raise
    return int(balances[0][0])


# What PostgreSQL and SQLite call the rules that a second grant of the key breaks, or one to what is no
# wallet.
_GRANTED_BEFORE = (
    "ledger_transfer_pkey",
    "ledger_lot_transfer_id_key",
    "ledger_transfer.id",
    "ledger_lot.transfer_id",
    "wallet_id",
)
_INSERT_TRANSFER = "INSERT INTO ledger_transfer (id, key, reason, posted_at) VALUES (%s, %s, %s, %s)"
_INSERT_POSTING = (
    "INSERT INTO ledger_posting (transfer_id, source_id, target_id, points, posted_at)"
    " VALUES (%s, %s, %s, %s, %s)"
)
# For an account that is no wallet there is no lot: the column takes no NULL, and all four fail.
_INSERT_LOT = (
    "INSERT INTO ledger_lot"
    " (wallet_id, funder_id, transfer_id, granted_points, remaining_points, granted_at, expires_at)"
    " VALUES ((SELECT id FROM ledger_account WHERE id = %s AND kind = 'wallet'), %s, %s, %s, %s, %s, %s)"
)
_CREDIT_WALLET = (
    "UPDATE ledger_account SET balance = balance + %s WHERE id = %s AND kind = 'wallet' RETURNING balance"
)
