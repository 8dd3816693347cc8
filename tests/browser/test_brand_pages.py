"""A page with all that a brand can put on it, in every state, and its preview: for axe and for the eye."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.urls import reverse
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from parties.models import Role, User
from tests import make
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import objections
from tests.campaigns.pages import signed_in
from tests.redemption_site import dressed, visits

pytestmark = pytest.mark.django_db(transaction=True)

LOADED = "document.querySelector('.hero-picture img')"
STATES = {"now": (-1, 30), "soon": (3, 30), "over": (-30, -1), "stopped": (-1, 30)}
COLOURS = {"now": "#dd0033", "soon": "#f5c518", "over": "#ffffff", "stopped": "#767676"}


def sign_in(page: Page, user: User, live_server: LiveServer) -> None:
    session = signed_in(user).cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies(
        [{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}]
    )


def states(page: Page) -> Iterator[str]:
    brand = make.brand()
    for slug, days in STATES.items():
        campaign = dressed.campaign(slug=slug, days=days, colour=COLOURS[slug], brand=brand)
        if slug == "stopped":
            visits.withdraw(visits.batch_of(campaign, size=1), 0, 0)
        page.goto(f"/c/{slug}/")
        yield slug


def overflow(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@pytest.mark.parametrize(("lang", "width"), [("ja", 360), ("en", 1280)])
def test_every_state_of_a_dressed_page_is_sound(visit: Visit, lang: str, width: int) -> None:
    page = visit(lang=lang, width=width, bypass_csp=True)  # axe has to be put into the page
    seen = []
    for state in states(page):
        page.wait_for_function(f"{LOADED}.complete")
        shape = page.evaluate(f"[{LOADED}.naturalWidth, {LOADED}.clientWidth, {LOADED}.currentSrc]")
        assert shape[:2] == [720 if width == 360 else 1280, width]
        assert objections(page) == [], state
        assert overflow(page) == 0, state
        if page.locator("#code-form button[type=submit]").count():
            page.hover("#code-form button[type=submit]")
            assert objections(page, "#code-form") == [], state
        seen.append(state)
    assert seen == list(STATES)


def test_the_preview_of_what_was_typed_opens_beside_the_form_and_is_sound(
    visit: Visit, live_server: LiveServer
) -> None:
    campaign = dressed.campaign(published_at=None)
    marketer = make.staff(Role.MARKETER, campaign.brand)
    for lang, width in (("ja", 360), ("en", 1280)):
        form = visit(lang=lang, width=width, bypass_csp=True)
        sign_in(form, marketer, live_server)
        form.goto(reverse("admin:campaigns_campaign_change", args=(campaign.pk,)))
        form.locator(".tk-sample").wait_for()  # the script shows what the colour becomes
        assert objections(form, "#colour-sample") == []
        form.fill("input[name=title_ja]", "まだ保存していない題")
        form.fill("input[name=title_en]", "Not saved yet")
        with form.context.expect_page() as opened:
            form.get_by_role("button", name={"ja": "プレビュー", "en": "Preview"}[lang], exact=True).click()
        sheet = opened.value
        for number, state in enumerate(("open", "not_begun", "ended", "stopped")):
            if number:
                sheet.check(f"input[name=state][value={state}]")
                sheet.get_by_role("button", name={"ja": "表示", "en": "Show"}[lang], exact=True).click()
            phone = sheet.frame_locator("iframe").first
            title = {"ja": "まだ保存していない題", "en": "Not saved yet"}[lang]
            phone.locator("h1", has_text=title).wait_for()
            assert phone.locator("#code").count() == (state != "not_begun")
            shown = sheet.evaluate("document.querySelectorAll('iframe').length")
            assert shown == 2
            assert overflow(sheet) == 0
        assert objections(sheet) == []
    campaign.refresh_from_db()
    assert (campaign.title_en, campaign.published_at) == ("Spring points", None)


def test_the_preview_keeps_to_the_content_policy(visit: Visit, live_server: LiveServer) -> None:
    campaign = dressed.campaign()
    page = visit(width=1280)
    sign_in(page, make.staff(Role.SUPPORT, campaign.brand), live_server)
    page.goto(reverse("preview", args=(campaign.pk,)))
    picture = page.frame_locator("iframe").last.locator(".hero-picture img")
    picture.wait_for()
    box = picture.bounding_box()
    assert box is not None
    assert box["width"] == 1280  # as wide inside as the screen that the frame stands for
    band = page.frame_locator("iframe").first.locator(".hero")
    assert band.bounding_box()["width"] == 360  # type: ignore[index]  # style sheets have come
