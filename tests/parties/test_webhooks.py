"""Events brought to receivers that know nothing of us but the public library for webhooks."""

import base64
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.db import IntegrityError, transaction
from standardwebhooks import Webhook, WebhookVerificationError
from time_machine import Traveller as Clock

from parties import webhook_services
from parties.errors import EndpointClosed, EndpointRefused, WebhookKeysMissing
from parties.event_models import Event, EventType
from parties.webhook_models import WebhookDelivery, WebhookEndpoint
from parties.webhooks import sealing, signatures
from tests import make
from tests.api.partner import api_client
from tests.make import NOON
from tests.parties.hooks import endpoint, happen, states, work, work_on
from tests.parties.receivers import Receiver, receiver

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop(settings: LazySettings) -> Iterator[Receiver]:
    settings.WEBHOOK_TEST_HOSTS = set()
    with receiver() as it:
        yield it


@pytest.fixture(autouse=True)
def noon() -> Iterator[Clock]:
    """The library refuses what is older than five minutes, by the clock of the machine."""
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


def clocked(clock: Clock, at: datetime) -> datetime:
    clock.move_to(at)
    return at


def test_every_event_is_verified_by_the_receiver(shop: Receiver, settings: LazySettings) -> None:
    made = endpoint(shop, settings)
    happen(made.brand, "gift-1", "gift-2")
    happen(made.brand, "gift-1", kind=EventType.GIFT_CLAIMED)
    work(NOON)
    assert shop.refused == 0
    assert sorted((body["object"], body["sequence"], body["type"]) for _id, body in shop.received) == [
        ("gift-1", 1, "gift.issued"),
        ("gift-1", 2, "gift.claimed"),
        ("gift-2", 1, "gift.issued"),
    ]
    names = {event.name for event in Event.objects.all()}
    assert {body["id"] for _id, body in shop.received} == {told for told, _body in shop.received} == names
    body = shop.received[0][1]
    assert set(body) == {"id", "type", "timestamp", "object", "sequence", "data"}
    assert (body["timestamp"], body["data"]) == ("2026-11-02T12:00:00+09:00", {"points": 500})
    assert states(made) == ["delivered"] * 3
    deliveries = {str(row.public_id) for row in WebhookDelivery.objects.all()}
    assert {headers["tokuten-delivery-id"] for headers in shop.headers} == deliveries


def test_an_event_is_sent_once(shop: Receiver, settings: LazySettings) -> None:
    made = endpoint(shop, settings)
    happen(made.brand, "gift-1")
    work_on(NOON, timedelta(hours=2))
    assert len(shop.received) == 1


def test_an_endpoint_is_told_what_it_asked_for_of_its_brand_since_it_was_made(
    shop: Receiver, settings: LazySettings
) -> None:
    brand = api_client().brand
    happen(brand, "before")
    made = endpoint(shop, settings, brand=brand, types=[EventType.GIFT_CLAIMED, EventType.BUDGET_LOW])
    happen(api_client().brand, "of-another", kind=EventType.GIFT_CLAIMED)
    happen(brand, "not-asked-for")
    happen(brand, "asked-for", kind=EventType.GIFT_CLAIMED)
    work(NOON)
    assert [body["object"] for _id, body in shop.received] == ["asked-for"]
    assert made.types == ["gift.claimed", "budget.low"]


def test_two_endpoints_are_each_told(shop: Receiver, settings: LazySettings) -> None:
    first = endpoint(shop, settings)
    with receiver() as other:
        second = endpoint(other, settings, brand=first.brand, types=[EventType.GIFT_VOIDED])
        happen(first.brand, "gift-1")
        happen(first.brand, "gift-1", kind=EventType.GIFT_VOIDED)
        work(NOON)
        assert sorted(body["sequence"] for _id, body in shop.received) == [1, 2]
        assert [body["sequence"] for _id, body in other.received] == [2]
    assert (len(states(first)), len(states(second))) == (2, 1)


