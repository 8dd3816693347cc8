"""Points of a wallet are spent at a store."""

import uuid
from datetime import datetime
from typing import NamedTuple

from django.db import transaction

from ledger.errors import KeyReused
from ledger.lots import Taken
from ledger.models import Account, LotUse, Posting, Reason, UseKind, transfer_id_of
from ledger.services.taking import Asked, find, full_key, once, refuse_odd_points, take_points


class Spent(NamedTuple):
    """What left a wallet for a brand, lot by lot in the order in which they were taken.

    `balance` is the wallet's now; `is_repeat` if all this had happened before.
    """

    transfer_id: uuid.UUID
    points: int
    balance: int
    taken: tuple[Taken, ...]
    is_repeat: bool


def spend_points(*, wallet_id: int, store_id: int, points: int, key: str, at: datetime) -> Spent:
    """Points of the wallet, soonest to expire first, to the brand of the store, once per `key`.

    Each use of a lot is remembered with its funder and the store. A lot pays until just before its
    `expires_at`. A repeat with the same wallet, store and points gives back the first result, `is_repeat`
    set; with others, KeyReused. InsufficientPoints if the lots that have not expired have fewer points.
    MoveRefused for no such wallet, no such store in its program, points that are no whole number of 1 to
    10^12, or a key that is no line of 1 to 114 characters. A refusal changes nothing.
    """
    refuse_odd_points(points)
    return once(_spend, Asked(wallet_id, store_id, points, full_key("spend", key), Reason.SPEND, at))


@transaction.atomic
def _spend(asked: Asked) -> Spent:
    found = find(asked)
    if found.is_repeat:
        return _same_spend(asked)
    taken, balance = take_points(asked, found)
    return Spent(transfer_id_of(asked.key), asked.points, balance, taken, is_repeat=False)


def _same_spend(asked: Asked) -> Spent:
    transfer_id = transfer_id_of(asked.key)
    posted = Posting.objects.filter(transfer=transfer_id, source=asked.wallet_id, points=asked.points)
    if not posted.exists() or not LotUse.objects.filter(transfer=transfer_id, store=asked.store_id).exists():
        raise KeyReused(asked.key)
    return spent_before(transfer_id, asked.wallet_id)


def spent_before(transfer_id: uuid.UUID, wallet_id: int) -> Spent:
    """The result of the spend or capture that made this transfer, with the wallet's balance of now."""
    uses = LotUse.objects.filter(transfer=transfer_id, kind=UseKind.SPEND).order_by("pk")
    taken = tuple(Taken(*row) for row in uses.values_list("lot_id", "funder_id", "points"))
    balance = Account.objects.values_list("balance", flat=True).get(pk=wallet_id)
    return Spent(transfer_id, sum(part.points for part in taken), balance or 0, taken, is_repeat=True)
