"""The conditions of participation in a real browser: the tick, its errors, the page that asks, the print."""

import re
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.urls import reverse
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from campaigns.conditions_models import ConditionsAcceptance
from campaigns.models import Campaign
from giftcodes import codec
from giftcodes.models import Claim
from parties.models import Role
from tests import make
from tests.browser.conftest import Visit
from tests.browser.steps import Person
from tests.browser.test_accessibility import objections
from tests.campaigns.pages import signed_in
from tests.redemption_site import visits

pytestmark = pytest.mark.django_db(transaction=True)

SIZES = [("ja", 360), ("en", 1280)]
ACCEPT = {"en": "Accept and receive the points", "ja": "同意してポイントを受け取る"}
MISSING = {"en": "Tick the box if you accept", "ja": "同意する場合はチェックを入れてください"}
LONG = "\n\n".join(
    f"第{number}条　本キャンペーンには、どなたでもご応募いただけます。" for number in range(1, 60)
)


def campaign_with_conditions(slug: str = "spring") -> tuple[Campaign, str, str]:
    """A campaign that asks, and two of its codes."""
    campaign = visits.campaign(slug=slug)
    batch = visits.batch_of(campaign, size=2)
    visits.conditions(campaign, text_ja=LONG, text_en=LONG.replace("第", "Article "))
    return campaign, make.code_of(batch, 0), make.code_of(batch, 1)


def is_too_wide(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


@pytest.mark.parametrize(("lang", "width", "script"), [("ja", 360, True), ("en", 1280, False)])
def test_the_tick_is_one_step_and_is_missed_before_anything_is_claimed(
    visit: Visit, lang: str, width: int, script: bool
) -> None:
    _campaign, code, second = campaign_with_conditions()
    person = Person(visit(lang=lang, width=width, java_script_enabled=script), lang)
    page = person.page
    page.goto("/c/spring/")
    expect(page.locator("#accept")).not_to_be_checked()
    person.enter_code(codec.group(code), stays=script)

    expect(page.locator("#summary")).to_contain_text(MISSING[lang])
    expect(page.locator("#accept-error")).to_contain_text(MISSING[lang])
    expect(page.locator("#code")).to_have_value(codec.group(code))
    expect(page.locator("#accept")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#code")).not_to_have_attribute("aria-invalid", "true")
    # Told by the script before anything is sent, or by the server.
    expect(page).to_have_url(re.compile("/c/spring/$" if script else "/claim/$"))
    page.get_by_role("link", name=re.compile(MISSING[lang])).click()
    page.locator("#accept").check()
    if script:
        expect(page.locator("#accept-error")).to_be_hidden()
        expect(page.locator("#summary")).to_be_hidden()
    person.press("receive")
    person.sign_in()
    expect(page).to_have_url(re.compile("/claimed/"))
    assert ConditionsAcceptance.objects.get().language == lang
    page.goto("/c/spring/")
    expect(page.locator("#accept")).to_have_count(0)
    person.enter_code(second)
    expect(page).to_have_url(re.compile("/claimed/"))
    assert (Claim.objects.count(), ConditionsAcceptance.objects.count()) == (2, 1)


def test_the_keyboard_is_enough_on_both_pages(visit: Visit) -> None:
    _campaign, code, second = campaign_with_conditions()
    person = Person(visit(lang="ja"), "ja")
    page = person.page
    page.goto("/c/spring/")
    page.locator("#code").focus()
    page.keyboard.type(code)
    page.keyboard.press("Tab")
    expect(page.locator("#accept")).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")  # sends the form
    page.wait_for_url("**/sign-in/")
    person.sign_in()
    expect(page).to_have_url(re.compile("/claimed/"))
    visits.conditions(_campaign, text_ja=LONG + "改")
    page.goto("/")
    page.locator("#code").focus()
    page.keyboard.type(second)
    page.keyboard.press("Enter")
    box = page.locator(".conditions-box")
    box.focus()
    page.keyboard.press("End")
    # Playwright's own waiting evaluates text, which the content policy refuses.
    scrolled = "e => new Promise(go => e.scrollTop ? go() : e.addEventListener('scroll', () => go()))"
    box.evaluate(scrolled)
    for expected in (page.locator("a[target=_blank]"), page.locator("#accept")):
        page.keyboard.press("Tab")
        expect(expected).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name=ACCEPT["ja"])).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/claimed/"))


