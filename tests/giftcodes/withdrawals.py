"""A batch, the people who may withdraw codes of it, and what they ask for."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from giftcodes import services as giftcodes
from giftcodes.models import Batch
from giftcodes.void_models import VoidRequest, VoidScope
from giftcodes.void_queries import Span, spans_of
from parties.models import Role, User
from tests import make
from tests.make import NOON


@dataclass
class Scene:
    """A live batch of 5 points a code."""

    batch: Batch
    marketer: User
    approver: User

    def spans(self, *places: int) -> list[Span]:
        """The codes at these places of the batch."""
        return spans_of(self.batch.first_serial + place for place in places)

    def claim(self, *places: int) -> None:
        """Each by a member of its own."""
        for place in places:
            giftcodes.claim_code(text=make.code_of(self.batch, place), member=make.member(), at=NOON)

    def ask(self, spans: Sequence[Span], **changes: Any) -> VoidRequest:
        asked: dict[str, Any] = {
            "public_id": uuid.uuid4(),
            "batch_id": self.batch.pk,
            "spans": spans,
            "scope": VoidScope.LIST,
            "reason": "the printer lost a box",
            "user": self.marketer,
            "at": NOON,
        }
        return giftcodes.request_void(**asked | changes)

    def approve(self, request: VoidRequest, **changes: Any) -> VoidRequest:
        decided: dict[str, Any] = {
            "request_id": request.pk,
            "fingerprint": request.fingerprint,
            "user": self.approver,
            "verified_at": NOON,
            "at": NOON,
        }
        return giftcodes.approve_void(**decided | changes)


def scene(*, size: int = 20, **fields: Any) -> Scene:
    batch = make.live_batch(size=size, face_points=5, **fields)
    return Scene(batch, make.staff(Role.MARKETER, batch.brand), make.staff(Role.APPROVER, batch.brand))
