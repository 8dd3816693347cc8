"""All that is known of one entry of a wallet: whose points they were, until when, and what came before and
after.
"""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db.models import Q, Sum

from ledger.models import BY_HAND, Account, Lot, LotUse, Posting, Reason, Transfer, UseKind, transfer_id_of
from ledger.reports.wallets import StatementEntry, entries_of, postings_of

MOST_PARTS = 50
MOST_RELATED = 50
_CAPTURE, _RELEASE = "capture:", "release:"


class Part(NamedTuple):
    """Points of an entry with the same funder and the same end (exclusive)."""

    funder: str
    expires_at: datetime
    points: int


class Story(NamedTuple):
    """`parts` are the points that moved, soonest to end first, at most 50 lines (`has_more_parts`); `lot` is
    what a claim or grant made; `is_by_hand` if two people of a brand booked it; `related` are the wallet's
    other entries about the same points, the oldest first.
    """

    told: StatementEntry
    parts: list[Part]
    has_more_parts: bool
    lot: Lot | None
    is_by_hand: bool
    related: list[StatementEntry]


def story_of(wallet: Account, posting_id: int) -> Story | None:
    """The story of the entry that this posting made in the wallet; None if it made none there. A bounded
    number of queries, whatever the number of lots.
    """
    posting = postings_of(wallet).filter(pk=posting_id).first()
    if posting is None:
        return None
    told = entries_of(wallet, [posting])[0]
    parts = _parts(wallet, told)
    return Story(
        told=told,
        parts=parts[:MOST_PARTS],
        has_more_parts=len(parts) > MOST_PARTS,
        lot=Lot.objects.filter(wallet=wallet, transfer=posting.transfer_id).select_related("funder").first(),
        is_by_hand=f":{BY_HAND}" in posting.transfer.key,
        related=_related(wallet, posting),
    )


def _parts(wallet: Account, told: StatementEntry) -> list[Part]:
    """Of points that were set aside and then used: those that were used."""
    uses = LotUse.objects.filter(transfer=told.posting.transfer_id, lot__wallet=wallet)
    if told.reason == Reason.HOLD and told.hold and told.hold.captured_points:
        captured = transfer_id_of(_CAPTURE + told.hold.pk.hex)
        uses = LotUse.objects.filter(transfer=captured, lot__wallet=wallet, kind=UseKind.SPEND)
    summed = uses.order_by("lot__expires_at", "funder__name").values_list("funder__name", "lot__expires_at")
    rows = summed.annotate(total=Sum("points"))[: MOST_PARTS + 1]
    return [Part(funder, expires_at, abs(points)) for funder, expires_at, points in rows]


def _related(wallet: Account, posting: Posting) -> list[StatementEntry]:
    family = _family_of(posting.transfer)
    acts = Transfer.objects.filter(Q(pk__in=family) | Q(original__in=family)).order_by("posted_at", "pk")
    others = postings_of(wallet).filter(transfer__in=list(acts.values_list("pk", flat=True)[:MOST_RELATED]))
    return entries_of(wallet, list(others.exclude(pk=posting.pk).order_by("posted_at", "pk")))


def _family_of(transfer: Transfer) -> list[UUID]:
    """Transfers about the same points, the first one among them: what is taken back names its original, and
    what a hold ended in is keyed by the hold.
    """
    first = transfer.original or transfer
    verb, _, hold = first.key.partition(":")
    if f"{verb}:" in (_CAPTURE, _RELEASE):
        first_id = UUID(hold)
    elif first.reason == Reason.HOLD:
        first_id = first.pk
    else:
        return [first.pk]
    return [first_id, *(transfer_id_of(verb + first_id.hex) for verb in (_CAPTURE, _RELEASE))]
