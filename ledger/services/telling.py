"""What partner systems are told of the ledger: events in the transaction of the act.

The object of an event is what the act began with: the transfer of a spend or a grant, or the hold, also for
its capture and for what is taken back of that. Whoever acts on one of them holds its wallet's lock or the
tally's, so their events come one after the other.
"""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ledger.models import Reason, Transfer
from ledger.statements import Statement
from parties import events
from parties.event_models import EventType
from parties.events import NewEvent
from parties.models import Member

CAPTURE = "capture"  # keys of transfers that capture a hold begin so


def telling(brand_id: int, at: datetime, *told: NewEvent) -> Statement:
    """The statement that writes the events; of a brand without a partner system none."""
    return Statement(*events.statement(brand_id=brand_id, events=told, at=at))


def tell(brand_id: int, at: datetime, *told: NewEvent) -> None:
    """Write them now."""
    events.record(brand_id=brand_id, events=told, at=at)


def moved(kind: EventType, of: uuid.UUID, particulars: Mapping[str, Any]) -> NewEvent:
    """Points were moved: ids as text, as everywhere in the API."""
    data = {
        name: str(value) if isinstance(value, uuid.UUID) else value for name, value in particulars.items()
    }
    return NewEvent(kind, str(of), data)


def taken_back(reversal: Transfer, original: Transfer, *, points: int, wallet_id: int) -> NewEvent:
    """Points of the original came back by the reversal."""
    data = {
        "transfer": reversal.pk,
        "original": original.pk,
        "points": points,
        "member": member_of(wallet_id),
    }
    return moved(EventType.POINTS_REVERSED, begun_with(original), data)


def begun_with(original: Transfer) -> uuid.UUID:
    """The object of the events about a transfer."""
    if original.reason == Reason.CAPTURE:
        return uuid.UUID(original.key.removeprefix(f"{CAPTURE}:"))
    return original.pk


def member_of(wallet_id: int) -> uuid.UUID:
    """The opaque number that partners know the wallet's member by."""
    return Member.objects.values_list("public_id", flat=True).get(wallets=wallet_id)
