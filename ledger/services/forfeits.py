"""A member gives up what is left in a wallet: it becomes breakage of whoever paid for it."""

import uuid
from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import Sum

from ledger.errors import KeyReused, MoveRefused, PointsHeld
from ledger.lots import Taken
from ledger.models import (
    Account,
    AccountKind,
    Hold,
    HoldState,
    Lot,
    Posting,
    Reason,
    Transfer,
    UseKind,
    transfer_id_of,
)
from ledger.services.expiries import breakage_of, expire_locked, lock_wallets
from ledger.services.holds import expire_holds_of
from ledger.services.posting import Move, begin_new, post
from ledger.services.taking import Uses, debit_lots, full_key, insert_uses
from ledger.statements import run_together


class Forfeited(NamedTuple):
    """What was given up. `transfer_id` None: nothing was left to give up; `is_repeat` if all this had
    happened before.
    """

    transfer_id: uuid.UUID | None
    points: int
    is_repeat: bool


def forfeit_points(*, wallet_id: int, key: str, at: datetime) -> Forfeited:
    """Every point that is left in the wallet to the breakage of its funder, at once, once per `key`.

    A lot that has ended by `at` expires first, by its own key, so that the result does not depend on when the
    expiry comes by. A repeat gives back the first result, `is_repeat` set, and moves nothing that came since;
    KeyReused for another wallet. PointsHeld while a hold is open that has not ended: a purchase is under way.
    MoveRefused for no such wallet, or a key that is no line of 1 to 112 characters. A refusal changes
    nothing. Of an empty wallet there is nothing to remember: no transfer is made.
    """
    return _forfeit(wallet_id, full_key("forfeit", key), at)


@transaction.atomic
def _forfeit(wallet_id: int, key: str, at: datetime) -> Forfeited:
    lock_wallets([wallet_id])
    wallet = Account.objects.filter(pk=wallet_id, kind=AccountKind.WALLET).first()
    if wallet is None:
        raise MoveRefused("no such wallet")
    if earlier := Transfer.objects.filter(pk=transfer_id_of(key)).first():
        return _same_forfeit(earlier, wallet_id)
    expire_holds_of(wallet_id, at)
    if Hold.objects.filter(wallet=wallet, state=HoldState.OPEN).exists():
        raise PointsHeld(f"account {wallet_id}")
    ended = Lot.objects.filter(wallet=wallet, remaining_points__gt=0, expires_at__lte=at)
    expire_locked(list(ended.values_list("pk", flat=True)), at)
    lots = Lot.objects.filter(wallet=wallet, remaining_points__gt=0).order_by("expires_at", "pk")
    left = [Taken(*row) for row in lots.values_list("pk", "funder_id", "remaining_points")]
    if not left:
        return Forfeited(None, 0, is_repeat=False)
    transfer = begin_new(key=key, reason=Reason.FORFEIT, at=at, original=None)
    _move(wallet, left, transfer)
    return Forfeited(transfer.pk, sum(part.points for part in left), is_repeat=False)


def _move(wallet: Account, left: list[Taken], transfer: Transfer) -> None:
    """Lots, uses and postings, one for each funder."""
    breakage = breakage_of({part.funder_id for part in left}, transfer.posted_at)
    sums = dict.fromkeys(sorted(breakage), 0)
    for part in left:
        sums[part.funder_id] += part.points
    uses = Uses(wallet.program_id, transfer.pk, UseKind.FORFEIT, None, None, transfer.posted_at)
    run_together(debit_lots(left), insert_uses(left, uses))
    accounts = {wallet.pk: wallet} | {account.pk: account for account in breakage.values()}
    moves = [Move(wallet.pk, breakage[funder_id].pk, points) for funder_id, points in sums.items()]
    post(transfer, moves, accounts)


def _same_forfeit(earlier: Transfer, wallet_id: int) -> Forfeited:
    posted = Posting.objects.filter(transfer=earlier, source=wallet_id).aggregate(points=Sum("points"))
    if not posted["points"]:
        raise KeyReused(earlier.key)
    return Forfeited(earlier.pk, posted["points"], is_repeat=True)
