"""Membership numbers as people write them: a pattern per brand, and the digit that tells typing errors; pure.

A pattern is told in fields, not as a regular expression: whoever sets it knows their cards, not regular
expressions, and reading takes the same time whatever was typed.
"""

import re
import unicodedata
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from stdnum import damm, ean, luhn, verhoeff

MOST_TYPED = 100  # characters, of which the longest number is a third
LEAST_LENGTH, MOST_LENGTH, LONGEST_PREFIX = 6, 32, 8
_DASHES = re.compile(r"[\u2010-\u2015\u2212\u30fc\ufe58\ufe63_-]")
_UNSEEN = {"Cc", "Cf", "Zs", "Zl", "Zp"}


class Fault(StrEnum):
    """What is wrong with a text that is no number of the brand."""

    EMPTY = "empty"
    CHARACTERS = "characters"
    LENGTH = "length"
    PREFIX = "prefix"
    CHECK_DIGIT = "check_digit"
    EXAMPLE = "example"


class NotANumber(Exception):
    """The text is no membership number of the brand; `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


class Pattern(NamedTuple):
    """How a brand's numbers look. Lengths count every sign, the prefix included; `check` is a key of CHECKS,
    "" for none. `example` is on no card: it is refused as a number.
    """

    prefix: str
    least_length: int
    most_length: int
    has_letters: bool
    check: str
    example: str = ""


def _modulus_11(digits: str) -> str:
    """Weights 2 to 7 from the right, again and again; 10 and 11 are written as 0 (as in JIS practice)."""
    total = sum(int(digit) * (2 + place % 6) for place, digit in enumerate(reversed(digits)))
    return str((11 - total % 11) % 11 % 10)


# The last digit, from those before it.
CHECKS: dict[str, Callable[[str], str]] = {
    "luhn": luhn.calc_check_digit,
    "ean": ean.calc_check_digit,
    "modulus_11": _modulus_11,
    "damm": damm.calc_check_digit,
    "verhoeff": verhoeff.calc_check_digit,
}


def plain_number(text: str) -> str:
    """The text without what people put between the signs, full-width signs as ASCII, small letters as
    capitals.
    """
    wide = unicodedata.normalize("NFKC", text)
    seen = "".join(sign for sign in wide if unicodedata.category(sign) not in _UNSEEN)
    return _DASHES.sub("", seen).upper()


def read_number(text: object, pattern: Pattern) -> str:
    """The number that a person typed, as it is kept: capitals and digits without separators. NotANumber with
    the first fault found, digits of other scripts among them.
    """
    if not isinstance(text, str) or len(text) > MOST_TYPED:
        raise NotANumber(Fault.LENGTH if isinstance(text, str) else Fault.CHARACTERS)
    if "\0" in text:
        raise NotANumber(Fault.CHARACTERS)
    number = plain_number(text)
    if not number:
        raise NotANumber(Fault.EMPTY)
    for fault, is_right in _RULES:
        if not is_right(number, pattern):
            raise NotANumber(fault)
    return number


def is_check_digit_right(number: str, check: str) -> bool:
    """Whether the last digit is the one that `check` makes of the digits before it; letters don't count."""
    digits = re.sub(r"\D", "", number)
    return not check or (len(digits) > 1 and CHECKS[check](digits[:-1]) == digits[-1])


def tail_of(number: str) -> str:
    """What may be shown of a number: its last four signs, two where four would be too much of it."""
    return number[-4:] if len(number) >= 10 else number[-2:]


def _has_allowed_signs(number: str, pattern: Pattern) -> bool:
    rest = number.removeprefix(pattern.prefix)
    return bool(re.fullmatch(r"[0-9A-Z]+" if pattern.has_letters else r"[0-9]*", rest))


def _has_length(number: str, pattern: Pattern) -> bool:
    return pattern.least_length <= len(number) <= pattern.most_length


_RULES: list[tuple[Fault, Callable[[str, Pattern], bool]]] = [
    (Fault.PREFIX, lambda number, pattern: number.startswith(pattern.prefix)),
    (Fault.CHARACTERS, _has_allowed_signs),
    (Fault.LENGTH, _has_length),
    (Fault.CHECK_DIGIT, lambda number, pattern: is_check_digit_right(number, pattern.check)),
    (Fault.EXAMPLE, lambda number, pattern: number != plain_number(pattern.example)),
]
