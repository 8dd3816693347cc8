"""Endpoints of partner systems are made and closed, and events are brought to them.

The tables are the queue. What an endpoint is to be told is written down as deliveries, once each; a delivery
is taken by a filtered update and sent outside of any transaction. Whoever dies between sending and marking
leaves it to the next attempt: at least once, and receivers tell repeats by the event's id.
"""

import json
import random
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q

from parties import event_queries, events
from parties.api_models import ApiClient
from parties.errors import EndpointClosed, EndpointRefused, WebhookKeysMissing
from parties.event_models import Event, EventType
from parties.events import NewEvent
from parties.models import Brand, User
from parties.webhook_models import DeliveryState, WebhookDelivery, WebhookEndpoint
from parties.webhook_queries import due_deliveries, endpoints_behind
from parties.webhooks import sealing, signatures
from parties.webhooks.addresses import AddressRefused, read_address
from parties.webhooks.sealing import Sealed
from parties.webhooks.sending import Answer, Failure, Post, send

OLD_SECRET_SIGNS = timedelta(days=1)
IS_TRIED_FOR = timedelta(days=3)
LEASE = timedelta(minutes=1)  # four times as long as an attempt can take
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=10), timedelta(hours=6)
LONGEST_REST = timedelta(minutes=15)
AT_ONCE = 16
EVENTS_PER_STEP = 500


def make_endpoint(
    *, brand: Brand, url: str, types: Collection[EventType], by: User, at: datetime
) -> tuple[WebhookEndpoint, str]:
    """An endpoint that is told of what happens from now on, and its secret, which is told this once.

    `types` none: all. EndpointRefused if nothing may be sent to the address, the brand has an open endpoint
    of that address, or has no API client, whose events there are none of.
    """
    try:
        read_address(url, tests=settings.WEBHOOK_TEST_HOSTS)
    except AddressRefused as refusal:
        raise EndpointRefused("url") from refusal
    if not set(types) <= set(EventType) - {EventType.WEBHOOK_TEST}:
        raise EndpointRefused("types")
    if not ApiClient.objects.filter(brand=brand).exists():
        raise EndpointRefused("brand")
    secret = signatures.make_secret()
    try:
        with transaction.atomic():
            return _make(brand, url, types, secret, by, at), signatures.secret_text(secret)
    except IntegrityError as error:
        raise EndpointRefused("url") from error


def _make(
    brand: Brand, url: str, types: Collection[EventType], secret: bytes, by: User, at: datetime
) -> WebhookEndpoint:
    number, event_id = event_queries.next_place()
    endpoint = WebhookEndpoint(
        brand=brand,
        url=url,
        types=[kind.value for kind in EventType if kind in types],
        created_at=at,
        created_by=by,
        begins_transaction=number,
        begins_id=event_id,
        queued_transaction=number,
        queued_id=event_id,
    )
    endpoint.sealed_secret, endpoint.key_id = sealing.seal(secret, endpoint=endpoint.public_id)
    endpoint.save(force_insert=True)
    return endpoint


@transaction.atomic
def renew_secret(*, endpoint_id: int, at: datetime) -> str:
    """A new secret, told this once. The one before signs too for OLD_SECRET_SIGNS more; renewed twice, it is
    out at once. EndpointClosed.
    """
    endpoint = _open_endpoint(endpoint_id)
    endpoint.old_sealed_secret, endpoint.old_key_id = endpoint.sealed_secret, endpoint.key_id
    endpoint.old_secret_until = at + OLD_SECRET_SIGNS
    secret = signatures.make_secret()
    endpoint.sealed_secret, endpoint.key_id = sealing.seal(secret, endpoint=endpoint.public_id)
    endpoint.save(
        update_fields=["sealed_secret", "key_id", "old_sealed_secret", "old_key_id", "old_secret_until"]
    )
    return signatures.secret_text(secret)


@transaction.atomic
def close_endpoint(*, endpoint_id: int, at: datetime, is_gone: bool = False) -> None:
    """Nothing is sent to it any more; what waited is given up. Repeating it is harmless."""
    still_open = WebhookEndpoint.objects.filter(pk=endpoint_id, closed_at=None)
    if still_open.update(closed_at=at, is_gone=is_gone):
        waiting = WebhookDelivery.objects.filter(endpoint=endpoint_id, state=DeliveryState.WAITING)
        waiting.update(state=DeliveryState.DEAD, ended_at=at, last_error=Failure.CLOSED.value)