def states(person: Person) -> Iterator[str]:
    """Walk through the states, stopping at each by its name."""
    page = person.page
    campaign, code, second = campaign_with_conditions()
    page.goto("/c/spring/")
    yield "campaign page with the tick"
    person.press("receive", stays=True)
    yield "no code and no tick"
    person.enter_code(code, stays=True)
    yield "no tick"
    page.goto("/")
    person.enter_code(code)
    person.sign_in()
    page.get_by_role("button", name=ACCEPT[person.lang]).wait_for()
    yield "asked after the sign-in"
    page.get_by_role("button", name=ACCEPT[person.lang]).click()
    expect(page.locator(".summary")).to_contain_text(MISSING[person.lang])
    yield "asked again"
    page.locator("#accept").check()
    page.get_by_role("button", name=ACCEPT[person.lang]).click()
    page.wait_for_url("**/claimed/**")
    page.goto("/c/spring/")
    yield "accepted before"
    page.goto("/c/spring/conditions/")
    yield "conditions"
    visits.conditions(campaign, text_ja="改定")
    page.goto("/c/spring/conditions/1/")
    yield "older conditions"
    page.goto("/")
    person.enter_code(second)
    yield "asked for renewed ones"


@pytest.mark.parametrize(("lang", "width"), SIZES)
def test_axe_objects_to_nothing_and_nothing_is_too_wide(visit: Visit, lang: str, width: int) -> None:
    person = Person(visit(lang=lang, width=width, bypass_csp=True), lang)
    found = {}
    for state in states(person):
        found[state] = objections(person.page) + ["too wide"] * is_too_wide(person.page)
    assert {state: problems for state, problems in found.items() if problems} == {}
    assert len(found) == 9


@pytest.mark.parametrize(("lang", "width", "colours"), [("ja", 360, "light"), ("en", 1280, "dark")])
def test_axe_objects_to_nothing_in_the_admin(
    visit: Visit, live_server: LiveServer, lang: str, width: int, colours: str
) -> None:
    campaign, _code, _second = campaign_with_conditions()
    visits.conditions_draft(campaign, text_ja=LONG, text_en="Draft")
    page = visit(lang=lang, width=width, bypass_csp=True, color_scheme=colours)
    marketer = make.staff(Role.MARKETER, campaign.brand)
    session = signed_in(marketer).cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies(
        [{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}]
    )
    found = {}
    pages = dict.fromkeys(("conditions", "posters", "results"), (campaign.pk,)) | {"all_results": ()}
    for name, arguments in pages.items():
        page.goto(reverse(f"admin:campaigns_campaign_{name}", args=arguments))
        found[name] = objections(page, "#content-main") + ["too wide"] * is_too_wide(page)
    page.goto(reverse("admin:campaigns_campaign_conditions", args=(campaign.pk,)))
    page.locator("#id_text_ja").fill("")
    page.locator("main form, #content-main form").last.locator("button").click()
    expect(page.locator("#id_text_ja_error")).to_be_visible()
    found["no text"] = objections(page, "#content-main")
    assert {name: problems for name, problems in found.items() if problems} == {}


def test_a_page_of_the_longest_conditions_stays_light_and_prints_without_its_frame(visit: Visit) -> None:
    campaign, _code, _second = campaign_with_conditions()
    visits.conditions(campaign, text_ja="規約は次のとおりです。\n\n" * 1_538)
    page = visit(lang="ja")
    answer = page.goto("/c/spring/conditions/")
    assert answer is not None
    assert len(answer.body()) < 100_000
    page.emulate_media(media="print")
    for part in (".top", ".bottom", ".conditions-links", ".versions"):
        expect(page.locator(part)).to_be_hidden()
    expect(page.locator(".conditions-text")).to_be_visible()
