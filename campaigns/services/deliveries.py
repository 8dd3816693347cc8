"""Deliveries of an order's codes beside its own file: the words that printed sheets carry, and the worker."""

import uuid
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import translation
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from campaigns import access
from campaigns.errors import OrderNotOpen
from campaigns.models import Campaign, Order
from giftcodes import services as giftcodes
from giftcodes import tasks
from giftcodes.delivery_models import DeliveryKind, FurtherDelivery
from ledger.expiry import JAPAN
from parties.models import Role, User


def request_delivery(
    *,
    order_id: int,
    kind: DeliveryKind,
    channel_id: int | None,
    by_channel: bool,
    age_recipient: str,
    reason: str,
    user: User,
    at: datetime,
) -> FurtherDelivery:
    """Ask for a delivery of an approved order, as a marketer of its brand, for oneself.

    The campaign's title and logo stand on printed sheets as they are now. NotReachable, OrderNotOpen without
    a batch, FurtherDeliveryRefused.
    """
    order = access.access_order(user, order_id, Role.MARKETER)
    if order.batch_id is None:
        raise OrderNotOpen(order.state)
    asked = giftcodes.Asked(
        kind=kind,
        reason=reason,
        words=_words(order),
        channel_id=channel_id,
        by_channel=by_channel,
        age_recipient=age_recipient,
        logo=_logo_of(order.campaign),
    )
    return giftcodes.request_delivery(batch_id=order.batch_id, asked=asked, user=user, at=at)


@transaction.atomic
def approve_delivery(
    *, public_id: uuid.UUID, request_hash: str, user: User, verified_at: datetime | None, at: datetime
) -> FurtherDelivery:
    """Let it be made; that begins after the commit. Raises what `giftcodes.approve_delivery` does."""
    delivery = giftcodes.approve_delivery(
        public_id=public_id, request_hash=request_hash, user=user, verified_at=verified_at, at=at
    )
    delivery_id = delivery.pk
    # A lost message costs seconds: the sweep finds every approved delivery.
    transaction.on_commit(lambda: tasks.nudge_delivery(delivery_id), robust=True)
    return delivery


def _words(order: Order) -> dict[str, str]:
    """In Japanese, as members in Japan read them."""
    campaign = order.campaign
    last = (order.claim_until - timedelta(microseconds=1)).astimezone(JAPAN)
    with translation.override("ja"):
        points = number_format(order.face_points, use_l10n=True, force_grouping=True)
        until = f"{last.year}年{last.month}月{last.day}日 {last:%H:%M}"
        return {
            "brand": campaign.brand.name,
            "title": campaign.title_ja,
            "worth": f"{points} {campaign.brand.program.unit_label}",
            "until": _("Until %(moment)s") % {"moment": until},
        }


def _logo_of(campaign: Campaign) -> bytes:
    if not campaign.logo:
        return b""
    with campaign.logo.open("rb") as file:
        content: bytes = file.read()
    return content
