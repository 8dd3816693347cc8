"""Whether events reach whom they were promised to (invariant 19).

Rows are (check, subject, expected, found).
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import F, Q, QuerySet

from parties import event_queries
from parties.errors import WebhookKeysMissing
from parties.event_models import Event
from parties.webhook_models import DeliveryState, WebhookDelivery, WebhookEndpoint
from parties.webhook_services import is_told
from parties.webhooks import sealing
from parties.webhooks.sealing import Sealed

Found = tuple[str, str, str, str]

QUEUED = "an event has a delivery to each endpoint that asked for it"
SENT = "a delivery is delivered, due or given up"
OF_ANOTHER = "a delivery tells an endpoint what it asked for"
NUMBERED = "an event was written by a transaction of this database"
SECRET = "the secret of an endpoint can be opened"  # noqa: S105  # what a check is called
_SWEEPS_TAKE = timedelta(minutes=10)
_WORKERS_TAKE = timedelta(hours=1)


def differences(*, at: datetime) -> Iterator[Found]:
    """Every event or delivery that is not on its way; none while the workers work."""
    for endpoint in WebhookEndpoint.objects.filter(closed_at=None).order_by("pk").iterator(chunk_size=1_000):
        yield from _unqueued(endpoint, at)
        yield from _unopened(endpoint)
    yield from _stuck(at)
    yield from _misled()
    yield from _of_another_life()


def _unqueued(endpoint: WebhookEndpoint, at: datetime) -> Iterator[Found]:
    old = Event.objects.filter(brand=endpoint.brand_id, occurred_at__lt=at - _SWEEPS_TAKE)
    promised = event_queries.behind(old, (endpoint.begins_transaction, endpoint.begins_id))
    without = promised.exclude(deliveries__endpoint=endpoint)
    for event in event_queries.revealed(without).order_by("pk").iterator(chunk_size=1_000):
        if is_told(endpoint, event):
            yield QUEUED, event.name, f"a delivery to endpoint {endpoint.public_id}", "none"


def _unopened(endpoint: WebhookEndpoint) -> Iterator[Found]:
    sealed = Sealed(bytes(endpoint.sealed_secret), endpoint.key_id)
    try:
        sealing.unseal(sealed, endpoint=endpoint.public_id)
    except WebhookKeysMissing as missing:
        yield SECRET, f"endpoint {endpoint.public_id}", "a key that opens it", str(missing)


def _stuck(at: datetime) -> Iterator[Found]:
    waiting = WebhookDelivery.objects.filter(state=DeliveryState.WAITING)
    rests = Q(endpoint__rests_until__gt=at)
    late = Q(next_attempt_at__lt=at - _WORKERS_TAKE, endpoint__failures=0) & ~rests
    over = Q(gives_up_at__lt=at - _WORKERS_TAKE) & ~rests
    lost = waiting.filter(late | over | Q(endpoint__closed_at__isnull=False))
    for delivery in lost.order_by("pk").iterator(chunk_size=1_000):
        found = f"waits since {delivery.next_attempt_at.isoformat()}"
        yield SENT, f"delivery {delivery.public_id}", "delivered, due or given up", found


def _misled() -> Iterator[Found]:
    """Deliveries to another brand's endpoint, or of what happened before it began."""
    before = Q(event__transaction_number__lt=F("endpoint__begins_transaction")) | Q(
        event__transaction_number=F("endpoint__begins_transaction"), event__lte=F("endpoint__begins_id")
    )
    wrong: QuerySet[WebhookDelivery] = WebhookDelivery.objects.filter(
        before | ~Q(event__brand=F("endpoint__brand"))
    )
    for delivery in wrong.select_related("event", "endpoint").order_by("pk").iterator(chunk_size=1_000):
        yield OF_ANOTHER, f"delivery {delivery.public_id}", "an event it asked for", delivery.event.name


def _of_another_life() -> Iterator[Found]:
    """A database that was moved by dump and restore numbers its transactions anew: readers would wait for the
    old numbers to come round. `parties/README.md` says what to do.
    """
    number, _event_id = event_queries.next_place()
    later = Event.objects.filter(transaction_number__gt=number).order_by("-transaction_number").first()
    if later is not None:
        yield NUMBERED, later.name, f"a transaction up to {number}", str(later.transaction_number)
