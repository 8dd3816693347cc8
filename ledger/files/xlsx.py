"""The statement as a workbook: details, netting, overview. Numbers are numbers, names are never formulas.

Rows are written one by one (constant memory). The same content and decision give the same bytes, as long as
the library that writes them stays the same.
"""

import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from ledger.files.cells import TITLE, Stamp, head_of, safe_text
from ledger.files.content import Content

_FIGURES = '#,##0;[Red]"▲"#,##0'
Row = Sequence[str | int]

_A_FIXED_DAY = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)  # files have no clock
_INK, _PAPER = "#1F3A5F", "#F4F6F9"


def workbook(content: Content, stamp: Stamp) -> bytes:
    """The statement as XLSX, in Japanese."""
    target = io.BytesIO()
    book = xlsxwriter.Workbook(
        target, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    )
    book.set_properties({"title": TITLE, "created": _A_FIXED_DAY})
    styles = _Styles(book)
    _write_lines(_sheet(book, "明細", stamp), styles, content)
    _write_netting(_sheet(book, "相殺", stamp), styles, content)
    _write_overview(_sheet(book, "概要", stamp), styles, content, stamp)
    book.close()
    return target.getvalue()


class _Styles:
    def __init__(self, book: xlsxwriter.Workbook) -> None:
        font = {"font_name": "BIZ UDPGothic", "font_size": 10, "valign": "vcenter"}
        self.text: Format = book.add_format(font | {"bottom": 4, "bottom_color": "#B8C2CF"})
        self.figure: Format = book.add_format(
            font | {"num_format": _FIGURES, "bottom": 4, "bottom_color": "#B8C2CF"}
        )
        self.heading: Format = book.add_format(
            font
            | {"bold": True, "font_color": "white", "bg_color": _INK, "text_wrap": True, "align": "center"}
        )
        strong = font | {"bold": True, "top": 1, "bottom": 6, "bg_color": _PAPER}
        self.total: Format = book.add_format(strong)
        self.total_figure: Format = book.add_format(strong | {"num_format": _FIGURES})
        self.title: Format = book.add_format(font | {"bold": True, "font_size": 14, "font_color": _INK})


def _sheet(book: xlsxwriter.Workbook, name: str, stamp: Stamp) -> Worksheet:
    sheet = book.add_worksheet(name)
    sheet.set_paper(9)  # A4
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.set_margins(left=0.5, right=0.5, top=0.6, bottom=0.7)
    sheet.set_footer(f"&L&8{stamp.state}  SHA-256 {stamp.sha256}&R&8&P / &N")
    return sheet


def _write_lines(sheet: Worksheet, styles: _Styles, content: Content) -> None:
    headings = [
        "負担ブランド",
        "利用先ブランド",
        "店舗コード",
        "店舗",
        "行数",
        "ポイント",
        "うち前期以前分",
        "円",
    ]
    _prepare(sheet, styles, headings, [34, 34, 14, 26, 10, 14, 14, 16])
    rows: Iterable[Row] = (
        [
            line.names.funder_name,
            line.names.acceptor_name,
            line.names.store,
            line.names.store_name or "（店舗なし・訂正）",
            *line.figures,
        ]
        for line in content.lines
    )
    next_row = _write_rows(sheet, styles, rows)
    _write_total(sheet, styles, next_row, ["合計", "", "", "", *content.total.figures])
    sheet.autofilter(0, 0, max(next_row - 1, 1), len(headings) - 1)


def _write_netting(sheet: Worksheet, styles: _Styles, content: Content) -> None:
    _prepare(sheet, styles, ["支払ブランド", "受取ブランド", "支払額（円）"], [44, 44, 20])
    rows: Iterable[Row] = (
        [content.names[due.debtor], content.names[due.creditor], due.yen] for due in content.dues
    )
    next_row = _write_rows(sheet, styles, rows)
    _write_total(sheet, styles, next_row, ["合計", "", sum(due.yen for due in content.dues)])
    next_row += 2
    for column, heading in enumerate(["ブランド", "受取（円）", "支払（円）", "差引（円）"]):
        sheet.write_string(next_row, column, heading, styles.heading)
    sheet.set_column(3, 3, 20)
    positions: Iterable[Row] = (
        [content.names[slug], position.receivable, position.payable, position.net]
        for slug, position in content.positions.items()
    )
    _write_rows(sheet, styles, positions, first_row=next_row + 1)


def _write_overview(sheet: Worksheet, styles: _Styles, content: Content, stamp: Stamp) -> None:
    sheet.set_column(0, 0, 24)
    sheet.set_column(1, 1, 72)
    sheet.write_string(0, 0, TITLE, styles.title)
    facts = [(label, value) for _key, label, value in head_of(content)]
    facts += [
        ("合計ポイント", content.total.points),
        ("合計金額（円）", content.total.yen),
        ("状態", stamp.state),
        ("確定日", stamp.decided_on),
        ("正本CSVのSHA-256", stamp.sha256),
    ]
    for row, (label, value) in enumerate(facts, start=2):
        sheet.write_string(row, 0, label, styles.text)
        _write_cell(sheet, row, 1, value, styles.text, styles.figure)


def _prepare(sheet: Worksheet, styles: _Styles, headings: Sequence[str], widths: Sequence[int]) -> None:
    for column, (heading, width) in enumerate(zip(headings, widths, strict=True)):
        sheet.set_column(column, column, width)
        sheet.write_string(0, column, heading, styles.heading)
    sheet.freeze_panes(1, 0)
    sheet.repeat_rows(0)


def _write_rows(sheet: Worksheet, styles: _Styles, rows: Iterable[Row], *, first_row: int = 1) -> int:
    """The number of the row behind the last one."""
    number = first_row
    for row in rows:
        for column, value in enumerate(row):
            _write_cell(sheet, number, column, value, styles.text, styles.figure)
        number += 1
    return number


def _write_total(sheet: Worksheet, styles: _Styles, number: int, row: Row) -> None:
    for column, value in enumerate(row):
        _write_cell(sheet, number, column, value, styles.total, styles.total_figure)


def _write_cell(
    sheet: Worksheet, row: int, column: int, value: str | int, text: Format, figure: Format
) -> None:
    if isinstance(value, int):
        sheet.write_number(row, column, value, figure)
    else:
        sheet.write_string(row, column, safe_text(value), text)
