"""An invitation from the first form to the second factor, as its three people see it; axe on each page."""

import re

import pytest
from django.conf import LazySettings
from django.core import mail
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.browser.conftest import Visit
from tests.browser.test_accessibility import objections
from tests.browser.test_disputes import sign_in
from tests.parties.invitations import PASSWORD, team

pytestmark = pytest.mark.django_db(transaction=True)


def problems_of(page: Page, width: int, within: str) -> list[str]:
    found = objections(page, within)
    is_wide = page.evaluate("document.documentElement.scrollWidth") > width
    return [*found, "wider than the window"] if is_wide else found


@pytest.mark.parametrize(("lang", "width", "colours"), [("ja", 360, "light"), ("en", 1280, "dark")])
def test_three_people_make_a_role(
    visit: Visit, live_server: LiveServer, settings: LazySettings, lang: str, width: int, colours: str
) -> None:
    settings.SITE_URL = settings.PASSKEY_ORIGIN = live_server.url
    of, found = team(), {}
    page = visit(lang=lang, width=width, bypass_csp=True, color_scheme=colours)
    sign_in(page, of.asker, live_server.url, at_admin=True)
    page.goto("/admin/parties/staffinvitation/add/")
    page.locator("[name=role]").select_option("marketer")
    for name, typed in (("email", "hanako@new.example"), ("name", "山田花子"), ("reason", "4月から")):
        page.locator(f"[name={name}]").fill(typed)
    page.locator("[name=_save]").click()
    page.locator(".tk-headline").wait_for()
    found["asked"] = problems_of(page, width, "#content-main")
    asked = page.url

    page.context.clear_cookies()
    sign_in(page, of.other, live_server.url, at_admin=True)
    page.goto(asked)
    found["to decide"] = problems_of(page, width, "#content-main")
    page.locator("form[action$='/confirm/'] button").click()
    page.locator("form[action$='/send-again/']").wait_for()
    found["confirmed"] = problems_of(page, width, "#content-main")
    page.goto(f"/admin/parties/staffrole/{of.asker.staff_roles.get().pk}/change/")
    found["role of the last approver"] = problems_of(page, width, "#content-main")
    page.goto("/admin/second-factor/sign-ins/")
    found["sign-ins"] = problems_of(page, width, "main")

    page.context.clear_cookies()
    link = re.search(r"https?://\S+/admin/invitation/\S+/", str(mail.outbox[0].body))
    assert link
    page.goto(link[0])
    page.locator("[name=new_password1]").fill("short")
    page.locator("[name=new_password2]").fill("other")
    page.locator("form:has([name=name]) button").click()
    expect(page.locator("[role=alert]").first).to_be_visible()
    found["refused"] = problems_of(page, width, "main")
    for name in ("new_password1", "new_password2"):
        page.locator(f"[name={name}]").fill(PASSWORD)
    page.locator("form:has([name=name]) button").click()
    page.wait_for_url("**/second-factor/set-up/")
    page.goto("/admin/invitation/")
    found["used up"] = problems_of(page, width, "main")
    assert {name: problems for name, problems in found.items() if problems} == {}
