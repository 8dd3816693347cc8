"""Webhooks in the admin: made, their secret shown once, tested, closed; what was given up, replayed."""

import base64
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import LazySettings
from django.contrib.admin.models import LogEntry
from django.test import Client as Browser
from django.urls import reverse

from parties import webhook_services
from parties.event_models import Event
from parties.models import Brand, Role
from parties.webhook_models import DeliveryState, WebhookDelivery, WebhookEndpoint
from parties.webhooks import sealing
from tests import make
from tests.api.partner import api_client
from tests.campaigns.pages import signed_in
from tests.make import NOON
from tests.parties.hooks import endpoint, happen, states

URL = "https://hooks.example.com/tokuten"
ADD = "/admin/parties/webhookendpoint/add/"
LIST = "/admin/parties/webhookdelivery/"
SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]+")
pytestmark = pytest.mark.django_db


@pytest.fixture
def brand() -> Brand:
    return api_client().brand


def marketer(brand: Brand) -> Browser:
    return signed_in(make.staff(Role.MARKETER, brand))


def door(row: WebhookEndpoint, name: str) -> str:
    return reverse(f"admin:parties_webhookendpoint_{name}", args=(row.pk,))


def opened(row: WebhookEndpoint) -> str:
    """The secret that the endpoint signs with."""
    row.refresh_from_db()
    sealed = sealing.Sealed(bytes(row.sealed_secret), row.key_id)
    return "whsec_" + base64.b64encode(sealing.unseal(sealed, endpoint=row.public_id)).decode()


def dead(row: WebhookEndpoint, count: int) -> list[WebhookDelivery]:
    """Deliveries that were given up."""
    happen(row.brand, *(f"gift-{number}" for number in range(count)))
    WebhookDelivery.objects.bulk_create(
        WebhookDelivery(
            endpoint=row,
            event=event,
            state=DeliveryState.DEAD,
            attempts=30,
            queued_at=NOON,
            next_attempt_at=NOON,
            gives_up_at=NOON,
            ended_at=NOON,
            last_status=500,
            last_error="status",
        )
        for event in Event.objects.filter(brand=row.brand)
    )
    return list(WebhookDelivery.objects.filter(endpoint=row).order_by("pk"))


def test_a_marketer_makes_an_endpoint_and_is_shown_its_secret_once(brand: Brand) -> None:
    browser = marketer(brand)
    answer = browser.post(ADD, {"brand": brand.pk, "url": URL, "types": ["gift.claimed", "gift.voided"]})
    made = WebhookEndpoint.objects.get()
    assert (made.brand, made.url, made.types) == (brand, URL, ["gift.claimed", "gift.voided"])
    assert SECRET.findall(answer.content.decode()) == [opened(made)]
    assert "no-store" in answer.headers["Cache-Control"]
    for page in (door(made, "change"), door(made, "history"), door(made, "secret")):
        assert SECRET.search(browser.get(page).content.decode()) is None
    assert LogEntry.objects.get().object_id == str(made.pk)
    assert "whsec_" not in LogEntry.objects.get().change_message


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("url", {"url": "http://hooks.example.com/"}),
        ("url", {"url": "https://127.0.0.1/"}),
        ("url", {"url": "https://user@hooks.example.com/"}),
        ("url", {"url": "https://hooks.example.com:22/"}),
        ("url", {"url": "https://hooks.example.com:x/"}),
        ("url", {"url": ""}),
        ("types", {"types": ["webhook.test"]}),
        ("types", {"types": ["gift.stolen"]}),
    ],
)
def test_what_can_not_be_is_told_at_its_field(brand: Brand, field: str, change: dict[str, object]) -> None:
    form = {"brand": brand.pk, "url": URL, "types": []} | change
    answer = marketer(brand).post(ADD, form)
    assert field in answer.context["adminform"].form.errors
    assert not WebhookEndpoint.objects.exists()


def test_a_brand_needs_an_api_client_and_one_endpoint_per_address(
    brand: Brand, settings: LazySettings
) -> None:
    other = make.brand()
    answer = marketer(other).post(ADD, {"brand": other.pk, "url": URL})
    assert "brand" in answer.context["adminform"].form.errors
    endpoint(URL, settings, brand=brand)
    answer = marketer(brand).post(ADD, {"brand": brand.pk, "url": URL})
    assert "url" in answer.context["adminform"].form.errors
    assert WebhookEndpoint.objects.count() == 1


