"""What events tell, for the documentation: of each type the object and the fields of `data`."""

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from parties.event_models import EventType


class Told(NamedTuple):
    """`object` says what the event's `object` is the id of."""

    object: str | Promise
    fields: tuple[str, ...]


_GIFT, _TRANSFER, _HOLD = _("the gift"), _("the transfer"), _("the hold")
_OF_GIFT = ("gift", "points", "claim_until", "recipient_ref")
_OF_ALERT = ("kind", "level", "about", "opened_at")
_OF_SPEND = ("transfer", "hold", "points", "member", "store")

# `tests/api/test_told.py` makes each of them happen, and compares.
TOLD = {
    EventType.GIFT_ISSUED: Told(_GIFT, _OF_GIFT),
    EventType.GIFT_CLAIMED: Told(_GIFT, ("gift", "serial", "points")),
    EventType.GIFT_VOIDED: Told(_GIFT, _OF_GIFT),
    EventType.GIFT_EXPIRED: Told(_GIFT, _OF_GIFT),
    EventType.ORDER_MINTED: Told(_("the order"), ("batch", "codes", "points")),
    EventType.POINTS_EARNED: Told(_TRANSFER, ("transfer", "points", "member", "expires_at")),
    EventType.POINTS_SPENT: Told(_("the transfer, or the hold that was captured"), _OF_SPEND),
    EventType.POINTS_HELD: Told(_HOLD, ("points", "member", "store")),
    EventType.POINTS_RELEASED: Told(_HOLD, ("hold", "points", "member", "store", "because")),
    EventType.POINTS_REVERSED: Told(
        _("the transfer, or the hold, that is taken back"), ("transfer", "original", "points", "member")
    ),
    EventType.BUDGET_LOW: Told(
        _("the order's batch"), ("order", "reserved_points", "left_points", "left_gifts")
    ),
    EventType.ALERT_OPENED: Told(_("the alert"), _OF_ALERT),
    EventType.ALERT_ENDED: Told(_("the alert"), (*_OF_ALERT, "ended_at")),
    EventType.WEBHOOK_TEST: Told(_("the endpoint"), ()),
}
