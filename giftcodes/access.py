"""The funnel to batches and sealed files."""

import uuid

from django.db.models import QuerySet

from giftcodes.delivery_models import FurtherDelivery
from giftcodes.models import Batch, Delivery
from giftcodes.void_models import VoidRequest
from parties.access import Person, reachable_brands
from parties.errors import NotReachable
from parties.models import Role


def reachable_batches(user: Person, *roles: Role) -> QuerySet[Batch]:
    """Batches of the brands that `user` reaches with one of `roles`."""
    return Batch.objects.filter(brand__in=reachable_brands(user, *roles))


def reachable_void_requests(user: Person, *roles: Role) -> QuerySet[VoidRequest]:
    """Withdrawals of codes of the brands that `user` reaches with one of `roles`."""
    return VoidRequest.objects.filter(batch__in=reachable_batches(user, *roles))


def access_delivery(user: Person, public_id: uuid.UUID) -> Delivery:
    """The sealed file, if it was made for `user`, who still is a marketer of its brand; else NotReachable."""
    delivery = Delivery.objects.filter(
        public_id=public_id, batch__in=reachable_batches(user, Role.MARKETER)
    ).first()
    if delivery is None or delivery.recipient_id != user.pk:
        raise NotReachable
    return delivery


def access_further_delivery(user: Person, public_id: uuid.UUID, *roles: Role) -> FurtherDelivery:
    """The delivery, if `user` reaches its batch with one of the roles; else NotReachable."""
    found = FurtherDelivery.objects.select_related("batch__series", "channel", "recipient", "again_of")
    delivery = found.filter(public_id=public_id, batch__in=reachable_batches(user, *roles)).first()
    if delivery is None:
        raise NotReachable
    return delivery
