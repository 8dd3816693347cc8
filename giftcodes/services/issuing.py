"""What the ways of issuing share: the request, the order that is drawn from, what is to be written."""

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from giftcodes import codec, directory
from giftcodes.directory import KnownBatch
from giftcodes.errors import GiftRefused, KeysMissing
from giftcodes.gift_models import Gift, GiftState
from giftcodes.models import SERIALS_PER_SERIES
from giftcodes.services.gift_wishes import GiftWanted
from parties.api_models import ApiClient


class IssuedGift(NamedTuple):
    """A gift with its code."""

    public_id: uuid.UUID
    serial_number: int
    code: str
    url: str
    points: int
    claim_until: datetime
    issued_at: datetime
    state: GiftState
    recipient_ref: str
    metadata: Mapping[str, str]

    def __repr__(self) -> str:  # the code must not reach a log or a traceback
        return f"IssuedGift({self.serial_number})"


class OpenOrder(NamedTuple):
    """A batch that issues now, and what is left of it at most: what others draw is not seen yet."""

    batch: KnownBatch
    series: int
    claim_until: datetime
    most_points: int
    gifts_left: int
    points_left: int


class Request(NamedTuple):
    """A request on its way. `at_most`: what its gifts may be worth together; None: whatever they are."""

    client: ApiClient
    key_digest: str
    fingerprint: str
    group: str
    gifts: Sequence[GiftWanted]
    at_most: int | None


def refusal_of(request: Request, order: OpenOrder, now: datetime) -> GiftRefused | None:
    """What the order does not allow; None if it could take the request."""
    for position, wanted in enumerate(request.gifts):
        if wanted.points is not None and wanted.points > order.most_points:
            return GiftRefused("points", position)
        if wanted.claim_until is not None and not now < wanted.claim_until <= order.claim_until:
            return GiftRefused("claim_until", position)
    return None


def worth_of(gifts: Sequence[GiftWanted], face_points: int) -> int:
    """Points of all gifts together, of an order whose codes have so many."""
    return sum(face_points if wanted.points is None else wanted.points for wanted in gifts)


def new_gifts(request: Request, order: OpenOrder, now: datetime) -> list[Gift]:
    """What is to be issued, without serials as yet."""
    return [
        Gift(
            public_id=uuid.uuid4(),
            brand_id=order.batch.brand_id,
            batch_id=order.batch.id,
            position=position,
            points=worth_of([wanted], order.batch.face_points),
            claim_until=wanted.claim_until or order.claim_until,
            recipient_ref=wanted.recipient_ref,
            metadata=dict(wanted.metadata or {}),
            issued_at=now,
            state=GiftState.ISSUED,
        )
        for position, wanted in enumerate(request.gifts)
    ]


def as_json(gifts: Sequence[Gift]) -> str:
    """The gifts as `jsonb_to_recordset` reads them."""
    return json.dumps(
        [
            {
                "place": gift.position,
                "public_id": gift.public_id.hex,
                "points": gift.points,
                "claim_until": gift.claim_until.isoformat(),
                "recipient_ref": gift.recipient_ref,
                "metadata": gift.metadata,
            }
            for gift in gifts
        ]
    )


def with_code(gift: Gift) -> IssuedGift:
    """The gift with its code, which is derived anew. Raises KeysMissing."""
    series, serial = divmod(gift.pk, SERIALS_PER_SERIES)
    batch, key = directory.batch_of(series, serial), directory.series_key(series)
    if batch is None or key is None:
        raise KeysMissing(f"gift {gift.pk} has no batch")
    code = codec.encode_one(serial, series=series, series_key=key, batch_key=batch.key)
    return IssuedGift(
        public_id=gift.public_id,
        serial_number=gift.pk,
        code=code,
        url=f"{batch.claim_url_base}#c={code}",
        points=gift.points,
        claim_until=gift.claim_until,
        issued_at=gift.issued_at,
        state=GiftState(gift.state),
        recipient_ref=gift.recipient_ref,
        metadata=gift.metadata,
    )
