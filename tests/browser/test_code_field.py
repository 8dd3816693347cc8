"""The code field: what the script does for people, and that it agrees with the server."""

import random
import re

import pytest
from django.utils.translation import override
from playwright.sync_api import Page, expect

from giftcodes import codec
from giftcodes.codec import NotACode
from redemption_site import texts
from redemption_site.links import without_link
from redemption_site.typos import suspect
from tests.browser.conftest import Visit
from tests.redemption_site import visits
from tests.redemption_site.slips import slips

pytestmark = pytest.mark.django_db(transaction=True)

CODE = "1906827340667143"  # well-formed, of no batch here
GROUPED = codec.group(CODE)
FULL_WIDTH = CODE.translate({ord("0") + n: ord("０") + n for n in range(10)})


@pytest.fixture
def page(visit: Visit) -> Page:
    page = visit()
    page.goto("/")
    return page


def test_the_code_is_grouped_while_it_is_typed(page: Page) -> None:
    field = page.locator("#code")
    field.press_sequentially(CODE[:6])
    expect(field).to_have_value("1906-82")
    field.press_sequentially(CODE[6:])
    expect(field).to_have_value(GROUPED)
    expect(page.locator("#code-count")).to_have_text("16 / 16")


def test_the_caret_stays_where_it_was(page: Page) -> None:
    field = page.locator("#code")
    field.press_sequentially(CODE)
    for _ in range(12):
        field.press("ArrowLeft")
    assert field.evaluate("e => e.selectionStart") == 7  # 1906-82|73-...
    field.press("Backspace")
    expect(field).to_have_value("1906-8734-0667-143")
    field.press("5")
    expect(field).to_have_value("1906-8573-4066-7143")
    assert field.evaluate("e => e.selectionStart") == 7
    for _ in range(3):
        field.press("Backspace")  # over the hyphen
    expect(field).to_have_value("1907-3406-6714-3")
    assert field.evaluate("e => e.selectionStart") == 3


def digits_before(page: Page) -> int:
    caret = int(page.locator("#code").evaluate("e => e.selectionStart"))
    return len(page.locator("#code").input_value()[:caret].replace("-", ""))


def test_every_key_does_what_its_writer_means_wherever_the_caret_is(page: Page) -> None:
    chance, field, keys = random.Random(1), page.locator("#code"), page.keyboard
    field.focus()
    keys.insert_text(CODE[:9])
    digits = CODE[:9]
    for _ in range(120):
        key = chance.choice(["0", "5", "9", "Backspace", "Delete", "ArrowLeft", "ArrowRight", "Home", "End"])
        at = digits_before(page)
        if key.isdigit() and len(digits) == 16:
            continue
        keys.press(key)
        if key.isdigit():
            digits, at = digits[:at] + key + digits[at:], at + 1
        elif key == "Backspace" and at:
            digits, at = digits[: at - 1] + digits[at:], at - 1
        elif key == "Delete":
            digits = digits[:at] + digits[at + 1 :]
        assert field.input_value() == codec.group(digits.ljust(16)).replace(" ", "").rstrip("-")
        if not key.startswith(("Arrow", "Home", "End")):
            assert digits_before(page) == at, key


def test_a_group_that_is_selected_is_replaced_by_what_is_typed(page: Page) -> None:
    field = page.locator("#code")
    field.fill(CODE)
    field.evaluate("e => e.setSelectionRange(5, 9)")
    field.press_sequentially("1234")
    expect(field).to_have_value("1906-1234-4066-7143")
    assert field.evaluate("e => e.selectionStart") == 9


def test_what_is_pasted_is_put_in_order(page: Page) -> None:
    field = page.locator("#code")
    for text in (CODE, f" {GROUPED} ", FULL_WIDTH, "ー".join(CODE), "\u200b".join(CODE)):
        field.fill("")
        page.keyboard.insert_text(text)
        expect(field).to_have_value(GROUPED)


def test_letters_stay_for_their_writer_to_see(page: Page) -> None:
    page.locator("#code").press_sequentially("19o6")
    expect(page.locator("#code")).to_have_value("19o6")
    expect(page.locator("#code-error")).to_be_hidden()


def test_a_typing_error_is_told_when_the_last_digit_is_in(page: Page) -> None:
    field, error = page.locator("#code"), page.locator("#code-error")
    field.press_sequentially(CODE[:-1])
    expect(error).to_be_hidden()
    field.press_sequentially("4")
    expect(error).to_contain_text("There seems to be a typing error")
    expect(page.get_by_role("status")).to_contain_text("There seems to be a typing error")
    expect(field).to_have_attribute("aria-invalid", "true")
    field.press("Backspace")
    expect(error).to_be_hidden()
    field.press_sequentially(CODE[-1])
    expect(error).to_be_hidden()
    expect(field).not_to_have_attribute("aria-invalid", "true")


