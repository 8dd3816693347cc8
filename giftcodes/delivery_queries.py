"""Questions about deliveries and the custody of files."""

import uuid
from collections.abc import Sequence

from django.db.models import Q, QuerySet

from giftcodes.delivery_models import CustodyAct, CustodyEntry, DeliveryState, FurtherDelivery
from giftcodes.models import Batch


def unmade_delivery_ids(*, limit: int) -> list[int]:
    """Approved deliveries that are not sealed yet, the oldest first, at most `limit`."""
    approved = FurtherDelivery.objects.filter(state=DeliveryState.APPROVED)
    return list(approved.order_by("decided_at", "pk").values_list("pk", flat=True)[:limit])


def deliveries_of(batch: Batch) -> QuerySet[FurtherDelivery]:
    """The newest first."""
    people = ("requested_by", "decided_by", "recipient", "channel", "again_of")
    return FurtherDelivery.objects.filter(batch=batch).select_related(*people).order_by("-pk")


def custody_of(batch: Batch) -> QuerySet[CustodyEntry]:
    """What happened to the files of the batch, in its order."""
    return CustodyEntry.objects.filter(batch=batch).select_related("by").order_by("pk")


def received_ids(file_ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Which of the files were confirmed to have arrived."""
    received = CustodyEntry.objects.filter(Q(act=CustodyAct.RECEIVED), file_id__in=file_ids)
    return set(received.values_list("file_id", flat=True))
