"""What can be asked of gifts. Nothing here changes a row, and nothing gives a code back."""

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple, Protocol

from django.db.models import Count, F, Q, QuerySet, Sum

from giftcodes.gift_models import Gift, GiftState, GiftStrand
from giftcodes.models import Batch
from giftcodes.queries import gifts_in_range

MAX_GIFTS_PER_PAGE = 100


class Cursor(NamedTuple):
    """The last gift of a page, by what the list is sorted by. Opaque to whoever pages."""

    request_id: int
    position: int


class GiftPage(NamedTuple):
    """Gifts, the newest request first; `following` is None on the last page."""

    gifts: list[Gift]
    following: Cursor | None


class Amount(NamedTuple):
    """So many gifts, worth so many points."""

    gifts: int
    points: int


class Budget(NamedTuple):
    """Where the money of an API batch is. `reserved` = `left` + `issued` + what went back when it was closed;
    of what was issued, `claimed` is in wallets, and `voided` and `expired` are in the brand's funds again.
    """

    reserved: Amount
    issued: Amount
    claimed: Amount
    voided: Amount
    expired: Amount
    left: Amount


def gift_of(brand_id: int, public_id: uuid.UUID) -> Gift | None:
    """The gift of that number, if it is the brand's."""
    return Gift.objects.filter(public_id=public_id, brand=brand_id).first()


def gifts_of(
    brand_id: int,
    *,
    at: datetime,
    after: Cursor | None = None,
    recipient_ref: str = "",
    status: GiftState | None = None,
    limit: int = MAX_GIFTS_PER_PAGE,
) -> GiftPage:
    """A page of the brand's gifts behind `after`, at most `limit` of them and MAX_GIFTS_PER_PAGE."""
    rows = Gift.objects.filter(brand=brand_id)
    if recipient_ref:
        rows = rows.filter(recipient_ref=recipient_ref)
    if status is not None:
        rows = _with_status(rows, status, at)
    if after is not None:
        later = Q(request=after.request_id, position__gt=after.position)
        rows = rows.filter(later | Q(request__lt=after.request_id)).filter(request__lte=after.request_id)
    size = max(1, min(limit, MAX_GIFTS_PER_PAGE))
    page = list(rows.order_by("-request_id", "position")[: size + 1])
    if len(page) <= size:
        return GiftPage(page, None)
    return GiftPage(page[:size], Cursor(page[size - 1].request_id, page[size - 1].position))


def _with_status(rows: QuerySet[Gift], status: GiftState, at: datetime) -> QuerySet[Gift]:
    """As `status_of` tells it: past its time is expired, whether a sweep has been there or not."""
    if status == GiftState.ISSUED:
        return rows.filter(state=status, claim_until__gt=at)
    if status == GiftState.EXPIRED:
        return rows.filter(Q(state=status) | Q(state=GiftState.ISSUED, claim_until__lte=at))
    return rows.filter(state=status)


class _Ending(Protocol):
    """A gift, by whatever name: its row, or what was issued."""

    @property
    def state(self) -> str: ...

    @property
    def claim_until(self) -> datetime: ...


def status_of(gift: _Ending, *, at: datetime) -> GiftState:
    """What has become of the gift by `at`."""
    if gift.state == GiftState.ISSUED and gift.claim_until <= at:
        return GiftState.EXPIRED
    return GiftState(gift.state)


def budget_of(batch: Batch) -> Budget:
    """Where the points of a batch that issues gifts are now; reads all that it has issued."""
    sums = gifts_in_range(batch).order_by().values_list("state").annotate(Count("pk"), Sum("points"))
    states = {state: Amount(gifts, points) for state, gifts, points in sums}
    none = Amount(0, 0)
    return Budget(
        reserved=Amount(batch.size, batch.size * batch.face_points),
        issued=Amount(
            sum(amount.gifts for amount in states.values()), sum(amount.points for amount in states.values())
        ),
        claimed=states.get(GiftState.CLAIMED, none),
        voided=states.get(GiftState.VOIDED, none),
        expired=states.get(GiftState.EXPIRED, none),
        left=left_of(batch),
    )


def most_face_points_sql(*, brand: str, group: str) -> str:
    """SQL for what a gift is worth at most if nothing else is asked for, null if there is no order: whichever
    of the group's batches it is drawn from, a paused one that goes on in between as well. `brand` and `group`
    are SQL for brand and limit group.
    """
    return (
        f"(SELECT MAX(batch.face_points) FROM giftcodes_batch batch WHERE batch.brand_id = {brand}"  # noqa: S608  # constants
        f" AND batch.limit_group = {group} AND batch.most_points IS NOT NULL AND batch.state <> 'closed')"
    )


def budget_of_group(brand_id: int, group: str) -> Budget:
    """The same of all batches of a limit group that issue gifts: of a campaign."""
    batches = Batch.objects.filter(brand=brand_id, limit_group=group, most_points__isnull=False)
    budgets = [budget_of(batch) for batch in batches]
    return Budget(*(_sum(amounts) for amounts in zip(*budgets, strict=True))) if budgets else _NOTHING


def _sum(amounts: Iterable[Amount]) -> Amount:
    return Amount(*map(sum, zip(*amounts, strict=True)))


_NOTHING = Budget(*[Amount(0, 0)] * len(Budget._fields))


def left_of(batch: Batch) -> Amount:
    """What the batch can still issue; nothing once it is closed."""
    sums = GiftStrand.objects.filter(batch=batch).aggregate(
        gifts=Sum(F("end_serial") - F("next_serial")), points=Sum("points_left")
    )
    return Amount(sums["gifts"] or 0, sums["points"] or 0)