SAMPLES = [
    "",
    "   ",
    CODE,
    GROUPED,
    FULL_WIDTH,
    CODE[:-1] + "4",
    CODE[:15],
    CODE + "1",
    "0" + CODE[1:],
    "O" + CODE[1:],
    "٣" + CODE[1:],
    "三" + CODE[1:],
    "①" + CODE[1:],
    "𝟏" + CODE[1:],
    "¹" + CODE[1:],
    CODE[1] + CODE[0] + CODE[2:],
    "1" * 64,
    "1" * 65,
    "𝟏" * 40,
    *(
        f"https://points.example.com/c/spring/#c={end}"
        for end in (CODE, GROUPED, f"{CODE}&utm=1", "", "0", "%")
    ),
    *(
        f"x #c={end}"
        for end in (f"{CODE} y", f"%31{CODE[1:]}", f"{CODE}%E3%81", f"{CODE}%zz", "1" * 65, "%00")
    ),
    f"https://points.example.com/?c={CODE}",
    *(f"{CODE[:4]}{chr(point)}{CODE[4:]}" for point in (*range(0x20, 0x30), *range(0x7F, 0xB8))),
    *(f"{CODE[:4]}{chr(point)}{CODE[4:]}" for point in (*range(0x2000, 0x2072), *range(0x3000, 0x3004))),
    *(f"{CODE[:4]}{chr(point)}{CODE[4:]}" for point in (0x61C, 0x1680, 0x180E, 0x30FC, 0xFE63, 0xFEFF)),
    *(f"{CODE[:4]}{chr(point)}{CODE[4:]}" for point in (0xFF0D, 0xFF70, 0x301C, 0x2212, 0x30A0, 0xFFE3)),
]


def test_script_and_server_agree_about_every_text(page: Page) -> None:
    assert len(SAMPLES) > 200
    told = page.evaluate(
        """texts => {
            const form = document.getElementById("code-form"), input = document.getElementById("code");
            return texts.map(text => {
                input.value = text;
                const passed = form.dispatchEvent(new Event("submit", {cancelable: true}));
                return passed ? "" : document.getElementById("summary-text").textContent;
            });
        }""",
        SAMPLES,
    )
    with override("en"):
        assert dict(zip(SAMPLES, told, strict=True)) == {text: _server_says(text) for text in SAMPLES}


def _server_says(text: str) -> str:
    text = without_link(text)
    if not text.strip():
        return str(texts.EMPTY_CODE)
    try:
        codec.normalise(text)
    except NotACode as refusal:
        found = suspect(text)
        hint = f" {texts.GROUP_HINTS[found.kind] % found._asdict()}" if found else ""
        return f"{texts.NOT_A_CODE[refusal.reason]}{hint}"
    return ""


def test_script_and_server_name_the_same_group(page: Page) -> None:
    mistyped = list(slips(random.Random(20261122), 600))
    named = page.evaluate("texts => texts.map(text => TokutenCode.suspect(text))", mistyped)
    expected = [suspect(text) for text in mistyped]
    assert {found.kind for found in expected if found} == {"letter", "size", "double", "begin"}
    assert named == [{k: v for k, v in found._asdict().items() if v} if found else None for found in expected]


def test_the_link_of_a_typing_error_selects_the_group(page: Page) -> None:
    page.locator("#code").fill(f"{CODE[:8]}{CODE[8:12][::-1]}{CODE[12:]}")
    page.get_by_role("button", name="Receive the points").click()
    expect(page.locator("#summary")).to_contain_text(re.compile(r"Begin with group \d \(\d{4}\)"))
    group = re.findall(r"\((\d{4})\)", page.locator("#summary").inner_text())[0]
    page.locator("#summary a").click()
    assert page.evaluate("getSelection().toString()") == group


