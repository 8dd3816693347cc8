"""Refusals ask the database the same, whatever their reason: what differs would tell guessers."""

import re
from collections import Counter

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from giftcodes import services as giftcodes
from giftcodes.errors import CodeNotUsable
from tests import make
from tests.giftcodes.guarded import unknown_code

# On PostgreSQL the claim's own statements are the same, but go past what counts them here.
pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def asked_about(code: str) -> Counter[str]:
    """How often each table was asked. The guard's counters are left out: elsewhere Redis has them."""
    asker = giftcodes.Asker(make.member(), "203.0.113.9")
    with CaptureQueriesContext(connection) as questions, pytest.raises(CodeNotUsable):
        giftcodes.try_code(text=code, asker=asker)
    asked = [re.findall(r"(?:FROM|INTO|UPDATE) \"?(\w+)", question["sql"]) for question in questions]
    return Counter(
        " ".join(tables) for tables in asked if tables and not tables[0].startswith("giftcodes_guard")
    )


def test_a_refused_code_asks_the_same_questions_whether_it_was_issued_or_not() -> None:
    batch = make.live_batch(size=10)
    giftcodes.void_codes(
        batch_id=batch.pk,
        first_serial=batch.first_serial,
        last_serial=batch.first_serial,
        **make.decided(batch),
    )
    giftcodes.claim_code(text=make.code_of(batch, 1), member=make.member())
    unknown = asked_about(unknown_code(batch, 10**8))
    assert unknown["giftcodes_batch parties_brand"] or any("giftcodes_batch" in tables for tables in unknown)
    assert asked_about(make.code_of(batch)) == unknown
    assert asked_about(make.code_of(batch, 1)) == unknown
