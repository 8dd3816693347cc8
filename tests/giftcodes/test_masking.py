"""Codes in a text: found in every disguise that the code field takes, and in some that it does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from giftcodes import codec
from giftcodes.masking import mask_codes

CODE = "1906827340667143"
MASK = "••••-••••-••••-7143"
WIDE = str.maketrans("0123456789-", "０１２３４５６７８９－")
ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")

DISGUISES = {
    "plain": CODE,
    "grouped": codec.group(CODE),
    "spaces": " ".join(CODE),
    "wide": codec.group(CODE).translate(WIDE),
    "long-vowel marks": "ー".join(CODE),
    "narrow long-vowel marks": "ｰ".join(CODE),
    "zero-width": "\u200b".join(CODE),
    "bidi": "\u202e" + CODE + "\u202c",
    "lines": "\n".join(codec.group(CODE).split("-")),
    "no-break hyphens": codec.group(CODE).replace("-", "\u2011"),
    "ideographic spaces": codec.group(CODE).replace("-", "\u3000"),
    "many hyphens": codec.group(CODE).replace("-", "-" * 16),
    "bold": "".join(chr(0x1D7CE + int(digit)) for digit in CODE),
    "superscript": CODE.translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")),
    "circled pair": "⑲" + CODE[2:],
    "link": f"https://points.example.com/c/spring/#{CODE}",
    "link with hyphens": f"https://points.example.com/c/spring/#{codec.group(CODE)}",
    "behind a number of a list": f"1 {CODE}",
    "before other digits": f"{CODE}0",
    # The code field takes none of these, but a reader would.
    "dots": codec.group(CODE).replace("-", "."),
    "slashes": codec.group(CODE).replace("-", " / "),
    "underscores": codec.group(CODE).replace("-", "_"),
    "keycaps": "".join(f"{digit}\ufe0f\u20e3" for digit in CODE),
    "Arabic-Indic": CODE.translate(ARABIC),
    "escaped link": "".join(f"%3{digit}" for digit in CODE),
}


@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_code_in_disguise_is_masked(disguise: str) -> None:
    masked = mask_codes(f"My code is {DISGUISES[disguise]} . Why?")
    assert masked.codes == 1
    assert masked.text.startswith("My code is ")
    assert masked.text.endswith("Why?")
    assert "••••-••••-••••-" in masked.text
    digits = [sign for sign in masked.text if sign.isdigit()]
    assert len(digits) < 8


def test_its_last_four_digits_stay_for_its_owner() -> None:
    assert mask_codes(f"The code {CODE}, please.") == (f"The code {MASK}, please.", 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Nothing here.",
        "I called 090-1234-5678 on 2026-11-28.",
        "2026年11月28日 13時05分に、注文番号 1234567890 で買いました。",
        CODE[:-1] + str((int(CODE[-1]) + 1) % 10),  # the check digit is wrong: no series can have issued it
        "0" + CODE[1:],
        CODE[:8] + " and " + CODE[8:],  # two halves, as words
    ],
)
def test_what_is_no_code_stays_as_it_is(text: str) -> None:
    assert mask_codes(text) == (text, 0)


def test_two_codes_are_both_masked() -> None:
    masked = mask_codes(f"{CODE} と {CODE}")
    assert masked == (f"{MASK} と {MASK}", 2)


def test_two_codes_side_by_side_leave_nothing() -> None:
    masked = mask_codes(CODE + CODE)
    assert CODE not in masked.text
    assert len([sign for sign in masked.text if sign.isdigit()]) <= 8


digits_and_noise = st.text(alphabet="0123456789０１- ーー\u200b#あa", max_size=80)


@given(
    before=digits_and_noise,
    after=digits_and_noise,
    noise=st.lists(st.sampled_from("-  ー\u200b"), min_size=15, max_size=15),
)
def test_whatever_the_code_field_takes_is_found_anywhere(before: str, after: str, noise: list[str]) -> None:
    written = "".join(a + b for a, b in zip(CODE, [*noise, ""], strict=True))
    assert codec.normalise(written) == CODE
    masked = mask_codes(before + written + after)
    assert masked.codes
    seen = "".join(sign for sign in masked.text if sign not in "- ー\u200b")
    assert CODE not in seen
