"""Under attack, in a real browser: the script does the work, and the button claims."""

import pytest
from playwright.sync_api import expect

from giftcodes import codec
from giftcodes.models import Claim
from tests import make
from tests.browser.conftest import Visit
from tests.browser.steps import Person
from tests.browser.test_accessibility import objections
from tests.redemption_site import visits
from tests.redemption_site.test_limits import under_attack

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(("lang", "width"), [("ja", 360), ("en", 1280)])
def test_the_browser_proves_its_work_and_the_person_goes_on(visit: Visit, lang: str, width: int) -> None:
    batch = visits.batch_now(size=1)
    under_attack()
    person = Person(visit(lang=lang, width=width), lang)
    person.page.goto("/")
    person.enter_code(codec.group(make.code_of(batch)))
    person.sign_in()
    person.press("receive")  # the page that names the waiting code
    button = person.page.locator("#prove-button")
    expect(button).to_be_enabled(timeout=20_000)
    button.click()
    person.page.wait_for_url("**/claimed/**")
    assert Claim.objects.get().pk == batch.first_claim_id


def test_without_a_script_the_page_says_what_to_do(visit: Visit) -> None:
    batch = visits.batch_now(size=1)
    under_attack()
    person = Person(visit(java_script_enabled=False), "en")
    person.page.goto("/")
    person.enter_code(make.code_of(batch))
    person.sign_in()
    person.press("receive")
    expect(person.page.get_by_text("The calculation needs JavaScript")).to_be_visible()
    assert not Claim.objects.exists()


@pytest.mark.parametrize(("lang", "width"), [("ja", 360), ("en", 1280)])
def test_axe_objects_to_nothing_on_the_page_of_too_many_tries(visit: Visit, lang: str, width: int) -> None:
    batch = visits.batch_now(size=12)
    person = Person(visit(lang=lang, width=width, bypass_csp=True), lang)
    person.page.goto("/")
    person.enter_code(make.code_of(batch))
    person.sign_in()
    for place in range(1, 11):
        person.page.goto("/")
        person.enter_code(make.code_of(batch, place))
    expect(person.page.locator("main .button-second")).to_be_visible()
    assert objections(person.page) == []
