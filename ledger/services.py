"""What changes the ledger. Every change is one more transfer; nothing is edited or deleted."""

import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import F, Sum

from ledger.errors import InsufficientPoints, KeyReused, LimitExceeded, MoveRefused, ReversalRefused
from ledger.models import (
    GUARDED_KINDS,
    MAX_KEY_LENGTH,
    MAX_POINTS,
    Account,
    AccountKind,
    Lot,
    Posting,
    Reason,
    ReversalTally,
    Transfer,
    transfer_id_of,
)
from ledger.statements import Statement, fold, run_together
from parties.models import Brand, Member, Program


class Move(NamedTuple):
    """Points from one account to another, by account id."""

    source_id: int
    target_id: int
    points: int


def open_account(
    *,
    program: Program,
    kind: AccountKind,
    label: str,
    at: datetime,
    brand: Brand | None = None,
    member: Member | None = None,
    floor: int = 0,
) -> Account:
    """The account of that label in the program, opened at the first call. `floor` matters for guarded kinds
    only.
    """
    guarded = kind in GUARDED_KINDS
    return Account.objects.get_or_create(
        program=program,
        label=label,
        defaults={
            "kind": kind,
            "brand": brand,
            "member": member,
            "balance": 0 if guarded else None,
            "floor": floor if guarded else None,
            "opened_at": at,
        },
    )[0]


def open_world(*, program: Program, at: datetime) -> Account:
    """Where deposits come from and what leaves the program goes to."""
    return open_account(program=program, kind=AccountKind.WORLD, label="world", at=at)


def open_funds(*, brand: Brand, at: datetime, credit_limit: int = 0) -> Account:
    """The brand's funds: guarded, may not go below -credit_limit (in points)."""
    return open_account(
        program=brand.program,
        kind=AccountKind.FUNDS,
        label=f"funds:{brand.pk}",
        brand=brand,
        floor=-credit_limit,
        at=at,
    )


def open_wallet(*, member: Member, program: Program, at: datetime) -> Account:
    """The member's wallet in the program: guarded, never below zero."""
    label = f"wallet:{member.public_id}"
    return open_account(program=program, kind=AccountKind.WALLET, label=label, member=member, at=at)


def deposit_funds(*, brand: Brand, points: int, key: str, at: datetime) -> Transfer:
    """Points into the brand's funds, once per `key`. Raises MoveRefused, KeyReused."""
    world, funds = open_world(program=brand.program, at=at), open_funds(brand=brand, at=at)
    move = Move(world.pk, funds.pk, points)
    return post_transfer(key=f"deposit:{key}", reason=Reason.DEPOSIT, moves=[move], at=at)


@transaction.atomic
def post_transfer(*, key: str, reason: Reason, moves: Sequence[Move], at: datetime) -> Transfer:
    """Move points between accounts, all or nothing, once per `key`.

    A repeat with the same reason and moves gives back the first transfer; with others, KeyReused.
    InsufficientPoints if a guarded account would go below its floor. MoveRefused for a move that no ledger
    holds; wallets are among those, because points in a wallet belong to a lot (`grant_claimed`,
    `reverse_transfer`).
    """
    accounts = _accounts_of(moves)
    _refuse_impossible(moves, accounts)
    if any(account.kind == AccountKind.WALLET for account in accounts.values()):
        raise MoveRefused("points in a wallet belong to a lot")
    transfer, is_new = _begin(key=key, reason=reason, at=at, original=None)
    if is_new:
        _post(transfer, moves, accounts)
    elif transfer.reason != reason or _moves_of(transfer) != Counter(moves):
        raise KeyReused(key)
    return transfer


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


# What a batch reserves, and gives back when codes are withdrawn or expire, follows its codes: to take such a
# transfer back would leave codes without their points, or points without their codes.
_REVERSIBLE = (Reason.DEPOSIT, Reason.CLAIM)


@transaction.atomic
def reverse_transfer(
    *, key: str, original_id: uuid.UUID, at: datetime, points: int | None = None
) -> Transfer:
    """Take back what `original_id` moved: the ends swapped, `points` of it, or all that is left when None.

    Once per `key`: a repeat gives back the first reversal, KeyReused if the original or the points differ.
    The reversals of one original never exceed it, whoever races (ReversalRefused). Points granted to a wallet
    leave the lot that the grant made; if some are spent already, InsufficientPoints and nothing happens.
    """
    original = Transfer.objects.filter(pk=original_id).first()
    if original is None or original.reason not in _REVERSIBLE:
        raise ReversalRefused("only an existing deposit or claim can be taken back")
    reversal, is_new = _begin(key=key, reason=Reason.REVERSE, at=at, original=original)
    if not is_new:
        return _same_reversal(reversal, original, points)
    moves = _moves_back(original, points)
    accounts = _accounts_of(moves)
    _take_from_lot(original, moves, accounts)
    _post(reversal, moves, accounts)
    return reversal


