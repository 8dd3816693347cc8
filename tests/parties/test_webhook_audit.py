"""Invariant 19 in the audit: what happened is on its way to everybody who asked for it."""

from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db import connection
from kombu.exceptions import OperationalError

from parties import webhook_audit, webhook_services
from parties.event_models import Event, EventType
from parties.tasks import bring_events, nudge_events
from parties.webhook_models import DeliveryState, WebhookDelivery, WebhookEndpoint
from tests.make import NOON
from tests.parties.hooks import endpoint, happen

URL = "https://hooks.example.com/tokuten"
LATER = NOON + timedelta(hours=2)
pytestmark = pytest.mark.django_db(transaction=True)


def named() -> list[tuple[str, str]]:
    """The differences, and what each is about."""
    return [(check, subject) for check, subject, _expected, _found in webhook_audit.differences(at=LATER)]


@pytest.fixture
def told(settings: LazySettings) -> WebhookEndpoint:
    """An endpoint, with one event on its way, and one that it did not ask for."""
    made = endpoint(URL, settings, types=[EventType.GIFT_ISSUED])
    happen(made.brand, "gift-1")
    happen(made.brand, "gift-1", kind=EventType.GIFT_VOIDED)
    webhook_services.queue_deliveries(at=LATER)
    return made


def test_a_sound_outbox_has_no_differences(told: WebhookEndpoint) -> None:
    assert named() == []


def test_an_event_without_its_delivery_is_named(told: WebhookEndpoint) -> None:
    WebhookDelivery.objects.all().delete()
    event = Event.objects.get(type="gift.issued")
    assert named() == [(webhook_audit.QUEUED, event.name)]


def test_an_event_that_no_sweep_has_seen_is_named_after_ten_minutes(told: WebhookEndpoint) -> None:
    happen(told.brand, "gift-2", at=LATER - timedelta(minutes=9))
    assert named() == []
    happen(told.brand, "gift-3", at=LATER - timedelta(minutes=11))
    assert named() == [(webhook_audit.QUEUED, Event.objects.get(object_id="gift-3").name)]


def test_a_delivery_that_nobody_tries_is_named(told: WebhookEndpoint) -> None:
    row = WebhookDelivery.objects.get()
    WebhookDelivery.objects.update(next_attempt_at=LATER - timedelta(minutes=61))
    assert named() == [(webhook_audit.SENT, f"delivery {row.public_id}")]
    WebhookEndpoint.objects.update(failures=3, rests_until=LATER + timedelta(minutes=1))
    assert named() == []
    WebhookEndpoint.objects.update(failures=3, rests_until=NOON)
    WebhookDelivery.objects.update(gives_up_at=LATER - timedelta(minutes=61))
    assert named() == [(webhook_audit.SENT, f"delivery {row.public_id}")]
    WebhookDelivery.objects.update(state=DeliveryState.DEAD, ended_at=LATER)
    assert named() == []


def test_a_delivery_to_a_closed_endpoint_is_named(told: WebhookEndpoint) -> None:
    WebhookEndpoint.objects.update(closed_at=LATER)
    row = WebhookDelivery.objects.get()
    assert named() == [(webhook_audit.SENT, f"delivery {row.public_id}")]


def test_a_delivery_of_what_was_not_promised_is_named(told: WebhookEndpoint, settings: LazySettings) -> None:
    other = endpoint(URL, settings)
    row = WebhookDelivery.objects.get()
    WebhookDelivery.objects.update(endpoint=other)
    event = Event.objects.get(type="gift.issued")
    assert set(named()) == {
        (webhook_audit.QUEUED, event.name),
        (webhook_audit.OF_ANOTHER, f"delivery {row.public_id}"),
    }


def test_a_secret_that_can_not_be_opened_is_named(told: WebhookEndpoint, settings: LazySettings) -> None:
    settings.CODE_MASTER_KEYS = {"k2": bytes(range(32))}
    assert named() == [(webhook_audit.SECRET, f"endpoint {told.public_id}")]


@pytest.mark.postgresql
def test_a_database_that_numbers_its_transactions_anew_is_named(told: WebhookEndpoint) -> None:
    with connection.cursor() as cursor:  # as a dump of an older cluster brings them
        cursor.execute(
            "INSERT INTO parties_event (public_id, brand_id, type, object_id, sequence, data, occurred_at,"
            " transaction_number) VALUES (gen_random_uuid(), %s, 'gift.voided', 'gift-9', 1, '{}', %s, %s)",
            [told.brand_id, NOON, 2**40],
        )
    event = Event.objects.get(object_id="gift-9")
    assert named() == [(webhook_audit.NUMBERED, event.name)]


def test_the_task_queues_and_sends_and_ends(told: WebhookEndpoint, settings: LazySettings) -> None:
    WebhookDelivery.objects.update(state=DeliveryState.DELIVERED, ended_at=LATER)
    settings.WEBHOOK_TEST_HOSTS = {"127.0.0.1:1"}
    near = endpoint("http://127.0.0.1:1/", settings, brand=told.brand)
    webhook_services.send_test_event(endpoint_id=near.pk, at=NOON)
    bring_events()
    row = WebhookDelivery.objects.get(endpoint=near)
    assert (row.state, row.attempts, row.last_error) == ("waiting", row.attempts, "connection")
    assert row.attempts >= 1


def test_a_queue_that_is_away_stops_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(**_: object) -> None:
        raise OperationalError("no queue")

    monkeypatch.setattr(bring_events, "apply_async", refuse)
    nudge_events()
    assert "a sweep will bring the events" in caplog.text