@transaction.atomic
def send_test_event(*, endpoint_id: int, at: datetime) -> None:
    """An event that this endpoint alone is told. EndpointClosed."""
    endpoint = _open_endpoint(endpoint_id)
    test = NewEvent(EventType.WEBHOOK_TEST, str(endpoint.public_id), {})
    events.record(brand_id=endpoint.brand_id, events=[test], at=at)


def _open_endpoint(endpoint_id: int) -> WebhookEndpoint:
    """The endpoint, to oneself until the transaction ends; EndpointClosed."""
    rows = WebhookEndpoint.objects.select_for_update(no_key=True).filter(pk=endpoint_id, closed_at=None)
    endpoint = rows.first()
    if endpoint is None:
        raise EndpointClosed(f"{endpoint_id}")
    return endpoint


def queue_deliveries(*, at: datetime, limit: int = EVENTS_PER_STEP) -> int:
    """Write down, for each endpoint, what of the next `limit` events it is to be told; how many events were
    looked at, 0 when nothing is left. Any number at once come to the same.
    """
    return sum(_queue(endpoint, at, limit) for endpoint in endpoints_behind())


@transaction.atomic
def _queue(endpoint: WebhookEndpoint, at: datetime, limit: int) -> int:
    place = (endpoint.queued_transaction, endpoint.queued_id)
    brand_events = Event.objects.filter(brand=endpoint.brand_id)
    found = event_queries.next_revealed(brand_events, after=place, limit=limit)
    if not found:
        return 0
    number, event_id = event_queries.place_of(found[-1])
    unchanged = WebhookEndpoint.objects.filter(
        pk=endpoint.pk, closed_at=None, queued_transaction=place[0], queued_id=place[1]
    )
    if not unchanged.update(queued_transaction=number, queued_id=event_id):
        return 0
    WebhookDelivery.objects.bulk_create(
        WebhookDelivery(
            endpoint=endpoint,
            event=event,
            queued_at=at,
            next_attempt_at=at,
            gives_up_at=at + IS_TRIED_FOR,
        )
        for event in found
        if is_told(endpoint, event)
    )
    return len(found)


def is_told(endpoint: WebhookEndpoint, event: Event) -> bool:
    """Whether the event is one of those that the endpoint asked for; tests go to their own endpoint alone."""
    if event.type == EventType.WEBHOOK_TEST:
        return event.object_id == str(endpoint.public_id)
    return not endpoint.types or event.type in endpoint.types


def send_due(*, at: datetime, limit: int = AT_ONCE) -> int:
    """Send up to `limit` deliveries that are due, side by side; how many there were. Those that somebody else
    has taken are left to them.
    """
    taken = [delivery for delivery in due_deliveries(at=at, limit=limit) if _take(delivery, at)]
    if not taken:
        return 0
    with ThreadPoolExecutor(len(taken)) as threads:  # the network alone: no thread has a connection
        answers = list(threads.map(_answer_to, [_post_of(delivery, at) for delivery in taken]))
    for delivery, answer in zip(taken, answers, strict=True):
        _note(delivery, answer, at)
    return len(taken)


def _take(delivery: WebhookDelivery, at: datetime) -> bool:
    """Have it to oneself for LEASE. The filtered update decides: of any number who found it as it was, one
    gets it.
    """
    found = WebhookDelivery.objects.filter(
        pk=delivery.pk, state=DeliveryState.WAITING, attempts=delivery.attempts
    )
    if not found.update(attempts=delivery.attempts + 1, next_attempt_at=at + LEASE):
        return False
    delivery.attempts += 1
    return True


def _post_of(delivery: WebhookDelivery, at: datetime) -> Post | Failure:
    endpoint, event = delivery.endpoint, delivery.event
    body = json.dumps(event_queries.as_told(event), ensure_ascii=False, separators=(",", ":")).encode()
    try:
        keys = list(_keys_of(endpoint, at))
        target = read_address(endpoint.url, tests=settings.WEBHOOK_TEST_HOSTS)
    except WebhookKeysMissing:
        return Failure.KEYS
    except AddressRefused:  # a test's address outside of tests, or one that the rules of today refuse
        return Failure.ADDRESS
    headers = signatures.headers(event=event.name, body=body, keys=keys, at=at)
    return Post(
        target,
        {
            **headers,
            "tokuten-delivery-id": str(delivery.public_id),
            "Content-Type": "application/json",
            "User-Agent": "Tokuten-Webhooks/1",
        },
        body,
    )


