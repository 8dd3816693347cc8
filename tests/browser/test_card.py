"""The membership card as a till sees it: read back from the screen by a reader of barcodes."""

import io
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from ledger.statements import database_time
from parties.card_queries import read_card_token
from parties.card_services import make_card
from parties.errors import CardTokenNotUsable
from parties.models import Member, MemberCard
from tests import make
from tests.browser.conftest import Visit
from tests.browser.members import let_in, user_of
from tests.browser.test_accessibility import objections
from tests.campaigns.conftest import SetClock, set_database_clock
from tests.make import NOON

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["set_database_clock"]

HALF_A_MINUTE = 35  # seconds, and a little more
LetTimePass = Callable[[int], None]


def holder() -> Member:
    member = make.member()
    make_card(member=member, at=NOON)
    make.wallet(member, make.program(name="よりみちポイント"))
    return member


def digits_on(page: Page) -> str:
    return re.sub(r"\s", "", page.locator(".card-digits").inner_text())


def read_by_till(page: Page) -> dict[str, str]:
    """What a reader of barcodes finds on the screen, by the kind of code."""
    picture = Image.open(io.BytesIO(page.screenshot()))
    return {found.format.name: found.text for found in zxingcpp.read_barcodes(picture)}


def grouped(digits: str) -> str:
    return " ".join(digits[at : at + 4] for at in range(0, 20, 4))


def open_card(visit: Visit, live_server: LiveServer, member: Member, **window: object) -> Page:
    page = let_in(visit(**window), live_server, user_of(member))
    page.goto("/wallet/card/")
    return page


@pytest.fixture
def card(visit: Visit, live_server: LiveServer, let_time_pass: LetTimePass) -> Page:
    """A window with a card, whose clocks stand until a test lets time pass."""
    page = let_in(visit(device_scale_factor=2), live_server, user_of(holder()))
    page.clock.install()
    page.goto("/wallet/card/")
    return page


@pytest.fixture
def let_time_pass(request: pytest.FixtureRequest) -> LetTimePass:
    """So many seconds, for the database and then for the page of `card`."""
    stand_at: SetClock = request.getfixturevalue("set_database_clock")
    stand_at(now := NOON)

    def wait(seconds: int) -> None:
        nonlocal now
        now += timedelta(seconds=seconds)
        stand_at(now)
        page: Page = request.getfixturevalue("card")
        page.clock.run_for(seconds * 1_000)

    return wait


@pytest.mark.parametrize(("lang", "width", "scale"), [("ja", 360, 2), ("en", 1280, 1)])
def test_a_till_reads_both_codes_and_each_says_what_the_digits_say(
    visit: Visit, live_server: LiveServer, lang: str, width: int, scale: int
) -> None:
    member = holder()
    page = open_card(visit, live_server, member, lang=lang, width=width, device_scale_factor=scale)
    shown = digits_on(page)
    assert read_by_till(page) == {"QRCode": shown, "Code128": shown}
    assert read_card_token(shown, at=database_time()) == member
    box = page.locator(".card-bars").bounding_box()
    assert box is not None
    module = box["width"] / 165
    assert module == (2 if width == 360 else 3)
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_the_script_brings_a_new_code_every_half_minute_and_reads_nothing_out(
    card: Page, let_time_pass: LetTimePass
) -> None:
    first = digits_on(card)
    let_time_pass(29)
    assert digits_on(card) == first
    let_time_pass(2)
    expect(card.locator(".card-digits")).not_to_have_text(grouped(first))
    shown = digits_on(card)
    assert read_by_till(card) == {"QRCode": shown, "Code128": shown}
    assert read_card_token(shown, at=database_time()) == Member.objects.get()
    expect(card.locator("#card-status")).to_be_empty()
    # Asked for by somebody, it is told.
    let_time_pass(5)
    card.get_by_role("button", name="Show a new code").click()
    expect(card.locator("#card-status")).to_have_text("A new code is shown.")
    assert digits_on(card) != shown


def test_while_nobody_looks_nothing_is_asked_for_and_on_return_the_code_is_new(
    card: Page, let_time_pass: LetTimePass
) -> None:
    first, asked = digits_on(card), []
    card.on("request", lambda request: asked.append(request.url))
    hide = "hidden => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});"
    hide += " document.dispatchEvent(new Event('visibilitychange')); }"
    card.evaluate(hide, True)
    let_time_pass(10 * HALF_A_MINUTE)
    assert asked == []
    card.evaluate(hide, False)
    expect(card.locator(".card-digits")).not_to_have_text(grouped(first))
    assert len(asked) == 1


