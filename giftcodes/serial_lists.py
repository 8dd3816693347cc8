"""Serial numbers that people paste or upload: one a line, or a table whose first column they are.

What is not understood is named by its line and never repeated: it may be a code. Pure: no database, no
settings, no clock.
"""

import io
import re
import unicodedata
from enum import StrEnum
from typing import NamedTuple

from giftcodes.codec import CODE_DIGITS
from giftcodes.files.uploaded_workbooks import BEGINS_WITH
from giftcodes.files.uploads import Unreadable, rows_of

SERIAL_DIGITS = 10
MAX_LISTED = 10_000
MAX_LIST_BYTES = 1_000_000
_CELLS = re.compile(r"[,;\t]")


class Fault(StrEnum):
    """Why a line is no serial number."""

    CODE = "code"  # as many digits as a code has: it must not be kept anywhere
    FORM = "form"  # no ten digits
    ELSEWHERE = "elsewhere"  # not one of those that may be named here


class FaultyLine(NamedTuple):
    """A line that can't be taken, counted from 1."""

    line: int
    fault: Fault


class Listed(NamedTuple):
    """What a text says: serial numbers in its order, and lines that say none."""

    numbers: list[int]
    faults: list[FaultyLine]


class NotAText(ValueError):
    """The file is neither text nor a workbook, or longer than MAX_LIST_BYTES."""


def decode_upload(raw: bytes) -> str:
    """The text of an uploaded file, in UTF-8 or as Japanese Windows writes it; of a workbook (XLSX) the rows
    of its first sheet, each on the line of its number, their cells apart by tabs. NotAText.
    """
    if len(raw) > MAX_LIST_BYTES:
        raise NotAText
    if raw.startswith(BEGINS_WITH):
        return _text_of_workbook(raw)
    if b"\0" in raw:
        raise NotAText
    for encoding in ("utf-8-sig", "cp932"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise NotAText


def _text_of_workbook(raw: bytes) -> str:
    lines: list[str] = []
    try:
        for row in rows_of(io.BytesIO(raw)):
            if row.number > MAX_LISTED + 1:  # `is_too_long` then: no more of it is read
                break
            lines += [""] * (row.number - 1 - len(lines))
            lines.append("\t".join(" ".join(cell.split()) for cell in row.cells).rstrip())
        else:
            return "\n".join(lines)
    except Unreadable as refusal:
        raise NotAText from refusal
    return "\n".join([*lines, *["-"] * (MAX_LISTED + 1 - len(lines))])


def read_list(text: str, *, first: int, end: int) -> Listed:
    """The serial numbers of a text, which lie from `first` up to `end` (exclusive). Lines without a digit, as
    the labels of a table, say nothing. At most MAX_LISTED lines are looked at: what comes behind them is for
    the caller to refuse (`is_too_long`).
    """
    listed = Listed([], [])
    for place, line in enumerate(_lines(text)[:MAX_LISTED], start=1):
        digits = sum(char.isdigit() for char in line)
        if not digits:
            continue
        number = _number(line)
        if number is None:
            fault = Fault.CODE if digits >= CODE_DIGITS else Fault.FORM
            listed.faults.append(FaultyLine(place, fault))
        elif not first <= number < end:
            listed.faults.append(FaultyLine(place, Fault.ELSEWHERE))
        else:
            listed.numbers.append(number)
    return listed


def is_too_long(text: str) -> bool:
    """Whether there are more lines than a list may have."""
    return len(_lines(text)) > MAX_LISTED


def _lines(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", text.removeprefix("\ufeff"))
    return [line.strip() for line in plain.rstrip().splitlines()]


def _number(line: str) -> int | None:
    """The first cell, if it is a serial number and no other cell of the line has the digits of a code."""
    cells = [cell.strip().strip('"').strip() for cell in _CELLS.split(line)]
    if any(sum(char.isdigit() for char in cell) >= CODE_DIGITS for cell in cells[1:]):
        return None
    return int(cells[0]) if re.fullmatch(rf"[0-9]{{{SERIAL_DIGITS}}}", cells[0]) else None
