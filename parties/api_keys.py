"""The text of an API key: `tk_live_` or `tk_test_`, 12 letters that name it, and 46 that open.

    tk_live_Ab3dEf6hIj9l_<40 random letters><6 letters of CRC-32>

Letters are base62, so that a double click marks the whole. The check at the end is no security: it lets
scanners of leaked secrets tell a key from a look-alike without asking anybody, and typing errors be told.
"""

import hashlib
import re
import secrets
import string
import zlib
from typing import NamedTuple

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_NAME_LETTERS, _SECRET_LETTERS, _CHECK_LETTERS = 12, 40, 6  # 40 letters of 62: 238 bits
_FORM = re.compile(r"(tk_(?:live|test)_[0-9A-Za-z]{12})_[0-9A-Za-z]{40}[0-9A-Za-z]{6}", re.ASCII)


class NewKey(NamedTuple):
    """A key that was just made: `text` is told once, `prefix` and `digest` are kept."""

    text: str
    prefix: str
    digest: str

    def __repr__(self) -> str:  # the text must not reach a log or a traceback
        return f"NewKey({self.prefix})"


def make_key_text(*, is_test: bool) -> NewKey:
    """A fresh random key."""
    prefix = f"tk_{'test' if is_test else 'live'}_{_letters(_NAME_LETTERS)}"
    body = f"{prefix}_{_letters(_SECRET_LETTERS)}"
    text = body + _check(body)
    return NewKey(text, prefix, digest_of(text))


def prefix_of(text: str) -> str | None:
    """The public beginning of what may be a key; None if it is not the text of one."""
    form = _FORM.fullmatch(text)
    return form[1] if form and _check(text[:-_CHECK_LETTERS]) == text[-_CHECK_LETTERS:] else None


def digest_of(text: str) -> str:
    """What is kept of a key. It is random and long, so a slow hash would only cost time at each call."""
    return hashlib.sha256(text.encode()).hexdigest()


def _letters(count: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(count))


def _check(body: str) -> str:
    number, letters = zlib.crc32(body.encode()), ""
    for _ in range(_CHECK_LETTERS):
        number, place = divmod(number, len(_ALPHABET))
        letters = _ALPHABET[place] + letters
    return letters
