"""The page about events says of each type what is told: everything that can happen happens here once."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from campaigns import services as campaigns
from campaigns.alert_models import Alert, AlertKind
from config.api.document import document, operations_in
from config.api.told import TOLD
from giftcodes import services as giftcodes
from giftcodes.gift_models import Gift
from ledger.statements import database_time
from parties import webhook_services
from parties.event_models import Event, EventType
from tests import make
from tests.api.gifts import giving_campaign
from tests.api.shop import Shop
from tests.campaigns.alarmed import past

pytestmark = pytest.mark.django_db(transaction=True)
DAY = timedelta(days=1)


@pytest.fixture
def shop() -> Shop:
    return Shop()


def done(shop: Shop, path: str, **body: Any) -> Any:
    answer = shop.post(path, key=str(uuid.uuid4()), **body)
    assert answer.status_code in (200, 201), answer.content
    return answer.json()


def everything_happens(shop: Shop) -> dict[EventType, str]:
    """And the object of one event of each type, as the calls know it."""
    campaign = giving_campaign(shop, size=10, face_points=10)
    slug = campaign.slug
    claimed, voided, expired = (done(shop, "gifts", campaign=slug, recipient_ref="r") for _ in range(3))
    done(shop, "claims", code=claimed["code"], member=shop.id)
    done(shop, f"gifts/{voided['id']}/void", reason="test")
    done(shop, "gifts/batch", campaign=slug, gifts=[{}] * 6)
    giftcodes.tell_low_budgets(at=database_time())
    at = database_time()
    past(campaign, [100] + [1] * 10, hour=at.replace(minute=0, second=0, microsecond=0))
    campaigns.look_for_alerts(at=at)
    earned = done(shop, "earn", member=shop.id, points=30)
    spent = done(shop, "spend", member=shop.id, points=10)
    captured, released = (done(shop, "holds", member=shop.id, points=5) for _ in range(2))
    done(shop, f"holds/{captured['id']}/capture", points=3)
    done(shop, f"holds/{released['id']}/release")
    done(shop, f"transfers/{spent['id']}/reverse", points=4)
    gift = Gift.objects.select_related("batch").get(public_id=expired["id"])
    giftcodes.expire_gifts(at=gift.claim_until + DAY)
    campaigns.look_for_alerts(at=gift.claim_until + DAY)
    alert = Alert.objects.get(kind=AlertKind.CLAIM_RATE)
    minted = make.batch(brand=shop.brand, size=3, face_points=1)
    while giftcodes.mint_next_chunk(batch_id=minted.pk, at=database_time()):
        pass
    endpoint, _secret = webhook_services.make_endpoint(
        brand=shop.brand, url="https://hooks.example.com/", types=[], by=make.user(), at=database_time()
    )
    webhook_services.send_test_event(endpoint_id=endpoint.pk, at=database_time())
    return {
        EventType.GIFT_ISSUED: expired["id"],
        EventType.GIFT_CLAIMED: claimed["id"],
        EventType.GIFT_VOIDED: voided["id"],
        EventType.GIFT_EXPIRED: expired["id"],
        EventType.ORDER_MINTED: minted.order_key,
        EventType.POINTS_EARNED: earned["id"],
        EventType.POINTS_SPENT: captured["id"],
        EventType.POINTS_HELD: released["id"],
        EventType.POINTS_RELEASED: released["id"],
        EventType.POINTS_REVERSED: spent["id"],
        EventType.BUDGET_LOW: str(gift.batch.public_id),
        EventType.ALERT_OPENED: str(alert.public_id),
        EventType.ALERT_ENDED: str(alert.public_id),
        EventType.WEBHOOK_TEST: str(endpoint.public_id),
    }


def test_each_type_tells_what_the_page_says(shop: Shop) -> None:
    objects = everything_happens(shop)
    assert set(TOLD) == set(objects) == set(EventType)
    for kind, told in TOLD.items():
        rows = Event.objects.filter(brand=shop.brand, type=kind)
        assert rows, kind
        assert {frozenset(row.data) for row in rows} == {frozenset(told.fields)}, kind
        assert rows.filter(object_id=objects[kind]).exists(), kind


def test_the_event_in_the_reference_is_one_that_there_can_be() -> None:
    [answer] = [
        operation["responses"]["200"]["content"]["application/json"]["example"]
        for _path, _method, operation in operations_in(document("en"))
        if operation["operationId"] == "list_events"
    ]
    for event in answer["data"]:
        assert set(event["data"]) == set(TOLD[EventType(event["type"])].fields)
        assert event["object"] == event["data"]["gift"]


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_page_lists_every_type_and_field(client: Client, language: str) -> None:
    page = client.get("/api/docs/events/", headers={"accept-language": language}).content.decode()
    for kind, told in TOLD.items():
        assert f'id="{kind.value}"' in page
        assert all(f"<code>{field}</code>" in page for field in told.fields)
