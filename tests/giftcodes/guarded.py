"""Tries against the guard: somebody who types codes from somewhere, and codes that nobody issued."""

import os
from datetime import datetime
from typing import Any

import pytest

from giftcodes import codec, keys
from giftcodes import services as giftcodes
from giftcodes.errors import CodeNotUsable
from giftcodes.models import Batch
from giftcodes.services import Asker, Claimed, NumberAsker
from parties.models import Member
from parties.services import NumberOf
from tests import make
from tests.make import NOON

HOME = "203.0.113.9"
NOBODY_LISTENS = "redis://127.0.0.1:1/0"


def attempt(
    code: str, member: Member, *, address: str = HOME, at: datetime = NOON, proof_id: str = ""
) -> Claimed:
    return giftcodes.try_code(text=code, asker=Asker(member, address, proof_id), at=at)


def strike(batch: Batch, member: Member, *, address: str = HOME, at: datetime = NOON, place: int = 0) -> str:
    """Type a code that nobody issued; the reference number of the refusal."""
    with pytest.raises(CodeNotUsable) as refusal:
        attempt(unknown_code(batch, place), member, address=address, at=at)
    return refusal.value.reference


def stranger(
    batch: Batch, visitor: str, *, address: str = HOME, number: str = "", **more: Any
) -> NumberAsker:
    """A browser in which nobody is signed in, and the number that is typed there."""
    of = NumberOf(batch.brand_id, number or make.membership_number())
    return NumberAsker(of, visitor, address, batch.limit_group, **{"holds_since": NOON} | more)


def strike_without_sign_in(batch: Batch, visitor: str, *, at: datetime | None = None, **who: Any) -> str:
    """The same, without a sign-in."""
    asker = stranger(batch, visitor, **who)
    with pytest.raises(CodeNotUsable) as refusal:
        giftcodes.try_code_for_number(text=unknown_code(batch), asker=asker, at=at)
    return refusal.value.reference


def unknown_code(batch: Batch, place: int = 0) -> str:
    """A well-formed code of that place of the batch's range, with the tag of another key."""
    return codec.encode_one(
        batch.first_serial + place,
        series=batch.series_id,
        series_key=keys.series_key(batch.series),
        batch_key=bytes(32),
    )


def a_redis() -> str:
    """The Redis of the tests, on either stack."""
    return os.environ["TEST_REDIS_URL"]
