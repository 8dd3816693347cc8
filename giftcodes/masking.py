"""Codes that people write into a text, where only their last four digits may stay.

Finds whatever `codec.normalise` would take for a code, and more: digits of every script, with anything but
letters between them. A text is no code field, so nothing is lost by masking too much.

Pure: no database, no settings, no clock.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from giftcodes import codec
from giftcodes.codec import CODE_DIGITS, MAX_TYPED_CHARACTERS

# A digit as links write it. Compared without case there is nothing: 0 to 9 are %30 to %39.
_ESCAPED_DIGIT = re.compile(r"%3([0-9])")


class Masked(NamedTuple):
    """A text in which no code stands, and how many were masked."""

    text: str
    codes: int


class _Digit(NamedTuple):
    value: str
    start: int
    end: int


def mask_codes(text: str) -> Masked:
    """The text with every code as ••••-••••-••••-1234."""
    text = _ESCAPED_DIGIT.sub(r"\1", text)
    spans = [span for run in _runs(text) for span in _code_spans(run)]
    for start, end, last_digits in reversed(spans):
        text = f"{text[:start]}••••-••••-••••-{last_digits}{text[end:]}"
    return Masked(text, len(spans))


def _runs(text: str) -> Iterator[list[_Digit]]:
    """Digits that no letter parts, 16 or more of them, wherever they stand in the text."""
    run: list[_Digit] = []
    for place, char in enumerate(text):
        for sign in unicodedata.normalize("NFKC", char):
            digit = unicodedata.decimal(sign, None)
            if digit is not None:
                run.append(_Digit(str(digit), place, place + 1))
            elif _parts(sign) or (run and place - run[-1].end >= MAX_TYPED_CHARACTERS):
                if len(run) >= CODE_DIGITS:
                    yield run
                run = []
    if len(run) >= CODE_DIGITS:
        yield run


def _parts(sign: str) -> bool:
    """Whether a sign ends a run of digits: a letter that the code field does not drop."""
    return ord(sign) not in codec.DROPPED and unicodedata.category(sign).startswith("L")


def _code_spans(run: list[_Digit]) -> Iterator[tuple[int, int, str]]:
    """Where codes begin and end, with their last four digits. Such that overlap are one: which of them was
    meant, nobody can tell.
    """
    digits = "".join(digit.value for digit in run)
    first = last = -1
    for begin in range(len(digits) - CODE_DIGITS + 1):
        window = digits[begin : begin + CODE_DIGITS]
        if window[0] == "0" or not codec.is_check_digit_right(window):
            continue
        if begin > last >= 0:
            yield run[first].start, run[last].end, digits[last - 3 : last + 1]
            first = begin
        elif last < 0:
            first = begin
        last = begin + CODE_DIGITS - 1
    if last >= 0:
        yield run[first].start, run[last].end, digits[last - 3 : last + 1]
