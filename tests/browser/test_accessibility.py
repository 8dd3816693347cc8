"""No page and no state of one has anything that axe objects to, narrow or wide, in either language."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import override_settings
from playwright.sync_api import Page

from giftcodes import codec, directory
from tests import make
from tests.browser.conftest import Visit
from tests.browser.steps import Person, sign_in_code
from tests.redemption_site import visits

pytestmark = pytest.mark.django_db(transaction=True)

CODE = "1906827340667143"


def objections(page: Page) -> list[str]:
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [f"{rule['id']}: {node['html']}" for rule in found for node in rule["nodes"]]


def states(person: Person) -> Iterator[str]:
    """Walk through every page and state, stopping at each by its name."""
    page = person.page
    now = visits.batch_now(size=3)
    code = make.code_of(now)
    for slug, days, colour in [
        ("now", (-1, 1), "#1a5f7a"),
        ("soon", (1, 2), "#f5c518"),
        ("over", (-2, -1), "#767676"),
    ]:
        visits.campaign(slug=slug, days=days, colour=colour, brand=now.brand, text_ja="本文", text_en="Text")
        page.goto(f"/c/{slug}/")
        yield f"campaign {slug}"
    for address in ("/", "/sign-in/", "/sign-in/refused/", "/nothing/"):
        page.goto(address)
        yield address
    page.goto("/c/now/")
    person.enter_code(codec.group(CODE[:15]))
    yield "typing error told by the script"
    person.enter_code(code)
    yield "sign-in with a code waiting"
    person.fill("email", "x")
    person.press("send")
    yield "no address"
    person.fill("email", "hanako@example.com")
    person.press("send")
    yield "sign-in code"
    person.fill("sign-in code", "0000-0000")
    person.press("sign in and receive")
    yield "wrong sign-in code"
    person.fill("sign-in code", sign_in_code())
    person.press("sign in and receive")
    page.wait_for_url("**/claimed/**")
    yield "claimed"
    page.goto("/c/now/")
    person.enter_code(code)
    page.wait_for_url("**/claimed/**")
    yield "claimed before"
    page.goto("/")
    person.enter_code(CODE)
    page.wait_for_url("**/claim/")
    yield "refused"
    directory.forget()
    with override_settings(CODE_MASTER_KEYS={}):
        page.goto("/")
        person.enter_code(CODE)
        page.get_by_role("button", name={"en": "Try again", "ja": "もう一度試す"}[person.lang]).wait_for()
        yield "keys away"
    page.goto("/wallet/")
    yield "wallet"
    page.goto(f"/wallet/{now.brand.program.slug}/history/")
    yield "history"


@pytest.mark.parametrize(("lang", "width"), [("ja", 360), ("en", 1280)])
def test_axe_objects_to_nothing(visit: Visit, lang: str, width: int) -> None:
    # axe has to be put into the page, which the content policy rightly refuses; only here it is passed over.
    person = Person(visit(lang=lang, width=width, bypass_csp=True), lang)
    found = {state: problems for state in states(person) if (problems := objections(person.page))}
    assert found == {}
