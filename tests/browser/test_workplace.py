"""Home, alerts and results as those who work there see them: nothing that axe objects to, and nothing wider
than a telephone.
"""

import pytest
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from campaigns.alert_models import Alert
from campaigns.models import Campaign
from ledger.errors import NotCountedYet
from parties.models import Role
from tests import make
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import objections
from tests.browser.test_disputes import sign_in
from tests.campaigns import promos
from tests.campaigns.test_scopes import rows_of

pytestmark = pytest.mark.django_db(transaction=True)


def problems_of(page: Page, width: int) -> list[str]:
    found = objections(page, "#content-main, .tk-page")
    is_wide = page.evaluate("document.documentElement.scrollWidth") > width
    return [*found, "wider than the window"] if is_wide else found


@pytest.mark.parametrize(("lang", "width", "colours"), [("ja", 360, "light"), ("en", 1280, "dark")])
def test_axe_objects_to_nothing_in_the_workplace(
    visit: Visit,
    live_server: LiveServer,
    monkeypatch: pytest.MonkeyPatch,
    lang: str,
    width: int,
    colours: str,
) -> None:
    team = promos.team(funds=1_000_000)
    rows = rows_of(team)
    campaign, alert = rows[Campaign].pk, rows[Alert].pk
    page = visit(lang=lang, width=width, bypass_csp=True, color_scheme=colours)
    found: dict[str, list[str]] = {}

    def look(name: str, address: str) -> None:
        page.goto(address)
        found[name] = problems_of(page, width)

    for person in [make.staff(role, team.brand) for role in Role] + [make.staff(Role.FINANCE, None)]:
        sign_in(page, person, live_server.url, at_admin=True)
        look(f"home of {person.staff_roles.get()}", "/admin/")
        page.context.clear_cookies()
    sign_in(page, team.marketer, live_server.url, at_admin=True)
    look("results", f"/admin/campaigns/campaign/{campaign}/results/")
    look("all results", "/admin/campaigns/campaign/results/")
    look("mails", "/admin/campaigns/campaign/results/mails/")
    look("alerts", "/admin/campaigns/alert/")
    look("alert", f"/admin/campaigns/alert/{alert}/change/")
    look("settings", "/admin/campaigns/alertrule/add/")
    look("nothing there", "/admin/campaigns/campaign/0/results/")
    monkeypatch.setattr("campaigns.admin.results.figures_of", _never)
    look("being counted", f"/admin/campaigns/campaign/{campaign}/results/")
    assert {name: problems for name, problems in found.items() if problems} == {}
    assert len(found) == 7 + len(Role) + 1 + 1


def _never(*_: object, **__: object) -> None:
    raise NotCountedYet
