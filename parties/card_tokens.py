"""The digits that a membership card shows at a till: a token that changes with every second and is good for a
minute.

Twenty decimal digits, so that Code 128 holds them as ten pairs (its code set C) and a person can type them:

    V NNNNNNNN SS MMMMMMMM C

V is the version (1), N the random number of the card, S the second of issue modulo 100, M a keyed digest of
card number, member and the whole second, C a check digit (ISO 7064 MOD 11,10). Two digits tell any second of
the last hundred from any other, so the end of a token is exact to the second and no time step doubles it.

Pure: no database, no settings, no clock. The key is the caller's.
"""

import hmac
import unicodedata
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple

TOKEN_DIGITS = 20
CARD_NUMBERS = 10**8
SECONDS_GOOD = 60  # from the beginning of the second in which it was made

_VERSION = "1"
_MARKS = 10**8
_SECONDS_TOLD = 100
_MOST_TYPED = 64
# What people put between the digits or bring along unseen: controls, format characters, spaces, ends of
# lines, dashes; and the minus sign and the long-vowel mark, which Japanese keyboards give for a hyphen.
_BETWEEN = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp", "Pd"})
_HYPHENS = "\u2212\u30fc"


class NotATokenReason(StrEnum):
    """Why a text is no token. Stable, for machines."""

    TOO_LONG = "too_long"  # more than 64 characters, counted before anything is dropped
    CHARACTERS = "characters"  # no text at all, or more than digits and what may stand between them
    LENGTH = "length"  # digits, but not 20
    VERSION = "version"  # something else with 20 digits, or of a later release
    CHECK_DIGIT = "check_digit"  # a typing error, nearly always


class NotAToken(ValueError):
    """A text that no card can have shown."""

    def __init__(self, reason: NotATokenReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class Token(NamedTuple):
    """The parts of a well-formed token."""

    card_number: int
    second_told: int
    mark: str


def spell(*, card_number: int, member_id: int, second: int, key: bytes) -> str:
    """The token of a card for one second since 1970."""
    body = f"{_VERSION}{card_number:08d}{second % _SECONDS_TOLD:02d}"
    body += mark_of(card_number=card_number, member_id=member_id, second=second, key=key)
    return body + check_digit(body)


def mark_of(*, card_number: int, member_id: int, second: int, key: bytes) -> str:
    """The keyed digest, 8 digits. Compare it in constant time."""
    said = f"{_VERSION}:{card_number}:{member_id}:{second}"
    digest = hmac.digest(key, said.encode(), sha256)
    return f"{int.from_bytes(digest[:16], 'big') % _MARKS:08d}"


def read(text: object) -> Token:
    """The token in what was scanned or typed: digits of any script, with spaces, dashes and what can't be
    seen anywhere between them. NotAToken for everything else.
    """
    digits = _normalised(text)
    if len(digits) != TOKEN_DIGITS:
        raise NotAToken(NotATokenReason.LENGTH)
    if check_digit(digits[:-1]) != digits[-1]:
        raise NotAToken(NotATokenReason.CHECK_DIGIT)
    if digits[0] != _VERSION:
        raise NotAToken(NotATokenReason.VERSION)
    return Token(int(digits[1:9]), int(digits[9:11]), digits[11:-1])


def second_of(token: Token, *, now: int) -> int | None:
    """The second in which the token must have been made to be good in the second `now`; None if there is
    none, as its time has passed or has not come.
    """
    age = (now - token.second_told) % _SECONDS_TOLD
    return now - age if age < SECONDS_GOOD else None


def group(token: str) -> str:
    """A token as people read it: five groups of four."""
    return " ".join(token[at : at + 4] for at in range(0, len(token), 4))


def check_digit(digits: str) -> str:
    """The digit that ISO 7064 MOD 11,10 puts behind ASCII digits."""
    state = 10
    for digit in digits:
        state = ((state + int(digit)) % 10 or 10) * 2 % 11
    return str((11 - state) % 10)


def _normalised(text: object) -> str:
    if not isinstance(text, str):
        raise NotAToken(NotATokenReason.CHARACTERS)
    if len(text) > _MOST_TYPED:
        raise NotAToken(NotATokenReason.TOO_LONG)
    kept = (
        char
        for char in unicodedata.normalize("NFKC", text)
        if unicodedata.category(char) not in _BETWEEN and char not in _HYPHENS
    )
    values = [unicodedata.decimal(char, None) for char in kept]
    if None in values:
        raise NotAToken(NotATokenReason.CHARACTERS)
    return "".join(map(str, values))
