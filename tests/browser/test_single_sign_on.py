"""From the documentation's own shop to the site and back, in a browser, on two servers."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest
from django.conf import LazySettings
from django.conf import settings as django_settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from parties import site_services
from parties.models import Member
from parties.site_models import BrandSite
from redemption_site.views import single_sign_on
from tests import make
from tests.browser.steps import Person, sign_in_code
from tests.browser.test_accessibility import objections
from tests.campaigns.pages import signed_in
from tests.redemption_site import shops
from tests.servers import free_port
from tests.test_house import ROOT

pytestmark = pytest.mark.django_db(transaction=True)

WORDS = {
    "agree": {"en": "Agree and sign in", "ja": "同意してログインする"},
    "no": {"en": "No, go back", "ja": "同意せずに戻る"},
    "again": {"en": "Sign in once more", "ja": "もう一度ログインする"},
    "sign in": {"en": "Sign in", "ja": "ログイン"},
    "sign out": {"en": "Sign out", "ja": "ログアウト"},
    "disconnect": {"en": "Disconnect", "ja": "連携を解除する"},
}


class Shop(NamedTuple):
    """A brand's shop and where it is reached."""

    site: BrandSite
    url: str


def example() -> str:
    """The shop of the documentation, as an engineer would copy it."""
    found = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "single-sign-on.md").read_text(), re.DOTALL)
    assert found
    return found[1]


def registered(url: str) -> Shop:
    site = shops.site(
        make.brand(name="青空ベーカリー"),
        name="青空オンラインショップ",
        redirect_uris=[f"{url}callback"],
        sign_out_uris=[url],
    )
    return Shop(site, url)


@pytest.fixture
def shop(live_server: LiveServer, settings: LazySettings, tmp_path: Path) -> Iterator[Shop]:
    settings.SITE_URL = live_server.url
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    site = registered(url).site
    secret = site_services.renew_secret(site_id=site.pk, at=datetime.now(UTC))
    (tmp_path / "shop.py").write_text(example())
    environment = os.environ | {
        "ISSUER": live_server.url,
        "PORT": str(port),
        "CLIENT_ID": site.client_id,
        "CLIENT_SECRET": secret,
    }
    with (tmp_path / "shop.log").open("w") as log:
        process = subprocess.Popen([sys.executable, "shop.py"], cwd=tmp_path, env=environment, stderr=log)
        try:
            wait_for(port, process, tmp_path / "shop.log")
            yield Shop(site, url)
        finally:
            process.kill()
            process.wait()


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail("the shop did not start")


class Windows(NamedTuple):
    """Opens a window; what their consoles said."""

    open: Callable[..., Page]
    said: list[str]


@pytest.fixture
def windows(browser: Browser, live_server: LiveServer) -> Iterator[Windows]:
    """Browser windows that may go to the shop as well; what the content policy objects to is kept."""
    cache.clear()
    said: list[str] = []
    with ExitStack() as opened:

        def open_window(lang: str, width: int, **context: Any) -> Page:
            locale = {"ja": "ja-JP", "en": "en-GB"}[lang]
            viewport = {"width": width, "height": 800}
            window = browser.new_context(
                base_url=live_server.url,
                locale=locale,
                viewport=viewport,  # type: ignore[arg-type]
                **context,
            )
            opened.callback(window.close)
            page = window.new_page()
            page.on("console", lambda message: said.append(message.text))
            return page

        yield Windows(open_window, said)


def press(person: Person, button: str) -> None:
    person.page.get_by_role("button", name=WORDS[button][person.lang], exact=True).click()


def come_from(shop: Shop, page: Page) -> None:
    page.goto(shop.url)
    page.click("#sign-in")


def sign_in(person: Person) -> None:
    person.fill("email", "hanako@example.com")
    person.press("send")
    person.page.wait_for_url("**/sign-in/code/**")
    person.fill("sign-in code", sign_in_code())
    main = person.page.get_by_role("main")
    main.get_by_role("button", name=WORDS["sign in"][person.lang], exact=True).click()


def known_as(shop: Shop, page: Page) -> str:
    """How the shop greets them."""
    page.wait_for_url(shop.url)
    return page.locator("#who").inner_text()


