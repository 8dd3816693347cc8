"""What a partner system may see of a member: points of the program, and what happened at its own brand."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Q, QuerySet, Sum

from ledger.models import Account, AccountKind, Lot, Posting
from ledger.reports.wallets import StatementEntry, entries_of, with_their_story
from parties.act_models import ApiAct
from parties.models import Brand, Member

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Balance(NamedTuple):
    """Points that can be spent now, points set aside for checkouts, and what ends next, and when."""

    points: int
    held_points: int
    next_end: datetime | None
    next_points: int


class BrandEntry(NamedTuple):
    """An entry, and the act of the brand's systems behind it, if it was one."""

    told: StatementEntry
    act: ApiAct | None


def wallet_of(member: Member, brand: Brand) -> Account | None:
    """The member's wallet in the program of the brand, if it has been opened."""
    wallets = Account.objects.filter(kind=AccountKind.WALLET, member=member, program=brand.program_id)
    return wallets.first()


def partner_balance(wallet: Account | None, *, at: datetime) -> Balance:
    """What the member can spend at `at`: points whose last day has passed don't count, booked or not."""
    if wallet is None:
        return Balance(0, 0, None, 0)
    lots = usable_lots(wallet, at=at)
    held = wallet.holds.filter(state="open", expires_at__gt=at).aggregate(points=Sum("points"))["points"]
    by_end = lots.order_by("expires_at").values_list("expires_at").annotate(points=Sum("remaining_points"))
    next_end, next_points = by_end.first() or (None, 0)
    return Balance(
        points=lots.aggregate(points=Sum("remaining_points"))["points"] or 0,
        held_points=held or 0,
        next_end=next_end,
        next_points=next_points,
    )


def usable_lots(wallet: Account, *, at: datetime) -> QuerySet[Lot]:
    """Lots that still have points and have not ended."""
    return Lot.objects.filter(wallet=wallet, remaining_points__gt=0, expires_at__gt=at)


def lots_behind(
    wallet: Account | None, *, at: datetime, after: list[Any] | None, limit: int
) -> Sequence[Lot]:
    """Up to `limit` lots, soonest to end first, behind that place (`place_of_lot`)."""
    if wallet is None:
        return []
    lots = usable_lots(wallet, at=at).order_by("expires_at", "pk")
    if after is not None:
        moment, pk = _read(after)
        lots = lots.filter(Q(expires_at__gt=moment) | Q(expires_at=moment, pk__gt=pk))
    return list(lots[:limit])


def place_of_lot(lot: Lot) -> list[int]:
    return [_microseconds(lot.expires_at), lot.pk]


def entries_at_brand(
    wallet: Account | None, brand: Brand, *, after: list[Any] | None, limit: int
) -> Sequence[BrandEntry]:
    """Up to `limit` of the wallet's entries at this brand, the newest first, behind that place.

    What the brand gave or took back, what was spent there, and what of its points ended. A hold is one entry,
    with what became of it: its capture moves nothing in the wallet.
    """
    if wallet is None:
        return []
    here = Q(target=wallet, source__brand=brand) | Q(source=wallet, target__brand=brand)
    here |= Q(source=wallet, transfer__hold__store__brand=brand)
    postings = with_their_story(Posting.objects.filter(here)).order_by("-posted_at", "-pk")
    if after is not None:
        moment, pk = _read(after)
        postings = postings.filter(Q(posted_at__lt=moment) | Q(posted_at=moment, pk__lt=pk))
    told = entries_of(wallet, list(postings[:limit]))
    ids = [entry.posting.transfer_id for entry in told]
    acts = ApiAct.objects.filter(transfer__in=ids, client__brand=brand).select_related("store")
    by_transfer: dict[UUID | None, ApiAct] = {act.transfer: act for act in acts.order_by("-at")}
    return [BrandEntry(entry, by_transfer.get(entry.posting.transfer_id)) for entry in told]


def place_of_entry(entry: BrandEntry) -> list[int]:
    posting = entry.told.posting
    return [_microseconds(posting.posted_at), posting.pk]


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _read(place: list[Any]) -> tuple[datetime, int]:
    """ValueError for what can be no place in such a list."""
    try:
        microseconds, pk = place
        return _EPOCH + timedelta(microseconds=microseconds), pk
    except (OverflowError, ValueError) as error:
        raise ValueError(place) from error
