"""The rows of an uploaded workbook (XLSX), for every reader of files: capped before it is unpacked, streamed.

openpyxl reads with `defusedxml`, which refuses entities. `zipfile` unpacks of a part no more than the archive
says of it, which can be summed up first.
"""

import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import BinaryIO, NamedTuple

import openpyxl

BEGINS_WITH = b"PK\3\4"


class Bounds(NamedTuple):
    """How much is unpacked, by what the archive says of itself; `texts` are those that stand beside the sheet
    and are read whole. Rows and columns beyond the most are not looked at.
    """

    unpacked: int
    texts: int
    parts: int
    rows: int | None = None
    columns: int | None = None


class NotAWorkbook(Exception):
    """`code` says why: `kind` (another archive), `broken`, `unpacked`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def rows_of_first_sheet(file: BinaryIO, bounds: Bounds) -> Iterator[list[str]]:
    """The cells of each row, from the first on, empty ones too, with the values that formulas had when it was
    saved. NotAWorkbook, possibly after some rows.
    """
    _refuse_bombs(file, bounds)
    file.seek(0)
    try:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # what the file says of them need not be so
        for values in sheet.iter_rows(values_only=True, max_row=bounds.rows, max_col=bounds.columns):
            yield [_text_of(value) for value in values]
    except Exception as error:  # a forged workbook breaks the reader in too many ways to name them
        raise NotAWorkbook("broken") from error


def _refuse_bombs(file: BinaryIO, bounds: Bounds) -> None:
    try:
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise NotAWorkbook("broken") from error
    texts = sum(part.file_size for part in parts if part.filename.endswith("sharedStrings.xml"))
    is_large = sum(part.file_size for part in parts) > bounds.unpacked
    if len(parts) > bounds.parts or is_large or texts > bounds.texts:
        raise NotAWorkbook("unpacked")
    if not any(part.filename == "xl/workbook.xml" for part in parts):
        raise NotAWorkbook("kind")


def _text_of(value: object) -> str:
    """A cell as a person reads it: a whole number without a point, however it is kept."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.isoformat() if isinstance(value, (datetime, date, time)) else str(value)