def test_a_receiver_that_was_down_for_an_hour_gets_every_event_once(
    shop: Receiver, settings: LazySettings, noon: Clock
) -> None:
    made = endpoint(shop, settings)
    shop.status = 503
    at = NOON
    for minute in range(0, 60, 5):
        at = NOON + timedelta(minutes=minute)
        happen(made.brand, f"gift-{minute}", at=at)
        work(clocked(noon, at))
    assert shop.received == []
    assert set(states(made)) == {"waiting"}
    shop.status = 200
    for _round in range(8 * 6):  # the longest wait is six hours
        at = clocked(noon, at + timedelta(minutes=10))
        work(at)
    assert sorted(told for told, _body in shop.received) == sorted(
        event.name for event in Event.objects.all()
    )
    assert set(states(made)) == {"delivered"}
    assert shop.refused == 0
    made.refresh_from_db()
    assert (made.failures, made.rests_until) == (0, None)


def test_after_three_days_events_are_given_up_and_can_be_replayed(
    shop: Receiver, settings: LazySettings, noon: Clock
) -> None:
    made = endpoint(shop, settings)
    shop.status = 500
    happen(made.brand, "gift-1", "gift-2", "gift-3")
    end = work_on(NOON, timedelta(days=2, hours=23), every=timedelta(minutes=30))
    assert set(states(made)) == {"waiting"}
    end = work_on(end, timedelta(hours=3))
    assert states(made) == ["dead"] * 3
    row = WebhookDelivery.objects.order_by("event")[0]
    assert (row.last_status, row.last_error) == (500, "status")
    assert len(shop.headers) > 12
    first, second, _third = WebhookDelivery.objects.order_by("event")
    person = make.user()
    replay: dict[str, Any] = {"reason": "shop was rebuilt", "by": person, "at": end}
    assert webhook_services.replay_deliveries(delivery_ids=[first.pk, second.pk], **replay) == 2
    assert webhook_services.replay_deliveries(delivery_ids=[first.pk], **replay) == 0
    shop.status = 200
    work(clocked(noon, end + timedelta(hours=1)))
    assert states(made) == ["delivered", "delivered", "dead"]
    first.refresh_from_db()
    assert (first.replayed_by, first.replayed_at, first.replay_reason) == (person, end, "shop was rebuilt")
    assert sorted(body["object"] for _id, body in shop.received) == ["gift-1", "gift-2"]


def test_an_endpoint_that_fails_rests_and_is_tried_with_one_delivery(
    shop: Receiver, settings: LazySettings
) -> None:
    made = endpoint(shop, settings)
    shop.status = 500
    happen(made.brand, *(f"gift-{number}" for number in range(40)))
    work(NOON)
    assert len(shop.headers) == 16  # those that were under way at once
    made.refresh_from_db()
    assert made.failures == 1
    assert made.rests_until is not None
    assert NOON <= made.rests_until <= NOON + timedelta(seconds=10)
    work(made.rests_until)
    assert len(shop.headers) == 17


def test_an_endpoint_that_fails_keeps_no_other_waiting(shop: Receiver, settings: LazySettings) -> None:
    made = endpoint(shop, settings)
    happen(made.brand, *(f"gift-{number}" for number in range(50)))
    shop.status = 500
    with receiver() as other:
        well = endpoint(other, settings)
        happen(well.brand, "gift-of-another")
        work(NOON)
        assert states(well) == ["delivered"]


def test_a_sender_that_was_killed_is_followed_by_another(
    shop: Receiver, settings: LazySettings, noon: Clock
) -> None:
    made = endpoint(shop, settings)
    happen(made.brand, "gift-1")
    webhook_services.queue_deliveries(at=NOON)
    row = WebhookDelivery.objects.get()
    assert webhook_services._take(row, NOON)  # and then nothing was heard of it
    work(NOON + timedelta(seconds=59))
    assert shop.received == []
    work(clocked(noon, NOON + webhook_services.LEASE))
    assert len(shop.received) == 1
    assert states(made) == ["delivered"]


def test_old_and_new_secret_sign_for_a_day(shop: Receiver, settings: LazySettings, noon: Clock) -> None:
    made = endpoint(shop, settings)
    old = shop.secrets.pop()
    new = webhook_services.renew_secret(endpoint_id=made.pk, at=NOON)
    happen(made.brand, "gift-1", "gift-2")
    for secret, hours in ((old, 0), (new, 0)):
        shop.secrets = [secret]
        happen(made.brand, f"by-{secret}"[:20])
        work(clocked(noon, NOON + timedelta(hours=hours)))
    assert shop.refused == 0
    assert len(shop.received) == 4
    assert {len(headers["webhook-signature"].split()) for headers in shop.headers} == {2}
    late = clocked(noon, NOON + timedelta(days=1))
    shop.secrets = [old]
    happen(made.brand, "too-late")
    work(late)
    assert (len(shop.received), shop.refused) == (4, 1)
    shop.secrets = [new]
    happen(made.brand, "in-time")
    work(late)
    assert (len(shop.received), shop.refused) == (5, 1)


