"""Which of a code's four groups to look at first when the text is not a code.

One check digit tells that something is wrong, never where: each of the 16 places has exactly one digit that
would put it right. So evidence goes first: a letter that looks like a digit, a group that was written too
short or too long, a doubled digit that was typed once or three times. Without any, the likeliest repairs
decide (see README.md for how often they are right). static/redemption_site/code.js judges alike. Pure.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from giftcodes import codec
from giftcodes.codec import NotACode

GROUPS, PLACES = 4, 4
_LOOKALIKES = dict(zip("OoDQIil|ZzSsBbGgq", "00001111225586699", strict=True))
# Neighbours on a keypad and look-alikes in print, which are typed for each other more often than others.
_CONFUSED = frozenset(
    ("12", "23", "45", "56", "78", "89", "14", "47", "25", "58", "36", "69", "08", "17", "38", "68", "06")
)
_WEIGHT_CONFUSED, _WEIGHT_OTHER, _WEIGHT_SWAP = 3, 1, 2
_SEPARATORS = re.compile(r"[ \t\n\v\f\r\x85\u1680\u2028\u2029\-\u2010\u2012-\u2015\u2212\u30fc]+")


class Suspect(NamedTuple):
    """`kind` names the text of `texts.GROUP_HINTS`; `group` counts from 1; `digits` are those of the group as
    typed; `sign` and `digit` are set for a letter.
    """

    kind: str
    group: int
    digits: str
    sign: str = ""
    digit: str = ""


def suspect(typed: str) -> Suspect | None:
    """The group to compare first; None for a well-formed code, and where nothing points at any."""
    try:
        codec.normalise(typed)
    except NotACode:
        pass
    else:
        return None
    if len(typed) > codec.MAX_TYPED_CHARACTERS:
        return None
    parts = _parts(typed)
    bare = "".join(parts)
    if not re.fullmatch("[0-9]*", bare):
        return _letter(parts, bare)
    if len(bare) != codec.CODE_DIGITS:
        return _size(parts) or _double(bare)
    return None if bare[0] == "0" else _likeliest(bare)


def _parts(typed: str) -> list[str]:
    """What stands between spaces and dashes, without what nobody sees."""
    shown = unicodedata.normalize("NFKC", typed)
    unseen = dict.fromkeys(map(ord, "\xad\u180e\u200b\u200c\u200d\u2060\ufeff\u061c\u200e\u200f"))
    unseen |= dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
    return [part for part in _SEPARATORS.split(shown.translate(unseen)) if part]


def _letter(parts: list[str], bare: str) -> Suspect | None:
    groups = parts if len(parts) == GROUPS else [bare[at : at + PLACES] for at in range(0, 16, PLACES)]
    for number, group in enumerate(groups, start=1):
        for sign in group:
            if sign in _LOOKALIKES:
                return Suspect("letter", number, group, sign, _LOOKALIKES[sign])
            if not re.fullmatch("[0-9]", sign):
                return None
    return None


def _size(parts: list[str]) -> Suspect | None:
    # Four, four, four and what is left is how the page itself groups, and tells nothing.
    odd = [number for number, part in enumerate(parts, start=1) if len(part) != PLACES]
    if len(parts) != GROUPS or len(odd) != 1 or odd == [GROUPS]:
        return None
    return Suspect("size", odd[0], parts[odd[0] - 1])


def _double(bare: str) -> Suspect | None:
    """A doubled digit is easily typed once, or three times."""
    groups = {min(at // PLACES, GROUPS - 1) for at, repaired in _doublings(bare) if _is_code(repaired)}
    if len(groups) != 1:
        return None
    at = groups.pop() * PLACES
    return Suspect("double", at // PLACES + 1, bare[at : at + PLACES])


def _doublings(bare: str) -> Iterator[tuple[int, str]]:
    for run in re.finditer(r"(.)\1*", bare):
        at = run.start()
        if len(bare) == codec.CODE_DIGITS - 1:
            yield at, bare[:at] + run[1] + bare[at:]
        elif len(bare) == codec.CODE_DIGITS + 1 and len(run[0]) > 1:
            yield at, bare[:at] + bare[at + 1 :]


def _likeliest(bare: str) -> Suspect:
    """By the weight of the repairs that one slip explains: a wrong digit, or two neighbours swapped."""
    weights = [0] * GROUPS
    for at, own in enumerate(bare):
        for digit in "0123456789":
            if digit != own and _is_code(bare[:at] + digit + bare[at + 1 :]):
                is_confused = "".join(sorted(own + digit)) in _CONFUSED
                weights[at // PLACES] += _WEIGHT_CONFUSED if is_confused else _WEIGHT_OTHER
        if _is_code(bare[:at] + bare[at + 1 : at + 2] + own + bare[at + 2 :]):
            weights[at // PLACES] += _WEIGHT_SWAP
    at = weights.index(max(weights)) * PLACES
    return Suspect("begin", at // PLACES + 1, bare[at : at + PLACES])


def _is_code(digits: str) -> bool:
    return digits[0] != "0" and codec.is_check_digit_right(digits)
