"""Codes as an XLSX workbook, in cells of text: a spreadsheet leaves the digits of codes and serials alone.

xlsxwriter makes the workbook with its headings, widths and formats; the rows between are written here, as its
mode of constant memory keeps them in a temporary file, in plain, and can't go on in the middle. Nothing but
`<row>` elements with inline strings is ours (ECMA-376, 18.3.1.73).
"""

import io
import zipfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple
from xml.sax.saxutils import escape

import numpy as np
import xlsxwriter

from giftcodes.content import COLUMNS, guarded
from giftcodes.files.archives import Archive, Files, Member
from giftcodes.files.parts import ChannelCodes, Codes, Stretch, digits, grouped, lines, stretches
from giftcodes.sealing import Piece

MAX_ROWS = 1_000_000
_ROWS = 8_192
_SHEET = "xl/worksheets/sheet1.xml"
_END = b"</sheetData>"
_WIDTHS = (12, 21, 60, 24, 10, 18)


class Frame(NamedTuple):
    """The workbook without its rows: its other files, and the sheet before and behind the rows."""

    files: list[tuple[str, bytes]]
    before: bytes
    behind: bytes
    text_style: int


def workbook(channels: Sequence[ChannelCodes], *, about: Sequence[str], made_at: datetime) -> Archive:
    """A sheet with a row per code and one that says what it is. ValueError beyond a million rows."""
    rows = sum(channel.size for channel in channels)
    if rows > MAX_ROWS:
        raise ValueError("a sheet has no room for so many rows")
    frame = _frame(rows, about, made_at)
    head = Files([0], lambda _place: iter(frame.files), is_packed=True)
    return Archive([head, Member(_SHEET, _Sheet(channels, frame))], modified_at=made_at, ending="xlsx")


class _Sheet:
    """The XML of the sheet."""

    ending = "xml"

    def __init__(self, channels: Sequence[ChannelCodes], frame: Frame) -> None:
        self._stretches = [part for stretch in stretches(channels, _ROWS) for part in _of_one_width(stretch)]
        self._frame = frame
        self.sizes: Sequence[int] = [stretch.length for stretch in self._stretches]

    def part(self, place: int) -> Iterator[Piece]:
        if place == 0:
            yield self._frame.before
        yield self._rows(self._stretches[place])
        if place == len(self._stretches) - 1:
            yield self._frame.behind

    def _rows(self, stretch: Stretch) -> Piece:
        layout = stretch.channel.layout
        first = _row_of(stretch)
        number = digits(np.arange(first, first + stretch.length, dtype=np.int64), len(str(first)))
        codes = stretch.codes()
        cells: list[list[bytes | Codes]] = [
            [digits(stretch.public_serials, 10)],
            grouped(codes),
            [escape(layout.url_base).encode() + b"#c=", codes],
            [escape(guarded(layout.channel)).encode()],
            [str(layout.points).encode()],
            [escape(layout.claim_until_text).encode()],
        ]
        columns: list[bytes | Codes] = [b'<row r="', number, b'">']
        for letter, label, cell in zip("ABCDEF", COLUMNS, cells, strict=True):
            columns += [f'<c r="{letter}'.encode(), number]
            columns += self._number(cell) if label == "points" else self._text(cell)
        return lines(stretch.length, [*columns, b"</row>"])

    def _text(self, cell: list[bytes | Codes]) -> list[bytes | Codes]:
        opened = f'" s="{self._frame.text_style}" t="inlineStr"><is><t xml:space="preserve">'
        return [opened.encode(), *cell, b"</t></is></c>"]

    def _number(self, cell: list[bytes | Codes]) -> list[bytes | Codes]:
        return [b'"><v>', *cell, b"</v></c>"]


def _row_of(stretch: Stretch) -> int:
    """Rows count from one, and the first has the labels."""
    return stretch.before + 2


def _of_one_width(stretch: Stretch) -> Iterator[Stretch]:
    """Parts of it whose row numbers have the same number of digits."""
    first, rest = _row_of(stretch), stretch
    while rest.length:
        room = min(rest.length, 10 ** len(str(first)) - first)
        yield rest._replace(length=room)
        rest = rest._replace(first=rest.first + room, length=rest.length - room, before=rest.before + room)
        first += room


def _frame(rows: int, about: Sequence[str], made_at: datetime) -> Frame:
    """Of a workbook with so many rows. `made_at` stands in it, not the time of day."""
    target = io.BytesIO()
    book = xlsxwriter.Workbook(target, {"in_memory": True, "strings_to_urls": False})
    book.set_properties({"created": made_at.replace(tzinfo=None), "comments": " ".join(about)})
    bold = book.add_format({"bold": True, "bottom": 1, "num_format": "@"})
    text = book.add_format({"num_format": "@"})
    sheet = book.add_worksheet("codes")
    for column, (label, width) in enumerate(zip(COLUMNS, _WIDTHS, strict=True)):
        sheet.set_column(column, column, width, None if label == "points" else text)
        sheet.write_string(0, column, label, bold)
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, rows, len(COLUMNS) - 1)
    told = book.add_worksheet("about")
    told.set_column(0, 0, 90, text)
    for row, line in enumerate(about):
        told.write_string(row, 0, guarded(line), text)
    book.close()
    with zipfile.ZipFile(target) as archive:
        files = [(name, archive.read(name)) for name in archive.namelist()]
    [xml] = [plain for name, plain in files if name == _SHEET]
    whole = f'<dimension ref="A1:F{rows + 1}"/>'.encode()
    before, behind = xml.replace(b'<dimension ref="A1:F1"/>', whole).split(_END)
    others = [(name, plain) for name, plain in files if name != _SHEET]
    return Frame(others, before, _END + behind, text.xf_index)
