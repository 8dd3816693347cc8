"""Who runs short of gifts is told once, by a tenth of the order."""

import pytest

from giftcodes import services as giftcodes
from giftcodes.services import GiftWanted
from parties.event_models import Event, EventType
from tests import make
from tests.make import NOON

pytestmark = pytest.mark.django_db


def test_a_brand_is_told_once_when_a_tenth_of_an_order_is_left() -> None:
    batch = make.gift_batch(size=20, face_points=100)
    client = make.api_client(batch.brand)
    make.gifts(batch, *[GiftWanted()] * 17, client=client)
    assert giftcodes.tell_low_budgets(at=NOON) == 0
    make.gifts(batch, GiftWanted(), client=client)
    assert [giftcodes.tell_low_budgets(at=NOON) for _ in range(2)] == [1, 0]
    event = Event.objects.get(type=EventType.BUDGET_LOW)
    assert (event.brand, event.object_id) == (batch.brand, str(batch.public_id))
    assert event.data == {
        "order": batch.order_key,
        "reserved_points": 2_000,
        "left_points": 200,
        "left_gifts": 2,
    }


def test_gifts_may_run_out_before_the_points_do() -> None:
    batch = make.gift_batch(size=20, face_points=100)
    client = make.api_client(batch.brand)
    make.gifts(batch, *[GiftWanted(points=1)] * 17, client=client)
    assert giftcodes.tell_low_budgets(at=NOON) == 0
    make.gifts(batch, GiftWanted(points=1), client=client)
    assert giftcodes.tell_low_budgets(at=NOON) == 1
    left = Event.objects.get(type=EventType.BUDGET_LOW).data
    assert (left["left_gifts"], left["left_points"]) == (2, 1_982)


def test_an_order_of_codes_in_a_file_runs_short_of_nothing() -> None:
    make.live_batch(size=10)
    assert giftcodes.tell_low_budgets(at=NOON) == 0
