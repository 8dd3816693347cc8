"""From the code on a leaflet to points in a wallet, as people go."""

import re

import pytest
from playwright.sync_api import expect

from giftcodes import codec
from giftcodes.models import Claim
from ledger import audit
from tests import make
from tests.browser.conftest import Visit
from tests.browser.steps import Person, sign_in_code
from tests.redemption_site import visits

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("lang", "width", "script"),
    [pytest.param("ja", 360, True, marks=pytest.mark.both), ("ja", 1280, False), ("en", 360, False)],
)
def test_a_code_becomes_points_in_the_wallet(visit: Visit, lang: str, width: int, script: bool) -> None:
    batch = visits.batch_now(size=1, face_points=1500)
    visits.campaign(brand=batch.brand)
    person = Person(visit(lang=lang, width=width, java_script_enabled=script), lang)
    page = person.page

    page.goto("/c/spring/")
    person.enter_code(codec.group(make.code_of(batch)))
    person.sign_in()

    expect(page).to_have_url(re.compile(f"/claimed/{batch.first_claim_id}/$"))
    expect(page.get_by_role("heading", level=1)).to_have_text(person.word("received"))
    expect(page.locator(".figure")).to_have_text("1,500 pt")
    page.get_by_role("link", name=person.word("wallet")).click()
    expect(page).to_have_url(re.compile("/wallet/$"))
    expect(page.locator(".figure")).to_contain_text("1,500 pt")
    expect(page.locator("html")).to_have_attribute("lang", lang)
    overflow = page.locator("html").evaluate("e => e.scrollWidth - e.clientWidth") if script else 0
    assert overflow == 0
    assert Claim.objects.get().pk == batch.first_claim_id
    assert not list(audit.differences())


def test_a_refusal_at_the_sign_in_can_be_reloaded(visit: Visit) -> None:
    person = Person(visit(), "en")
    page = person.page
    page.goto("/")
    person.enter_code("1906827340667143")  # well-formed, of no batch here
    person.sign_in()
    for _ in range(2):
        expect(page.locator("#summary")).to_contain_text("This code can't be used.")
        expect(page.locator("#code")).to_have_value("1906-8273-4066-7143")
        page.reload()


def test_the_second_of_two_tabs_does_not_slip_its_code_into_the_first(visit: Visit) -> None:
    first, second = [make.code_of(visits.batch_now(size=1)) for _ in range(2)]
    one = Person(visit(), "en")
    one.page.goto("/")
    one.enter_code(first)
    one.fill("email", "hanako@example.com")
    one.press("send")
    other = Person(one.page.context.new_page(), "en")
    other.page.goto("/")
    other.enter_code(second)
    other.page.wait_for_url("**/sign-in/")

    one.fill("sign-in code", sign_in_code())
    one.press("sign in and receive")

    expect(one.page.locator(".code-masked")).to_have_text(f"••••-••••-••••-{second[-4:]}")
    assert not Claim.objects.exists()
    one.press("receive")
    expect(one.page).to_have_url(re.compile("/claimed/"))


def test_the_keyboard_is_enough(visit: Visit) -> None:
    code = visits.code_now()
    person = Person(visit(lang="en"), "en")
    page, keys = person.page, person.page.keyboard

    page.goto("/")
    keys.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    expect(page.locator(".skip")).to_be_in_viewport()
    keys.press("Enter")
    keys.press("Tab")
    expect(page.locator("#code")).to_be_focused()
    assert page.locator("#code").evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
    keys.type(code)
    keys.press("Enter")
    page.wait_for_url("**/sign-in/")
    for answer in ("hanako@example.com", None):
        field = page.locator("main input:visible")
        while not field.evaluate("e => e === document.activeElement"):
            keys.press("Tab")
        keys.type(answer or sign_in_code())
        with page.expect_navigation():
            keys.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(person.word("received"))


def test_the_switch_changes_the_language_and_stays_on_the_page(visit: Visit) -> None:
    visits.campaign()
    for script in (True, False):
        page = visit(lang="ja", java_script_enabled=script)
        page.goto("/c/spring/")
        page.get_by_role("button", name="English").click()
        expect(page).to_have_url(re.compile("/c/spring/$"))
        expect(page.get_by_role("heading", level=1)).to_have_text("Spring points")
        expect(page.get_by_role("button", name="日本語")).to_be_visible()


def test_a_link_that_is_looked_at_claims_nothing(visit: Visit) -> None:
    code = visits.code_now()
    for script in (True, False):
        page = visit(java_script_enabled=script)
        page.goto(f"/#c={code}")
        page.reload()
    assert not Claim.objects.exists()