def test_pasted_groups_of_another_size_stay_as_they_were_written(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("navigator.clipboard.writeText('1906-827-4066-7143')")
    page.locator("#code").focus()
    page.keyboard.press("Control+V")
    expect(page.locator("#code")).to_have_value("1906-827-4066-7143")
    expect(page.locator("#code-error")).to_contain_text("Group 2 (827) does not have 4 digits.")
    expect(page.get_by_role("status")).to_contain_text("Group 2 (827) does not have 4 digits.")


def test_a_hyphen_after_three_digits_is_noticed(page: Page) -> None:
    field, status = page.locator("#code"), page.locator("#code-status")
    field.press_sequentially("1906-")
    expect(status).to_be_empty()
    field.press_sequentially("827-")
    expect(status).to_have_text("Group 2 is not full yet: each group has 4 digits.")
    field.press_sequentially("3")
    expect(status).to_be_empty()


def test_a_typing_error_is_told_before_anything_is_sent(page: Page) -> None:
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    page.locator("#code").fill(CODE[:15])
    page.get_by_role("button", name="Receive the points").click()
    expect(page.locator("#summary")).to_be_focused()
    expect(page).to_have_title(re.compile("^Error: "))
    page.locator("#summary a").click()
    expect(page.locator("#code")).to_be_focused()
    assert [url for url in sent if "/claim/" in url] == []


def test_without_a_script_the_server_tells_the_same(visit: Visit) -> None:
    page = visit(java_script_enabled=False)
    page.goto("/")
    page.locator("#code").fill(CODE[:15])
    page.get_by_role("button", name="Receive the points").click()
    expect(page.locator("#summary")).to_contain_text("A code has 16 digits")
    expect(page.locator("#code-error")).to_contain_text("A code has 16 digits")
    expect(page.locator("#code")).to_have_value(CODE[:15])
    expect(page).to_have_title(re.compile("^Error: "))


def test_the_code_in_a_link_is_read_and_leaves_the_address_bar(visit: Visit) -> None:
    page = visit()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for number, written in enumerate((CODE, GROUPED, "%31" + CODE[1:], f"{CODE}&utm=1")):
        page.goto(f"/?again={number}#c={written}")
        expect(page.locator("#code")).to_have_value(GROUPED)
        expect(page.locator("#code")).to_be_focused()
        expect(page.get_by_role("status")).to_have_text("The code from your link has been filled in.")
        assert page.evaluate("location.href").endswith(f"/?again={number}")
        assert page.evaluate("history.length") <= 2 + number
    assert [url for url in asked if CODE in re.sub(r"\D", "", url)] == []
    assert len(asked) > 4


def test_a_link_followed_on_the_open_page_counts_too(page: Page) -> None:
    page.evaluate(f"location.hash = 'c={CODE}'")
    expect(page.locator("#code")).to_have_value(GROUPED)
    assert page.evaluate("location.hash") == ""


def test_a_pasted_claim_link_becomes_its_code(page: Page) -> None:
    field = page.locator("#code")
    field.focus()
    page.keyboard.insert_text(f"https://points.example.com/c/spring/#c={CODE}&utm=1")
    expect(field).to_have_value(GROUPED)
    expect(page.locator("#code-error")).to_be_hidden()


def test_a_page_without_the_field_takes_the_code_out_of_the_address_too(visit: Visit) -> None:
    visits.campaign(days=(1, 2))
    page = visit()
    page.goto(f"/c/spring/#c={CODE}")
    expect(page.get_by_role("heading", name="This campaign has not begun yet")).to_be_visible()
    page.wait_for_function("location.hash === ''")
    page.evaluate(f"location.hash = 'c={CODE}'")
    page.wait_for_function("location.hash === ''")
    assert page.evaluate("location.href").endswith("/c/spring/")


@pytest.mark.parametrize("address", [f"/c/spring/#c={CODE}", "/c/spring/", "/"])
def test_the_switch_of_the_language_keeps_what_was_typed(visit: Visit, address: str) -> None:
    visits.campaign()
    page = visit(lang="ja")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(f"{request.url} {request.headers} {request.post_data}"))
    page.goto(address)
    if "#" not in address:
        page.locator("#code").fill(CODE)
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("button", name="日本語")).to_be_visible()
    expect(page.locator("#code")).to_have_value(GROUPED)
    expect(page.locator("#code-count")).to_have_text("16 / 16")
    assert page.evaluate("sessionStorage.length") == 0
    assert [text for text in sent if CODE in re.sub(r"\D", "", text)] == []
    page.reload()
    expect(page.locator("#code")).to_have_value("")


def test_what_was_typed_waits_a_minute_for_the_switch_and_no_longer(page: Page) -> None:
    for seconds, value in ((50, GROUPED), (70, "")):
        page.evaluate(
            """([text, age]) => sessionStorage.setItem("typed-before-the-language-switch",
                JSON.stringify({text, at: Date.now() - age * 1000}))""",
            [CODE, seconds],
        )
        page.reload()
        expect(page.locator("#code")).to_have_value(value)
        assert page.evaluate("sessionStorage.length") == 0


def test_what_others_left_in_the_store_breaks_nothing(page: Page) -> None:
    for kept in ("null", "{", "1", '{"at": 1}', '{"text": 1, "at": 9e15}'):
        page.evaluate("kept => sessionStorage.setItem('typed-before-the-language-switch', kept)", kept)
        page.reload()
        page.locator("#code").fill(CODE)
        expect(page.locator("#code-count")).to_have_text("16 / 16")
        assert page.evaluate("sessionStorage.length") == 0


def test_a_broken_link_leaves_a_page_that_works(visit: Visit) -> None:
    page = visit()
    for number, written in enumerate(("%E3%81", "<b>x</b>", "1" * 5000, "")):
        page.goto(f"/?again={number}#c={written}")
        expect(page.locator("#code-error")).to_be_visible()
        assert page.evaluate("location.hash") == ""
        page.locator("#code").fill(CODE)
        expect(page.locator("#code-error")).to_be_hidden()
