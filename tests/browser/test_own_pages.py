"""The history with what is looked for, one entry, and a member's own data, as people meet them."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from ledger.models import Posting
from tests.browser.conftest import Visit
from tests.browser.members import let_in, user_of
from tests.browser.test_accessibility import objections
from tests.redemption_site.test_history import Visitor
from tests.redemption_site.test_own_data import member_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(("lang", "width"), [("ja", 360), ("en", 1280)])
def test_axe_objects_to_nothing_and_nothing_is_wider_than_the_window(
    visit: Visit, live_server: LiveServer, lang: str, width: int
) -> None:
    visitor = Visitor()
    page = let_in(visit(lang=lang, width=width, bypass_csp=True), live_server, user_of(member_of(visitor)))
    entries = Posting.objects.filter(source=visitor.wallet) | Posting.objects.filter(target=visitor.wallet)
    addresses = {
        "history": visitor.address,
        "found": f"{visitor.address}?kind=used&place=o",
        "nothing found": f"{visitor.address}?kind=expired&until=2026-11-03",
        "wrong": f"{visitor.address}?kind=stolen&since=x&until=y&place=Nowhere",
        "own data": "/account/data/",
        "account": "/account/",
        "profile": "/account/profile/",
        "wallet": "/wallet/",
    }
    addresses |= {f"entry {row.pk}": f"{visitor.address}{row.pk}/" for row in entries}
    found = {}
    for name, address in addresses.items():
        page.goto(address)
        found[name] = objections(page)
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found[name].append("wider than the window")
    assert {name: problems for name, problems in found.items() if problems} == {}


def edges_of(page: Page, what: str) -> tuple[float, float]:
    """Where it begins and ends, from the top of the page."""
    box = page.locator(what).bounding_box()
    assert box is not None
    return box["y"], box["y"] + box["height"]


def test_by_keyboard_and_without_a_script_from_the_wallet_to_one_entry(
    visit: Visit, live_server: LiveServer
) -> None:
    visitor = Visitor()
    page = let_in(visit(java_script_enabled=False), live_server, user_of(member_of(visitor)))
    page.goto(visitor.address)
    page.locator("summary").press("Enter")
    page.get_by_label("Kind of entry").select_option("used")
    page.get_by_label("From day").fill("2026-11-05")
    page.get_by_label("Brand or store").fill("Oven")
    page.get_by_label("Brand or store").press("Enter")
    number, first = page.get_by_text("1 entry ·"), page.locator(".rows li").first
    expect(number).to_be_visible()
    for above, below in (("details", ".sift-found"), (".sift-found", ".rows")):
        assert edges_of(page, above)[1] <= edges_of(page, below)[0]
    expect(first).to_be_visible()
    expect(page.get_by_label("Kind of entry")).to_have_value("used")
    expect(page.get_by_label("From day")).to_have_value("2026-11-05")
    page.get_by_role("link", name="Points used").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Points used")
    page.get_by_role("link", name="Points given back").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Points given back")


def test_a_wrong_value_is_told_beside_its_field(visit: Visit, live_server: LiveServer) -> None:
    visitor = Visitor()
    page = let_in(visit(), live_server, user_of(member_of(visitor)))
    page.goto(f"{visitor.address}?place=Nowhere&kind=used")
    page.get_by_role("alert").get_by_role("link").click()
    field = page.get_by_label("Brand or store")
    expect(field).to_be_focused()
    expect(field).to_have_value("Nowhere")
    assert field.get_attribute("aria-invalid") == "true"


def test_the_file_is_saved_under_a_plain_name(visit: Visit, live_server: LiveServer) -> None:
    visitor = Visitor()
    page = let_in(visit(lang="ja"), live_server, user_of(member_of(visitor)))
    page.goto("/account/data/")
    with page.expect_download() as saving:
        page.get_by_role("button", name="すべて保存する（JSON）").click()
    assert saving.value.suggested_filename == "tokuten-data.json"
    kept = json.loads(Path(saving.value.path()).read_text())
    assert len(kept["history"]) == 12
