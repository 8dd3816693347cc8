"""The statement on paper: A4, Japanese, with page numbers, room for two seals, and the fingerprint of the
canonical CSV. The same content and decision give the same bytes, as long as the library that draws them stays
the same.
"""

import io
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib.colors import Color, HexColor, white
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, KeepTogether, LongTable, Paragraph, SimpleDocTemplate, Spacer, Table

from ledger.files.cells import TITLE, Stamp, safe_text
from ledger.files.content import Content
from ledger.files.numbered import NumberedCanvas
from ledger.files.typefaces import BOLD as _BOLD
from ledger.files.typefaces import REGULAR as _REGULAR
from ledger.files.typefaces import register_fonts

_INK, _LINE, _PAPER, _RED = HexColor("#1F3A5F"), HexColor("#B8C2CF"), HexColor("#F4F6F9"), HexColor("#B3261E")
_WIDTH, _MARGIN = A4[0], 14 * mm
_FRAME_PADDING = 6  # of reportlab's templates, in points
_SIZE = 8
_CELL = ParagraphStyle("cell", fontName=_REGULAR, fontSize=_SIZE, leading=_SIZE * 1.35, wordWrap="CJK")
_HEADING = ParagraphStyle(
    "heading", fontName=_BOLD, fontSize=11, leading=15, textColor=_INK, spaceBefore=14, spaceAfter=5
)
_PLAIN = ParagraphStyle("plain", parent=_CELL, textColor=HexColor("#46505C"), spaceAfter=5)

MAX_PRINTED_LINES = 2_000  # some 80 pages: who needs more reads the other files

Cell = str | int
Column = tuple[str, float]  # heading, width in millimetres


def document(content: Content, stamp: Stamp) -> bytes:
    """The statement as PDF, in Japanese."""
    register_fonts()
    target = io.BytesIO()
    template = SimpleDocTemplate(
        target,
        pagesize=A4,
        leftMargin=_MARGIN - _FRAME_PADDING,
        rightMargin=_MARGIN - _FRAME_PADDING,
        topMargin=17 * mm,
        bottomMargin=19 * mm,
        title=f"{TITLE} {content.program} {_period(content)}",
        author=content.program,
        lang="ja-JP",
        invariant=1,
    )
    template.build(
        _story(content, stamp), canvasmaker=partial(NumberedCanvas, footer=_footer(content, stamp))
    )
    return target.getvalue()


def _story(content: Content, stamp: Stamp) -> list[Flowable]:
    return [
        _head(content, stamp),
        Spacer(0, 5 * mm),
        *_dues(content),
        *_positions(content),
        *_pairs(content),
        *_lines(content),
    ]


def _head(content: Content, stamp: Stamp) -> Flowable:
    facts = [
        ("プログラム", content.program),
        ("対象期間", _period(content)),
        ("精算書番号", content.number),
        ("換算", f"1ポイント = {content.yen_per_point:,}円"),
        ("集計", f"{content.total.uses:,}行  {_figure(content.total.points)}ポイント"),
        ("作成", _long_date(content.prepared_at.date())),
        ("状態", f"{stamp.state}（{_decided_on(stamp)}）" if stamp.decided_on else stamp.state),
    ]
    rows = [[label, _fitting(safe_text(value), 78 * mm)] for label, value in facts]
    table = Table(rows, [24 * mm, 80 * mm], hAlign="LEFT")
    table.setStyle(
        [
            ("FONT", (0, 0), (-1, -1), _REGULAR, _SIZE + 0.5),
            ("FONT", (0, 0), (0, -1), _BOLD, _SIZE + 0.5),
            ("TEXTCOLOR", (0, 0), (0, -1), _INK),
            ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
            ("TOPPADDING", (0, 0), (-1, -1), 2),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
            ("LEFTPADDING", (0, 0), (0, -1), 0),
            ("LINEBELOW", (0, 0), (-1, -1), 0.3, _LINE),
        ]
    )
    title = ParagraphStyle("title", fontName=_BOLD, fontSize=19, leading=24, textColor=_INK)
    both = Table(
        [[Paragraph(TITLE, title), ""], [table, _seals(content, stamp)]],
        [_WIDTH - 2 * _MARGIN - 62 * mm, 62 * mm],
    )
    both.setStyle(
        [
            ("VALIGN", (0, 0), (-1, -1), "BOTTOM"),
            ("ALIGN", (1, 0), (1, -1), "RIGHT"),
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("RIGHTPADDING", (0, 0), (-1, -1), 0),
            ("BOTTOMPADDING", (0, 0), (-1, 0), 8),
        ]
    )
    return both