def test_a_secret_is_renewed_after_the_question(brand: Brand, settings: LazySettings) -> None:
    made = endpoint(URL, settings, brand=brand)
    before, browser = opened(made), marketer(brand)
    browser.get(door(made, "secret"))
    assert opened(made) == before
    answer = browser.post(door(made, "secret"))
    assert SECRET.findall(answer.content.decode()) == [opened(made)] != [before]
    made.refresh_from_db()
    assert made.old_secret_until is not None
    assert timedelta(hours=23) < made.old_secret_until - datetime.now(UTC) < timedelta(hours=25)


def test_a_test_event_is_asked_for_and_an_endpoint_closed(brand: Brand, settings: LazySettings) -> None:
    made = endpoint(URL, settings, brand=brand)
    browser = marketer(brand)
    for name in ("test", "close"):
        assert browser.get(door(made, name)).status_code == 200
    assert not Event.objects.exists()
    assert browser.post(door(made, "test")).status_code == 302
    assert Event.objects.get().type == "webhook.test"
    assert browser.post(door(made, "close")).status_code == 302
    made.refresh_from_db()
    assert made.closed_at is not None
    for name in ("test", "close", "secret"):
        assert browser.post(door(made, name)).status_code == 404


@pytest.mark.parametrize("role", [role for role in Role if role != Role.MARKETER])
def test_others_of_the_brand_look_and_change_nothing(
    brand: Brand, settings: LazySettings, role: Role
) -> None:
    made = endpoint(URL, settings, brand=brand)
    before, rows = opened(made), dead(made, 1)
    browser = signed_in(make.staff(role, brand))
    assert browser.get(door(made, "change")).status_code == 200
    for name in ("test", "close", "secret"):
        assert browser.post(door(made, name)).status_code == 404
    browser.post(LIST, {"action": "replay", "_selected_action": [rows[0].pk], "reason": "no"})
    made.refresh_from_db()
    assert (made.closed_at, opened(made), states(made)) == (None, before, ["dead"])


def test_nobody_reaches_another_brands_doors(brand: Brand, settings: LazySettings) -> None:
    made = endpoint(URL, settings)
    rows = dead(made, 1)
    browser = marketer(brand)
    for name in ("test", "close", "secret"):
        assert browser.get(door(made, name)).status_code == 404
        assert browser.post(door(made, name)).status_code == 404
    browser.post(LIST, {"action": "replay", "_selected_action": [rows[0].pk], "reason": "no"})
    assert states(made) == ["dead"]


def test_what_was_given_up_is_replayed_with_a_reason(brand: Brand, settings: LazySettings) -> None:
    made = endpoint(URL, settings, brand=brand)
    first, second, third = dead(made, 3)
    browser = marketer(brand)
    page = browser.get(LIST).content.decode()
    assert "500" in page
    chosen = {"action": "replay", "_selected_action": [first.pk, second.pk]}
    asked = browser.post(LIST, chosen)
    assert [row.pk for row in asked.context["chosen"]] == [first.pk, second.pk]
    browser.post(LIST, chosen | {"reason": "  "})
    assert states(made) == ["dead"] * 3
    browser.post(LIST, chosen | {"reason": "the shop was rebuilt"})
    assert states(made) == ["waiting", "waiting", "dead"]
    first.refresh_from_db()
    assert (first.replay_reason, first.replayed_by is not None) == ("the shop was rebuilt", True)
    assert LogEntry.objects.filter(object_id__in=[first.pk, second.pk]).count() == 2
    assert not LogEntry.objects.filter(object_id=third.pk).exists()


def test_of_a_closed_endpoint_nothing_is_replayed(brand: Brand, settings: LazySettings) -> None:
    made = endpoint(URL, settings, brand=brand)
    (row,) = dead(made, 1)
    webhook_services.close_endpoint(endpoint_id=made.pk, at=NOON)
    marketer(brand).post(LIST, {"action": "replay", "_selected_action": [row.pk], "reason": "again"})
    assert states(made) == ["dead"]


def test_a_superuser_keeps_endpoints_of_every_brand(brand: Brand, settings: LazySettings) -> None:
    browser = signed_in(make.user(is_staff=True, is_superuser=True))
    browser.post(ADD, {"brand": brand.pk, "url": URL})
    made = WebhookEndpoint.objects.get()
    (row,) = dead(made, 1)
    browser.post(LIST, {"action": "replay", "_selected_action": [row.pk], "reason": "again"})
    assert states(made) == ["waiting"]
