"""The 16-digit code, format "ff1-damm-1": from a serial to a code and back, and from what people type to a
code.

A code is `S BBBBBBBBBBBBBB C`: the series (1 to 9), FF1 under the series key over the serial (9 digits) and
its tag (5 digits), and a Damm check digit. It is worth money: nothing here prints one, no error carries one.

Pure: no database, no settings, no clock. Numbers out of range and keys of a wrong length are the caller's
bugs and raise ValueError; what people typed raises NotACode.
"""

import os
import unicodedata
from enum import StrEnum
from functools import lru_cache

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray

from giftcodes.ff1 import FF1

CODE_DIGITS = 16
MAX_TYPED_CHARACTERS = 64
SERIAL_LIMIT = 10**9  # serials are 0 to 999,999,999
KEY_BYTES = 32

_BODY_DIGITS = 14
_TAG_LIMIT = 10**5
_NONCE_BYTES = 12
_CODES_PER_BLOCK = 16_384  # a megabyte of working memory: a second-level cache; half and double are as fast

# What people put between the digits or bring along unseen, as NFKC leaves it: by then every wide or narrow
# space is U+0020, and every compatibility form of a dash is one of these.
DROPPED = str.maketrans(
    dict.fromkeys(
        " \t\n\v\f\r\x85\u1680\u2028\u2029"  # spaces and ends of lines
        "-\u2010\u2012\u2013\u2014\u2015\u2212\u30fc"  # hyphens, dashes, the minus sign, the long-vowel mark
        "\u00ad\u180e\u200b\u200c\u200d\u2060\ufeff"  # zero-width, with the soft hyphen of web pages
        "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # marks of direction
    )
)

# The quasigroup of order 10 in H. M. Damm, "Total anti-symmetrische Quasigruppen" (2004). The check digit is
# the state after the digits before it; over a whole right code the state ends at 0.
_DAMM = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2),
    (7, 0, 9, 2, 1, 5, 4, 8, 6, 3),
    (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8),
    (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4),
    (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)


class NotACodeReason(StrEnum):
    """Why a text is not a code. Stable: pages, the API and support figures use these values."""

    TOO_LONG = "too_long"  # more than 64 characters, counted before anything is dropped
    CHARACTERS = "characters"  # no text at all, or more than digits and what may stand between them
    LENGTH = "length"  # digits, but not 16
    FIRST_DIGIT = "first_digit"  # there is no series 0
    CHECK_DIGIT = "check_digit"  # a typing error, nearly always


