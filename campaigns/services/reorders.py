"""Codes in the place of withdrawn ones: a draft, which goes the way of every order."""

from django.db import IntegrityError, transaction

from campaigns.errors import ReorderRefused
from campaigns.models import Order, OrderChannel
from campaigns.reorder_models import Reorder
from giftcodes import access as giftcodes_access
from giftcodes import void_queries
from giftcodes.models import Batch
from giftcodes.void_models import VoidRequest, VoidState
from parties.errors import NotReachable
from parties.models import Role, User


@transaction.atomic
def reorder_withdrawn(*, request_id: int, user: User) -> Order:
    """A draft of the same campaign, points and window as the order whose codes were withdrawn, with as many
    codes per channel as were; `user`, a marketer of the brand, may edit it and submits it.

    A repeat gives the same draft, whatever became of it, unless it was discarded. Nothing is reserved.
    NotReachable for anybody else, ReorderRefused if nothing was withdrawn.
    """
    reached = giftcodes_access.reachable_void_requests(user, Role.MARKETER)
    request = reached.filter(pk=request_id).first()
    if request is None:
        raise NotReachable
    if request.state != VoidState.APPROVED or not request.voided_codes:
        raise ReorderRefused
    try:
        with transaction.atomic():
            return _draft(Order.objects.get(batch=request.batch_id), request, user)
    except IntegrityError:  # somebody was faster: there is one already
        return Reorder.objects.select_related("order").get(request=request_id).order


def _draft(original: Order, request: VoidRequest, user: User) -> Order:
    batch = Batch.objects.get(pk=request.batch_id)
    order = Order.objects.create(
        campaign_id=original.campaign_id,
        face_points=original.face_points,
        issuing=original.issuing,
        claim_from=batch.claim_from,
        claim_until=batch.claim_until,
        lot_life_days=original.lot_life_days,
        activation=original.activation,
        requested_by=user,
    )
    Reorder.objects.create(order=order, request=request)
    withdrawn = void_queries.withdrawn_by_channel(request.pk)
    OrderChannel.objects.bulk_create(
        OrderChannel(order=order, name=name, quantity=codes) for name, codes in withdrawn.items()
    )
    return order
