"""What a page costs to load: its bytes as production sends them, and no request to any other host."""

import gzip
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.staticfiles import finders
from PIL import Image, ImageFilter
from playwright.sync_api import Page

from campaigns.heroes import MOST_WIDE_BYTES, clean_hero
from campaigns.logos import MOST_BYTES as MOST_BYTES_OF_A_LOGO
from campaigns.logos import clean_logo
from campaigns.models import Campaign
from campaigns.pictures import NotAPicture
from tests import make
from tests.browser.conftest import Visit
from tests.browser.steps import Person, sign_in_code
from tests.campaigns.test_heroes import upload
from tests.redemption_site import visits

pytestmark = pytest.mark.django_db(transaction=True)

MOST_BYTES = 100_000
HEADERS = 600  # bytes, more than any answer of ours has
JSQR = "/static/redemption_site/jsqr/jsQR-1.4.0.js"


LOADED = """() => ["navigation", "resource"].flatMap(kind => performance.getEntriesByType(kind))
  .map(entry => [entry.name, entry.encodedBodySize])"""


def weigh(page: Page) -> tuple[int, set[str]]:
    """Bytes and hosts of what the open page has loaded. Static files count as they are kept, compressed (by
    gzip: Brotli, which browsers get, is smaller), pages as they are sent.
    """
    page.wait_for_load_state("networkidle")
    loaded = page.evaluate(LOADED)
    hosts = {str(urlsplit(address).hostname) for address, _ in loaded}
    return sum(HEADERS + size_of(urlsplit(address).path, size) for address, size in loaded), hosts


def size_of(path: str, size: int) -> int:
    if not path.startswith("/static/"):
        assert size > 0, path
        return size
    return len(gzip.compress(Path(str(finders.find(path.removeprefix("/static/")))).read_bytes()))


@cache
def heaviest() -> tuple[Any, Any, Any]:
    """The heaviest files that the form lets through, grain up to the limit of each: wide, narrow, a logo."""
    grain = Image.effect_noise((1600, 800), 90).convert("RGB")
    for blur in range(100, 300, 10):  # the least blurred grain that is still taken
        try:
            crops = clean_hero(upload(grain.filter(ImageFilter.GaussianBlur(blur / 100)), "JPEG"))
        except NotAPicture:
            continue
        break
    else:
        pytest.fail("no grain is taken")
    wide, narrow = crops
    logo = clean_logo(upload(Image.effect_noise((150, 150), 90), "PNG"))
    assert wide.size > 0.8 * MOST_WIDE_BYTES
    assert logo.size > 0.7 * MOST_BYTES_OF_A_LOGO
    return wide, narrow, logo


def dress_heavily(campaign: Campaign) -> None:
    wide, narrow, logo = heaviest()
    campaign.hero_alt_ja, campaign.hero_alt_en = "粒", "Grain"
    campaign.hero_narrow.save(str(narrow.name), narrow, save=False)
    campaign.hero_wide.save(str(wide.name), wide)
    campaign.logo.save(str(logo.name), logo)


def pages(person: Person) -> Iterator[str]:
    """Every public page, each loaded as if it were the first."""
    page = person.page
    batch = visits.batch_now(size=1)
    campaign = visits.campaign(brand=batch.brand, text_ja="本文\n\n" * 500, text_en="Text\n\n" * 333)
    dress_heavily(campaign)
    for address in ("/", "/c/spring/", "/sign-in/", "/sign-in/refused/", "/nothing/"):
        page.goto(address)
        yield address
    campaign.logo.delete()
    page.goto("/")
    person.enter_code(make.code_of(batch))
    page.wait_for_url("**/sign-in/")
    person.fill("email", "hanako@example.com")
    person.press("send")
    page.wait_for_url("**/sign-in/code/**")
    yield "sign-in code"
    person.fill("sign-in code", sign_in_code())
    person.press("sign in and receive")
    page.wait_for_url("**/claimed/**")
    yield "claimed"
    for address in ("/wallet/", f"/wallet/{batch.brand.program.slug}/history/"):
        page.goto(address)
        yield address


@pytest.mark.parametrize(("lang", "width"), [("ja", 1280), ("en", 360)])
def test_a_page_weighs_under_100_kb_and_asks_its_own_host_alone(visit: Visit, lang: str, width: int) -> None:
    page = visit(lang=lang, width=width)
    page.context.new_cdp_session(page).send("Network.setCacheDisabled", {"cacheDisabled": True})
    weights = {}
    for name in pages(Person(page, lang)):
        weights[name], hosts = weigh(page)
        assert hosts == {"localhost"}, name
    print({name: f"{weight / 1000:.1f} kB" for name, weight in weights.items()})
    assert len(weights) == 9
    assert {name: weight for name, weight in weights.items() if weight >= MOST_BYTES} == {}


def test_the_reader_of_qr_codes_fits_in_as_well_and_is_not_loaded_before_it_is_wanted(visit: Visit) -> None:
    page = visit()
    page.goto("/")
    before, _ = weigh(page)
    assert JSQR not in str(page.evaluate(LOADED))
    page.evaluate("async address => { await (await fetch(address)).text(); }", JSQR)
    page.wait_for_function(f"performance.getEntriesByType('resource').some(e => e.name.includes('{JSQR}'))")
    weight, _ = weigh(page)
    print(f"with the reader {weight / 1000:.1f} kB")
    assert before + 30_000 < weight < MOST_BYTES