def _begin(*, key: str, reason: Reason, at: datetime, original: Transfer | None) -> tuple[Transfer, bool]:
    if not 1 <= len(key) <= MAX_KEY_LENGTH:
        raise MoveRefused(f"a key has 1 to {MAX_KEY_LENGTH} characters")
    values = {"key": key, "reason": reason, "posted_at": at, "original": original}
    return Transfer.objects.get_or_create(pk=transfer_id_of(key), defaults=values)


def _accounts_of(moves: Sequence[Move]) -> dict[int, Account]:
    ids = {end for move in moves for end in (move.source_id, move.target_id)}
    return Account.objects.in_bulk(ids)


def _refuse_impossible(moves: Sequence[Move], accounts: dict[int, Account]) -> None:
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


def _post(transfer: Transfer, moves: Sequence[Move], accounts: dict[int, Account]) -> None:
    Posting.objects.bulk_create(
        Posting(transfer=transfer, posted_at=transfer.posted_at, **move._asdict()) for move in moves
    )
    shifts: Counter[int] = Counter()
    for move in moves:
        shifts[move.source_id] -= move.points
        shifts[move.target_id] += move.points
    for account_id in sorted(shifts):  # in id order, so that two transfers can't wait for each other
        if accounts[account_id].kind in GUARDED_KINDS:
            _shift_balance(account_id, shifts[account_id])


def _shift_balance(account_id: int, points: int) -> None:
    account = Account.objects.filter(pk=account_id)
    if account.filter(balance__gte=F("floor") - points, balance__lte=MAX_POINTS - points).update(
        balance=F("balance") + points
    ):
        return
    if points > 0:
        raise LimitExceeded(f"account {account_id}")
    raise InsufficientPoints(f"account {account_id}")


def _moves_of(transfer: Transfer) -> Counter[Move]:
    ends = transfer.postings.values_list("source_id", "target_id", "points")
    return Counter(Move(*row) for row in ends)


def _same_reversal(reversal: Transfer, original: Transfer, points: int | None) -> Transfer:
    total = reversal.postings.aggregate(total=Sum("points"))["total"]
    if reversal.original_id != original.pk or (points is not None and points != total):
        raise KeyReused(reversal.key)
    return reversal


def _moves_back(original: Transfer, points: int | None) -> list[Move]:
    """The swapped moves of what is left of `original`, up to `points`, in posting order; recorded in the
    tally.
    """
    total = original.postings.aggregate(total=Sum("points"))["total"]
    ReversalTally.objects.get_or_create(original=original, defaults={"original_points": total})
    # Held to the end of the transaction: the postings of earlier reversals read below are all there are.
    tally = ReversalTally.objects.select_for_update(no_key=True).get(pk=original.pk)
    wanted = total - tally.reversed_points if points is None else points
    taken = ReversalTally.objects.filter(pk=original.pk, reversed_points__lte=F("original_points") - wanted)
    if wanted <= 0 or not taken.update(reversed_points=F("reversed_points") + wanted):
        raise ReversalRefused(f"{total - tally.reversed_points} of {total} points are left to take back")
    earlier: Counter[tuple[int, int]] = Counter()
    for row in Posting.objects.filter(transfer__original=original):
        earlier[row.target_id, row.source_id] += row.points
    moves = []
    for row in original.postings.order_by("pk"):
        already = min(earlier[row.source_id, row.target_id], row.points)
        earlier[row.source_id, row.target_id] -= already
        part = min(row.points - already, wanted)
        if part:
            moves.append(Move(row.target_id, row.source_id, part))
            wanted -= part
    return moves


def _take_from_lot(original: Transfer, moves: Sequence[Move], accounts: dict[int, Account]) -> None:
    points = sum(move.points for move in moves if accounts[move.source_id].kind == AccountKind.WALLET)
    if points:
        lot = Lot.objects.filter(transfer=original, remaining_points__gte=points)
        if not lot.update(remaining_points=F("remaining_points") - points):
            raise InsufficientPoints("some of the granted points are spent already")
