"""What people type as their membership number: each row with the one answer it must get."""

import pytest
import stdnum.jp.in_
from hypothesis import given
from hypothesis import strategies as st

from parties.models import CheckDigit
from parties.numbers import (
    CHECKS,
    Fault,
    NotANumber,
    Pattern,
    is_check_digit_right,
    plain_number,
    read_number,
    tail_of,
)

JAN = Pattern("29", 13, 13, has_letters=False, check="ean", example="2900-0000-00001")
LETTERS = Pattern("", 8, 10, has_letters=True, check="")
NUMBER = "2900123456785"


def written(zero: str) -> str:
    """NUMBER in a script whose digits follow each other from `zero` on."""
    return NUMBER.translate({ord("0") + place: chr(ord(zero) + place) for place in range(10)})


@pytest.mark.parametrize(
    "typed",
    [
        NUMBER,
        "2900-1234-56785",
        " 2900 1234 56785\n",
        "2900\u30121234".replace("\u3012", "\u30fc") + "56785",  # the long-vowel mark of a Japanese keyboard
        "2900\u20101234\u201356785\u2212",
        "2900\u300012\u200b34\ufeff567\u202e85",
        written("０"),
        written("\U0001d7ce"),  # bold, as in social media
    ],
)
def test_a_number_is_taken_as_people_write_it(typed: str) -> None:
    assert read_number(typed, JAN) == NUMBER


@pytest.mark.parametrize(
    ("typed", "fault"),
    [
        ("", Fault.EMPTY),
        (" \u3000-\u200b", Fault.EMPTY),
        ("2900123456786", Fault.CHECK_DIGIT),
        ("2900213456785", Fault.CHECK_DIGIT),  # two digits changed places
        ("290012345678", Fault.LENGTH),
        ("29001234567855", Fault.LENGTH),
        ("2" * 101, Fault.LENGTH),
        ("9" * 10**6, Fault.LENGTH),
        ("1900123456785", Fault.PREFIX),
        ("29O0123456785", Fault.CHARACTERS),
        ("29001234x6785", Fault.CHARACTERS),
        ("2900123456\x00785", Fault.CHARACTERS),
        ("29001234567８５"[:11] + "八五", Fault.CHARACTERS),
        (NUMBER[:2] + written("\u0660")[2:], Fault.CHARACTERS),  # Arabic-Indic
        (NUMBER[:2] + written("\u0966")[2:], Fault.CHARACTERS),  # Devanagari
        ("29\ud800123456785", Fault.CHARACTERS),
        ("2.9e12", Fault.PREFIX),
        ("２９００-００００-００００１", Fault.EXAMPLE),
        (2900123456785, Fault.CHARACTERS),
        (None, Fault.CHARACTERS),
    ],
)
def test_what_is_no_number_is_told_by_its_fault(typed: object, fault: Fault) -> None:
    with pytest.raises(NotANumber) as refusal:
        read_number(typed, JAN)
    assert refusal.value.fault == fault


def test_letters_count_where_the_brand_has_them_and_small_ones_are_capitals() -> None:
    assert read_number("ab-12 34ｃd", LETTERS) == "AB1234CD"
    with pytest.raises(NotANumber):
        read_number("äb1234cd", LETTERS)
    prefixed = Pattern("MB", 8, 8, has_letters=False, check="luhn")
    assert read_number("mb-123455", prefixed) == "MB123455"


@given(st.text(max_size=200))
def test_no_text_breaks_the_reading_and_what_comes_out_is_plain(text: str) -> None:
    for pattern in (JAN, LETTERS):
        try:
            number = read_number(text, pattern)
        except NotANumber:
            continue
        assert number.isascii()
        assert number == plain_number(number)
        assert read_number(number, pattern) == number


@pytest.mark.parametrize("check", CHECKS)
@given(
    digits=st.text("0123456789", min_size=6, max_size=20), place=st.integers(0, 19), more=st.integers(1, 9)
)
def test_most_single_slips_are_told(check: str, digits: str, place: int, more: int) -> None:
    number = digits + CHECKS[check](digits)
    assert is_check_digit_right(number, check)
    at = place % len(digits)
    wrong = number[:at] + str((int(number[at]) + more) % 10) + number[at + 1 :]
    # Modulus 11 writes two of its eleven digits as 0, and lets one slip in eleven pass there.
    assert not is_check_digit_right(wrong, check) or (check == "modulus_11" and wrong[-1] == "0")


@given(st.text("0123456789", min_size=11, max_size=11))
def test_modulus_11_is_the_one_of_japanese_individual_numbers(digits: str) -> None:
    assert CHECKS["modulus_11"](digits) == stdnum.jp.in_.calc_check_digit(digits)


def test_the_choices_of_the_admin_are_the_checks_there_are() -> None:
    assert set(CheckDigit.values) == {"", *CHECKS}


@pytest.mark.parametrize(("number", "shown"), [("123456", "56"), ("123456789", "89"), ("1234567890", "7890")])
def test_of_a_short_number_less_is_shown(number: str, shown: str) -> None:
    assert tail_of(number) == shown
