"""Tables of report pages: shown in HTML, and the same rows as CSV or XLSX."""

import csv
import itertools
from collections.abc import Iterable, Sequence
from io import BytesIO, StringIO
from typing import NamedTuple

import xlsxwriter
from django.http import HttpResponse
from xlsxwriter.format import Format

from ledger.files.cells import safe_text

Cell = str | int | None


class Figure(str):
    """Words that stand at the right, as numbers do: a share in percent."""

    __slots__ = ()


class Table(NamedTuple):
    """Headings and rows; whole numbers are shown with their thousands apart, at the right."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    total: Sequence[Cell] = ()

    @property
    def number_columns(self) -> list[bool]:
        """Whether each column holds numbers."""
        columns = zip(*[*self.rows, *([self.total] if self.total else [])], strict=True)
        found = [any(isinstance(cell, (int, Figure)) for cell in column) for column in columns]
        return found or [False] * len(self.headings)

    @property
    def heads(self) -> list[tuple[str, bool]]:
        return list(zip(self.headings, self.number_columns, strict=True))

    @property
    def body(self) -> list[list[tuple[Cell, bool]]]:
        return [list(zip(row, self.number_columns, strict=True)) for row in self.rows]

    @property
    def foot(self) -> list[tuple[Cell, bool]]:
        return list(zip(self.total, self.number_columns, strict=True)) if self.total else []


def as_csv(name: str, tables: Iterable[Table], *, head: Sequence[tuple[str, str]]) -> HttpResponse:
    """The tables one below the other, for a spreadsheet: UTF-8 with its mark, and no cell that it would take
    for a formula.
    """
    text = StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    for line in head:
        writer.writerow(_plain(line))
    for table in tables:
        writer.writerow([])
        writer.writerow([safe_text(table.title)])
        writer.writerow(_plain(table.headings))
        for row in table.rows:
            writer.writerow(_plain(row))
        if table.total:
            writer.writerow(_plain(table.total))
    response = HttpResponse(text.getvalue().encode("utf-8-sig"), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def as_xlsx(name: str, tables: Iterable[Table], *, head: Sequence[tuple[str, str]]) -> HttpResponse:
    """The same as a workbook of one sheet: numbers are numbers, words never formulas."""
    target = BytesIO()
    plain = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(target, plain) as book:
        sheet, number = book.add_worksheet(), itertools.count()
        bold, figure = book.add_format({"bold": True}), book.add_format({"num_format": "#,##0"})
        sheet.set_column(0, 0, 40)
        sheet.set_column(1, 20, 18)

        def write(row: Sequence[Cell], style: Format | None = None) -> None:
            place = next(number)
            for column, cell in enumerate(_plain(row)):
                if isinstance(cell, int):
                    sheet.write_number(place, column, cell, figure)
                else:
                    sheet.write_string(place, column, cell, style)

        for line in head:
            write(line)
        for table in tables:
            write([])
            write([table.title], bold)
            write(table.headings, bold)
            for row in [*table.rows, *([table.total] if table.total else [])]:
                write(row)
    response = HttpResponse(target.getvalue(), content_type=_XLSX)
    response["Content-Disposition"] = f'attachment; filename="{name}.xlsx"'
    return response


_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def _plain(row: Sequence[Cell]) -> list[str | int]:
    return [cell if isinstance(cell, int) else safe_text(cell or "") for cell in row]