def _keys_of(endpoint: WebhookEndpoint, at: datetime) -> Iterator[bytes]:
    yield sealing.unseal(Sealed(bytes(endpoint.sealed_secret), endpoint.key_id), endpoint=endpoint.public_id)
    if endpoint.old_sealed_secret and endpoint.old_secret_until and at < endpoint.old_secret_until:
        old = Sealed(bytes(endpoint.old_sealed_secret), endpoint.old_key_id)
        yield sealing.unseal(old, endpoint=endpoint.public_id)


def _answer_to(post: Post | Failure) -> Answer:
    return Answer(None, post) if isinstance(post, Failure) else send(post)


def _note(delivery: WebhookDelivery, answer: Answer, at: datetime) -> None:
    if answer.failure is None:
        _note_success(delivery, answer, at)
        return
    _note_failure(delivery, answer, at)
    if answer.status == 410:
        close_endpoint(endpoint_id=delivery.endpoint_id, at=at, is_gone=True)


def _note_success(delivery: WebhookDelivery, answer: Answer, at: datetime) -> None:
    """It counts whatever somebody else has made of the delivery meanwhile: the receiver has it."""
    WebhookDelivery.objects.filter(pk=delivery.pk).exclude(state=DeliveryState.DELIVERED).update(
        state=DeliveryState.DELIVERED, ended_at=at, last_status=answer.status, last_error=""
    )
    WebhookEndpoint.objects.filter(pk=delivery.endpoint_id, failures__gt=0).update(
        failures=0, rests_until=None
    )


def _note_failure(delivery: WebhookDelivery, answer: Answer, at: datetime) -> None:
    """The next attempt, or, after three days, none: then all of the endpoint that is as old goes with it."""
    error = {"last_status": answer.status, "last_error": str(answer.failure)}
    mine = WebhookDelivery.objects.filter(
        pk=delivery.pk, state=DeliveryState.WAITING, attempts=delivery.attempts
    )
    next_at = min(at + _wait(delivery.attempts, LONGEST_WAIT), delivery.gives_up_at)
    if not mine.update(next_attempt_at=next_at, **error):
        return  # it took so long that somebody else has it
    if at >= delivery.gives_up_at or answer.status == 410:
        over = Q(pk=delivery.pk) | Q(gives_up_at__lte=at, next_attempt_at__lte=at)
        waiting = WebhookDelivery.objects.filter(
            over, endpoint=delivery.endpoint_id, state=DeliveryState.WAITING
        )
        waiting.update(state=DeliveryState.DEAD, ended_at=at, **error)
    endpoint = delivery.endpoint
    rests_until = at + _wait(endpoint.failures + 1, LONGEST_REST)
    as_it_was = WebhookEndpoint.objects.filter(pk=endpoint.pk, failures=endpoint.failures)
    as_it_was.update(failures=F("failures") + 1, rests_until=rests_until)


def _wait(attempts: int, longest: timedelta) -> timedelta:
    """Exponential backoff with full jitter (Brooker, AWS Architecture Blog, 2015): anything up to the wait
    that doubles at each attempt, so that those who failed together don't come back together.
    """
    most: timedelta = min(FIRST_WAIT * 2 ** min(attempts - 1, 20), longest)
    return timedelta(seconds=random.uniform(0, most.total_seconds()))  # noqa: S311  # not a secret


def replay_deliveries(*, delivery_ids: Sequence[int], reason: str, by: User, at: datetime) -> int:
    """Try those that were given up again, for three days from now; how many they were. Others, and those of
    closed endpoints, stay as they are.
    """
    dead = WebhookDelivery.objects.filter(pk__in=delivery_ids, state=DeliveryState.DEAD)
    return dead.filter(endpoint__in=WebhookEndpoint.objects.filter(closed_at=None)).update(
        state=DeliveryState.WAITING,
        ended_at=None,
        next_attempt_at=at,
        gives_up_at=at + IS_TRIED_FOR,
        replayed_at=at,
        replayed_by=by,
        replay_reason=reason,
    )
