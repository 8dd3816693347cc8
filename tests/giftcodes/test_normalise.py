"""What people type, paste and scan: each row with the one answer it must get."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from giftcodes import codec
from giftcodes.codec import NotACode, NotACodeReason

CODE = "9712270268772681"  # of the sandbox series, from code-vectors.json
GROUPED = "9712-2702-6877-2681"
SERIES_0 = "071227026877268" + codec.check_digit("071227026877268")


def written(zero: str) -> str:
    """CODE in a script whose digits follow each other from `zero` on."""
    return CODE.translate({ord("0") + i: chr(ord(zero) + i) for i in range(10)})


def spelt(digits: str) -> str:
    """CODE in ten signs that do not follow each other."""
    return CODE.translate(str.maketrans("0123456789", digits))


DASHES = {
    "hyphen-minus": "-",
    "hyphen": "\u2010",
    "non-breaking hyphen": "\u2011",
    "figure dash": "\u2012",
    "en dash": "\u2013",
    "em dash": "\u2014",
    "horizontal bar": "\u2015",
    "minus sign": "\u2212",
    "long-vowel mark": "\u30fc",
    "half-width long-vowel mark": "\uff70",
    "full-width hyphen": "\uff0d",
    "small hyphen": "\ufe63",
    "small em dash": "\ufe58",
    "soft hyphen": "\u00ad",
}
SPACES = {
    "space": " ",
    "two spaces": "  ",
    "tab": "\t",
    "line feed": "\n",
    "carriage return and line feed": "\r\n",
    "vertical tab": "\v",
    "form feed": "\f",
    "next line": "\x85",
    "no-break space": "\u00a0",
    "ogham space": "\u1680",
    "thin space": "\u2009",
    "narrow no-break space": "\u202f",
    "mathematical space": "\u205f",
    "ideographic space": "\u3000",
    "line separator": "\u2028",
    "paragraph separator": "\u2029",
}
UNSEEN = {
    "zero-width space": "\u200b",
    "zero-width non-joiner": "\u200c",
    "zero-width joiner": "\u200d",
    "word joiner": "\u2060",
    "byte order mark": "\ufeff",
    "Mongolian vowel separator": "\u180e",
    "left-to-right mark": "\u200e",
    "right-to-left mark": "\u200f",
    "Arabic letter mark": "\u061c",
    "left-to-right embedding": "\u202a",
    "right-to-left embedding": "\u202b",
    "pop directional formatting": "\u202c",
    "left-to-right override": "\u202d",
    "right-to-left override": "\u202e",
    "left-to-right isolate": "\u2066",
    "right-to-left isolate": "\u2067",
    "first strong isolate": "\u2068",
    "pop directional isolate": "\u2069",
}
BETWEEN = DASHES | SPACES | UNSEEN


@pytest.mark.parametrize("sign", BETWEEN.values(), ids=BETWEEN.keys())
def test_a_sign_between_and_around_the_groups_does_not_matter(sign: str) -> None:
    assert codec.normalise(sign + GROUPED.replace("-", sign) + sign) == CODE


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(CODE, id="bare"),
        pytest.param(GROUPED, id="as printed"),
        pytest.param(written("０"), id="full-width"),
        pytest.param(written("０")[:4] + "－" + written("０")[4:], id="full-width with full-width hyphen"),
        pytest.param("9712ー2702ー6877ー2681", id="Japanese keyboard's long-vowel mark for a dash"),
        pytest.param("９７１２　２７０２　6877　2681", id="half full-width, ideographic spaces"),
        pytest.param("\u202e9712 2702 6877 2681\u202c", id="inside a bidi override"),
        pytest.param("\ufeff9712-2702-6877-2681\r\n", id="a line of a file"),
        pytest.param("\u200b".join(CODE), id="zero-width space after every digit"),
        pytest.param(spelt("⓪①②③④⑤⑥⑦⑧⑨"), id="circled"),
        pytest.param(spelt("⁰¹²³⁴⁵⁶⁷⁸⁹"), id="superscript"),
        pytest.param(written("₀"), id="subscript"),
        pytest.param(written("𝟎"), id="mathematical bold"),
        pytest.param(GROUPED.ljust(64), id="64 characters"),
    ],
)
def test_a_code_in_other_clothes_is_the_same_code(text: str) -> None:
    assert codec.normalise(text) == CODE


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param(GROUPED.ljust(65), "too_long", id="65 characters"),
        pytest.param("9" * 10**6, "too_long", id="a million digits"),
        pytest.param("\u200b" * 10**6, "too_long", id="a million unseen characters"),
        pytest.param("", "length", id="nothing"),
        pytest.param(" - \u3000", "length", id="spaces and dashes alone"),
        pytest.param(CODE[:15], "length", id="15 digits"),
        pytest.param(CODE + "0", "length", id="17 digits"),
        pytest.param(CODE * 4, "length", id="64 digits"),
        pytest.param(CODE[:15] + "½", "characters", id="a fraction"),
        pytest.param(written("٠"), "characters", id="Arabic-Indic digits"),
        pytest.param(written("۰"), "characters", id="Persian digits"),
        pytest.param(written("०"), "characters", id="Devanagari digits"),
        pytest.param(CODE[:15] + "١", "characters", id="one Arabic-Indic digit"),
        pytest.param(spelt("〇一二三四五六七八九"), "characters", id="kanji digits"),
        pytest.param(GROUPED.replace("-", "一"), "characters", id="the kanji for one in place of a dash"),
        pytest.param(GROUPED.replace("-", "\0"), "characters", id="NUL"),
        pytest.param(CODE + "\0", "characters", id="NUL at the end"),
        pytest.param(CODE[:15] + "\ud800", "characters", id="lone surrogate"),
        pytest.param("\udcff" + CODE, "characters", id="lone low surrogate before a code"),
        pytest.param("\ufdfa" * 64, "characters", id="64 characters that NFKC makes 1,152"),
        pytest.param(CODE[:15] + "1\u20e3", "characters", id="keycap emoji"),
        pytest.param(CODE[:15] + "I", "characters", id="a capital I for 1"),
        pytest.param("97I2-27O2-6877-268l", "characters", id="letters for digits"),
        pytest.param("1e15", "characters", id="exponent"),
        pytest.param("9.712270268772681e15", "characters", id="what a spreadsheet makes of it"),
        pytest.param(CODE + ".0", "characters", id="decimal point"),
        pytest.param("+" + CODE, "characters", id="plus sign"),
        pytest.param(f'"{GROUPED}"', "characters", id="in quotation marks"),
        pytest.param(f"「{GROUPED}」", "characters", id="in Japanese quotation marks"),
        pytest.param(f"https://example.com/#c={CODE}", "characters", id="a link"),
        pytest.param("9712~2702~6877~2681", "characters", id="another sign between"),
        pytest.param(int(CODE), "characters", id="a JSON number"),
        pytest.param(9.712270268772681e15, "characters", id="a JSON number with a point"),
        pytest.param(True, "characters", id="a JSON true"),
        pytest.param(None, "characters", id="a JSON null"),
        pytest.param([CODE], "characters", id="a list"),
        pytest.param(CODE.encode(), "characters", id="bytes"),
        pytest.param(SERIES_0, "first_digit", id="series 0, its check digit right"),
        pytest.param("0000000000000000", "first_digit", id="sixteen zeros"),
        pytest.param("9712270268772682", "check_digit", id="last digit wrong"),
        pytest.param("9172270268772681", "check_digit", id="two digits swapped"),
    ],
)
def test_what_is_no_code_is_refused_with_its_reason(text: object, reason: str) -> None:
    with pytest.raises(NotACode) as refusal:
        codec.normalise(text)
    assert refusal.value.reason == reason


def test_the_reasons_have_the_names_that_pages_and_partners_know() -> None:
    assert set(NotACodeReason) == {"too_long", "characters", "length", "first_digit", "check_digit"}


forms_of_a_digit = st.sampled_from(["0123456789", "０１２３４５６７８９", "⓪①②③④⑤⑥⑦⑧⑨", "⁰¹²³⁴⁵⁶⁷⁸⁹"])
noise = st.lists(st.sampled_from(sorted(BETWEEN.values())), max_size=1).map("".join)


@given(data=st.data(), digits15=st.from_regex(r"[1-9][0-9]{14}", fullmatch=True))
def test_any_code_comes_out_of_any_mix_of_forms_and_noise(data: st.DataObject, digits15: str) -> None:
    code = digits15 + codec.check_digit(digits15)
    text = "".join(data.draw(noise) + data.draw(forms_of_a_digit)[int(digit)] for digit in code)
    assert codec.normalise(text) == code


strange = st.characters(categories=("Nd", "Nl", "No", "Zs", "Pd", "Cf", "Cc", "Cs", "Lo", "So"))


@given(text=st.text(st.one_of(st.sampled_from("0123456789"), strange), max_size=70))
def test_any_text_gives_a_code_that_stays_itself_or_a_refusal(text: str) -> None:
    try:
        code = codec.normalise(text)
    except NotACode:
        return
    assert len(code) == 16
    assert set(code) <= set("0123456789")
    assert codec.normalise(code) == code


@pytest.mark.parametrize("text", [CODE[:15] + "2", CODE + "7", "x" + CODE, CODE.ljust(80), SERIES_0], ids=str)
def test_a_refusal_does_not_carry_the_text(text: str) -> None:
    with pytest.raises(NotACode) as refusal:
        codec.normalise(text)
    error = refusal.value
    assert error.__cause__ is None
    assert error.__context__ is None
    said = f"{error} {error!r} {error.args} {vars(error)}"
    assert not any(digits in said for digits in (text, text[:6], CODE[4:12]))
