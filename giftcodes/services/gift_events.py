"""What partner systems are told of gifts: events in the transaction of the act, about the gift's number."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from giftcodes.gift_models import Gift
from ledger.statements import Statement
from parties import events
from parties.event_models import EventType
from parties.events import NewEvent
from parties.moments import rfc3339


def issued_if_drawn(brand_id: int, gifts: Sequence[Gift], *, at: datetime) -> Statement:
    """The statement that tells of gifts whose rows the statement before it may have written, or not."""
    first = Statement("SELECT 1 FROM giftcodes_gift g WHERE g.public_id = %s", [gifts[0].public_id])
    return issued_if(first, brand_id, gifts, at=at)


def issued_if(rows: Statement, brand_id: int, gifts: Sequence[Gift], *, at: datetime | None) -> Statement:
    """The statement that tells of the gifts if that one gives rows; `at` None: at the moment it is run."""
    told = [_about(EventType.GIFT_ISSUED, gift) for gift in gifts]
    return Statement(*events.statement(brand_id=brand_id, events=told, at=at, only_if=rows))


def tell_of(kind: EventType, gifts: Sequence[Gift], *, at: datetime) -> None:
    """Tell now, of gifts of one brand, a thousand at most."""
    if gifts:
        told = [_about(kind, gift) for gift in gifts]
        events.record(brand_id=gifts[0].brand_id, events=told, at=at)


def tell_claimed(brand_id: int, gift_id: UUID, particulars: Mapping[str, Any], *, at: datetime) -> None:
    """Tell that the gift was claimed. Not by whom: that is the member's own affair."""
    claimed = NewEvent(EventType.GIFT_CLAIMED, str(gift_id), {"gift": str(gift_id), **particulars})
    events.record(brand_id=brand_id, events=[claimed], at=at)


def _about(kind: EventType, gift: Gift) -> NewEvent:
    data = {
        "gift": str(gift.public_id),
        "points": gift.points,
        "claim_until": rfc3339(gift.claim_until),
        "recipient_ref": gift.recipient_ref,
    }
    return NewEvent(kind, str(gift.public_id), data)