def _seals(content: Content, stamp: Stamp) -> Flowable:
    """Two boxes to sign or to seal: who prepared it, and who closed it."""
    prepared, decided = _long_date(content.prepared_at.date()), _decided_on(stamp)
    table = Table(
        [["作成者", "承認者"], ["印", "印"], [prepared, decided]], [27 * mm] * 2, [6 * mm, 20 * mm, 6 * mm]
    )
    table.setStyle(
        [
            ("FONT", (0, 0), (-1, -1), _REGULAR, 7.5),
            ("FONT", (0, 0), (-1, 0), _BOLD, 8),
            ("ALIGN", (0, 0), (-1, -1), "CENTER"),
            ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
            ("BACKGROUND", (0, 0), (-1, 0), _PAPER),
            ("TEXTCOLOR", (0, 0), (-1, 0), _INK),
            ("TEXTCOLOR", (0, 1), (-1, 1), _LINE),
            ("GRID", (0, 0), (-1, -1), 0.5, _INK),
        ]
    )
    return table


def _dues(content: Content) -> list[Flowable]:
    columns = [("支払ブランド", 76), ("受取ブランド", 76), ("支払額（円）", 30)]
    rows: list[list[Cell]] = [
        [content.names[due.debtor], content.names[due.creditor], due.yen] for due in content.dues
    ]
    if not rows:
        return _section("1. 相殺後の支払", [Paragraph("この期間に、ブランド間の支払はありません。", _PLAIN)])
    total: list[Cell] = ["合計", "", sum(due.yen for due in content.dues)]
    return _section("1. 相殺後の支払", [_grid(columns, rows, total, strong_figures=True)])


def _positions(content: Content) -> list[Flowable]:
    columns = [("ブランド", 92), ("受取（円）", 30), ("支払（円）", 30), ("差引（円）", 30)]
    rows: list[list[Cell]] = [
        [content.names[slug], position.receivable, position.payable, position.net]
        for slug, position in content.positions.items()
    ]
    if not rows:
        return []
    note = Paragraph("自社が負担したポイントの自社での利用は、受取・支払に含みません。", _PLAIN)
    return _section("2. ブランド別の差引", [note, _grid(columns, rows)])


def _pairs(content: Content) -> list[Flowable]:
    columns = [
        ("負担ブランド", 52),
        ("利用先ブランド", 52),
        ("行数", 15),
        ("ポイント", 21),
        ("うち前期以前", 22),
        ("円", 20),
    ]
    rows: list[list[Cell]] = [
        [content.names[pair.funder], content.names[pair.acceptor], *pair.figures] for pair in content.pairs
    ]
    if not rows:
        return []
    return _section("3. ブランド間小計", [_grid(columns, rows, ["合計", "", *content.total.figures])])


def _lines(content: Content) -> list[Flowable]:
    columns = [
        ("負担ブランド", 38),
        ("利用先ブランド", 38),
        ("店舗", 33),
        ("行数", 13),
        ("ポイント", 20),
        ("うち前期以前", 20),
        ("円", 20),
    ]
    rows: list[list[Cell]] = [
        [
            line.names.funder_name,
            line.names.acceptor_name,
            f"{line.names.store} {line.names.store_name}".strip() or "（店舗なし・訂正）",
            *line.figures,
        ]
        for line in content.lines
    ]
    if not rows:
        return []
    heading = Paragraph("4. 店舗別明細", _HEADING)
    if len(rows) > MAX_PRINTED_LINES:
        words = f"明細は{len(rows):,}行あるため、CSVまたはXLSXをご覧ください。"
        return [KeepTogether([heading, Paragraph(words, _PLAIN)])]
    return [heading, _grid(columns, rows, ["合計", "", "", *content.total.figures])]


def _section(heading: str, parts: Sequence[Flowable]) -> list[Flowable]:
    return [KeepTogether([Paragraph(heading, _HEADING), parts[0]]), *parts[1:]]


