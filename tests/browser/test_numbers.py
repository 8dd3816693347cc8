"""A code for a membership number, in a real browser: the way in both languages; axe on all of its states."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from giftcodes import codec
from giftcodes.models import Claim
from ledger import audit
from parties.models import MembershipNumber
from tests import make
from tests.browser.conftest import Visit
from tests.browser.steps import Person
from tests.browser.test_accessibility import objections
from tests.redemption_site.test_limits import under_attack
from tests.redemption_site.test_numbers import Shop, open_shop

pytestmark = pytest.mark.django_db(transaction=True)
LABEL = {"en": "Membership number of みなと書房", "ja": "みなと書房の会員番号"}
RECEIVED = {"en": "The points are at your membership number", "ja": "会員番号にポイントを付与しました"}
AGAIN = {"en": "You already received these points", "ja": "このポイントは受け取り済みです"}


def shop_of_books() -> Shop:
    shop = open_shop(size=3)
    shop.campaign.brand.name = "みなと書房"
    shop.campaign.brand.save()
    return shop


def give(person: Person, number: str) -> None:
    person.page.get_by_label(LABEL[person.lang], exact=True).fill(number)
    person.press("receive")


@pytest.mark.parametrize(("lang", "width", "script"), [("ja", 360, True), ("en", 1280, False)])
def test_a_code_becomes_points_of_a_membership_number(
    visit: Visit, lang: str, width: int, script: bool
) -> None:
    shop, number = shop_of_books(), make.membership_number()
    person = Person(visit(lang=lang, width=width, java_script_enabled=script), lang)
    page = person.page

    page.goto("/c/spring/")
    person.enter_code(codec.group(shop.code()))
    expect(page).to_have_url(re.compile("/claim/number/$"))
    expect(page.locator("#membership_number")).to_have_attribute("inputmode", "numeric")
    give(person, number[:-1] + str((int(number[-1]) + 1) % 10))
    expect(page.locator(".summary")).to_be_visible()
    give(person, f"{number[:4]}-{number[4:8]}-{number[8:]}")

    expect(page).to_have_url(re.compile(f"/received/{shop.batch.first_claim_id}/$"))
    expect(page.get_by_role("heading", level=1)).to_have_text(RECEIVED[lang])
    expect(page.locator(".figure")).to_have_text("500 pt")
    expect(page.locator("html")).to_have_attribute("lang", lang)
    assert Claim.objects.get().pk == shop.batch.first_claim_id
    assert MembershipNumber.objects.get().tail == number[-4:]
    assert not list(audit.differences())


def states(person: Person, shop: Shop) -> Iterator[str]:
    page, number = person.page, make.membership_number()
    page.goto("/c/spring/")
    yield "campaign"
    person.enter_code(shop.code())
    page.wait_for_url("**/claim/number/")
    yield "number"
    give(person, "29")
    page.locator(".summary").wait_for()
    yield "wrong number"
    give(person, number)
    page.wait_for_url("**/received/**")
    yield "received"
    page.goto("/c/spring/")
    person.enter_code(shop.code())
    give(person, number)
    page.wait_for_url("**/received/**")
    expect(page.get_by_role("heading", level=1)).to_have_text(AGAIN[person.lang])
    yield "received before"
    page.goto("/c/spring/")
    person.enter_code("1906827340667143")  # well-formed, of no batch here
    give(person, number)
    page.locator("#summary-reference").wait_for()
    yield "refused"
    under_attack()
    page.goto("/c/spring/")
    person.enter_code(shop.code(1))
    give(person, number)
    page.locator("main .button").wait_for()
    yield "closed"
    page.locator("main .button").click()
    page.wait_for_url("**/sign-in/")
    person.sign_in()
    page.wait_for_url("**/claim/")
    page.goto("/claim/number/")
    page.locator(".own-wallet").wait_for()
    yield "number, signed in"


@pytest.mark.parametrize(("lang", "width"), [("ja", 360), ("en", 1280)])
def test_axe_objects_to_nothing_and_nothing_is_wider_than_the_window(
    visit: Visit, lang: str, width: int
) -> None:
    # axe has to be put into the page, which the content policy rightly refuses; only here it is passed over.
    shop = shop_of_books()
    person = Person(visit(lang=lang, width=width, bypass_csp=True), lang)
    found = {}
    for state in states(person, shop):
        found[state] = objections(person.page)
        if person.page.evaluate("document.documentElement.scrollWidth") > width:
            found[state].append("wider than the window")
    assert {state: problems for state, problems in found.items() if problems} == {}
