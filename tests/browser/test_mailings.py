"""Gifts by e-mail, as a marketer, an approver and a recipient see them: nothing that axe objects to, and
nothing wider than a telephone.
"""

from typing import Any

import pytest
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from campaigns import mailing_sealing as sealing
from campaigns.mailing_models import Mailing
from campaigns.services import giving, mailings
from ledger.statements import database_time
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import objections
from tests.browser.test_disputes import sign_in
from tests.browser.test_repairs import FAR
from tests.campaigns import promos
from tests.campaigns.mailings import lists, postbox
from tests.make import NOON

pytestmark = pytest.mark.django_db(transaction=True)


def problems_of(page: Page, width: int, part: str = "#content-main") -> list[str]:
    found = objections(page, part)
    is_wide = page.evaluate("document.documentElement.scrollWidth") > width
    return [*found, "wider than the window"] if is_wide else found


@pytest.mark.parametrize(("lang", "width", "colours"), [("ja", 360, "light"), ("en", 1280, "dark")])
def test_a_list_is_mailed_and_one_code_replaced(
    visit: Visit, live_server: LiveServer, settings: Any, lang: str, width: int, colours: str
) -> None:
    giving._groups.clear()
    settings.EMAIL_BACKEND = postbox.BACKEND
    postbox.empty()
    team, found = promos.team(funds=1_000_000), {}
    mailing = mailings.create_mailing(
        campaign_id=promos.campaign(team).pk, wording=lists.WORDING, user=team.marketer, at=NOON
    )
    lists.order_for(mailing, claim_until=FAR)
    page = visit(lang=lang, width=width, bypass_csp=True, color_scheme=colours)
    sign_in(page, team.marketer, live_server.url, at_admin=True)
    page.goto("/admin/campaigns/mailing/add/")
    found["texts"] = problems_of(page, width)
    page.goto(f"/admin/campaigns/mailing/{mailing.pk}/list/")
    wrong: Any = {"name": "list.csv", "mimeType": "text/csv", "buffer": b"email,name\nx,\n"}
    page.set_input_files("#file", wrong)
    page.locator("button.tk-primary").click()
    page.locator(".tk-mistakes").wait_for()
    found["mistakes"] = problems_of(page, width)
    page.set_input_files("#file", wrong | {"buffer": lists.LIST.encode("cp932")})
    page.locator("button.tk-primary").click()
    page.locator("[name=consent]").check()
    page.locator("[name=consent_how]").fill("店頭での登録時")
    found["draft"] = problems_of(page, width)
    page.locator("form[action$='submit/'] button").click()
    page.locator("form[action$='reopen/']").wait_for()
    address = page.url
    sign_in(page, team.approver, live_server.url, at_admin=True)
    page.goto(address)
    found["to decide"] = problems_of(page, width)
    page.locator("form[action$='approve/'] button").click()
    page.locator("form[action$='stop/']").wait_for()
    lists.send_all(database_time())
    sign_in(page, team.marketer, live_server.url, at_admin=True)
    page.goto(address)
    page.locator("[name=address]").fill("hana@example.jp")
    page.locator("form[action$='find/'] button").click()
    page.locator(".tk-mail-rows summary").click()
    found["found"] = problems_of(page, width)
    page.locator("form[action$='replace/'] [name=reason]").fill("迷惑メールで削除")
    page.locator("form[action$='replace/'] button").click()
    page.wait_for_url("**/change/")
    lists.send_all(database_time())
    assert postbox.recipients() == ["hana@example.jp", "john@example.com", "hana@example.jp"]
    page.goto(f"/mail/stop/{sealing.number_of(lists.row(Mailing.objects.get()).pk)}/")
    found["stop"] = problems_of(page, width, "main")
    page.locator("main form button").click()
    page.locator("main [role=status]").wait_for()
    assert found == {state: [] for state in found}
