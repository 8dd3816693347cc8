"""The custody log: who had which sealed file in hand, when, and from where. Written, never changed."""

from datetime import datetime

from giftcodes.delivery_models import CustodyAct, CustodyEntry, FurtherDelivery
from giftcodes.models import Delivery
from parties.models import User


def record(
    delivery: Delivery | FurtherDelivery, act: CustodyAct, *, by: User | None, address: str, at: datetime
) -> None:
    """Note that this happened to the sealed file, in the caller's transaction. IntegrityError if it did
    before; `address` is "" where it isn't known.
    """
    CustodyEntry.objects.create(
        batch_id=delivery.batch_id,
        file_id=delivery.public_id,
        act=act,
        by=by,
        at=at,
        address=address or None,
        sealed_sha256=delivery.sealed_sha256,
    )
