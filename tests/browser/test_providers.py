"""Through a provider and back, as people go: in one browser, and out of one into another."""

import re
from collections.abc import Callable, Iterator

import pytest
from django.conf import LazySettings
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from giftcodes.models import Claim
from ledger import audit
from parties.models import User
from tests import make
from tests.browser.conftest import Visit, windows_of
from tests.browser.sign_in_words import Visitor
from tests.browser.test_accessibility import objections
from tests.oidc_provider import OidcProvider, oidc_provider
from tests.redemption_site import visits
from tests.redemption_site.round import know

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def provider(settings: LazySettings) -> Iterator[OidcProvider]:
    with oidc_provider() as running:
        know(settings, running)
        yield running


@pytest.fixture
def visit_both(browser: Browser, live_server: LiveServer, provider: OidcProvider) -> Iterator[Visit]:
    """Windows that may also look at the provider."""
    with windows_of(browser, live_server, provider.issuer) as open_window:
        yield open_window


def leave_with_code(visitor: Visitor, provider: OidcProvider) -> str:
    """Enter a code, choose the provider, and stop at its page. The code's last digits."""
    batch = visits.batch_now(size=1, face_points=1500)
    visits.campaign(brand=batch.brand)
    visitor.page.goto("/c/spring/")
    visitor.enter_code(make.code_of(batch))
    visitor.page.wait_for_url("**/sign-in/")
    visitor.press("with provider")
    visitor.page.wait_for_url(f"{provider.issuer}/authorize**")
    return make.code_of(batch)[-4:]


def expect_claimed(visitor: Visitor) -> None:
    page = visitor.page
    expect(page).to_have_url(re.compile("/claimed/"))
    expect(page.get_by_role("heading", level=1)).to_have_text(visitor.word("received"))
    expect(page.locator(".figure")).to_have_text("1,500 pt")
    assert [Claim.objects.get().member.user] == list(User.objects.filter(email=None))
    assert not list(audit.differences())


@pytest.mark.parametrize(("lang", "width", "script"), [("ja", 360, False), ("en", 1280, True)])
def test_the_code_waits_while_its_person_is_at_the_provider(
    visit_both: Visit, provider: OidcProvider, lang: str, width: int, script: bool
) -> None:
    visitor = Visitor(visit_both(lang=lang, width=width, java_script_enabled=script), lang)
    last = leave_with_code(visitor, provider)
    visitor.page.get_by_role("link", name="Allow").click()
    expect(visitor.page.locator(".code-masked")).to_have_text(f"••••-••••-••••-{last}")
    visitor.press("receive")
    expect_claimed(visitor)


@pytest.mark.parametrize(("lang", "width"), [("ja", 1280), ("en", 360)])
def test_the_code_survives_when_the_provider_comes_back_in_another_browser(
    visit_both: Visit, provider: OidcProvider, lang: str, width: int
) -> None:
    in_app = Visitor(visit_both(lang=lang, width=width), lang)
    last = leave_with_code(in_app, provider)
    link = in_app.page.get_by_role("link", name="Allow").get_attribute("href")
    assert link

    visitor = Visitor(visit_both(lang=lang, width=width), lang)  # neither its session nor its cookie
    visitor.page.goto(link)
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text(visitor.word("is it yours"))
    expect(visitor.page.locator("main")).to_contain_text("花子")
    expect(visitor.page.locator(".code-masked")).to_have_text(f"••••-••••-••••-{last}")
    visitor.page.reload()  # the answer is spent, the page still there
    assert not Claim.objects.exists()
    visitor.press("sign in and receive")
    expect_claimed(visitor)
    assert visitor.page.locator("html").evaluate("e => e.scrollWidth - e.clientWidth") == 0


def test_who_changes_their_mind_signs_in_another_way(visit_both: Visit, provider: OidcProvider) -> None:
    visitor = Visitor(visit_both(), "en")
    leave_with_code(visitor, provider)
    visitor.page.get_by_role("link", name="Deny").click()
    expect(visitor.page.locator("main")).to_contain_text("You did not allow Example ID")
    visitor.page.get_by_role("link", name="To the sign-in").click()
    visitor.sign_in()
    expect(visitor.page).to_have_url(re.compile("/claimed/"))


@pytest.mark.parametrize(("lang", "width"), [("ja", 360), ("en", 1280)])
def test_axe_objects_to_nothing_of_providers(
    visit_both: Visit, provider: OidcProvider, lang: str, width: int
) -> None:
    visitor = Visitor(visit_both(lang=lang, width=width, bypass_csp=True), lang)
    page = visitor.page
    found: dict[str, list[str]] = {}

    def look(state: str) -> None:
        found[state] = objections(page)
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found[state].append("wider than the window")

    page.goto("/sign-in/")
    look("sign-in")
    page.route(f"{provider.issuer}/**", lambda route: route.fulfill(status=204))  # so the page stays
    visitor.press("with provider")
    page.wait_for_url("**/sign-in/with/example/")
    look("on to the provider")
    page.unroute(f"{provider.issuer}/**")
    for state, look_away in ways(page, provider).items():
        look_away()
        look(state)
    page.goto("/account/connections/")
    look("connected")
    page.goto("/account/")
    look("account")
    page.context.clear_cookies()
    visitor.sign_in_by_mail()
    page.goto("/account/connections/")
    look("nothing connected")
    assert {state: problems for state, problems in found.items() if problems} == {}


def ways(page: Page, provider: OidcProvider) -> dict[str, Callable[[], object]]:
    """Ways back from the provider, each to another page; at the end somebody is signed in."""

    def at_provider() -> None:
        page.goto("/sign-in/")
        page.locator("form[action='/sign-in/with/example/'] button").click()
        page.wait_for_url(f"{provider.issuer}/authorize**")

    def back(link: str, *, is_elsewhere: bool = False) -> None:
        at_provider()
        address = page.locator("a", has_text=link).get_attribute("href")
        if is_elsewhere:
            page.context.clear_cookies()
        page.goto(str(address))

    def go_on() -> None:
        page.locator("main form button").click()
        page.wait_for_url("**/wallet/")

    return {
        "denied": lambda: back("Deny"),
        "spent": lambda: page.goto("/sign-in/with/example/back/?state=x"),
        "is it yours": lambda: back("Allow", is_elsewhere=True),
        "wallet": go_on,
    }
