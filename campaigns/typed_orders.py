"""An order as far as it has been typed, for what stands beside the form. Nothing is refused or kept."""

from collections.abc import Mapping
from datetime import datetime

from django.core.exceptions import ValidationError

from campaigns.models import MAX_LOT_LIFE_DAYS, Campaign, Issuing, Order
from ledger.models import MAX_POINTS
from parties.forms import PeriodEndField

_MAX_DIGITS = 13


def number_in(text: str) -> int:
    """The whole number that was typed; 0 for anything else."""
    return int(text) if text.isdecimal() and len(text) <= _MAX_DIGITS else 0


def typed_order(typed: Mapping[str, str], campaign: Campaign) -> Order:
    """What was typed of an order of the campaign, unsaved. Numbers are 0 and the end of its window is None
    where there is nothing usable yet; a draft that is being edited keeps its id.
    """
    issuing = Issuing.API if typed.get("issuing") == Issuing.API else Issuing.FILE
    most_points = min(number_in(typed.get("most_points", "")), MAX_POINTS)
    lot_life_days = number_in(typed.get("lot_life_days", ""))
    order = Order(
        pk=number_in(typed.get("of_order", "")) or None,
        campaign=campaign,
        issuing=issuing,
        face_points=min(number_in(typed.get("face_points", "")), MAX_POINTS),
        most_points=most_points or None if issuing == Issuing.API else None,
        lot_life_days=lot_life_days if lot_life_days <= MAX_LOT_LIFE_DAYS else 0,
    )
    until = _end_in(typed.get("claim_until", ""))
    if until is not None:
        order.claim_until = until
    return order


def _end_in(text: str) -> datetime | None:
    try:
        end: datetime | None = PeriodEndField(required=False).clean(text)
    except ValidationError:
        return None
    return end
