"""The channels of a draft, exchanged as a whole."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from campaigns import access, rules
from campaigns.channel_files import NamedQuantity
from campaigns.errors import ChannelsChanged
from campaigns.models import Issuing, Order, OrderChannel
from campaigns.services.orders import hold_draft
from giftcodes.models import Activation
from parties.models import Role, User


@transaction.atomic
def replace_channels(
    *,
    order_id: int,
    user: User,
    seen: Sequence[NamedQuantity],
    channels: Sequence[NamedQuantity],
    at: datetime,
) -> Order:
    """Put `channels` in the place of all that a draft has, if it still has those that were `seen`.

    NotReachable for anybody but a marketer of the brand, OrderNotOpen, ChannelsChanged, and of the rules of
    channels NoCodes, TooManyChannels, TooManyCodes, PointsOutOfRange, SameChannelTwice, OneChannelNeeded:
    nothing has happened then.
    """
    access.access_order(user, order_id, Role.MARKETER)
    hold_draft(order_id=order_id)
    order = access.access_order(user, order_id, Role.MARKETER)
    if channels_of(order) != list(seen):
        raise ChannelsChanged
    rules.refuse_bad_quantities(
        face_points=order.face_points, quantities=[channel.quantity for channel in channels]
    )
    rules.refuse_same_names([channel.name for channel in channels])
    rules.refuse_bad_issuing(
        issuing=Issuing(order.issuing),
        face_points=order.face_points,
        most_points=order.most_points,
        channels=len(channels),
        activation=Activation(order.activation),
    )
    order.channels.all().delete()
    OrderChannel.objects.bulk_create(OrderChannel(order=order, **row._asdict()) for row in channels)
    Order.history.bulk_history_create(
        [order], update=True, default_user=user, default_date=at, default_change_reason="channels"
    )
    return order


def channels_of(order: Order) -> list[NamedQuantity]:
    """What the order has, in its order."""
    rows = order.channels.order_by("pk").values_list("name", "quantity")
    return [NamedQuantity(name, quantity) for name, quantity in rows]