@pytest.mark.parametrize(("lang", "width"), [("ja", 360), ("en", 1280)])
def test_a_newcomer_signs_in_to_a_shop_and_is_known_there(
    shop: Shop, windows: Windows, lang: str, width: int
) -> None:
    person = Person(windows.open(lang, width), lang)
    page = person.page
    come_from(shop, page)
    sign_in(person)
    page.wait_for_url("**/sso/authorize/**")
    assert "青空オンラインショップ" in page.get_by_role("heading", level=1).inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    press(person, "no")
    page.wait_for_url(f"{shop.url}callback**")
    assert page.locator("#error").inner_text() == "access_denied"
    come_from(shop, page)
    press(person, "agree")
    number = str(Member.objects.get(user__email="hanako@example.com").public_id)
    assert known_as(shop, page) == number
    assert "hanako@example.com" in page.content()
    come_from_elsewhere(shop, windows, person, number)
    page.click("#sign-out")
    main = page.get_by_role("main")
    main.get_by_role("button", name=WORDS["sign out"][lang], exact=True).click()
    page.wait_for_url(shop.url)
    page.goto("/wallet/")
    assert "/sign-in/" in page.url
    assert [line for line in windows.said if "Content Security Policy" in line] == []


def come_from_elsewhere(shop: Shop, windows: Windows, person: Person, number: str) -> None:
    """Who agreed before goes from the sign-in to the shop unasked, and the next time without any page."""
    other = Person(windows.open(person.lang, 360), person.lang)
    come_from(shop, other.page)
    sign_in(other)
    assert known_as(shop, other.page) == number
    other.page.context.clear_cookies(domain="127.0.0.1", name="visit")
    come_from(shop, other.page)
    assert known_as(shop, other.page) == number


def test_control_a_form_that_leads_straight_out_is_held_back(
    shop: Shop, windows: Windows, monkeypatch: pytest.MonkeyPatch
) -> None:
    def straight_out(request: HttpRequest, target: str, **context: object) -> HttpResponse:
        return HttpResponseRedirect(target)

    monkeypatch.setattr(single_sign_on, "_leaving", straight_out)
    person = Person(windows.open("en", 360), "en")
    come_from(shop, person.page)
    sign_in(person)
    person.page.wait_for_url("**/sso/authorize/**")
    press(person, "agree")
    person.page.wait_for_timeout(1500)
    assert "/sso/authorize/" in person.page.url
    assert any("form-action" in line for line in windows.said)


def states(person: Person, shop: Shop) -> Iterator[str]:
    """Each page of the single sign-on, by its name."""
    page = person.page
    # The page that leads on stays: the shop has nothing to show there.
    page.route(f"{shop.url}**", lambda route: route.fulfill(status=204))
    asked = {
        "response_type": "code",
        "client_id": shop.site.client_id,
        "redirect_uri": f"{shop.url}callback",
        "scope": "openid email",
        "code_challenge": shops.digest("x" * 43),
        "code_challenge_method": "S256",
    }
    authorize = f"/sso/authorize/?{urlencode(asked)}"
    page.goto(authorize)
    sign_in(person)
    page.wait_for_url("**/sso/authorize/**")
    yield "consent"
    page.goto(f"{authorize}&prompt=login")
    yield "sign in once more"
    page.goto(authorize.replace(shop.site.client_id, "0" * 32))
    yield "not understood"
    page.goto(authorize.replace("authorize", "declined"))
    yield "leaving"
    page.goto("/sso/sign-out/")
    yield "sign out here as well"
    page.goto("/account/connected-sites/")
    yield "no connected sites"
    member = Member.objects.get()
    scopes = ["openid", "email"]
    site_services.agree_to_site(member=member, site=shop.site, scopes=scopes, at=datetime.now(UTC))
    page.goto("/account/connected-sites/")
    yield "connected sites"
    press(person, "disconnect")
    page.wait_for_url("**withdrawn=1")
    yield "disconnected"
    page.goto("/account/")
    yield "account"
    page.context.clear_cookies()
    page.context.add_cookies([staff_cookie(page)])
    page.goto(authorize)
    yield "staff"


def staff_cookie(page: Page) -> Any:
    session = signed_in(make.user(is_staff=True)).cookies[django_settings.SESSION_COOKIE_NAME].value
    return {"name": django_settings.SESSION_COOKIE_NAME, "value": session, "url": page.url}


@pytest.mark.parametrize(("lang", "width"), [("ja", 360), ("en", 1280)])
def test_axe_objects_to_nothing_of_the_single_sign_on(
    windows: Windows, live_server: LiveServer, settings: LazySettings, lang: str, width: int
) -> None:
    settings.SITE_URL = live_server.url
    shop = registered("http://127.0.0.1:9/")
    # axe has to be put into the page, which the content policy rightly refuses; only here it is passed over.
    person = Person(windows.open(lang, width, bypass_csp=True), lang)
    found = {}
    for state in states(person, shop):
        found[state] = objections(person.page)
        if person.page.evaluate("document.documentElement.scrollWidth") > width:
            found[state].append("wider than the window")
    assert {state: problems for state, problems in found.items() if problems} == {}
