"""Gifts of a campaign for a partner's system: counted against its day as they are worth, never less."""

from datetime import timedelta
from typing import Any

import pytest

from campaigns import services as campaigns
from campaigns.models import Campaign
from campaigns.queries import limit_group_of
from campaigns.services import giving
from giftcodes.errors import BudgetExhausted, GiftKeyReused
from giftcodes.gift_models import Gift
from giftcodes.models import Batch
from giftcodes.services import GiftWanted, Issued, quick_gifts
from parties import api_limits
from parties.api_models import ApiClient
from parties.errors import DailyPointsExceeded, NotReachable
from tests import make
from tests.make import NOON
from tests.redemption_site import visits

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both]


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    giving._groups.clear()


def shop(points_per_day: int = 10_000, *, slug: str = "spring") -> tuple[Campaign, ApiClient]:
    campaign = visits.campaign(brand=make.brand(funds=1_000_000), slug=slug)
    return campaign, make.api_client(campaign.brand, points_per_day=points_per_day)


def order(campaign: Campaign, *, face_points: int, size: int = 100, hours: int = 0) -> Batch:
    return make.gift_batch(
        brand=campaign.brand,
        size=size,
        face_points=face_points,
        limit_group=limit_group_of(campaign),
        approved_at=NOON + timedelta(hours=hours),
    )


def give(campaign: Campaign, client: ApiClient, key: str, *wanted: GiftWanted, **fields: Any) -> Issued:
    asked = {"name": campaign.slug, "gifts": wanted or [GiftWanted()], "at": NOON} | fields
    return campaigns.give_gifts(client=client, key=key, **asked)


def left_of_the_day(client: ApiClient) -> int:
    """As the next one is told who asks for too much."""
    with pytest.raises(DailyPointsExceeded) as told:
        api_limits.take_points(client=client, points=10**12, at=NOON)
    return told.value.left


def test_the_day_is_counted_by_what_the_gifts_are_worth_and_once() -> None:
    campaign, client = shop()
    order(campaign, face_points=500)
    for key in ("a", "b", "b", "a"):
        give(campaign, client, key)
    give(campaign, client, "c", GiftWanted(points=30), GiftWanted())
    assert left_of_the_day(client) == 10_000 - 500 - 500 - 530


def test_what_was_refused_is_given_back() -> None:
    campaign, client = shop()
    order(campaign, face_points=500, size=2)
    give(campaign, client, "a")
    with pytest.raises(BudgetExhausted):
        give(campaign, client, "b", *[GiftWanted()] * 2)
    with pytest.raises(GiftKeyReused):
        give(campaign, client, "a", GiftWanted(points=1))
    assert left_of_the_day(client) == 9_500


@pytest.mark.parametrize("is_remembered", [True, False])
def test_a_dearer_order_is_counted_as_it_is_worth(is_remembered: bool) -> None:
    campaign, client = shop(points_per_day=2_000)
    order(campaign, face_points=500)
    give(campaign, client, "a")
    order(campaign, face_points=900, hours=1)
    if not is_remembered:
        giving._groups.clear()
        quick_gifts._last.clear()
    assert give(campaign, client, "b").gifts[0].points == 900
    assert left_of_the_day(client) == 600
    with pytest.raises(DailyPointsExceeded):
        give(campaign, client, "c")
    assert Gift.objects.count() == 2
    assert give(campaign, client, "b").is_replay  # whatever is left of the day


def test_when_the_newest_order_has_run_out_an_older_dearer_one_passes_no_cap() -> None:
    campaign, client = shop(points_per_day=1_100)
    order(campaign, face_points=900)
    order(campaign, face_points=100, size=2, hours=1)
    give(campaign, client, "a")
    give(campaign, client, "b")
    assert left_of_the_day(client) == 900
    assert give(campaign, client, "c").gifts[0].points == 900
    assert left_of_the_day(client) == 0


def test_a_campaign_is_reached_by_its_own_brand_alone() -> None:
    campaign, client = shop()
    order(campaign, face_points=500)
    give(campaign, client, "a")
    _other_campaign, stranger = shop(slug="autumn")
    with pytest.raises(NotReachable) as refusal:
        give(campaign, stranger, "a")
    assert refusal.value.field == "campaign"
    with pytest.raises(NotReachable):
        give(campaign, client, "b", name="nothing")
    assert left_of_the_day(stranger) == 10_000


def test_a_process_remembers_only_so_many_campaigns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(giving, "MOST_REMEMBERED", 1)
    for slug in ("spring", "autumn"):
        campaign, client = shop(slug=slug)
        order(campaign, face_points=500)
        give(campaign, client, "a")
        assert list(giving._groups) == [(campaign.brand_id, slug)]
