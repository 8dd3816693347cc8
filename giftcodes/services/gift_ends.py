"""How gifts end without a claim: withdrawn by the system that issued them, or past their time. Their points
go back to the brand's funds.

Of claim, withdrawal and expiry each changes the state of the gift's own row if that still is "issued": the
first one wins, the others wait for it and find it gone. No two gifts share what is locked.
"""

import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from giftcodes.errors import GiftClaimed, GiftcodesError, GiftRefused
from giftcodes.gift_models import Gift, GiftState, GiftVoid
from giftcodes.masking import mask_codes
from giftcodes.models import Batch
from giftcodes.services import gift_events
from ledger import services as ledger
from ledger.errors import LedgerError
from ledger.models import Reason
from ledger.services import Move
from parties.api_models import ApiClient
from parties.errors import NotReachable
from parties.event_models import EventType

MAX_REASON_LENGTH = 200

logger = logging.getLogger(__name__)


@transaction.atomic
def void_gift(*, gift: Gift, client: ApiClient, reason: str, at: datetime) -> Gift:
    """Withdraw a gift that nobody has claimed; gives back the gift as it is now. Its points are in the
    brand's funds again.

    A code in the reason is masked. Repeating it is harmless, and so is withdrawing a gift that has expired.
    GiftClaimed if it was claimed, GiftRefused without a reason of 1 to 200 characters, NotReachable if it is
    another brand's.
    """
    reason = reason.strip()
    if not 1 <= len(reason) <= MAX_REASON_LENGTH or "\0" in reason:
        raise GiftRefused("reason")
    if gift.brand_id != client.brand_id:
        raise NotReachable
    reason = mask_codes(reason).text[:MAX_REASON_LENGTH]
    open_gift = Gift.objects.filter(pk=gift.pk, state=GiftState.ISSUED)
    is_won = open_gift.update(state=GiftState.VOIDED, ended_at=at)
    gift = Gift.objects.select_related("batch__brand__program").get(pk=gift.pk)
    if not is_won:
        if gift.state == GiftState.CLAIMED:
            raise GiftClaimed
        return gift
    gift_events.tell_of(EventType.GIFT_VOIDED, [gift], at=at)
    GiftVoid.objects.create(gift=gift, client=client, reason=reason, voided_at=at)
    return_points(gift.batch, points=gift.points, key=void_key(gift.pk), reason=Reason.VOID, at=at)
    return gift


def void_key(gift_id: int) -> str:
    """The key of the transfer that brings back the points of a withdrawn gift."""
    return f"void:gift:{gift_id}"


def expire_gifts(*, at: datetime, limit: int = 1_000) -> int:
    """End up to `limit` gifts that nobody has claimed by their `claim_until`; gives back how many.

    Gifts that cannot be ended now (in another transaction's hands, or the brand's funds are full) are left to
    the next call, and don't hold up the others.
    """
    due = Gift.objects.filter(state=GiftState.ISSUED, claim_until__lte=at).order_by("claim_until")
    by_batch: dict[int, list[int]] = defaultdict(list)
    for gift_id, batch_id in due.values_list("pk", "batch_id")[:limit]:
        by_batch[batch_id].append(gift_id)
    ended = 0
    for batch_id, gift_ids in by_batch.items():
        try:
            ended += _expire(batch_id, gift_ids, at)
        except (GiftcodesError, LedgerError):
            logger.exception("Gifts of batch %s can't expire now: the next sweep tries again.", batch_id)
    return ended


@transaction.atomic
def _expire(batch_id: int, gift_ids: Sequence[int], at: datetime) -> int:
    held = Gift.objects.select_for_update(skip_locked=True).filter(pk__in=gift_ids, state=GiftState.ISSUED)
    gifts = list(held.order_by("pk"))
    if not gifts:
        return 0
    _end(gifts, at)
    batch = Batch.objects.select_related("brand__program").get(pk=batch_id)
    # One transfer for all of them: the first one ends only once, and so names it.
    key = f"expire:gift:{gifts[0].pk}"
    return_points(batch, points=sum(gift.points for gift in gifts), key=key, reason=Reason.CLOSE, at=at)
    return len(gifts)


def expire_all(batch: Batch, at: datetime) -> int:
    """End every gift of a closing batch that is not claimed; gives back their points, which the caller
    returns. Claims are kept out by the caller, withdrawals are waited for.
    """
    held = Gift.objects.select_for_update().filter(
        pk__gte=batch.first_claim_id, pk__lt=batch.end_claim_id, state=GiftState.ISSUED
    )
    gifts = list(held.order_by("pk"))
    _end(gifts, at)
    return sum(gift.points for gift in gifts)


def _end(gifts: Sequence[Gift], at: datetime) -> None:
    """Gifts that the caller holds."""
    for start in range(0, len(gifts), 1_000):
        some = gifts[start : start + 1_000]
        Gift.objects.filter(pk__in=[gift.pk for gift in some]).update(state=GiftState.EXPIRED, ended_at=at)
        gift_events.tell_of(EventType.GIFT_EXPIRED, some, at=at)


def return_points(batch: Batch, *, points: int, key: str, reason: Reason, at: datetime) -> None:
    """Points of the batch that nobody can claim any more, to the brand's funds; none is no transfer."""
    if points:
        funds = ledger.open_funds(brand=batch.brand, at=at)
        ledger.post_transfer(
            key=key, reason=reason, moves=[Move(batch.unclaimed_id, funds.pk, points)], at=at
        )
