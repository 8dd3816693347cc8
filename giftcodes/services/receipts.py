"""Receipt of a file, confirmed by whoever it was made for; codes may wait for it."""

import uuid
from datetime import datetime

from django.db import transaction

from giftcodes import access
from giftcodes.delivery_models import CustodyAct, CustodyEntry, FurtherDelivery
from giftcodes.errors import FurtherDeliveryRefused
from giftcodes.models import Activation, BatchState, Delivery
from giftcodes.services import custody
from giftcodes.services.batches import activate_batch
from parties.errors import NotReachable
from parties.models import Role, User


@transaction.atomic
def confirm_receipt(*, public_id: uuid.UUID, user: User, at: datetime, address: str = "") -> bool:
    """Note that the file has arrived, as the one it was made for; whether this call did it. A repeat is
    harmless.

    If its order says that codes wait for that, and it is the order's own file, they can be claimed from now
    on (from the start of their window). NotReachable for everybody else, FurtherDeliveryRefused before it was
    downloaded.
    """
    delivery = _of_recipient(user, public_id)
    # Held, so that of two at once the second finds what the first has noted.
    type(delivery).objects.select_for_update(no_key=True).get(pk=delivery.pk)
    if delivery.downloaded_at is None:
        raise FurtherDeliveryRefused("receipt")
    if CustodyEntry.objects.filter(file_id=public_id, act=CustodyAct.RECEIVED).exists():
        return False
    custody.record(delivery, CustodyAct.RECEIVED, by=user, address=address, at=at)
    batch = delivery.batch
    waits = batch.activation == Activation.ON_RECEIPT and batch.state == BatchState.MINTED
    if waits and isinstance(delivery, Delivery):
        activate_batch(batch_id=batch.pk, at=at)
    return True


def _of_recipient(user: User, public_id: uuid.UUID) -> Delivery | FurtherDelivery:
    if Delivery.objects.filter(public_id=public_id).exists():
        return access.access_delivery(user, public_id)
    delivery = access.access_further_delivery(user, public_id, Role.MARKETER)
    if delivery.recipient_id != user.pk:
        raise NotReachable
    return delivery
