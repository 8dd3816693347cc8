"""Endpoints and deliveries for tests, and a worker that does one round."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.conf import LazySettings

from parties import events, webhook_services
from parties.event_models import EventType
from parties.events import NewEvent
from parties.models import Brand
from parties.webhook_models import WebhookDelivery, WebhookEndpoint
from tests import make
from tests.api.partner import api_client
from tests.make import NOON
from tests.parties.receivers import Receiver


def endpoint(
    to: Receiver | str,
    settings: LazySettings,
    *,
    brand: Brand | None = None,
    types: Collection[EventType] = (),
    at: datetime = NOON,
) -> WebhookEndpoint:
    """An open endpoint of the brand, or of one of its own, whose secret the receiver knows."""
    brand = brand or api_client().brand
    url = to if isinstance(to, str) else to.url
    if isinstance(to, Receiver):
        settings.WEBHOOK_TEST_HOSTS = {*settings.WEBHOOK_TEST_HOSTS, to.host}
    made, secret = webhook_services.make_endpoint(brand=brand, url=url, types=types, by=make.user(), at=at)
    if isinstance(to, Receiver):
        to.secrets.append(secret)
    return made


def happen(brand: Brand, *objects: str, kind: EventType = EventType.GIFT_ISSUED, at: datetime = NOON) -> None:
    """Something happened to each of the objects."""
    events.record(
        brand_id=brand.pk, events=[NewEvent(kind, name, {"points": 500}) for name in objects], at=at
    )


def work(at: datetime) -> None:
    """What the workers do at that moment, until nothing is left to do."""
    while webhook_services.queue_deliveries(at=at):
        pass
    while webhook_services.send_due(at=at):
        pass


def work_on(start: datetime, until: timedelta, *, every: timedelta = timedelta(minutes=10)) -> datetime:
    """The workers work from `start` on for so long; when they stopped."""
    at = start
    while at < start + until:
        work(at)
        at += every
    return at


def states(of: WebhookEndpoint) -> list[str]:
    """What became of its deliveries, in the order of the events."""
    rows = WebhookDelivery.objects.filter(endpoint=of).order_by("event")
    return list(rows.values_list("state", flat=True))