def _grid(
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell]],
    total: Sequence[Cell] | None = None,
    *,
    strong_figures: bool = False,
) -> Flowable:
    """A table that repeats its heading on every page. Texts are left, figures right, below zero in red."""
    widths = [width * mm for _heading, width in columns]
    shown = [[heading for heading, _width in columns]]
    shown += [[_shown(cell, width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    if total is not None:
        shown.append([_shown(cell, width) for cell, width in zip(total, widths, strict=True)])
    grid = LongTable(shown, widths, repeatRows=1, hAlign="LEFT")
    first_figure = next(place for place, cell in enumerate(rows[0]) if isinstance(cell, int))
    style: list[tuple[Any, ...]] = [
        ("FONT", (0, 0), (-1, -1), _REGULAR, _SIZE),
        ("FONT", (0, 0), (-1, 0), _BOLD, _SIZE),
        ("BACKGROUND", (0, 0), (-1, 0), _INK),
        ("TEXTCOLOR", (0, 0), (-1, 0), white),
        ("ALIGN", (first_figure, 0), (-1, -1), "RIGHT"),
        ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
        ("ROWBACKGROUNDS", (0, 1), (-1, -1), [white, _PAPER]),
        ("LINEBELOW", (0, 1), (-1, -1), 0.3, _LINE),
        ("TOPPADDING", (0, 0), (-1, -1), 3),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 3.5),
    ]
    if strong_figures:
        style.append(("FONT", (first_figure, 1), (-1, -1), _BOLD, _SIZE + 1))
    if total is not None:
        style += [
            ("FONT", (0, -1), (-1, -1), _BOLD, _SIZE),
            ("BACKGROUND", (0, -1), (-1, -1), white),
            ("LINEABOVE", (0, -1), (-1, -1), 0.8, _INK),
            ("LINEBELOW", (0, -1), (-1, -1), 0.8, _INK),
        ]
    for number, row in enumerate([*rows, total or ()], start=1):
        for place, cell in enumerate(row):
            if isinstance(cell, int) and cell < 0:
                style.append(("TEXTCOLOR", (place, number), (place, number), _RED))
    grid.setStyle(style)
    return grid


def _shown(cell: Cell, width: float) -> str | Paragraph:
    return _figure(cell) if isinstance(cell, int) else _fitting(safe_text(cell), width)


def _fitting(text: str, width: float) -> str | Paragraph:
    """The text as it is, if it fits; a paragraph, which is far slower, only if it must be broken."""
    if stringWidth(text, _REGULAR, _SIZE + 0.5) <= width - 12:
        return text
    return Paragraph(escape(text), _CELL)


def _figure(number: int) -> str:
    return f"▲{-number:,}" if number < 0 else f"{number:,}"


def _period(content: Content) -> str:
    return f"{_long_date(content.first_day)} ～ {_long_date(content.last_day)}"


def _long_date(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"


def _decided_on(stamp: Stamp) -> str:
    return _long_date(date.fromisoformat(stamp.decided_on)) if stamp.decided_on else ""


def _footer(content: Content, stamp: Stamp) -> Callable[[Canvas, int, int], None]:
    def draw(canvas: Canvas, page: int, pages: int) -> None:
        canvas.setStrokeColor(_LINE)
        canvas.setLineWidth(0.5)
        canvas.line(_MARGIN, 14 * mm, _WIDTH - _MARGIN, 14 * mm)
        _say(canvas, 6.2, HexColor("#46505C"))
        canvas.drawString(_MARGIN, 10.5 * mm, f"正本CSVのSHA-256  {stamp.sha256}")
        canvas.drawString(_MARGIN, 7.5 * mm, f"{TITLE}  {content.number}  {stamp.state}")
        _say(canvas, 8, _INK)
        canvas.drawRightString(_WIDTH - _MARGIN, 9 * mm, f"{page} / {pages}")
        if page > 1:
            _say(canvas, 7.5, _INK)
            canvas.drawString(_MARGIN, A4[1] - 11 * mm, f"{TITLE}  {safe_text(content.program)}")
            canvas.drawRightString(_WIDTH - _MARGIN, A4[1] - 11 * mm, _period(content))

    return draw


def _say(canvas: Canvas, size: float, color: Color) -> None:
    canvas.setFont(_REGULAR, size)
    canvas.setFillColor(color)