class NotACode(ValueError):
    """A text that no series can have issued. Never carries the text, which may be a live code, mistyped."""

    def __init__(self, reason: NotACodeReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class KeyUnwrapFailed(Exception):
    """A wrapped batch key does not open: another master key, another batch, or damage."""


def normalise(text: object) -> str:
    """What a person typed, pasted or scanned, as the 16 ASCII digits of a well-formed code.

    Takes full-width digits and every other form that NFKC turns into an ASCII digit (circled, superscript,
    the bold ones of social media), with spaces, dashes, zero-width and direction marks anywhere. NotACode for
    everything else, digits of other scripts among it, although `int()`, `isdigit()` and `\\d` take those.
    """
    if not isinstance(text, str):
        raise NotACode(NotACodeReason.CHARACTERS)
    if len(text) > MAX_TYPED_CHARACTERS:
        raise NotACode(NotACodeReason.TOO_LONG)
    return _well_formed(unicodedata.normalize("NFKC", text).translate(DROPPED))


def group(code: str) -> str:
    """A code as people see it: SBBB-BBBB-BBBB-BBBC."""
    return "-".join(code[i : i + 4] for i in range(0, CODE_DIGITS, 4))


def check_digit(digits15: str) -> str:
    """The Damm check digit of the first 15 digits of a code."""
    if len(digits15) != CODE_DIGITS - 1 or not _are_ascii_digits(digits15):
        raise ValueError("a check digit is taken of 15 ASCII digits")
    state = 0
    for digit in digits15:
        state = _DAMM[state][int(digit)]
    return str(state)


def is_check_digit_right(code: str) -> bool:
    """Whether 16 ASCII digits end in their check digit."""
    return check_digit(code[:-1]) == code[-1]


def derive_series_key(master_key: bytes, salt: bytes, series: int) -> bytes:
    """K_series, 32 bytes, from the master key (environment) and the 32-byte salt of the series (database)."""
    _require_series(series)
    _require_key(salt)
    return _hkdf(master_key, salt=salt, info=b"code/v1/series/%d" % series)


def derive_kek(master_key: bytes) -> bytes:
    """The key, 32 bytes, under which the batch keys of one master key are wrapped."""
    return _hkdf(master_key, salt=b"", info=b"code/v1/batch-kek")


def wrap_batch_key(master_key: bytes, batch_key: bytes, *, batch_id: bytes) -> bytes:
    """A batch key as the database keeps it, 60 bytes: nonce (12), AES-256-GCM ciphertext (32) and tag (16).

    `batch_id` is the public id of the batch; the wrapped key opens for no other. The nonce is random, which
    is sound for 2^32 batches under one master key.
    """
    _require_key(batch_key)
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(derive_kek(master_key)).encrypt(nonce, batch_key, batch_id)


def unwrap_batch_key(master_key: bytes, wrapped: bytes, *, batch_id: bytes) -> bytes:
    """The inverse of `wrap_batch_key`. KeyUnwrapFailed for another master key or batch id, or damage."""
    opener = AESGCM(derive_kek(master_key))
    try:
        return opener.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], batch_id)
    except (InvalidTag, ValueError) as refusal:  # ValueError: too short to hold a nonce
        raise KeyUnwrapFailed("the batch key does not open with this master key and batch id") from refusal


def tag_of(serial: int, *, series: int, batch_key: bytes) -> int:
    """The tag, 0 to 99,999, that only a holder of the batch key can compute. Compare it in constant time."""
    _require_series(series)
    _require_serial(serial)
    encrypted = _aes(batch_key).encryptor().update(series.to_bytes(8, "big") + serial.to_bytes(8, "big"))
    return int.from_bytes(encrypted[:8], "big") % _TAG_LIMIT


def encode_one(serial: int, *, series: int, series_key: bytes, batch_key: bytes) -> str:
    """The code of one serial, 16 ASCII digits."""
    tag = tag_of(serial, series=series, batch_key=batch_key)
    body = _series_cipher(series_key).encrypt(serial * _TAG_LIMIT + tag)
    digits15 = f"{series}{body:0{_BODY_DIGITS}d}"
    return digits15 + check_digit(digits15)


def decode(code: str, *, series_key: bytes) -> tuple[int, int]:
    """Serial and tag inside a normalised code; NotACode if it is not well-formed.

    Every well-formed code has a serial and a tag. Whether it was ever issued, only `tag_of` says, with the
    key of the batch that holds the serial. The series, which selects the key, is the first digit.
    """
    body = _series_cipher(series_key).decrypt(int(_well_formed(code)[1:-1]))
    return divmod(body, _TAG_LIMIT)


def encode(
    serials: NDArray[np.int64], *, series: int, series_key: bytes, batch_key: bytes
) -> NDArray[np.bytes_]:
    """The codes of many serials, in their order, as an array of 16-byte strings (dtype S16).

    ValueError, before any code is made, unless `serials` is a one-dimensional array of integers from 0 to
    999,999,999.
    """
    _require_series(series)
    if serials.ndim != 1 or serials.dtype.kind not in "iu":
        raise ValueError("serials come as a one-dimensional array of integers")
    if serials.size:
        _require_serial(int(serials.min()))
        _require_serial(int(serials.max()))
    cipher, tagger = _series_cipher(series_key), _aes(batch_key)
    codes = np.empty(serials.size, dtype=f"S{CODE_DIGITS}")
    for start in range(0, serials.size, _CODES_PER_BLOCK):
        block = serials[start : start + _CODES_PER_BLOCK].astype(np.uint64)
        # Of the serial's 9 digits, 7 fill the left half; 2 stand before the 5 of the tag in the right.
        left, last_two = _split(block, 100)
        left, right = cipher.encrypt_halves(left, last_two * _TAG_LIMIT + _tags(tagger, block, series))
        codes[start : start + block.size] = _spell(series, left, right)
    return codes


