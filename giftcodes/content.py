"""The plain content of a batch: one CSV row per code, made so fast that it never slows minting down.

UTF-8 with a byte order mark (spreadsheets guess the encoding otherwise), comma separated, CRLF, after RFC
4180. The labels are plain English words because the file is read by machines first. A code is grouped with
hyphens: 16 bare digits would lose the last one in a spreadsheet, which keeps 15.

Every row of one layout has the same width, so rows are a matrix of bytes: one template row, repeated, with
the columns that differ written over it. Nothing here knows a key, a file or a database.
"""

import re
import unicodedata
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

COLUMNS = ("serial", "code", "url", "channel", "points", "claim_until")

_SERIALS_PER_SERIES = 10**9
_MAX_POINTS = 10**12
_MAX_TEXT = 200
# Printable ASCII; a space, a comma or a quote would break the row, a # the fragment that carries the code.
_URL_BASE = re.compile(r"https?://[!$-+\--~]{1,490}")
_SERIAL_SLOT, _CODE_SLOT, _URL_SLOT = b"0" * 10, b"0000-0000-0000-0000", b"0" * 16
_FOUR_DIGITS = np.array([b"%04d" % number for number in range(10_000)], dtype="S4")


@dataclass(frozen=True, kw_only=True)
class RowLayout:
    """What all rows of one channel share.

    `url_base` is what comes before `#c=<code>`; `claim_until_text` is the last moment for claiming,
    inclusive, in local time, as people shall read it. ValueError for texts that cannot stand in a row:
    control characters and line separators, nothing at all, more than 200 characters, a base that is not a
    plain http(s) address, points outside 1 to 10^12.
    """

    url_base: str
    channel: str
    points: int
    claim_until_text: str

    def __post_init__(self) -> None:
        if not _URL_BASE.fullmatch(self.url_base):
            raise ValueError("url_base is not a plain http(s) address without fragment")
        if not 0 < self.points <= _MAX_POINTS:
            raise ValueError("points must be from 1 to 10^12")
        _text_field(self.channel)
        _text_field(self.claim_until_text)


def header() -> bytes:
    """The byte order mark and the line of labels, which begin the content once."""
    return "\ufeff".encode() + ",".join(COLUMNS).encode() + b"\r\n"


def rows(codes: NDArray[np.bytes_], *, series: int, first_serial: int, layout: RowLayout) -> memoryview:
    """The rows of `codes` (dtype S16, 16 digits each), whose serials are `first_serial` and following.

    A function of its arguments alone: the same call gives the same bytes, on any machine. ValueError if the
    serials leave the series, or the array is not one of codes.
    """
    if codes.dtype != np.dtype("S16") or codes.ndim != 1:
        raise ValueError("codes must be a one-dimensional array of S16")
    codes = np.ascontiguousarray(codes)
    if (codes.view(np.uint8) - np.uint8(ord("0")) > 9).any():  # what is below "0" wraps to above 9
        raise ValueError("codes must be 16 digits each")
    if not 1 <= series <= 9 or not 0 <= first_serial <= _SERIALS_PER_SERIES - len(codes):
        raise ValueError("serials must lie within one series of 10^9")
    template, row_type = _row_pattern(layout)
    matrix = np.full(len(codes), np.void(template), dtype=f"V{len(template)}").view(row_type)
    first_public = series * _SERIALS_PER_SERIES + first_serial
    matrix["serial"] = _ten_digits(np.arange(first_public, first_public + len(codes), dtype=np.int64))
    groups = codes.view("S4").reshape(-1, 4)
    for group in range(4):
        matrix[f"group{group}"] = groups[:, group]
    matrix["url_code"] = codes
    return matrix.view(np.uint8).data.toreadonly()


def _row_pattern(layout: RowLayout) -> tuple[bytes, np.dtype[np.void]]:
    """One row with empty slots, and the type that names where in it the slots are."""
    before_url = _SERIAL_SLOT + b"," + _CODE_SLOT + b"," + layout.url_base.encode("ascii") + b"#c="
    fixed_tail = (_text_field(layout.channel), str(layout.points), _text_field(layout.claim_until_text))
    template = before_url + _URL_SLOT + "".join(f",{text}" for text in fixed_tail).encode() + b"\r\n"
    code_at = len(_SERIAL_SLOT) + 1
    slots = {
        "serial": ("S10", 0),
        **{f"group{group}": ("S4", code_at + 5 * group) for group in range(4)},
        "url_code": ("S16", len(before_url)),
    }
    return template, np.dtype(
        {
            "names": list(slots),
            "formats": [width for width, _ in slots.values()],
            "offsets": [offset for _, offset in slots.values()],
            "itemsize": len(template),
        }
    )


def _ten_digits(numbers: NDArray[np.int64]) -> NDArray[np.bytes_]:
    digits = np.empty((len(numbers), 3), dtype="S4")
    above, low = np.divmod(numbers, 10_000)
    high, middle = np.divmod(above, 10_000)
    for column, part in enumerate((high, middle, low)):
        digits[:, column] = _FOUR_DIGITS[part]
    # Twelve digits were written; a public serial has ten, so the first two are always zeros.
    return np.ascontiguousarray(digits.view("S1").reshape(-1, 12)[:, 2:]).view("S10").ravel()


def guarded(text: str) -> str:
    """The text as no spreadsheet takes it for a formula (OWASP, CSV injection), in any width. ValueError for
    what can't stand in a row.
    """
    if not text.strip() or len(text) > _MAX_TEXT:
        raise ValueError(f"a text in a row must have 1 to {_MAX_TEXT} characters")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in text):
        raise ValueError("a text in a row must not hold control characters")
    seen_first = next((c for c in text if not c.isspace() and unicodedata.category(c) != "Cf"), text[0])
    begins_like_formula = unicodedata.normalize("NFKC", seen_first)[0] in "=+-@\u2212"
    return f"'{text}" if begins_like_formula else text


def _text_field(text: str) -> str:
    """A quoted field."""
    return '"' + guarded(text).replace('"', '""') + '"'
