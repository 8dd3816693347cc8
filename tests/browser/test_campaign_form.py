"""The campaign's form: the telephone beside it, and the legal inputs that come and go."""

import pytest
from django.urls import reverse
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from campaigns.legal import LegalForm
from parties.models import Role
from tests import make
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import objections
from tests.browser.test_brand_pages import overflow, sign_in
from tests.redemption_site import dressed

pytestmark = pytest.mark.django_db(transaction=True)

INPUTS = ("tie", "tied_price_yen", "planned_sales_yen", "joint_kind", "is_six_months_stated", "industry")


@pytest.fixture
def form(visit: Visit, live_server: LiveServer) -> Page:
    campaign = dressed.campaign(published_at=None, legal_form="")
    page = visit(lang="en", width=1280)
    sign_in(page, make.staff(Role.MARKETER, campaign.brand), live_server)
    page.goto(reverse("admin:campaigns_campaign_change", args=(campaign.pk,)))
    return page


def shown(page: Page) -> list[str]:
    return [name for name in INPUTS if page.locator(f"#id_{name}").is_visible()]


def test_the_telephone_beside_the_form_shows_what_is_typed(form: Page) -> None:
    phone = form.frame_locator("#live-preview iframe")
    form.fill("input[name=title_en]", "Not saved yet")
    phone.locator("h1", has_text="Not saved yet").wait_for()
    form.locator("#live-preview [data-lang=ja]").click()
    form.fill("input[name=title_ja]", "まだ保存していない題")
    phone.locator("h1", has_text="まだ保存していない題").wait_for()
    assert overflow(form) == 0
    form.locator("#live-preview [data-toggle]").click()
    form.locator("#live-preview iframe").wait_for(state="hidden")


def test_each_legal_form_shows_the_inputs_that_it_asks_for(form: Page) -> None:
    assert shown(form) == []
    form.select_option("#id_legal_form", LegalForm.TO_ALL)
    assert shown(form) == ["tie", "industry"]
    form.select_option("#id_tie", "purchase")
    assert shown(form) == ["tie", "tied_price_yen", "industry"]
    form.select_option("#id_legal_form", LegalForm.JOINT_LOTTERY)
    assert shown(form) == ["tie", "tied_price_yen", "planned_sales_yen", "joint_kind", "industry"]
    form.select_option("#id_legal_form", LegalForm.SOLD)
    assert shown(form) == ["is_six_months_stated", "industry"]


@pytest.mark.parametrize(("lang", "width"), [("ja", 360), ("en", 1280)])
def test_the_order_form_with_the_legal_check_is_sound(
    visit: Visit, live_server: LiveServer, lang: str, width: int
) -> None:
    campaign = dressed.campaign(legal_form=LegalForm.DISCOUNT, points_used_at="others")
    page = visit(lang=lang, width=width, bypass_csp=True)  # axe has to be put into the page
    sign_in(page, make.staff(Role.MARKETER, campaign.brand), live_server)
    page.goto(reverse("admin:campaigns_order_add") + f"?campaign={campaign.pk}")
    page.fill("#id_face_points", "500")
    page.fill("#id_channels-0-quantity", "30")
    page.locator("#cost .tk-rules .tk-badge.tk-bad").first.wait_for()
    page.locator("#cost .tk-outlook").wait_for()
    assert objections(page, "#cost") == []
    assert overflow(page) == 0
