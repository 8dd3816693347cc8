"""The documentation of the API, as partners' engineers open it."""

import os

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.conftest import Visit

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(("lang", "width"), [("ja", 360), ("en", 1280)])
def test_the_catalogue_of_refusals_is_sound(visit: Visit, lang: str, width: int) -> None:
    page = visit(lang=lang, width=width, bypass_csp=True)  # only to put axe into the page
    page.goto("/api/docs/errors/#key_reused")
    assert page.locator("#key_reused dt").is_visible()
    assert Axe().run(page).response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if folder := os.environ.get("SHOTS"):
        page.screenshot(path=f"{folder}/errors-{lang}-{width}.png")


@pytest.mark.parametrize(("lang", "width"), [("ja", 360), ("en", 1280)])
def test_the_start_is_sound(visit: Visit, lang: str, width: int) -> None:
    page = visit(lang=lang, width=width, bypass_csp=True)  # only to put axe into the page
    page.goto("/api/docs/start/")
    assert page.get_by_text("Idempotency-Key: order-1042").is_visible()
    assert Axe().run(page).response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if folder := os.environ.get("SHOTS"):
        page.screenshot(path=f"{folder}/start-{lang}-{width}.png", full_page=True)


@pytest.mark.parametrize(("lang", "width"), [("ja", 360), ("en", 1280)])
def test_the_page_of_the_sandbox_is_sound(visit: Visit, lang: str, width: int) -> None:
    page = visit(lang=lang, width=width, bypass_csp=True)  # only to put axe into the page
    page.goto("/api/docs/sandbox/")
    assert page.get_by_text("9000-0000-0000-0017").first.is_visible()
    assert Axe().run(page).response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if folder := os.environ.get("SHOTS"):
        page.screenshot(path=f"{folder}/sandbox-{lang}-{width}.png", full_page=True)


@pytest.mark.parametrize("width", [360, 1280])
def test_the_reference_is_drawn_from_this_site_alone(visit: Visit, width: int) -> None:
    page = visit(lang="en", width=width)
    page.goto("/api/docs/")
    page.locator("#operations-Key-get_me").click()
    page.get_by_text("What this key may do, for which brand, and its limits.").last.wait_for()
    if folder := os.environ.get("SHOTS"):
        page.screenshot(path=f"{folder}/reference-{width}.png", full_page=True)
