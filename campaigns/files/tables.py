"""Tables that people upload, CSV and XLSX, as rows of text. It knows nothing of what the columns mean.

What a file is, is told by its bytes, never by its name. Everything is capped before it is unpacked or read,
and a file is read whole or not at all: TableRefused names the row and the column as far as there are any.
"""

import csv
import io
import re
from collections.abc import Iterator
from typing import NamedTuple

from giftcodes.files.uploaded_workbooks import BEGINS_WITH, Bounds, NotAWorkbook, rows_of_first_sheet

MEGABYTE = 1_000_000
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_WITHOUT_BOM = ("utf-8", "cp932")
_SEPARATORS = ",\t;"
_MOST_CELLS = 2_000_000
_MOST_PARTS = 300  # of a workbook; one with a sheet has about ten
# Control characters, and what Python makes of bytes that CP932 does not have.
_NOT_IN_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\uf8f0-\uf8f3]")


class Limits(NamedTuple):
    """How much is read. `unpacked` are the bytes that a workbook's archive says it holds, which is also the
    most that is ever unpacked of it.
    """

    size: int = 2 * MEGABYTE
    unpacked: int = 30 * MEGABYTE
    rows: int = 10_000
    columns: int = 30
    letters: int = 500


class Line(NamedTuple):
    """A row of the file by the number that programs show for it, its cells trimmed; as many as the header
    has.
    """

    number: int
    cells: tuple[str, ...]


class Table(NamedTuple):
    """The first row that is not empty, and the others that are not."""

    header: Line
    lines: tuple[Line, ...]


class TableRefused(Exception):
    """The file can't be read as a table. `code` is stable: `empty`, `size`, `kind` (neither CSV nor XLSX),
    `encoding`, `broken`, `unpacked`, `rows`, `columns`, `letters`. Row and column count from 1, 0 if none
    is to blame.
    """

    def __init__(self, code: str, *, row: int = 0, column: int = 0) -> None:
        super().__init__(code, row, column)
        self.code, self.row, self.column = code, row, column


def read_table(data: bytes, *, limits: Limits | None = None) -> Table:
    """The table in an uploaded file: of a workbook the first sheet, with the values that its formulas had
    when it was saved.

    Text is UTF-8, UTF-16 with its mark, or Shift_JIS as Windows writes it (CP932); separated by commas, tabs
    or semicolons; lines may end in any way.
    """
    limits = limits or Limits()
    if len(data) > limits.size:
        raise TableRefused("size")
    if data.startswith(_OLD_EXCEL):
        raise TableRefused("kind")
    lines = _of_workbook(data, limits) if data.startswith(BEGINS_WITH) else _of_text(_decoded(data), limits)
    kept: list[Line] = []
    for line in lines:
        _refuse_too_much(line, limits)
        if any(line.cells):
            kept.append(line)
        if len(kept) > limits.rows + 1:
            raise TableRefused("rows", row=line.number)
    if not kept:
        raise TableRefused("empty")
    return _squared(kept)


def _squared(lines: list[Line]) -> Table:
    """Every row as wide as the header; a cell beyond it that has something in it is a mistake."""
    header = lines[0]
    width = max(place + 1 for place, cell in enumerate(header.cells) if cell)
    squared = []
    for line in lines[1:]:
        beyond = next((place for place, cell in enumerate(line.cells) if place >= width and cell), None)
        if beyond is not None:
            raise TableRefused("columns", row=line.number, column=beyond + 1)
        cells = line.cells[:width]
        squared.append(Line(line.number, cells + ("",) * (width - len(cells))))
    return Table(Line(header.number, header.cells[:width]), tuple(squared))


def _refuse_too_much(line: Line, limits: Limits) -> None:
    if len(line.cells) > limits.columns and any(line.cells[limits.columns :]):
        raise TableRefused("columns", row=line.number, column=limits.columns + 1)
    for place, cell in enumerate(line.cells, start=1):
        if len(cell) > limits.letters:
            raise TableRefused("letters", row=line.number, column=place)


def _decoded(data: bytes) -> str:
    named = next((name for mark, name in _BOMS if data.startswith(mark)), None)
    for encoding in (named,) if named else _WITHOUT_BOM:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if not _NOT_IN_TEXT.search(text):
            return text
    raise TableRefused("encoding")


def _of_text(text: str, limits: Limits) -> Iterator[Line]:
    first = re.split("[\r\n]", text.lstrip(), maxsplit=1)[0]
    separator = max(_SEPARATORS, key=first.count)  # the first of equals: a comma
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    number = 1
    try:
        for cells in reader:
            yield Line(number, tuple(cell.strip() for cell in cells))
            number = reader.line_num + 1
            if number > _most_lines(limits):
                raise TableRefused("rows", row=number)
    except csv.Error as error:  # an open quotation, or a cell of more than 128 kB
        raise TableRefused("broken", row=number) from error


def _of_workbook(data: bytes, limits: Limits) -> Iterator[Line]:
    most = _most_lines(limits)
    bounds = Bounds(limits.unpacked, limits.unpacked, _MOST_PARTS, rows=most + 1)
    read = 0
    try:
        for number, cells in enumerate(rows_of_first_sheet(io.BytesIO(data), bounds), start=1):
            if number > most:
                raise TableRefused("rows", row=number)
            read += len(cells)  # with the empty ones before a cell that is far to the right
            if read > _MOST_CELLS:
                raise TableRefused("columns", row=number)
            yield Line(number, tuple(cell.strip() for cell in cells))
    except NotAWorkbook as refusal:
        raise TableRefused(refusal.code) from refusal


def _most_lines(limits: Limits) -> int:
    """Empty rows are passed over, but not for ever."""
    return 2 * limits.rows + 100


def column_letters(column: int) -> str:
    """The name that spreadsheets give the column: 1 is A, 27 is AA."""
    letters: list[str] = []
    while column > 0:
        column, place = divmod(column - 1, 26)
        letters.append(chr(ord("A") + place))
    return "".join(reversed(letters))
