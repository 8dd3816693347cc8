"""Withdrawing codes, extending a window and the support desk, as people see them: nothing that axe objects
to, and nothing wider than a telephone.
"""

from datetime import timedelta

import pytest
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from giftcodes import services as giftcodes
from giftcodes.models import Batch
from parties.models import Role
from tests import make
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import objections
from tests.browser.test_disputes import sign_in
from tests.campaigns import promos, tickets
from tests.giftcodes.guarded import attempt
from tests.make import NOON

pytestmark = pytest.mark.django_db(transaction=True)
SEEN = [("ja", 360, "light"), ("en", 1280, "dark")]
FAR = NOON + timedelta(days=3_000)


def running(team: promos.Team) -> Batch:
    """An order of today and many years to come."""
    promotion = promos.campaign(team, ends_at=FAR + timedelta(days=30))
    return make.activate(
        promos.approve(promos.submitted(team, promotion=promotion, claim_until=FAR), team.approver)
    )


def problems_of(page: Page, width: int) -> list[str]:
    found = objections(page, "#content-main")
    is_wide = page.evaluate("document.documentElement.scrollWidth") > width
    return [*found, "wider than the window"] if is_wide else found


@pytest.mark.parametrize(("lang", "width", "colours"), SEEN)
def test_a_marketer_names_codes_and_an_approver_decides(
    visit: Visit, live_server: LiveServer, lang: str, width: int, colours: str
) -> None:
    team, found = promos.team(), {}
    batch = running(team)
    attempt(make.code_of(batch), make.member())
    page = visit(lang=lang, width=width, bypass_csp=True, color_scheme=colours)
    sign_in(page, team.marketer, live_server.url, at_admin=True)
    page.goto("/admin/giftcodes/voidrequest/add/")
    found["orders"] = problems_of(page, width)
    page.locator(".tk-rows a").first.click()
    page.locator("input[value=list]").check()
    page.locator("[name=serials]").fill(f"{batch.first_claim_id}\n{batch.first_claim_id + 1}\nx1")
    page.locator("[name=reason]").fill("印刷ミス")
    page.locator("[name=_look]").click()
    page.locator("ul.tk-errors").wait_for()
    found["a line that is wrong"] = problems_of(page, width)
    page.locator("[name=_look]").click()
    page.locator("#effect").wait_for()
    found["effect"] = problems_of(page, width)
    page.locator("[name=_ask]").click()
    page.locator("form[action$='take-back/']").wait_for()
    found["asked"] = problems_of(page, width)
    address = page.url
    sign_in(page, team.approver, live_server.url, at_admin=True)
    page.goto(address)
    found["to decide"] = problems_of(page, width)
    page.locator("form[action$='approve/'] button").click()
    page.locator("#done-title").wait_for()
    found["done"] = problems_of(page, width)
    assert {name: problems for name, problems in found.items() if problems} == {}
    assert (batch.voids.get().codes, batch.void_requests.get().spared_codes) == (1, 1)


@pytest.mark.parametrize(("lang", "width", "colours"), SEEN)
def test_axe_objects_to_nothing_of_extensions(
    visit: Visit, live_server: LiveServer, lang: str, width: int, colours: str
) -> None:
    team, found = promos.team(), {}
    running(team)
    asked = promos.extension_request(team)
    page = visit(lang=lang, width=width, bypass_csp=True, color_scheme=colours)
    for user, addresses in (
        (team.marketer, ["add/", f"add/?order={asked.order_id}", f"{asked.pk}/change/"]),
        (team.approver, [f"{asked.pk}/change/", f"../order/{asked.order_id}/change/"]),
    ):
        sign_in(page, user, live_server.url, at_admin=True)
        for address in addresses:
            answer = page.goto(f"/admin/campaigns/extensionrequest/{address}")
            assert answer is not None
            assert answer.status == 200, address
            found[address] = problems_of(page, width)
    assert {name: problems for name, problems in found.items() if problems} == {}


@pytest.mark.parametrize(("lang", "width", "colours"), SEEN)
def test_support_finds_a_code_and_its_member(
    visit: Visit, live_server: LiveServer, lang: str, width: int, colours: str
) -> None:
    batch, member, found = running(promos.team()), make.member(), {}
    code = make.code_of(batch)
    attempt(code, member)
    tickets.refused(code, make.member())
    giftcodes.pause_batch(batch_id=batch.pk, reason="印刷ミス", by=make.user(), at=NOON)
    page = visit(lang=lang, width=width, bypass_csp=True, color_scheme=colours)
    sign_in(page, make.staff(Role.SUPPORT, None), live_server.url, at_admin=True)

    def find(wanted: str) -> None:
        page.goto("/admin/campaigns/supportact/desk/")
        page.locator("#wanted").fill(wanted)
        page.locator(".tk-find button").click()

    find("1999999999")
    page.locator("[role=alert]").wait_for()
    found["desk"] = problems_of(page, width)
    find(code)
    page.wait_for_url(f"**/code/{batch.first_claim_id}/")
    found["claimed code"] = problems_of(page, width)
    assert code not in page.content()
    page.locator(".tk-step-claimed a").click()
    page.wait_for_url("**/member/*/")
    assert member.user is not None
    assert str(member.user.email) not in page.content()
    page.locator("summary").last.click()
    found["member"] = problems_of(page, width)
    page.locator("[name=reason]").fill("a mail bounced")
    page.locator("form[action$='unmask/'] button").click()
    page.locator("#address").wait_for()
    found["unmasked"] = problems_of(page, width)
    assert str(member.user.email) in page.inner_text("#address")
    find(str(batch.first_claim_id + 1))
    page.wait_for_url(f"**/code/{batch.first_claim_id + 1}/")
    page.locator("details.tk-card summary").click()
    found["unclaimed code"] = problems_of(page, width)
    assert {name: problems for name, problems in found.items() if problems} == {}
