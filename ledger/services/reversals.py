"""What was moved comes back: a new transfer with the ends swapped, never more than the original.

Locks are taken in one order: the wallet, the tally of the original, its lots, other balances by id.
"""

import uuid
from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import F, Max, Sum

from ledger.errors import InsufficientPoints, KeyReused, ReversalRefused
from ledger.lots import Taken, give_back
from ledger.models import (
    UNUSED_KINDS,
    Lot,
    LotUse,
    Posting,
    Reason,
    Receivable,
    ReversalTally,
    Transfer,
    UseKind,
    transfer_id_of,
)
from ledger.services.expiries import expire_locked
from ledger.services.posting import Move, accounts_of, begin, begin_new, post
from ledger.services.recoveries import count_reversed, lock_wallet, locked_tally, recover, withdraw
from ledger.services.taking import full_key, refuse_odd_points
from ledger.services.telling import taken_back, tell

# What a batch reserves, and gives back when codes are withdrawn or expire, follows its codes: to take such a
# transfer back would leave codes without their points, or points without their codes.
_GRANTED = (Reason.CLAIM, Reason.GRANT)
_SPENT = (Reason.SPEND, Reason.CAPTURE)
_REVERSIBLE = (Reason.DEPOSIT, *_GRANTED, *_SPENT)


class TakenBack(NamedTuple):
    """What of a claim or grant went back to its brand, and what the member owes for the rest, which had been
    spent or was held. `transfer_id` None: nothing was left in the lot.
    """

    transfer_id: uuid.UUID | None
    points: int
    receivable_points: int


def reverse_transfer(
    *, key: str, original_id: uuid.UUID, at: datetime, points: int | None = None
) -> Transfer:
    """Take back what `original_id` moved: `points` of it, or all that is left when None; once per `key`.

    A repeat gives back the first reversal, KeyReused if the original or the points differ. The reversals of
    one original never exceed it, whoever races (ReversalRefused). MoveRefused for points that are no whole
    number of 1 to 10^12, or a key that is no line of 1 to 112 characters.

    Of a spend (or a capture), points come back to the lots that had paid, each with its own funder and end,
    the last taken first; where that lot's claim or grant has been taken back, they go on to its brand
    (`recover`). Of a claim or grant, they leave the lot that it made, for the brand's funds; if some are
    spent, held or expired, InsufficientPoints and nothing happens (`take_back` takes what is left).
    """
    return reverse_once(key=full_key("reverse", key), original_id=original_id, points=points, at=at)


@transaction.atomic
def reverse_once(*, key: str, original_id: uuid.UUID, points: int | None, at: datetime) -> Transfer:
    """The reversal itself, for the services beside this one: under a key that is complete."""
    if points is not None:
        refuse_odd_points(points)
    original = _reversible(original_id, _REVERSIBLE)
    reversal, is_new = begin(key=key, reason=Reason.REVERSE, at=at, original=original)
    if not is_new:
        return _same_reversal(reversal, original, points)
    if original.reason in _GRANTED:
        _reverse_grant(reversal, original, points)
    elif original.reason in _SPENT:
        _reverse_spend(reversal, original, points)
    else:
        tally = locked_tally(original)
        moves = _moves_back(original, tally, _count(tally, points))
        post(reversal, moves, accounts_of(moves))
    return reversal


def _reversible(original_id: uuid.UUID, reasons: tuple[Reason, ...]) -> Transfer:
    original = Transfer.objects.filter(pk=original_id, reason__in=reasons).first()
    if original is None:
        raise ReversalRefused("only an existing " + ", ".join(reasons) + " can be taken back")
    return original


def _same_reversal(reversal: Transfer, original: Transfer, points: int | None) -> Transfer:
    posted = reversal.postings.aggregate(points=Sum("points"), last=Max("pk"))
    if reversal.original_id != original.pk:
        raise KeyReused(reversal.key)
    if points is None:  # whoever took all that was left, left nothing
        by_then = Posting.objects.filter(transfer__original=original, pk__lte=posted["last"])
        is_same = by_then.aggregate(points=Sum("points"))["points"] == original.reversal_tally.original_points
    else:
        is_same = points == posted["points"]
    if not is_same:
        raise KeyReused(reversal.key)
    return reversal


def _count(tally: ReversalTally, points: int | None) -> int:
    """The points to take back now, counted; ReversalRefused if not as many are left."""
    wanted = tally.original_points - tally.reversed_points if points is None else points
    count_reversed(tally, wanted)
    return wanted


def _moves_back(original: Transfer, tally: ReversalTally, wanted: int) -> list[Move]:
    """The swapped moves of `wanted` points behind those that had been taken back, in posting order."""
    already, moves = tally.reversed_points, []
    for row in original.postings.order_by("pk"):
        skipped = min(already, row.points)
        already -= skipped
        part = min(row.points - skipped, wanted)
        if part:
            moves.append(Move(row.target_id, row.source_id, part))
            wanted -= part
    return moves


def _reverse_grant(reversal: Transfer, original: Transfer, points: int | None) -> None:
    lot = Lot.objects.get(transfer=original)
    lock_wallet(lot.wallet_id)
    wanted = _count(locked_tally(original), points)
    if lot.expires_at <= reversal.posted_at:  # breakage, whether or not they have been moved there by now
        raise InsufficientPoints("the granted points have expired")
    withdraw(reversal, lot, wanted)
    event = taken_back(reversal, original, points=wanted, wallet_id=lot.wallet_id)
    tell(lot.funder_id, reversal.posted_at, event)


