"""The documentation of the API, as partners' engineers open it."""

import os

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.conftest import Visit

pytestmark = pytest.mark.django_db(transaction=True)


# Pages of prose, and what has to be seen on each.
PAGES = {
    "start/": "text=Idempotency-Key: order-1042",
    "sandbox/": "text=9000-0000-0000-0017",
    "events/#gift.claimed": "text=gift.claimed",
    "errors/#key_reused": "#key_reused dt",
}


@pytest.mark.parametrize("address", PAGES)
@pytest.mark.parametrize(("lang", "width"), [("ja", 360), ("en", 1280)])
def test_a_page_is_sound(visit: Visit, address: str, lang: str, width: int) -> None:
    page = visit(lang=lang, width=width, bypass_csp=True)  # only to put axe into the page
    page.goto(f"/api/docs/{address}")
    assert page.locator(PAGES[address]).first.is_visible()
    assert Axe().run(page).response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if folder := os.environ.get("SHOTS"):
        name = address.partition("/")[0]
        page.screenshot(path=f"{folder}/{name}-{lang}-{width}.png", full_page=True)


@pytest.mark.parametrize(("lang", "width"), [("ja", 360), ("en", 1280)])
def test_the_reference_is_sound(visit: Visit, lang: str, width: int) -> None:
    page = visit(lang=lang, width=width, bypass_csp=True)  # only to put axe into the page
    page.goto("/api/docs/#void_gift")
    assert page.locator("#void_gift h3").is_visible()
    page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if folder := os.environ.get("SHOTS"):
        page.screenshot(path=f"{folder}/reference-{lang}-{width}.png")
        page.evaluate("window.scrollTo(0, 0)")
        page.screenshot(path=f"{folder}/reference-top-{lang}-{width}.png")
        page.locator("#issue_gift").screenshot(path=f"{folder}/call-{lang}-{width}.png")
    # All calls are drawn alike: axe looks at the first of each group, in a third of the time.
    page.evaluate("document.querySelectorAll('.call ~ .call').forEach((call) => call.remove())")
    assert Axe().run(page).response["violations"] == []


@pytest.mark.parametrize("width", [360, 1280])
def test_an_example_is_copied_by_keyboard_in_the_chosen_language(visit: Visit, width: int) -> None:
    page = visit(lang="en", width=width, permissions=["clipboard-read", "clipboard-write"])
    page.goto("/api/docs/#earn_points")
    call = page.locator("#earn_points")
    assert call.get_by_text("Idempotency-Key: earn-points-1042").is_visible()
    call.get_by_role("button", name="Python", exact=True).press("Enter")
    assert call.get_by_text("tokuten.earn(").is_visible()
    assert not call.get_by_text("Idempotency-Key: earn-points-1042").is_visible()
    call.get_by_role("button", name="Copy Python: Give points for a purchase").press("Enter")
    page.get_by_role("status").get_by_text("Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("import os")
    assert "tokuten.earn(" in copied
    page.reload()
    assert page.locator("#spend_points").get_by_text("tokuten.spend(").is_visible()


def test_without_javascript_both_examples_are_there(visit: Visit) -> None:
    page = visit(lang="ja", width=360, java_script_enabled=False)
    page.goto("/api/docs/#earn_points")
    call = page.locator("#earn_points")
    assert call.get_by_text("Idempotency-Key: earn-points-1042").is_visible()
    assert call.get_by_text("tokuten.earn(").is_visible()
    assert not call.locator("button").first.is_visible()


@pytest.mark.parametrize("width", [360, 1280])
def test_the_console_is_drawn_from_this_site_alone(visit: Visit, width: int) -> None:
    page = visit(lang="en", width=width)
    page.goto("/api/docs/#get_me")
    page.locator("#get_me").get_by_role("link", name="Try it").click()
    page.get_by_text("What this key may do, for which brand, and its limits.").last.wait_for()
    if folder := os.environ.get("SHOTS"):
        page.screenshot(path=f"{folder}/console-{width}.png", full_page=True)
