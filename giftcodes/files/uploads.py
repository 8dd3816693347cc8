"""The rows of a file that somebody sent back: CSV, XLSX or a list of addresses, capped and streamed.

CSV comes as UTF-8 with or without a byte order mark, UTF-16 with one, or Shift_JIS (as Windows means it, code
page 932); a character that is damaged damages its row alone. Of a workbook the first sheet is read
(`uploaded_workbooks`).
"""

import codecs
import csv
import io
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from giftcodes.files.uploaded_workbooks import BEGINS_WITH, Bounds, NotAWorkbook, rows_of_first_sheet

MOST_BYTES = 64 * 1024 * 1024
MOST_UNPACKED_BYTES = 192 * 1024 * 1024
MOST_SHARED_BYTES = 64 * 1024 * 1024  # texts of a workbook that are not in its rows are read whole
MOST_ROWS = 1_000_000
MOST_COLUMNS = 50
_MOST_MEMBERS = 1_000
_LONGEST_LINE = 20_000
_SAMPLE = 256 * 1024


class Row(NamedTuple):
    """One row as a spreadsheet numbers it, and its cells."""

    number: int
    cells: list[str]


class Unreadable(Exception):
    """The file can't be read; `rule` names why: `size`, `rows`, `bomb`, `format`. Nothing of it is told."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


def rows_of(file: BinaryIO) -> Iterator[Row]:
    """Every row that is not empty. Unreadable, possibly after some rows."""
    file.seek(0, io.SEEK_END)
    if file.tell() > MOST_BYTES:
        raise Unreadable("size")
    file.seek(0)
    is_workbook = file.read(len(BEGINS_WITH)) == BEGINS_WITH
    file.seek(0)
    for row in _rows_of_workbook(file) if is_workbook else _rows_of_text(file):
        if row.number > MOST_ROWS + 1:
            raise Unreadable("rows")
        if len(row.cells) > MOST_COLUMNS:
            raise Unreadable("format")
        if any(cell.strip() for cell in row.cells):
            yield row


def _rows_of_text(file: BinaryIO) -> Iterator[Row]:
    encoding = _encoding_of(file.read(_SAMPLE))
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=encoding, errors="replace", newline="")
    try:
        for number, cells in enumerate(csv.reader(_lines(text)), 1):
            yield Row(number, cells)
    except csv.Error:
        raise Unreadable("format") from None
    finally:
        text.detach()


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    """Lines of bounded length."""
    while line := text.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            raise Unreadable("format")
        yield line.replace("\0", "\ufffd")


def _encoding_of(sample: bytes) -> str:
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        # The sample may end amid a character.
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        return "cp932"
    return "utf-8-sig"


def _rows_of_workbook(file: BinaryIO) -> Iterator[Row]:
    bounds = Bounds(MOST_UNPACKED_BYTES, MOST_SHARED_BYTES, _MOST_MEMBERS, columns=MOST_COLUMNS)
    try:
        for number, cells in enumerate(rows_of_first_sheet(file, bounds), 1):
            yield Row(number, cells)
    except NotAWorkbook as refusal:
        raise Unreadable("bomb" if refusal.code == "unpacked" else "format") from refusal
