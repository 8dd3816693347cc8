"""Transfers and their postings: what every change of the ledger is made of.

What is not re-exported by the package is for the services beside this one.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import F

from ledger.errors import DayClosed, InsufficientPoints, KeyReused, LimitExceeded, MoveRefused
from ledger.models import (
    GUARDED_KINDS,
    MAX_KEY_LENGTH,
    MAX_POINTS,
    Account,
    AccountKind,
    Posting,
    Reason,
    Transfer,
    transfer_id_of,
)


class Move(NamedTuple):
    """Points from one account to another, by account id."""

    source_id: int
    target_id: int
    points: int


@transaction.atomic
def post_transfer(*, key: str, reason: Reason, moves: Sequence[Move], at: datetime) -> Transfer:
    """Move points between accounts, all or nothing, once per `key`.

    A repeat with the same reason and moves gives back the first transfer; with others, KeyReused.
    InsufficientPoints if a guarded account would go below its floor. MoveRefused for a move that no ledger
    holds; wallets are among those, because points in a wallet belong to a lot (`grant_claimed`,
    `reverse_transfer`).
    """
    accounts = accounts_of(moves)
    refuse_impossible(moves, accounts)
    if any(account.kind == AccountKind.WALLET for account in accounts.values()):
        raise MoveRefused("points in a wallet belong to a lot")
    transfer, is_new = begin(key=key, reason=reason, at=at, original=None)
    if is_new:
        post(transfer, moves, accounts)
    elif transfer.reason != reason or moves_of(transfer) != Counter(moves):
        raise KeyReused(key)
    return transfer


def begin(*, key: str, reason: Reason, at: datetime, original: Transfer | None) -> tuple[Transfer, bool]:
    if not 1 <= len(key) <= MAX_KEY_LENGTH:
        raise MoveRefused(f"a key has 1 to {MAX_KEY_LENGTH} characters")
    values = {"key": key, "reason": reason, "posted_at": at, "original": original}
    try:
        return Transfer.objects.get_or_create(pk=transfer_id_of(key), defaults=values)
    except IntegrityError as error:
        if DayClosed.is_meant_by(error):
            raise DayClosed(f"{at}") from error
        raise


def begin_new(*, key: str, reason: Reason, at: datetime, original: Transfer | None) -> Transfer:
    """A transfer that there can't have been before; KeyReused if there was."""
    transfer, is_new = begin(key=key, reason=reason, at=at, original=original)
    if not is_new:
        raise KeyReused(key)
    return transfer


def accounts_of(moves: Sequence[Move]) -> dict[int, Account]:
    ids = {end for move in moves for end in (move.source_id, move.target_id)}
    return Account.objects.in_bulk(ids)


def refuse_impossible(moves: Sequence[Move], accounts: dict[int, Account]) -> None:
    if not moves:
        raise MoveRefused("a transfer needs at least one move")
    for move in moves:
        if type(move.points) is not int or not 0 < move.points <= MAX_POINTS:
            raise MoveRefused(f"points must be a whole number of 1 to {MAX_POINTS:,}")
        if move.source_id == move.target_id:
            raise MoveRefused("source and target are the same account")
        if move.source_id not in accounts or move.target_id not in accounts:
            raise MoveRefused("no such account")
    if len({account.program_id for account in accounts.values()}) > 1:
        raise MoveRefused("points can't leave their program")


def post(transfer: Transfer, moves: Sequence[Move], accounts: dict[int, Account]) -> None:
    Posting.objects.bulk_create(
        Posting(transfer=transfer, posted_at=transfer.posted_at, **move._asdict()) for move in moves
    )
    shifts: Counter[int] = Counter()
    for move in moves:
        shifts[move.source_id] -= move.points
        shifts[move.target_id] += move.points
    for account_id in sorted(shifts):  # in id order, so that two transfers can't wait for each other
        if accounts[account_id].kind in GUARDED_KINDS:
            shift_balance(account_id, shifts[account_id])


def shift_balance(account_id: int, points: int) -> None:
    account = Account.objects.filter(pk=account_id)
    if account.filter(balance__gte=F("floor") - points, balance__lte=MAX_POINTS - points).update(
        balance=F("balance") + points
    ):
        return
    if points > 0:
        raise LimitExceeded(f"account {account_id}")
    raise InsufficientPoints(f"account {account_id}")


def moves_of(transfer: Transfer) -> Counter[Move]:
    ends = transfer.postings.values_list("source_id", "target_id", "points")
    return Counter(Move(*row) for row in ends)
