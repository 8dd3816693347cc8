"""The pages of an order's files, in their states: axe objects to nothing, narrow or wide, light or dark."""

from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from giftcodes import services as giftcodes
from parties.models import Role
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import objections
from tests.campaigns import promos
from tests.campaigns.conftest import SetClock, set_database_clock
from tests.campaigns.pages import signed_in
from tests.campaigns.test_files_page import files, minted
from tests.giftcodes.further import Desk, approved, made, requested
from tests.make import NOON
from tests.sealed_files import content_of

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["set_database_clock"]


@pytest.mark.parametrize(("lang", "width", "colours"), [("ja", 360, "light"), ("en", 1280, "dark")])
def test_axe_objects_to_nothing_of_an_orders_files(
    visit: Visit,
    request: pytest.FixtureRequest,
    live_server: LiveServer,
    settings: Settings,
    tmp_path: Path,
    lang: str,
    width: int,
    colours: str,
) -> None:
    settings.DELIVERY_DIR = tmp_path / "deliveries"
    stand_at: SetClock = request.getfixturevalue("set_database_clock")
    stand_at(NOON)
    team = promos.team()
    order = minted(team)
    assert order.batch is not None
    # Who may both: so that one person sees every state.
    team.marketer.staff_roles.create(brand=team.brand, role=Role.APPROVER)
    team.approver.staff_roles.create(brand=team.brand, role=Role.MARKETER)
    mine = Desk(order.batch, team.marketer, team.approver)
    theirs = Desk(order.batch, team.approver, team.marketer)
    first = made(mine)
    who: dict[str, Any] = {"public_id": first.public_id, "user": team.marketer, "verified_at": NOON}
    giftcodes.take_further_delivery(**who, at=NOON).file.close()
    giftcodes.reveal_further_passphrase(**who, at=NOON)
    approved(mine, requested(mine))
    refused = requested(mine)
    giftcodes.reject_delivery(public_id=refused.public_id, note="not now", user=team.approver, at=NOON)
    requested(theirs)
    requested(mine)
    page = visit(lang=lang, width=width, bypass_csp=True, color_scheme=colours)
    session = signed_in(team.marketer).cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies(
        [{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}]
    )
    check = reverse("admin:campaigns_order_check_file", args=(order.pk,))
    found = {}
    for address in (files(order), check, reverse("admin:index")):
        page.goto(address)
        found[address] = objections(page, "#content-main")
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found[address].append("wider than the window")
    page.goto(check)
    content = content_of(order.batch).replace(b"poster", b"postcard")[:-200]
    page.set_input_files(
        "#id_file", {"name": "printed.csv", "mimeType": "text/csv", "buffer": content + b"1,2,3\r\n"}
    )
    page.locator("#content-main form button").click()
    expect(page.locator("#report-title")).to_be_visible()
    found["report"] = objections(page, "#content-main")
    assert {name: problems for name, problems in found.items() if problems} == {}
