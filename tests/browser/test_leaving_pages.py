"""Consents, language, leaving, stopping notices: every page and state, narrow and wide, in both languages."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.core import mail
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from ledger import services as ledger
from ledger.models import Account, AccountKind
from parties.models import Member, User
from redemption_site import opt_out
from tests import make
from tests.browser.conftest import Visit
from tests.browser.steps import Person
from tests.browser.test_accessibility import objections
from tests.redemption_site import visits

pytestmark = pytest.mark.django_db(transaction=True)

BUTTONS = {
    "save": {"en": "Save", "ja": "保存する"},
    "continue": {"en": "Continue to close the account", "ja": "退会の手続きへ進む"},
    "close": {"en": "Close my account", "ja": "退会する"},
    "again": {"en": "Sign in once more", "ja": "もう一度ログインする"},
    "stop": {"en": "Stop these e-mails", "ja": "お知らせを停止する"},
}


def states(person: Person) -> Iterator[str]:
    page, lang = person.page, person.lang

    def press(name: str) -> None:
        page.get_by_role("button", name=BUTTONS[name][lang], exact=True).click()

    now = visits.batch_now(size=2, brand=make.brand(name="ベーカリー", funds=5_000))
    page.goto("/")
    person.enter_code(make.code_of(now))
    person.sign_in()
    page.wait_for_url("**/claimed/**")
    page.goto("/account/")
    yield "account"
    page.goto("/account/consents/")
    yield "consents, none given"
    page.locator("#agree-expiry_notice").check()
    press("save")
    page.wait_for_url("**/consents/?saved=1")
    yield "consents, saved, with history"
    page.goto("/account/language/")
    yield "language"
    page.locator(f"#language-{lang}").check()
    press("save")
    page.wait_for_url("**/language/?saved=1")
    yield "language, saved"
    page.goto(opt_out.link_of(Member.objects.get()).partition(":8000")[2])
    yield "stopping notices"
    press("stop")
    page.get_by_role("status").wait_for()
    yield "notices stopped"
    page.goto("/account/close/")
    yield "close, with points"
    wallet = Account.objects.get(kind=AccountKind.WALLET)
    at = datetime.now(UTC)
    hold = ledger.hold_points(
        wallet_id=wallet.pk,
        store_id=make.store(brand=now.brand).pk,
        points=30,
        key="cart",
        expires_at=at + timedelta(hours=1),
        at=at,
    )
    page.goto("/account/close/")
    yield "close, with a purchase under way"
    ledger.release_hold(hold_id=hold.pk, at=datetime.now(UTC))
    page.goto("/account/close/")
    page.get_by_role("link", name=BUTTONS["continue"][lang]).click()
    page.locator("#sure").wait_for()
    yield "confirm"
    page.evaluate("document.querySelector('form.ticket').submit()")  # past the browser's own check
    page.locator("#sure-error").wait_for()
    yield "confirm, not ticked"
    page.locator("#sure").check()
    press("close")
    page.wait_for_url("**/closed/")
    yield "closed"
    page.goto("/closed/?mail=failed")
    yield "closed, mail failed"
    assert not User.objects.filter(email="hanako@example.com").exists()
    assert re.search("Tokuten", str(mail.outbox[-1].body))


def states_of_an_old_session(person: Person, url: str) -> Iterator[str]:
    client = Client()
    visits.member_in(client)
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    person.page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": url}])
    person.page.goto("/account/close/")
    yield "close, without points"
    person.page.goto("/account/close/confirm/")
    yield "sign in once more"
    person.page.get_by_role("button", name=BUTTONS["again"][person.lang], exact=True).click()
    person.page.wait_for_url("**/sign-in/?next=**")
    yield "sign-in on the way back"


@pytest.mark.parametrize(("lang", "width"), [("ja", 360), ("en", 1280)])
def test_axe_objects_to_nothing_and_nothing_is_wider_than_the_window(
    visit: Visit, lang: str, width: int, live_server: LiveServer
) -> None:
    person = Person(visit(lang=lang, width=width, bypass_csp=True), lang)
    found = {}

    def look(state: str, person: Person) -> None:
        found[state] = objections(person.page)
        if person.page.evaluate("document.documentElement.scrollWidth") > width:
            found[state].append("wider than the window")

    for state in states(person):
        look(state, person)
    other = Person(visit(lang=lang, width=width, bypass_csp=True), lang)
    for state in states_of_an_old_session(other, live_server.url):
        look(state, other)
    assert {state: problems for state, problems in found.items() if problems} == {}


def test_all_of_it_works_without_a_script_and_by_keyboard(visit: Visit) -> None:
    person = Person(visit(java_script_enabled=False), "en")
    page = person.page
    page.goto("/sign-in/")
    person.fill("email", "hanako@example.com")
    person.press("send")
    page.get_by_label("Sign-in code", exact=True).fill(visits.sign_in_code())
    page.keyboard.press("Enter")
    page.wait_for_url("**/wallet/")
    page.goto("/account/consents/")
    page.locator("#agree-statistics").focus()
    page.keyboard.press("Space")
    page.locator("form.ticket button").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/?saved=1")
    assert page.locator("#agree-statistics").is_checked()
    page.goto("/account/close/confirm/")
    page.locator("#sure").focus()
    page.keyboard.press("Space")
    page.locator("form.ticket button").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/closed/")
    assert not User.objects.exists()
