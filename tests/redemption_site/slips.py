"""Slips of the hand on well-formed codes, as people make them; with the groups where each was made."""

import random
import re
from collections.abc import Callable, Iterator

from giftcodes import codec

Slip = Callable[[random.Random, str], tuple[str, set[int]]]  # what was typed, and the groups, from 1
NEIGHBOURS = dict(
    zip("0123456789", ("8", "24", "135", "26", "157", "2468", "359", "48", "5790", "68"), strict=True)
)  # on a keypad
LETTERS = {"0": "O", "1": "l", "5": "S", "8": "B"}


def any_code(chance: random.Random) -> str:
    digits15 = str(chance.randint(1, 8)) + "".join(chance.choices("0123456789", k=14))
    return digits15 + codec.check_digit(digits15)


def wrong_digit(chance: random.Random, code: str) -> tuple[str, set[int]]:
    at = chance.randrange(1, 16)
    digit = chance.choice([digit for digit in "0123456789" if digit != code[at]])
    return code[:at] + digit + code[at + 1 :], {at // 4 + 1}


def neighbouring_digit(chance: random.Random, code: str) -> tuple[str, set[int]]:
    at = chance.randrange(1, 16)
    return code[:at] + chance.choice(NEIGHBOURS[code[at]]) + code[at + 1 :], {at // 4 + 1}


def swap(chance: random.Random, code: str) -> tuple[str, set[int]]:
    at = chance.choice([at for at in range(1, 15) if code[at] != code[at + 1]])
    return code[:at] + code[at + 1] + code[at] + code[at + 2 :], {at // 4 + 1, (at + 1) // 4 + 1}


def bounce(chance: random.Random, code: str) -> tuple[str, set[int]]:
    at = chance.randrange(16)
    return code[: at + 1] + code[at:], {at // 4 + 1}


def double_typed_once(chance: random.Random, code: str) -> tuple[str, set[int]]:
    while not (runs := [run.start() for run in re.finditer(r"(.)\1+", code)]):
        code = any_code(chance)
    at = chance.choice(runs)
    return code[:at] + code[at + 1 :], {at // 4 + 1}


def letter(chance: random.Random, code: str) -> tuple[str, set[int]]:
    at = chance.randrange(16)
    return code[:at] + LETTERS.get(code[at], "x") + code[at + 1 :], {at // 4 + 1}


def short_group(chance: random.Random, code: str) -> tuple[str, set[int]]:
    at = chance.randrange(12)
    groups = codec.group(code).split("-")
    groups[at // 4] = groups[at // 4][: at % 4] + groups[at // 4][at % 4 + 1 :]
    return "-".join(groups), {at // 4 + 1}


SLIPS: tuple[Slip, ...] = (
    wrong_digit,
    neighbouring_digit,
    swap,
    bounce,
    double_typed_once,
    letter,
    short_group,
)


def slips(chance: random.Random, number: int) -> Iterator[str]:
    """So many mistyped codes, of every kind in turn."""
    for count in range(number):
        yield SLIPS[count % len(SLIPS)](chance, any_code(chance))[0]
