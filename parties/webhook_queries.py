"""What is to be written down for whom, and what is to be sent now."""

from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from parties import event_queries
from parties.event_models import Event
from parties.webhook_models import DeliveryState, WebhookDelivery, WebhookEndpoint


def endpoints_behind() -> QuerySet[WebhookEndpoint]:
    """Open endpoints whose brand has events that have not been looked at for them."""
    beyond = event_queries.behind(
        Event.objects.filter(brand=OuterRef("brand")), (OuterRef("queued_transaction"), OuterRef("queued_id"))
    )
    rows = WebhookEndpoint.objects.filter(Exists(event_queries.revealed(beyond)), closed_at=None)
    return rows.order_by("pk")


def due_deliveries(*, at: datetime, limit: int) -> list[WebhookDelivery]:
    """Up to `limit` deliveries to be tried, with endpoint and event: the longest due of each endpoint.

    An endpoint that failed last is tried with one alone, and not at all while it rests: one that hangs must
    not keep the others waiting. Which ones come first, where there are many, is left to chance.
    """
    due = WebhookDelivery.objects.filter(state=DeliveryState.WAITING, next_attempt_at__lte=at)
    awake = WebhookEndpoint.objects.filter(Q(rests_until=None) | Q(rests_until__lte=at), closed_at=None)
    endpoints = list(awake.filter(Exists(due.filter(endpoint=OuterRef("pk")))).order_by("?")[:limit])
    found: list[WebhookDelivery] = []
    for endpoint in endpoints:
        share = 1 if endpoint.failures else limit // len(endpoints)
        rows = due.filter(endpoint=endpoint).select_related("endpoint", "event")
        found += rows.order_by("next_attempt_at", "pk")[:share]
    return found