def test_without_a_connection_an_ended_code_is_covered_and_comes_back(
    card: Page, let_time_pass: LetTimePass
) -> None:
    address = "**/wallet/card/code/"
    card.route(address, lambda route: route.fulfill(status=503, body=""))
    let_time_pass(HALF_A_MINUTE)
    expect(card.locator("#card-status")).to_contain_text("The code can’t be renewed just now")
    expect(card.locator(".card-qr")).to_be_visible()  # still good
    let_time_pass(HALF_A_MINUTE)
    expect(card.locator(".card-qr")).to_be_hidden()
    card.unroute(address)
    let_time_pass(12)
    expect(card.locator(".card-qr")).to_be_visible()
    expect(card.locator("#card-status")).to_be_empty()


def test_a_card_that_lies_open_is_covered_after_five_minutes_until_it_is_wanted(
    card: Page, let_time_pass: LetTimePass
) -> None:
    for _ in range(8):
        before = digits_on(card)
        let_time_pass(HALF_A_MINUTE)
        expect(card.locator(".card-digits")).not_to_have_text(grouped(before))
    let_time_pass(HALF_A_MINUTE)
    expect(card.locator("#card-status")).to_have_text(re.compile("covered to keep it safe"))
    expect(card.locator(".card-qr")).to_be_hidden()
    card.get_by_role("button", name="Show a new code").click()
    expect(card.locator(".card-qr")).to_be_visible()


def test_whoever_was_signed_out_meanwhile_is_led_to_the_sign_in(
    card: Page, let_time_pass: LetTimePass
) -> None:
    card.context.clear_cookies()
    let_time_pass(HALF_A_MINUTE)
    card.wait_for_url("**/sign-in/?next=/wallet/card/")


def test_the_screen_is_asked_to_stay_on(visit: Visit, live_server: LiveServer) -> None:
    page = let_in(visit(), live_server, user_of(holder()))
    page.add_init_script(
        "Object.defineProperty(navigator, 'wakeLock', {value: {request: async kind => {"
        " window.wakeLockAsked = kind; return {release: async () => {}}; }}});"
    )
    page.goto("/wallet/card/")
    page.wait_for_function("window.wakeLockAsked === 'screen'")


def test_without_a_script_by_keyboard_from_the_first_look_to_a_new_number(
    visit: Visit, live_server: LiveServer
) -> None:
    member = make.member()
    page = let_in(visit(lang="ja", java_script_enabled=False), live_server, user_of(member))
    page.goto("/wallet/")
    page.get_by_role("link", name="会員カード").press("Enter")
    page.get_by_role("button", name="会員カードを作る").press("Enter")
    page.wait_for_url("**/wallet/card/")
    expect(page.locator(".card-until")).to_be_visible()
    expect(page.locator("#card-time")).to_be_hidden()
    first = digits_on(page)
    assert read_card_token(first, at=database_time()) == member
    page.get_by_role("button", name="カード番号を更新する").press("Enter")
    page.wait_for_url("**/wallet/card/?new=1")
    with pytest.raises(CardTokenNotUsable):
        read_card_token(first, at=database_time())
    page.get_by_role("button", name="新しいコードを表示する").press("Enter")
    page.wait_for_url("**/wallet/card/?")
    assert read_card_token(digits_on(page), at=database_time()) == member
    late = database_time() + timedelta(seconds=60)
    with pytest.raises(CardTokenNotUsable):
        read_card_token(digits_on(page), at=late)
    assert MemberCard.objects.count() == 1


@pytest.mark.parametrize(("lang", "width"), [("ja", 360), ("en", 1280)])
def test_axe_objects_to_nothing_on_the_card(
    visit: Visit, live_server: LiveServer, lang: str, width: int
) -> None:
    page = let_in(visit(lang=lang, width=width, bypass_csp=True), live_server, user_of(make.member()))
    page.goto("/wallet/card/")
    assert objections(page) == []
    page.locator("main .button").click()
    page.wait_for_url("**/wallet/card/")
    expect(page.locator("#card-hint")).to_be_visible()
    assert objections(page) == []
    page.locator(".card-lost button").click()
    page.wait_for_url("**/?new=1")
    assert objections(page) == []
