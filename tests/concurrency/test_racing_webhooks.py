"""Workers at once: each event has one delivery, and each delivery one sender at a time."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import pytest
from django.conf import LazySettings

from parties import webhook_services
from parties.event_models import Event
from parties.webhook_models import WebhookDelivery, WebhookEndpoint
from parties.webhook_queries import due_deliveries
from tests.concurrency.racing import race
from tests.make import NOON
from tests.parties.hooks import endpoint, happen, states
from tests.parties.receivers import Receiver, receiver

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]
WORKERS = 6


@pytest.fixture
def shop() -> Iterator[Receiver]:
    with receiver() as it:
        yield it


@pytest.fixture
def told(shop: Receiver, settings: LazySettings) -> WebhookEndpoint:
    made = endpoint(shop, settings)
    happen(made.brand, *(f"gift-{number}" for number in range(12)))
    return made


def ids_at(it: Receiver) -> list[str]:
    return sorted(headers["webhook-id"] for headers in it.headers)


def test_workers_that_queue_at_once_queue_each_event_once(told: WebhookEndpoint) -> None:
    outcomes = race(*[partial(webhook_services.queue_deliveries, at=NOON, limit=5)] * WORKERS)
    assert all(isinstance(outcome, int) for outcome in outcomes), outcomes
    while webhook_services.queue_deliveries(at=NOON):
        pass
    assert WebhookDelivery.objects.count() == 12


def test_workers_that_send_at_once_send_each_delivery_once(told: WebhookEndpoint, shop: Receiver) -> None:
    webhook_services.queue_deliveries(at=NOON)
    race(*[partial(webhook_services.send_due, at=NOON)] * WORKERS)
    while webhook_services.send_due(at=NOON):
        pass
    assert ids_at(shop) == sorted(event.name for event in Event.objects.all())
    assert states(told) == ["delivered"] * 12


def test_without_the_filtered_update_several_would_send_it(
    told: WebhookEndpoint, shop: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook_services.queue_deliveries(at=NOON)
    found = due_deliveries(at=NOON, limit=16)  # what each of the workers has read
    monkeypatch.setattr(webhook_services, "due_deliveries", lambda at, limit: found)
    monkeypatch.setattr(webhook_services, "_take", lambda delivery, at: True)
    race(*[partial(webhook_services.send_due, at=NOON)] * WORKERS)
    assert len(ids_at(shop)) > 12


def test_closing_while_events_are_queued_leaves_none_waiting(told: WebhookEndpoint) -> None:
    close = partial(webhook_services.close_endpoint, endpoint_id=told.pk, at=NOON)
    queue = partial(webhook_services.queue_deliveries, at=NOON, limit=3)
    outcomes = race(close, *[queue] * WORKERS)
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert set(states(told)) <= {"dead"}


def test_secrets_that_are_renewed_at_once_are_renewed_one_after_the_other(told: WebhookEndpoint) -> None:
    renew = partial(webhook_services.renew_secret, endpoint_id=told.pk, at=NOON)
    outcomes = race(*[renew] * 4)
    assert len({str(outcome) for outcome in outcomes}) == 4
    told.refresh_from_db()
    assert told.old_secret_until == NOON + timedelta(days=1)
    assert bytes(told.old_sealed_secret or b"") != bytes(told.sealed_secret)
