"""The statement of one wallet, and what each of its entries was."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet, Subquery, Sum

from ledger.models import Account, Hold, LotUse, Posting, Reason
from parties.models import Brand, Store

_RELEASE = "release:"


class StatementEntry(NamedTuple):
    """One posting as the wallet sees it: `points` carry their sign. `original` says what a reversal took
    back; `brand` and `store` where the points came from or went to, as far as there was one.
    """

    posting: Posting
    points: int
    reason: Reason
    original: Reason | None
    brand: Brand | None
    store: Store | None
    hold: Hold | None


class WalletStatement(NamedTuple):
    """Opening balance and all entries give the closing balance. `is_cut` if there are more entries than are
    shown; the balances are right all the same.
    """

    wallet: Account
    starts_at: datetime
    ends_at: datetime
    opening_points: int
    closing_points: int
    entries: list[StatementEntry]
    is_cut: bool


def wallet_statement(
    wallet: Account, *, starts_at: datetime, ends_at: datetime, limit: int = 1_000
) -> WalletStatement:
    """What happened in the wallet from `starts_at` to before `ends_at`, the oldest entry first, at most
    `limit` entries.
    """
    within = Q(posted_at__gte=starts_at, posted_at__lt=ends_at)
    postings = postings_of(wallet).filter(within).order_by("posted_at", "pk")
    rows = list(postings[: limit + 1])
    opening = _sum_before(wallet, starts_at)
    return WalletStatement(
        wallet=wallet,
        starts_at=starts_at,
        ends_at=ends_at,
        opening_points=opening,
        closing_points=_sum_before(wallet, ends_at),
        entries=entries_of(wallet, rows[:limit]),
        is_cut=len(rows) > limit,
    )


def postings_of(wallet: Account) -> QuerySet[Posting]:
    """Postings that touch the wallet, with what `entries_of` needs."""
    return with_their_story(Posting.objects.filter(Q(source=wallet) | Q(target=wallet)))


def with_their_story(postings: QuerySet[Posting]) -> QuerySet[Posting]:
    """The same postings, each with its transfer, hold and store, in one query: what `entries_of` needs."""
    at_store = LotUse.objects.filter(transfer=OuterRef("transfer"), store__isnull=False).order_by("pk")
    return postings.select_related(
        "transfer__original", "transfer__hold__store__brand", "source__brand", "target__brand"
    ).annotate(store_id=Subquery(at_store.values("store")[:1]))


def entries_of(wallet: Account, postings: Sequence[Posting]) -> list[StatementEntry]:
    """The entries of a page of `postings_of`, in their order: two more queries for all of them."""
    holds = _released_holds(postings)
    wanted = {posting.store_id for posting in postings}  # type: ignore[attr-defined]  # annotated above
    stores = Store.objects.filter(pk__in=wanted - {None}).select_related("brand").in_bulk()
    return [_entry(wallet, posting, holds, stores) for posting in postings]


def _entry(
    wallet: Account, posting: Posting, holds: dict[UUID, Hold], stores: dict[int, Store]
) -> StatementEntry:
    comes_in = posting.target_id == wallet.pk
    other = posting.source if comes_in else posting.target
    transfer = posting.transfer
    hold = getattr(transfer, "hold", None) or holds.get(transfer.pk)
    store = hold.store if hold else stores.get(posting.store_id)  # type: ignore[attr-defined]
    return StatementEntry(
        posting=posting,
        points=posting.points if comes_in else -posting.points,
        reason=Reason(transfer.reason),
        original=Reason(transfer.original.reason) if transfer.original else None,
        brand=store.brand if store else other.brand,
        store=store,
        hold=hold,
    )


def _released_holds(postings: Sequence[Posting]) -> dict[UUID, Hold]:
    """The holds behind transfers that gave held points back: such a transfer is keyed by its hold."""
    keys = {
        posting.transfer_id: UUID(posting.transfer.key.removeprefix(_RELEASE))
        for posting in postings
        if posting.transfer.reason == Reason.RELEASE and posting.transfer.key.startswith(_RELEASE)
    }
    holds = Hold.objects.filter(pk__in=keys.values()).select_related("store__brand").in_bulk()
    return {transfer_id: holds[key] for transfer_id, key in keys.items() if key in holds}


def _sum_before(wallet: Account, end: datetime) -> int:
    before = Posting.objects.filter(posted_at__lt=end)
    came = before.filter(target=wallet).aggregate(points=Sum("points"))["points"] or 0
    went = before.filter(source=wallet).aggregate(points=Sum("points"))["points"] or 0
    return came - went
