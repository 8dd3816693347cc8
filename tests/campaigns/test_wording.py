"""Refusals in the words of the person's language, whole and without a word of the machine's."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import translation

from campaigns import errors
from campaigns.wording import words_of
from giftcodes.errors import BatchRefused
from giftcodes.services import ChannelSize
from tests import make
from tests.campaigns import promos
from tests.make import NOON

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"channels": [ChannelSize(f"c{n}", 1) for n in range(201)]}, "channels"),
    ({"channels": [ChannelSize("poster", 0)]}, "channel_size"),
    ({"channels": [ChannelSize("poster", 10_000_001)]}, "codes"),
    ({"channels": [ChannelSize("same", 1), ChannelSize("same", 1)]}, "same_channel_twice"),
    ({"channels": [ChannelSize("a\u202eb", 1)]}, "channel_name"),
    ({"face_points": 0}, "points"),
    ({"claim_until": NOON, "claim_from": NOON}, "window"),
    ({"claim_from": NOON - timedelta(days=9), "claim_until": NOON - timedelta(days=8)}, "window_passed"),
    ({"lot_life_days": 0}, "lot_life"),
    ({"limit_per_member": 0}, "limit"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("spoilt", "rule"), REFUSED, ids=[rule for _spoilt, rule in REFUSED])
def test_a_rule_of_the_code_engine_has_a_stable_name(spoilt: dict[str, Any], rule: str) -> None:
    with pytest.raises(BatchRefused) as refusal:
        make.batch(brand=make.brand(funds=10**11), **spoilt)
    assert refusal.value.rule == rule


@pytest.mark.parametrize("rule", ["", "has_batch", "state", *(rule for _spoilt, rule in REFUSED)])
def test_no_english_stands_inside_japanese(rule: str) -> None:
    with translation.override("ja"):
        words = words_of(errors.TermsRefused(rule))
    assert not re.search("[A-Za-z]", words)
    assert words.endswith("何も変更していません。")


@pytest.mark.django_db
def test_a_channel_name_that_only_the_engine_refuses_is_told_in_japanese() -> None:
    team = promos.team()
    order = promos.submitted(team, channels={"poster\u202e": 1})
    with pytest.raises(errors.TermsRefused) as refusal:
        promos.approve(order, team.approver)
    with translation.override("ja"):
        assert words_of(refusal.value).startswith("チャネルの名前は、目に見える文字で")
    assert promos.nothing_is_reserved(team)
