"""Points of a claim or grant on their way back to its brand: at once, or when they come back to their lot."""

import uuid
from collections.abc import Mapping

from django.db.models import F, Sum

from ledger.errors import InsufficientPoints, ReversalRefused
from ledger.models import (
    Account,
    AccountKind,
    Lot,
    LotUse,
    Posting,
    Reason,
    Receivable,
    ReversalTally,
    Transfer,
    UseKind,
)
from ledger.services.accounts import open_funds
from ledger.services.posting import Move, accounts_of, begin_new, post
from ledger.services.telling import taken_back, tell
from parties.models import Brand


def lock_wallet(wallet_id: int) -> None:
    """Have the wallet's lots and balance to oneself until the transaction ends.

    Whoever changes lots does this first: before tallies, funds and other balances.
    """
    Account.objects.select_for_update(no_key=True).get(pk=wallet_id, kind=AccountKind.WALLET)


def locked_tally(original: Transfer) -> ReversalTally:
    """How much of `original` has been taken back; nobody else takes any until the transaction ends."""
    total = original.postings.aggregate(total=Sum("points"))["total"]
    ReversalTally.objects.get_or_create(original=original, defaults={"original_points": total})
    return ReversalTally.objects.select_for_update(no_key=True).get(pk=original.pk)


def count_reversed(tally: ReversalTally, points: int) -> None:
    """Count `points` more of the original as taken back. ReversalRefused if not as many are left."""
    left = tally.original_points - tally.reversed_points
    within = ReversalTally.objects.filter(
        pk=tally.pk, reversed_points__lte=F("original_points") - points, original_points__gte=points
    )
    if points <= 0 or not within.update(reversed_points=F("reversed_points") + points):
        raise ReversalRefused(f"{left} of {tally.original_points} points are left to take back")


def withdraw(reversal: Transfer, lot: Lot, points: int) -> None:
    """Post `reversal`: points of the lot go back to where they came from, those of a claim on to the funds.

    For callers that hold the wallet's lock and have counted the points in the tally. InsufficientPoints if
    fewer are left in the lot.
    """
    if not Lot.objects.filter(pk=lot.pk, remaining_points__gte=points).update(
        remaining_points=F("remaining_points") - points
    ):
        raise InsufficientPoints("some of the granted points are spent already")
    origin = Posting.objects.select_related("source").get(transfer=lot.transfer_id).source
    LotUse.objects.create(
        program_id=origin.program_id,
        transfer=reversal,
        lot=lot,
        kind=UseKind.WITHDRAWAL,
        funder_id=lot.funder_id,
        points=points,
        posted_at=reversal.posted_at,
    )
    back = [Move(lot.wallet_id, origin.pk, points)]
    post(reversal, back, accounts_of(back))
    if origin.kind == AccountKind.UNCLAIMED:
        _return_to_funds(reversal, origin, points)


def _return_to_funds(reversal: Transfer, unclaimed: Account, points: int) -> None:
    """The code stays used, so its points must not stay among those of the codes that can be claimed."""
    brand = Brand.objects.select_related("program").get(accounts=unclaimed)
    funds = open_funds(brand=brand, at=reversal.posted_at)
    transfer = begin_new(
        key=f"return:{reversal.pk.hex}", reason=Reason.RETURN, at=reversal.posted_at, original=None
    )
    on = [Move(unclaimed.pk, funds.pk, points)]
    post(transfer, on, accounts_of(on))


def recover(*, returned: Mapping[int, int], transfer: Transfer) -> int:
    """Pass on to their brands what has just come back to lots whose claim or grant was taken back.

    `returned` is points by lot id, `transfer` what brought them. For services that put points back into lots
    (a reversal, the release of a hold): call it when lots, uses and postings of `transfer` are written, in
    its transaction and under the wallet's lock. Gives back how many points have left the wallet again.
    """
    recovered = 0
    owed = Receivable.objects.filter(
        original__lot__in=returned.keys(),
        recovered_points__lt=F("points"),
        funder__accounts__kind=AccountKind.FUNDS,
    ).select_related("original__lot")
    # Funds in id order: two wallets that owe the same two brands can't wait for each other.
    for receivable in owed.order_by("funder__accounts__pk", "original__lot"):
        lot = receivable.original.lot
        points = min(returned[lot.pk], receivable.points - receivable.recovered_points)
        _recover(receivable, lot, points, of=transfer)
        recovered += points
    return recovered


def _recover(receivable: Receivable, lot: Lot, points: int, *, of: Transfer) -> None:
    reversal = begin_new(
        key=recovery_key(of.pk, lot.pk), reason=Reason.REVERSE, at=of.posted_at, original=receivable.original
    )
    count_reversed(locked_tally(receivable.original), points)
    withdraw(reversal, lot, points)
    event = taken_back(reversal, receivable.original, points=points, wallet_id=lot.wallet_id)
    tell(lot.funder_id, of.posted_at, event)
    Receivable.objects.filter(pk=receivable.pk).update(recovered_points=F("recovered_points") + points)


def recovery_key(transfer_id: uuid.UUID, lot_id: int) -> str:
    """The key of the one recovery from that lot that the transfer can bring about."""
    return f"recover:{transfer_id.hex}:{lot_id}"
