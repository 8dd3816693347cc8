"""The sign-in of staff in a real browser: set up, asked for, by app and by passkey; axe on each page."""

import re

import pytest
from django.conf import LazySettings
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from parties.models import User
from tests import make
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import objections
from tests.browser.test_passkeys import device_of
from tests.factors import code_at

pytestmark = pytest.mark.django_db(transaction=True)
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _passkeys_of_this_server(settings: LazySettings, live_server: LiveServer) -> None:
    settings.PASSKEY_ORIGIN = live_server.url


def type_password(page: Page, person: User) -> None:
    page.goto("/admin/login/")
    page.locator("input[name=username]").fill(str(person.email))
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("#login-form button[type=submit]").click()
    page.wait_for_url(re.compile("/admin/second-factor/"))


def faults(page: Page, width: int) -> list[str]:
    """What axe objects to on the page's own part, and whether it is wider than the window."""
    found = objections(page, "main")
    is_wide = page.evaluate("document.documentElement.scrollWidth") > width
    return [*found, "wider than the window"] if is_wide else found


@pytest.mark.parametrize(
    ("lang", "width", "colours"), [("ja", 360, "light"), ("en", 1280, "dark"), ("ja", 1280, "light")]
)
def test_an_app_is_set_up_and_no_page_has_a_fault(visit: Visit, lang: str, width: int, colours: str) -> None:
    person = make.user(password=PASSWORD, is_staff=True, is_superuser=True)
    page = visit(lang=lang, width=width, bypass_csp=True, color_scheme=colours)
    type_password(page, person)
    found = {"set up": faults(page, width)}
    page.locator("details summary").click()
    secret = str(page.locator(".tk-secret").text_content()).replace(" ", "")
    page.locator("#code").fill("12")
    page.locator("form:has(#code) button").click()
    expect(page.locator("#error")).to_be_visible()
    found["refused"] = faults(page, width)
    page.locator("#code").fill(code_at(secret=secret))
    page.locator("form:has(#code) button").click()
    expect(page.locator(".tk-codes li")).to_have_count(10)
    found["codes"] = faults(page, width)
    recovery = str(page.locator(".tk-codes code").first.text_content())
    page.locator("a.tk-primary").click()
    page.wait_for_url("**/admin/")
    page.goto("/admin/second-factor/mine/")
    found["own factors"] = faults(page, width)

    page.context.clear_cookies()
    type_password(page, person)
    found["asked"] = faults(page, width)
    page.locator("#code").fill("12")
    page.locator("form:has(#code) button").click()
    expect(page.locator("#error")).to_be_visible()
    found["asked again"] = faults(page, width)
    page.locator("#code").fill(recovery)
    page.locator("form:has(#code) button").click()
    page.wait_for_url("**/admin/")
    assert {name: problems for name, problems in found.items() if problems} == {}


@pytest.mark.parametrize(("lang", "width"), [("ja", 360), ("en", 1280)])
def test_a_passkey_is_set_up_and_comes_in_again(visit: Visit, lang: str, width: int) -> None:
    person = make.user(password=PASSWORD, is_staff=True, is_superuser=True)
    page = visit(lang=lang, width=width)
    device_of(page)
    type_password(page, person)
    page.locator("form[data-passkey=create] button").click()
    expect(page.locator(".tk-codes li")).to_have_count(10)
    page.context.clear_cookies()
    type_password(page, person)
    page.locator("form[data-passkey=get] button").click()
    page.wait_for_url("**/admin/")
