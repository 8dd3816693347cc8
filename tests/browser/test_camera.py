"""The camera: a film of a QR code before a real browser's camera fills the code field, and sends nothing."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from giftcodes import codec
from giftcodes.models import Claim
from tests import make
from tests.browser.conftest import ARGUMENTS, Visit, chromium, windows_of
from tests.browser.steps import Person
from tests.qr import film, qr_picture
from tests.redemption_site import visits

pytestmark = pytest.mark.django_db(transaction=True)

CODE = "1906827340667143"  # well-formed, of no batch here
LINK = f"https://points.example.com/c/spring/#c={CODE}"
SCAN = {"en": "Scan QR", "ja": "QR読み取り"}
CLOSE = {"en": "Close and type the code", "ja": "閉じてコードを入力する"}
PATIENCE = 30_000  # milliseconds; on a busy machine a look takes long
FILLED = {
    "en": "The code from the QR code has been filled in.",
    "ja": "QRコードから読み取ったコードを入力しました。",
}


@pytest.fixture(scope="module")
def reel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The film that the camera shows from the moment it is switched on."""
    return film(qr_picture(LINK), tmp_path_factory.mktemp("camera") / "film.y4m")


@pytest.fixture(scope="module")
def filming(browser: Browser, reel: Path) -> Iterator[Browser]:
    """A browser with a camera. (`browser` is asked for because it keeps Playwright running.)"""
    camera = ("--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={reel}")
    with browser.browser_type.launch(executable_path=chromium(), args=[*ARGUMENTS, *camera]) as launched:
        yield launched


@pytest.fixture
def look(filming: Browser, live_server: LiveServer) -> Iterator[Visit]:
    with windows_of(filming, live_server) as open_window:
        yield open_window


def scan(page: Page, lang: str = "en") -> None:
    page.get_by_role("button", name=SCAN[lang]).click()


@pytest.mark.parametrize(("lang", "width"), [("ja", 360), ("en", 1280)])
def test_a_scanned_code_fills_the_field_and_claims_nothing(
    look: Visit, reel: Path, lang: str, width: int
) -> None:
    code = visits.code_now()
    film(qr_picture(f"https://points.example.com/c/spring/#c={code}"), reel)
    person = Person(look(lang=lang, width=width, permissions=["camera"]), lang)
    page = person.page
    sent: list[str] = []
    page.on("request", lambda request: sent.append(f"{request.method} {request.url} {request.post_data}"))
    page.goto("/")
    scan(page, lang)
    expect(page.locator("#code")).to_have_value(codec.group(code), timeout=PATIENCE)
    expect(page.locator("#scan-dialog")).to_be_hidden()
    expect(page.locator("#code-status")).to_have_text(FILLED[lang])
    expect(page.get_by_role("button", name=person.word("receive"))).to_be_focused()
    assert page.evaluate("document.getElementById('scan-video').srcObject") is None
    assert [line for line in sent if code in line or line.startswith("POST")] == []
    assert not Claim.objects.exists()
    page.keyboard.press("Enter")
    page.wait_for_url("**/sign-in/")
    person.sign_in()
    page.wait_for_url("**/claimed/**")
    assert Claim.objects.count() == 1


def test_digits_alone_and_light_on_dark_are_read_too(look: Visit, reel: Path) -> None:
    page = look(permissions=["camera"])
    for text, is_inverted in ((CODE, False), (codec.group(CODE), False), (LINK, True)):
        film(qr_picture(text, is_inverted=is_inverted), reel)
        page.goto("/")
        scan(page)
        expect(page.locator("#code")).to_have_value(codec.group(CODE), timeout=PATIENCE)


def test_a_qr_code_without_a_code_is_told_and_the_camera_goes_on(look: Visit, reel: Path) -> None:
    page = look(permissions=["camera"])
    for text in ("https://points.example.com/", CODE[:-1] + "4", "#c=x", "0" * 16):
        film(qr_picture(text), reel)
        page.goto("/")
        scan(page)
        expect(page.locator("#scan-status")).to_contain_text(
            "That QR code holds no 16-digit code", timeout=PATIENCE
        )
        expect(page.locator("#scan-dialog")).to_be_visible()
        expect(page.locator("#code")).to_have_value("")