def test_a_secret_that_was_renewed_twice_is_out(shop: Receiver, settings: LazySettings) -> None:
    made = endpoint(shop, settings)
    leaked = shop.secrets.pop()
    webhook_services.renew_secret(endpoint_id=made.pk, at=NOON)
    webhook_services.renew_secret(endpoint_id=made.pk, at=NOON)
    shop.secrets = [leaked]
    happen(made.brand, "gift-1")
    work(NOON)
    assert (shop.received, shop.refused) == ([], 1)


@pytest.mark.parametrize("change", ["body", "id", "late", "early"])
def test_what_is_changed_or_replayed_is_refused_by_the_library(change: str) -> None:
    key = signatures.make_secret()
    body, moment = b'{"type":"gift.issued"}', NOON
    if change in ("late", "early"):
        moment += timedelta(minutes=6 if change == "early" else -6)
    headers = signatures.headers(event="evt_1", body=body, keys=[key], at=moment)
    library = Webhook(signatures.secret_text(key))
    good = signatures.headers(event="evt_1", body=body, keys=[key], at=NOON)
    assert library.verify(body, good) == {"type": "gift.issued"}
    if change == "body":
        body = body.replace(b"issued", b"voided")
    if change == "id":
        headers["webhook-id"] = "evt_2"
    with pytest.raises(WebhookVerificationError):
        library.verify(body, headers)


def test_a_receiver_that_is_gone_is_told_nothing_more(shop: Receiver, settings: LazySettings) -> None:
    made = endpoint(shop, settings)
    shop.status = 410
    happen(made.brand, "gift-1")
    work(NOON)
    happen(made.brand, "gift-2")
    work_on(NOON, timedelta(hours=8))
    made.refresh_from_db()
    assert (made.closed_at, made.is_gone) == (NOON, True)
    assert (len(shop.headers), states(made)) == (1, ["dead"])
    row = WebhookDelivery.objects.get()
    assert (row.last_status, row.last_error) == (410, "status")
    replay: dict[str, Any] = {"reason": "again", "by": make.user(), "at": NOON}
    assert webhook_services.replay_deliveries(delivery_ids=[row.pk], **replay) == 0


def test_closing_gives_up_what_waits(shop: Receiver, settings: LazySettings) -> None:
    made = endpoint(shop, settings)
    happen(made.brand, "gift-1")
    webhook_services.queue_deliveries(at=NOON)
    webhook_services.close_endpoint(endpoint_id=made.pk, at=NOON)
    webhook_services.close_endpoint(endpoint_id=made.pk, at=NOON + timedelta(days=1))
    work(NOON)
    made.refresh_from_db()
    assert (made.closed_at, states(made), shop.headers) == (NOON, ["dead"], [])
    with pytest.raises(EndpointClosed):
        webhook_services.renew_secret(endpoint_id=made.pk, at=NOON)
    with pytest.raises(EndpointClosed):
        webhook_services.send_test_event(endpoint_id=made.pk, at=NOON)
    again = endpoint(shop, settings, brand=made.brand)  # the address is free
    assert again.pk != made.pk


def test_a_test_event_goes_to_its_endpoint_alone(shop: Receiver, settings: LazySettings) -> None:
    made = endpoint(shop, settings, types=[EventType.BUDGET_LOW])
    with receiver() as other:
        endpoint(other, settings, brand=made.brand)
        webhook_services.send_test_event(endpoint_id=made.pk, at=NOON)
        webhook_services.send_test_event(endpoint_id=made.pk, at=NOON)
        work(NOON)
        assert (len(other.received), len(shop.received)) == (0, 2)
    told = shop.received[0][1]
    assert (told["type"], told["object"]) == ("webhook.test", str(made.public_id))


