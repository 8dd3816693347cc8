"""Passkeys with a virtual authenticator of Chromium's own: added, used, named, removed."""

import re
from collections.abc import Callable

import pytest
from django.conf import LazySettings
from playwright.sync_api import CDPSession, Page, expect
from pytest_django.live_server_helper import LiveServer

from giftcodes.models import Claim
from ledger import audit
from parties.models import User
from tests.browser.conftest import Visit
from tests.browser.sign_in_words import Visitor
from tests.browser.test_accessibility import objections
from tests.redemption_site import visits

pytestmark = pytest.mark.django_db(transaction=True)

DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture(autouse=True)
def _passkeys_of_this_server(settings: LazySettings, live_server: LiveServer) -> None:
    settings.PASSKEY_ORIGIN = live_server.url


def device_of(page: Page) -> tuple[CDPSession, str]:
    """A fingerprint reader that always agrees."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    added = session.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
    return session, str(added["authenticatorId"])


def add_passkey(visitor: Visitor, name: str = "Phone") -> None:
    visitor.page.goto("/account/passkeys/add/")
    visitor.fill("name", name)
    visitor.press("add it")
    visitor.page.wait_for_url("**/account/passkeys/")


@pytest.mark.parametrize(("lang", "width"), [("ja", 360), ("en", 1280)])
def test_a_passkey_is_added_used_named_and_removed(visit: Visit, lang: str, width: int) -> None:
    visitor = Visitor(visit(lang=lang, width=width), lang)
    page = visitor.page
    device_of(page)
    visitor.sign_in_by_mail()
    add_passkey(visitor)
    expect(page.get_by_role("link", name="Phone")).to_be_visible()
    visitor.sign_out()

    # With a code that waits: signed in and claimed in one step.
    page.goto("/")
    visitor.enter_code(visits.code_now(face_points=1500))
    page.wait_for_url("**/sign-in/")
    visitor.press("passkey and receive")
    expect(page).to_have_url(re.compile("/claimed/"))
    expect(page.locator(".figure")).to_have_text("1,500 pt")
    assert Claim.objects.get().member.user == User.objects.get(email="hanako@example.com")
    visitor.sign_out()

    # Without one.
    page.goto("/sign-in/?next=/account/passkeys/")
    visitor.press("with passkey")
    page.wait_for_url("**/account/passkeys/")
    page.get_by_role("link", name="Phone").click()
    visitor.fill("name", "Old phone")
    visitor.press("save")
    page.get_by_role("link", name="Old phone").click()
    visitor.press("remove")
    page.wait_for_url("**/account/passkeys/")
    expect(page.get_by_role("link", name="Old phone")).to_have_count(0)
    assert page.locator("html").evaluate("e => e.scrollWidth - e.clientWidth") == 0
    visitor.sign_out()

    # The device still has it; we don't.
    page.goto("/sign-in/")
    visitor.press("with passkey")
    expect(page.get_by_role("alert").first).to_contain_text(visitor.word("refused"))
    assert not list(audit.differences())


def test_a_person_who_does_not_agree_is_told_what_to_do(visit: Visit) -> None:
    visitor = Visitor(visit(), "en")
    session, device = device_of(visitor.page)
    visitor.page.goto("/sign-in/")
    visitor.press("with passkey", stays=True)  # a device without any passkey
    expect(visitor.page.locator("[data-said]")).to_contain_text(visitor.word("failed"))
    expect(visitor.page.get_by_role("button", name=visitor.word("with passkey"))).to_be_focused()
    visitor.sign_in_by_mail()
    add_passkey(visitor)
    visitor.page.goto("/account/passkeys/add/")
    visitor.press("add it", stays=True)
    expect(visitor.page.locator("[data-said]")).to_contain_text("has a passkey for this account already")
    visitor.sign_out()
    session.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": False})
    visitor.page.goto("/sign-in/")
    visitor.press("with passkey", stays=True)
    expect(visitor.page.locator("[data-said]")).to_contain_text(visitor.word("failed"))


def test_staff_cannot_sign_in_with_a_passkey(visit: Visit) -> None:
    visitor = Visitor(visit(), "en")
    device_of(visitor.page)
    visitor.sign_in_by_mail()
    add_passkey(visitor)
    User.objects.filter(email="hanako@example.com").update(is_staff=True, is_superuser=True)
    visitor.page.context.clear_cookies()
    visitor.page.goto("/sign-in/")
    visitor.press("with passkey")
    visitor.page.wait_for_url("**/sign-in/refused/")
    for address in ("/admin/", "/wallet/"):
        visitor.page.goto(address)
        expect(visitor.page).to_have_url(re.compile("/admin/login/|/sign-in/"))


@pytest.mark.parametrize("change", ["origin", "script"])
def test_where_no_passkey_can_be_used_none_is_offered(
    visit: Visit, settings: LazySettings, change: str
) -> None:
    if change == "origin":
        settings.PASSKEY_ORIGIN = "https://points.example.com"
    page = visit(java_script_enabled=change != "script")
    page.goto("/sign-in/")
    expect(page.get_by_role("button", name="Send me a sign-in code")).to_be_visible()
    expect(page.locator(".other-ways")).to_be_hidden()


@pytest.mark.parametrize(("lang", "width"), [("ja", 360), ("en", 1280)])
def test_axe_objects_to_nothing_of_passkeys(visit: Visit, lang: str, width: int) -> None:
    visitor = Visitor(visit(lang=lang, width=width, bypass_csp=True), lang)
    page = visitor.page
    found: dict[str, list[str]] = {}

    def look(state: str, ready: Callable[[], None] = lambda: None) -> None:
        ready()
        found[state] = objections(page)
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found[state].append("wider than the window")

    device_of(page)
    page.goto("/sign-in/")
    look("sign-in")
    visitor.press("with passkey", stays=True)
    look("no passkey", expect(page.locator("[data-said]")).not_to_be_empty)
    visitor.sign_in_by_mail()
    for address in ("/account/", "/account/passkeys/", "/account/passkeys/add/"):
        page.goto(address)
        look(address)
    visitor.fill("name", "")
    visitor.press("add it")
    look("no name", page.locator("#name-error").wait_for)
    add_passkey(visitor, "x" * 40)
    look("passkeys")
    page.get_by_role("link", name="x" * 40).click()
    look("passkey", page.locator("#remove-title").wait_for)
    visitor.fill("name", "")
    visitor.press("save")
    look("passkey without a name", page.locator("#name-error").wait_for)
    assert {state: problems for state, problems in found.items() if problems} == {}