def test_closing_switches_the_camera_off_and_gives_the_focus_back(look: Visit, reel: Path) -> None:
    film(qr_picture("nothing"), reel)
    page = look(permissions=["camera"])
    page.goto("/")
    page.locator("#scan").focus()
    page.keyboard.press("Enter")  # by keyboard alone
    expect(page.locator("#scan-status")).to_contain_text("That QR code holds no", timeout=PATIENCE)
    tracks = page.evaluate_handle("document.getElementById('scan-video').srcObject.getVideoTracks()")
    page.keyboard.press("Escape")
    expect(page.locator("#scan-dialog")).to_be_hidden()
    expect(page.locator("#scan")).to_be_focused()
    page.wait_for_function("tracks => tracks.every(track => track.readyState === 'ended')", arg=tracks)
    page.locator("#scan").click()
    page.get_by_role("button", name=CLOSE["en"]).click()
    expect(page.locator("#scan-dialog")).to_be_hidden()


FAULTS = {
    "NotAllowedError": ("may not use the camera", "カメラの使用が許可されていません"),
    "NotFoundError": ("No camera was found", "カメラが見つかりません"),
    "NotReadableError": ("another app may have it", "ほかのアプリが使用している可能性があります"),
    "TypeError": ("does not work in this browser", "このブラウザーでは読み取りができません"),
}


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_a_camera_that_fails_says_why_and_the_field_still_works(look: Visit, lang: str) -> None:
    page = look(lang=lang)
    for fault, told in FAULTS.items():
        page.goto("/")
        page.evaluate(
            "fault => { navigator.mediaDevices.getUserMedia ="
            " () => Promise.reject(new DOMException('', fault)) }",
            fault,
        )
        scan(page, lang)
        expect(page.locator("#scan-status")).to_contain_text(told[lang == "ja"])
        expect(page.locator("#scan-view")).to_be_hidden()
        page.get_by_role("button", name=CLOSE[lang]).click()
        page.locator("#code").fill(CODE)
        expect(page.locator("#code-count")).to_have_text("16 / 16")


def test_a_refused_permission_is_told(look: Visit) -> None:
    page = look()
    page.goto("/")
    session = page.context.new_cdp_session(page)
    denied = {"permission": {"name": "camera"}, "setting": "denied"}
    session.send("Browser.setPermission", denied)
    scan(page)
    expect(page.locator("#scan-status")).to_contain_text("may not use the camera")


NATIVE = """window.BarcodeDetector = class {
  static async getSupportedFormats() { return ["qr_code"]; }
  async detect() { %s }
};"""


def test_the_browsers_own_reader_is_used_where_there_is_one(look: Visit, reel: Path) -> None:
    film(qr_picture("nothing"), reel)
    page = look(permissions=["camera"])
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.add_init_script(NATIVE % f"return [{{ rawValue: '{LINK}' }}];")
    page.goto("/")
    scan(page)
    expect(page.locator("#code")).to_have_value(codec.group(CODE), timeout=PATIENCE)
    assert [url for url in asked if "jsQR" in url] == []


def test_a_native_reader_that_does_not_work_is_replaced(look: Visit, reel: Path) -> None:
    film(qr_picture(LINK), reel)
    page = look(permissions=["camera"])
    page.add_init_script(NATIVE % "throw new DOMException('', 'NotSupportedError');")
    page.goto("/")
    scan(page)
    expect(page.locator("#code")).to_have_value(codec.group(CODE), timeout=PATIENCE)


def test_the_button_is_there_only_where_a_camera_may_be(look: Visit, visit: Visit) -> None:
    with_camera, without_camera = look(), visit()
    without_script = look(java_script_enabled=False)
    for page in (with_camera, without_camera, without_script):
        page.goto("/")
    expect(with_camera.locator("#scan")).to_be_visible()
    without_camera.wait_for_load_state("networkidle")
    expect(without_camera.locator("#scan")).to_be_hidden()
    expect(without_script.locator("#scan")).to_be_hidden()


@pytest.mark.parametrize(("lang", "width"), [("ja", 360), ("en", 1280)])
def test_axe_objects_to_nothing_while_the_camera_looks(
    look: Visit, reel: Path, lang: str, width: int
) -> None:
    film(qr_picture("nothing"), reel)
    page = look(lang=lang, width=width, permissions=["camera"], bypass_csp=True)
    visits.campaign(brand=make.brand())
    page.goto("/c/spring/")
    scan(page, lang)
    expect(page.locator("#scan-status")).to_contain_text(re.compile("16"), timeout=PATIENCE)
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    assert [rule["id"] for rule in found] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