def _tags(tagger: Cipher[modes.ECB], serials: NDArray[np.uint64], series: int) -> NDArray[np.uint64]:
    """`tag_of` for many serials."""
    blocks = np.empty((serials.size, 2), dtype=">u8")
    blocks[:, 0] = series
    blocks[:, 1] = serials
    encrypted = np.frombuffer(tagger.encryptor().update(blocks.view(np.uint8).data), dtype=">u8")
    return _split(encrypted[::2].astype(np.uint64), _TAG_LIMIT)[1]


def _spell(series: int, left: NDArray[np.uint64], right: NDArray[np.uint64]) -> NDArray[np.bytes_]:
    """Codes of a series from the halves of their bodies, in four groups: S and 3 digits, 4, 4, 3 and C."""
    first, second = _split(left, 10**4)
    third, fourth = _split(right, 10**3)
    first += np.uint64(series * 10**3)
    state = _DAMM_OVER_4[first * 10]
    state = _DAMM_OVER_4[second * 10 + state]
    state = _DAMM_OVER_4[third * 10 + state]
    fourth = fourth * 10 + _DAMM_OVER_3[fourth * 10 + state]
    groups = np.empty((left.size, 4), dtype=np.uint32)
    for i, numbers in enumerate((first, second, third, fourth)):
        groups[:, i] = _FOUR_DIGITS[numbers]
    return groups.view(f"S{CODE_DIGITS}")[:, 0]


def _split(numbers: NDArray[np.uint64], divisor: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Quotients and remainders. numpy divides by a constant ten times as fast as it takes the remainder."""
    quotients = numbers // np.uint64(divisor)
    return quotients, numbers - quotients * np.uint64(divisor)


def _damm_over(digits: int) -> NDArray[np.uint8]:
    """At [number * 10 + state]: the state after that number, written with that many digits."""
    step = np.array(_DAMM, dtype=np.uint8)
    states = np.arange(10, dtype=np.uint8).reshape(1, 10)
    for _ in range(digits):
        states = step[states].transpose(0, 2, 1).reshape(-1, 10)
    return states.reshape(-1)


_DAMM_OVER_3 = _damm_over(3)
_DAMM_OVER_4 = _damm_over(4)
_FOUR_DIGITS = np.array([b"%04d" % number for number in range(10**4)]).view(np.uint32)  # ASCII, as one word


def _well_formed(digits: str) -> str:
    if digits and not _are_ascii_digits(digits):
        raise NotACode(NotACodeReason.CHARACTERS)
    if len(digits) != CODE_DIGITS:
        raise NotACode(NotACodeReason.LENGTH)
    if digits[0] == "0":
        raise NotACode(NotACodeReason.FIRST_DIGIT)
    if not is_check_digit_right(digits):
        raise NotACode(NotACodeReason.CHECK_DIGIT)
    return digits


def _are_ascii_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _require_series(series: int) -> None:
    if not 1 <= series <= 9:
        raise ValueError("a series is 1 to 9")


def _require_serial(serial: int) -> None:
    if not 0 <= serial < SERIAL_LIMIT:
        raise ValueError("a serial is 0 to 999,999,999")


def _require_key(key: bytes) -> None:
    if len(key) != KEY_BYTES:
        raise ValueError("a key or salt has 32 bytes")


def _hkdf(master_key: bytes, *, salt: bytes, info: bytes) -> bytes:
    _require_key(master_key)
    return HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=salt, info=info).derive(master_key)


def _aes(key: bytes) -> Cipher[modes.ECB]:
    _require_key(key)
    # ECB is the bare block cipher here: a tag is one block, and no two serials share one.
    return Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305


@lru_cache(maxsize=64)
def _series_cipher(series_key: bytes) -> FF1:
    # Kept, since a process meets few series and all their codes. Batch keys are many, and the cipher of one
    # is made in a microsecond: they are not kept in memory.
    _require_key(series_key)
    return FF1(series_key, digits=_BODY_DIGITS)
