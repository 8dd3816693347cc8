"""Who runs short of gifts is told in time, once per order."""

from datetime import datetime

from django.db import transaction

from giftcodes.gift_queries import left_of
from giftcodes.models import Batch, BatchState
from parties import events
from parties.event_models import Event, EventType
from parties.events import NewEvent

LOW_SHARE = 10  # a tenth of the order's points, or of its gifts


def tell_low_budgets(*, at: datetime) -> int:
    """Tell the brands of orders that issue now and have at most a tenth of their points left, or of their
    gifts, which small ones use up first; each once. How many were told of now.
    """
    issuing = Batch.objects.filter(
        most_points__isnull=False, state=BatchState.ACTIVE, claim_from__lte=at, claim_until__gt=at
    )
    return sum(_tell(batch_id, at) for batch_id in issuing.order_by("pk").values_list("pk", flat=True))


@transaction.atomic
def _tell(batch_id: int, at: datetime) -> bool:
    batch = Batch.objects.select_for_update(no_key=True).get(pk=batch_id)  # claims and issues don't lock it
    reserved, left = batch.size * batch.face_points, left_of(batch)
    if left.points * LOW_SHARE > reserved and left.gifts * LOW_SHARE > batch.size:
        return False
    told = Event.objects.filter(
        brand=batch.brand_id, object_id=str(batch.public_id), type=EventType.BUDGET_LOW
    )
    if told.exists():
        return False
    data = {"order": batch.order_key, "reserved_points": reserved, "left_points": left.points}
    low = NewEvent(EventType.BUDGET_LOW, str(batch.public_id), data | {"left_gifts": left.gifts})
    events.record(brand_id=batch.brand_id, events=[low], at=at)
    return told.exists()  # a brand without a partner system is not told
