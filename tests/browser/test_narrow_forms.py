"""Forms of the admin on a small telephone: nothing reaches over the edge of its card."""

import pytest
from django.conf import settings
from django.urls import reverse
from pytest_django.live_server_helper import LiveServer

from config.demo.logo import draw_logo
from tests.browser.conftest import Visit
from tests.campaigns import promos
from tests.campaigns.pages import signed_in

pytestmark = pytest.mark.django_db(transaction=True)

OVER_THE_EDGE = """() => {
  const edges = [...document.querySelectorAll("fieldset, .field-line, textarea, select, .field-line > *")];
  return edges.filter(each => each.getBoundingClientRect().right > innerWidth).map(each => each.outerHTML);
}"""


@pytest.mark.parametrize(("lang", "width"), [("ja", 320), ("en", 360)])
def test_the_form_of_a_campaign_with_a_logo_fits(
    visit: Visit, live_server: LiveServer, lang: str, width: int
) -> None:
    team = promos.team()
    campaign = promos.campaign(team)
    campaign.logo.save("logo.png", draw_logo())
    page = visit(lang=lang, width=width)
    session = signed_in(team.marketer).cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies(
        [{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}]
    )
    page.goto(reverse("admin:campaigns_campaign_change", args=(campaign.pk,)))
    page.locator("textarea").first.wait_for()
    over = page.evaluate(OVER_THE_EDGE)
    campaign.logo.delete()
    assert over == []