def _reverse_spend(reversal: Transfer, original: Transfer, points: int | None) -> None:
    uses = list(LotUse.objects.filter(transfer=original, kind=UseKind.SPEND).order_by("pk"))
    first = uses[0]
    wallet_id = Lot.objects.values_list("wallet_id", flat=True).get(uses=first)
    lock_wallet(wallet_id)
    tally = locked_tally(original)
    wanted = _count(tally, points)
    back = give_back(_still_taken(original, uses), wanted)
    for lot_id, _, part in back:
        Lot.objects.filter(pk=lot_id).update(remaining_points=F("remaining_points") + part)
    LotUse.objects.bulk_create(
        LotUse(
            program_id=first.program_id,
            transfer=reversal,
            lot_id=lot_id,
            kind=UseKind.SPEND,
            funder_id=funder_id,
            acceptor_id=first.acceptor_id,
            store_id=first.store_id,
            points=-part,
            posted_at=reversal.posted_at,
        )
        for lot_id, funder_id, part in back
    )
    # Of a capture, too, into the wallet: the hold that the points came from has ended.
    moves = [move._replace(target_id=wallet_id) for move in _moves_back(original, tally, wanted)]
    post(reversal, moves, accounts_of(moves))
    if first.acceptor_id is not None:
        event = taken_back(reversal, original, points=wanted, wallet_id=wallet_id)
        tell(first.acceptor_id, reversal.posted_at, event)
    recover(returned={lot_id: part for lot_id, _, part in back}, transfer=reversal)


def _still_taken(original: Transfer, uses: list[LotUse]) -> list[Taken]:
    """What the spend took, in that order, less what earlier reversals of it brought back."""
    back = LotUse.objects.filter(transfer__original=original, kind=UseKind.SPEND)
    came_back = dict(back.values_list("lot").annotate(points=Sum("points")).order_by())
    taken = [Taken(use.lot_id or 0, use.funder_id, use.points + came_back.get(use.lot_id, 0)) for use in uses]
    return [part for part in taken if part.points]


def take_back(*, key: str, original_id: uuid.UUID, at: datetime) -> TakenBack:
    """Take a whole claim or grant back, once per `key`: what its lot still has goes to the brand's funds, and
    what was spent or is held becomes the member's receivable. What expired or was given up stays breakage.

    The wallet never goes below zero, and its other lots are not touched. Points that come back to the lot
    later go on to the brand and lower the receivable. Asked again with another key, an original with a
    receivable gives 0 points and that receivable; one that is all back or expired, ReversalRefused. KeyReused
    if the key took something else back; MoveRefused for a key that is no line of 1 to 110 characters.
    """
    return take_back_once(key=full_key("take_back", key), original_id=original_id, at=at)


@transaction.atomic
def take_back_once(*, key: str, original_id: uuid.UUID, at: datetime) -> TakenBack:
    """The taking back itself, for the services beside this one: under a key that is complete."""
    original = _reversible(original_id, _GRANTED)
    lot = Lot.objects.get(transfer=original)
    lock_wallet(lot.wallet_id)
    if earlier := Transfer.objects.filter(pk=transfer_id_of(key)).first():
        return _same_take_back(earlier, original)
    expire_locked([lot.pk], at)  # or the result would depend on when the expiry comes by
    lot.refresh_from_db(fields=["remaining_points"])
    if receivable := Receivable.objects.filter(original=original).first():
        return TakenBack(None, 0, receivable.points)
    tally = locked_tally(original)
    owed = _owed(lot, tally)
    if not lot.remaining_points + owed:
        raise ReversalRefused("nothing is left to take back")
    if owed:
        Receivable.objects.create(
            original=original, wallet_id=lot.wallet_id, funder_id=lot.funder_id, points=owed, arose_at=at
        )
    if not lot.remaining_points:
        return TakenBack(None, 0, owed)
    # KeyReused if somebody takes something of another wallet back with this key at this moment.
    reversal = begin_new(key=key, reason=Reason.REVERSE, at=at, original=original)
    count_reversed(tally, lot.remaining_points)
    withdraw(reversal, lot, lot.remaining_points)
    event = taken_back(reversal, original, points=lot.remaining_points, wallet_id=lot.wallet_id)
    tell(lot.funder_id, at, event)
    return TakenBack(reversal.pk, lot.remaining_points, owed)


def _owed(lot: Lot, tally: ReversalTally) -> int:
    """Points of the lot that are spent or held now: neither in it, nor taken back, nor left unused."""
    unused = LotUse.objects.filter(lot=lot, kind__in=UNUSED_KINDS).aggregate(points=Sum("points"))["points"]
    return lot.granted_points - lot.remaining_points - tally.reversed_points - (unused or 0)


def _same_take_back(earlier: Transfer, original: Transfer) -> TakenBack:
    if earlier.original_id != original.pk:
        raise KeyReused(earlier.key)
    points = earlier.postings.aggregate(points=Sum("points"))["points"]
    owed = Receivable.objects.filter(original=original).values_list("points", flat=True).first()
    return TakenBack(earlier.pk, points, owed or 0)
