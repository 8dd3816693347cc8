"""Charts and tables of finance in a real browser: they are drawn, under our content policy, on any width."""

import pytest
from django.conf import settings
from django.urls import reverse
from pytest_django.live_server_helper import LiveServer

from ledger.models import Account, AccountKind
from parties.models import Role
from tests import make
from tests.browser.conftest import Visit
from tests.campaigns.conftest import SetClock, set_database_clock
from tests.factors import session_of
from tests.ledger.town import DAY, Town, busy
from tests.make import NOON

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["set_database_clock"]


@pytest.mark.parametrize(("lang", "width"), [("ja", 360), ("en", 1280)])
def test_the_charts_of_finance_are_drawn(
    visit: Visit, live_server: LiveServer, request: pytest.FixtureRequest, lang: str, width: int
) -> None:
    stand_at: SetClock = request.getfixturevalue("set_database_clock")
    town = Town()
    busy(town)
    stand_at(NOON + 9 * DAY)
    page = visit(lang=lang, width=width)
    session = session_of(make.staff(Role.FINANCE, None))
    cookie = settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": cookie, "value": session, "url": live_server.url}])
    funds = Account.objects.get(kind=AccountKind.FUNDS, brand=town.bakery)
    pages = {
        reverse("admin:ledger_report_liability"): 3,
        reverse("admin:ledger_account_change", args=(funds.pk,)): 1,
    }
    for address, lines in pages.items():
        page.goto(address)
        drawn = page.locator("polyline.tk-line")
        assert drawn.count() == lines
        box = drawn.first.bounding_box()
        assert box is not None
        assert box["width"] > width / 3
        assert drawn.first.evaluate("line => getComputedStyle(line).stroke") != "none"
        # Lines can be told apart without their colours, and the figures be read without the picture.
        dashes = (
            page.locator(".tk-chart")
            .first.locator("polyline.tk-line")
            .evaluate_all("lines => lines.map(line => getComputedStyle(line).strokeDasharray)")
        )
        assert len(set(dashes)) == len(dashes)
        charts = page.locator(".tk-chart")
        for chart in charts.all():
            chart.locator(".tk-details summary").click()
            assert chart.locator(".tk-details tbody tr").count() == 60
        assert page.evaluate("document.documentElement.scrollWidth") <= width
