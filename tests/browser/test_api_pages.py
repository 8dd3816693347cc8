"""The admin's pages of partner systems on a small telephone: nothing reaches over the edge, axe objects to
nothing, and a key is selected by one click.
"""

import pytest
from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from giftcodes.gift_models import Gift
from giftcodes.services import GiftWanted
from parties import webhook_services
from parties.api_models import ApiClient
from tests import make
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import objections
from tests.browser.test_narrow_forms import OVER_THE_EDGE
from tests.campaigns.pages import signed_in
from tests.make import NOON

pytestmark = pytest.mark.django_db(transaction=True)


def opened(visit: Visit, live_server: LiveServer, lang: str, colours: str) -> Page:
    """A narrow window in which a superuser is signed in."""
    # axe has to be put into the page, which the content policy refuses
    page = visit(lang=lang, width=360, bypass_csp=True, color_scheme=colours)
    person = make.user(is_staff=True, is_superuser=True)
    session = signed_in(person).cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies(
        [{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}]
    )
    return page


def door(client: ApiClient, name: str) -> str:
    return reverse(f"admin:parties_apiclient_{name}", args=(client.pk,))


@pytest.mark.parametrize(("lang", "colours"), [("ja", "light"), ("en", "dark")])
def test_a_key_is_made_on_a_narrow_page_and_selected_by_one_click(
    visit: Visit, live_server: LiveServer, lang: str, colours: str
) -> None:
    client = make.api_client()
    make.api_key(client, addresses=["2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"], at=timezone.now())
    page = opened(visit, live_server, lang, colours)
    page.goto(door(client, "change"))
    assert page.evaluate(OVER_THE_EDGE) == []
    assert objections(page, ".tk-card") == []
    page.goto(door(client, "key_add"))
    assert page.evaluate(OVER_THE_EDGE) == []
    assert objections(page, "#content-main") == []
    page.locator("input[name=scopes]").first.check()
    page.locator(".tk-primary").click()
    key = page.locator("code.tk-secret")
    key.click()
    assert page.evaluate("getSelection().toString()").strip() == key.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert objections(page, "#content-main") == []
    assert client.keys.count() == 2


@pytest.mark.parametrize(("lang", "colours"), [("ja", "dark"), ("en", "light")])
def test_webhooks_and_gifts_fit_a_narrow_page(
    visit: Visit, live_server: LiveServer, lang: str, colours: str
) -> None:
    gift = make.gifts(make.gift_batch(), GiftWanted(metadata={"basket": "x" * 80}))[0]
    brand = Gift.objects.get(pk=gift.serial_number).batch.brand
    endpoint, _secret = webhook_services.make_endpoint(
        brand=brand, url=f"https://hooks.example.com/{'tokuten' * 9}", types=[], by=make.user(), at=NOON
    )
    webhook_services.send_test_event(endpoint_id=endpoint.pk, at=NOON)
    webhook_services.queue_deliveries(at=timezone.now())
    page = opened(visit, live_server, lang, colours)
    for address in (
        reverse("admin:parties_webhookendpoint_change", args=(endpoint.pk,)),
        reverse("admin:parties_webhookdelivery_changelist"),
        reverse("admin:parties_webhookdelivery_change", args=(endpoint.deliveries.get().pk,)),
        reverse("admin:giftcodes_gift_changelist"),
        reverse("admin:giftcodes_gift_change", args=(gift.serial_number,)),
    ):
        page.goto(address)
        assert page.evaluate(OVER_THE_EDGE) == [], address
        assert page.evaluate(CUT_OFF) == [], address
        assert objections(page, "main, #content-main") == [], address


# Cells of a list whose text goes on behind their edge.
CUT_OFF = """() => [...document.querySelectorAll("#result_list td")]
  .filter(cell => cell.scrollWidth > cell.clientWidth || cell.getBoundingClientRect().right > innerWidth)
  .map(cell => cell.textContent.trim())"""