def test_an_endpoint_that_can_not_be_is_refused(shop: Receiver, settings: LazySettings) -> None:
    made = endpoint(shop, settings)
    ask: dict[str, Any] = {
        "brand": made.brand,
        "url": "https://hooks.example.com/",
        "types": [],
        "by": make.user(),
        "at": NOON,
    }
    cases: list[tuple[str, dict[str, Any]]] = [
        ("url", {"url": "http://hooks.example.com/"}),
        ("url", {"url": shop.url}),
        ("types", {"types": [EventType.WEBHOOK_TEST]}),
        ("types", {"types": ["gift.stolen"]}),
        ("brand", {"brand": make.brand()}),
    ]
    for field, change in cases:
        with pytest.raises(EndpointRefused) as refusal:
            webhook_services.make_endpoint(**ask | change)
        assert refusal.value.field == field
    assert webhook_services.make_endpoint(**ask)[0].url == "https://hooks.example.com/"


def test_the_database_holds_no_secret_and_one_key_opens_one_endpoint(
    shop: Receiver, settings: LazySettings
) -> None:
    made = endpoint(shop, settings)
    secret = base64.b64decode(shop.secrets[0].removeprefix("whsec_"))
    assert len(secret) == 32
    stored = WebhookEndpoint.objects.values_list("sealed_secret", flat=True).get()
    assert secret not in bytes(stored)
    sealed = sealing.Sealed(bytes(stored), made.key_id)
    assert sealing.unseal(sealed, endpoint=made.public_id) == secret
    with pytest.raises(WebhookKeysMissing):
        sealing.unseal(sealed, endpoint=uuid.uuid4())
    with pytest.raises(WebhookKeysMissing):
        sealing.unseal(sealed._replace(key_id="another"), endpoint=made.public_id)


def test_without_its_key_nothing_is_sent_and_nothing_is_lost(
    shop: Receiver, settings: LazySettings, noon: Clock
) -> None:
    made = endpoint(shop, settings)
    happen(made.brand, "gift-1")
    keys = settings.CODE_MASTER_KEYS
    settings.CODE_MASTER_KEYS = {"new": bytes(range(32))}
    work(NOON)
    row = WebhookDelivery.objects.get()
    assert (row.state, row.last_error, shop.headers) == ("waiting", "keys", [])
    settings.CODE_MASTER_KEYS = {"new": bytes(range(32))} | keys
    work(clocked(noon, NOON + timedelta(hours=1)))
    assert states(made) == ["delivered"]


def test_a_test_host_is_not_sent_to_when_it_is_none_any_more(shop: Receiver, settings: LazySettings) -> None:
    made = endpoint(shop, settings)
    happen(made.brand, "gift-1")
    settings.WEBHOOK_TEST_HOSTS = set()
    work(NOON)
    row = WebhookDelivery.objects.get()
    assert (row.state, row.last_error, shop.headers, states(made)) == ("waiting", "address", [], ["waiting"])


def test_an_event_has_one_delivery_to_an_endpoint(shop: Receiver, settings: LazySettings) -> None:
    made = endpoint(shop, settings)
    happen(made.brand, "gift-1")
    webhook_services.queue_deliveries(at=NOON)
    row = WebhookDelivery.objects.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        WebhookDelivery.objects.create(
            endpoint=made, event=row.event, queued_at=NOON, next_attempt_at=NOON, gives_up_at=NOON
        )


def test_waits_double_up_to_six_hours() -> None:
    longest = [
        max(webhook_services._wait(attempts, webhook_services.LONGEST_WAIT) for _draw in range(300))
        for attempts in (1, 2, 5, 30, 10_000)
    ]
    bounds = [timedelta(seconds=10), timedelta(seconds=20), timedelta(seconds=160), *[timedelta(hours=6)] * 2]
    for found, bound in zip(longest, bounds, strict=True):
        assert bound * 0.9 < found <= bound


def test_the_moment_of_a_signature_is_that_of_the_attempt(shop: Receiver, settings: LazySettings) -> None:
    made = endpoint(shop, settings)
    happen(made.brand, "gift-1", at=NOON - timedelta(days=1))
    work(NOON)
    assert datetime.fromtimestamp(int(shop.headers[0]["webhook-timestamp"]), UTC) == NOON
