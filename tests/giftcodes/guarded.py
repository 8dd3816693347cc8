"""Tries against the guard: somebody who types codes from somewhere, and codes that nobody issued."""

import os
from datetime import datetime

import pytest

from giftcodes import codec, keys
from giftcodes import services as giftcodes
from giftcodes.errors import CodeNotUsable
from giftcodes.models import Batch
from giftcodes.services import Asker, Claimed
from parties.models import Member
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
