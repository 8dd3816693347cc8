"""Claims by campaign and hour: each counted once, from the postings."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from campaigns import services as campaigns
from campaigns.alert_models import ClaimCount, Watch
from campaigns.services import claim_counts
from giftcodes import services as giftcodes
from giftcodes.models import Batch, Claim
from tests import make
from tests.campaigns import promos
from tests.make import NOON

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def live_order(**fields: Any) -> Batch:
    team = promos.team()
    return make.activate(
        promos.approve(promos.submitted(team, channels={"poster": 20}, **fields), team.approver)
    )


def claim(batch: Batch, places: range, at: datetime = NOON) -> None:
    for place in places:
        giftcodes.claim_code(text=make.code_of(batch, place), member=make.member(), at=at)


def counts() -> list[tuple[int, datetime, int, int]]:
    rows = ClaimCount.objects.order_by("campaign", "hour")
    return list(rows.values_list("campaign", "hour", "claims", "points"))


def test_claims_are_counted_by_campaign_and_hour_once() -> None:
    first, second = live_order(), live_order()
    claim(first, range(3))
    claim(first, range(3, 5), NOON + HOUR + 5 * timedelta(minutes=1))
    claim(second, range(1))
    while campaigns.count_claims():
        pass
    expected = [
        (first.order.campaign_id, NOON, 3, 300),
        (first.order.campaign_id, NOON + HOUR, 2, 200),
        (second.order.campaign_id, NOON, 1, 100),
    ]
    assert counts() == expected
    assert not campaigns.count_claims()
    assert counts() == expected
    claim(first, range(5, 6))
    campaigns.count_claims()
    assert counts()[0] == (first.order.campaign_id, NOON, 4, 400)


def test_counting_goes_on_in_steps_and_comes_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim_counts, "POSTINGS_PER_STEP", 2)
    batch = live_order()
    claim(batch, range(5))
    steps = 1
    while campaigns.count_claims():
        steps += 1
    assert steps >= 3
    assert sum(claims for *_rest, claims, _points in counts()) == Claim.objects.count() == 5


def test_codes_of_no_campaign_and_points_that_go_back_are_not_counted() -> None:
    claim(make.live_batch(), range(1))
    batch = live_order()
    giftcodes.close_batch(batch_id=batch.pk, at=batch.claim_until)
    while campaigns.count_claims():
        pass
    assert counts() == []
    assert Watch.objects.get().counted_until > 0


def test_the_watch_never_goes_back() -> None:
    campaigns.note_look(at=NOON)
    campaigns.note_look(at=NOON - HOUR)
    assert Watch.objects.get().looked_at == NOON
