"""A small typed client of the Tokuten partner API: see `Tokuten`."""

from tokuten_partner.client import Tokuten
from tokuten_partner.errors import FieldError, NotReached, Problem
from tokuten_partner.types import (
    Balance,
    Budget,
    Campaign,
    Claim,
    Event,
    Gift,
    Hold,
    IssuedGift,
    Lot,
    Me,
    Member,
    Transfer,
)

__all__ = [
    "Balance",
    "Budget",
    "Campaign",
    "Claim",
    "Event",
    "FieldError",
    "Gift",
    "Hold",
    "IssuedGift",
    "Lot",
    "Me",
    "Member",
    "NotReached",
    "Problem",
    "Tokuten",
    "Transfer",
]
