"""What a campaign has brought, on paper: A4, in the campaign's colour, with its logo. The funnel and the
curve are drawn as lines and areas, so that they stay sharp at any size; every figure is the page's own.
"""

from collections.abc import Sequence
from functools import partial
from io import BytesIO
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

from reportlab.lib.colors import Color, HexColor, white
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, KeepTogether, LongTable, Paragraph, SimpleDocTemplate, Spacer

from campaigns.colours import text_on
from campaigns.files.charts import Bars, Curve
from campaigns.result_tables import Section, Step
from ledger.charts import Chart
from ledger.files.cells import safe_text
from ledger.files.numbered import NumberedCanvas
from ledger.files.typefaces import BOLD, REGULAR, register_fonts
from ledger.tables import Cell, Table
from ledger.templatetags.finance import cell as shown

_INK, _SOFT, _LINE, _PAPER = (
    HexColor("#1B1F27"),
    HexColor("#4A515E"),
    HexColor("#B9C0CB"),
    HexColor("#F4F6F9"),
)
_WIDTH, _HEIGHT, _MARGIN = A4[0], A4[1], 14 * mm
_INNER = _WIDTH - 2 * _MARGIN
_FRAME_PADDING = 6  # of reportlab's templates, in points
_BAND = 26 * mm
_SIZE, _HEADS = 8, 7
_CELL = ParagraphStyle(
    "cell", fontName=REGULAR, fontSize=_SIZE, leading=_SIZE * 1.35, textColor=_INK, wordWrap="CJK"
)
_HEAD = ParagraphStyle("head", parent=_CELL, fontName=BOLD)
_NOTE = ParagraphStyle("note", parent=_CELL, fontSize=7, leading=9.8, textColor=_SOFT, spaceBefore=3)
_HEADING = ParagraphStyle(
    "heading", fontName=BOLD, fontSize=11, leading=15, textColor=_INK, spaceBefore=13, spaceAfter=4
)
_NARROWEST, _WIDEST_HEADING = 15 * mm, 30 * mm


class Report(NamedTuple):
    """What is printed. `logo` is a PNG, None without one; `funnel` is its heading, its steps and what they
    mean; `nothing` stands where a table has no rows.
    """

    title: str
    brand: str
    language: str
    colour: str
    logo: bytes | None
    head: list[tuple[str, str]]
    funnel: tuple[str, list[Step], str] | None
    chart: Chart | None
    sections: list[Section]
    nothing: str


def document(report: Report) -> bytes:
    """The report as PDF, in the language of its words."""
    register_fonts()
    target = BytesIO()
    template = SimpleDocTemplate(
        target,
        pagesize=A4,
        leftMargin=_MARGIN - _FRAME_PADDING,
        rightMargin=_MARGIN - _FRAME_PADDING,
        topMargin=18 * mm,
        bottomMargin=17 * mm,
        title=f"{report.title} {report.brand}".strip(),
        lang=report.language,
        invariant=1,
    )
    template.build(_story(report), canvasmaker=partial(NumberedCanvas, footer=partial(_frame, report)))
    return target.getvalue()


def _story(report: Report) -> list[Flowable]:
    story: list[Flowable] = [Spacer(0, _BAND - 12 * mm), _facts(report.head)]
    if report.funnel:
        heading, steps, hint = report.funnel
        bars = Bars(
            [(step.name, shown(step.number), step.share, step.length) for step in steps], report.colour
        )
        story.append(KeepTogether([_titled(heading), bars, _note(hint)]))
    if report.chart:
        story.append(KeepTogether([_titled(report.chart.title), Curve(report.chart, report.colour)]))
    for table, hint in report.sections:
        story += _section(report, table, hint)
    return story


def _section(report: Report, table: Table, hint: str) -> list[Flowable]:
    body = _grid(table, report.colour) if table.rows else Paragraph(escape(report.nothing), _CELL)
    parts: list[Flowable] = [_titled(table.title), body, *([_note(hint)] if hint else [])]
    return [KeepTogether(parts)] if len(table.rows) <= _KEPT_TOGETHER else parts


_KEPT_TOGETHER = 20


def _titled(text: str) -> Flowable:
    return Paragraph(escape(text), _HEADING)


def _note(text: str) -> Flowable:
    return Paragraph(escape(text), _NOTE)


def _facts(head: Sequence[tuple[str, str]]) -> Flowable:
    rows = [
        [Paragraph(escape(name), _HEAD), Paragraph(escape(safe_text(text)), _CELL)] for name, text in head
    ]
    table = LongTable(rows, [30 * mm, _INNER - 30 * mm], hAlign="LEFT")
    table.setStyle(
        [
            ("LINEBELOW", (0, 0), (-1, -1), 0.3, _LINE),
            ("LEFTPADDING", (0, 0), (0, -1), 0),
            ("TOPPADDING", (0, 0), (-1, -1), 2),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
        ]
    )
    return table


def _grid(table: Table, colour: str) -> Flowable:
    """A table that repeats its headings on every page: words left, figures right."""
    is_number = table.number_columns
    widths = _widths(table)
    right = ParagraphStyle("right", parent=_CELL, alignment=2)
    of_heads: dict[str, Any] = {"fontName": BOLD, "fontSize": _HEADS, "textColor": HexColor(text_on(colour))}
    heads = [
        Paragraph(escape(heading), ParagraphStyle("top", parent=right if number else _CELL, **of_heads))
        for heading, number in table.heads
    ]
    bold = [ParagraphStyle("foot", parent=right if number else _CELL, fontName=BOLD) for number in is_number]
    plain = [right if number else _CELL for number in is_number]
    rows = [
        heads,
        *([_cell(one, style) for one, style in zip(row, plain, strict=True)] for row in table.rows),
    ]
    style: list[tuple[Any, ...]] = [
        ("BACKGROUND", (0, 0), (-1, 0), HexColor(colour)),
        ("BOX", (0, 0), (-1, 0), 0.3, _LINE),
        ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
        ("ROWBACKGROUNDS", (0, 1), (-1, -1), [white, _PAPER]),
        ("LINEBELOW", (0, 1), (-1, -1), 0.3, _LINE),
        ("LEFTPADDING", (0, 0), (-1, -1), 4),
        ("RIGHTPADDING", (0, 0), (-1, -1), 4),
        ("TOPPADDING", (0, 0), (-1, -1), 2.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 3.5),
    ]
    if table.total:
        rows.append([_cell(one, style) for one, style in zip(table.total, bold, strict=True)])
        style += [("BACKGROUND", (0, -1), (-1, -1), white), ("LINEABOVE", (0, -1), (-1, -1), 0.8, _INK)]
    grid = LongTable(rows, widths, repeatRows=1, hAlign="LEFT")
    grid.setStyle(style)
    return grid


def _cell(value: Cell, style: ParagraphStyle) -> Paragraph:
    return Paragraph(escape(safe_text(shown(value))), style)


def _widths(table: Table) -> list[float]:
    """As wide as what stands there, within the page: figures get what they need, words the rest."""
    lines = [*table.rows, *([table.total] if table.total else [])]
    wanted = []
    for place, (heading, number) in enumerate(table.heads):
        longest = max((stringWidth(shown(line[place]), BOLD, _SIZE) for line in lines), default=0)
        of_heading = stringWidth(heading, BOLD, _HEADS)
        wanted.append(max(_NARROWEST, longest + 10, min(of_heading + 10, _WIDEST_HEADING)) if number else 0)
    words = wanted.count(0)
    if not words:
        return [_INNER / len(wanted)] * len(wanted)
    rest = max((_INNER - sum(wanted)) / words, 20 * mm)
    widths = [width or rest for width in wanted]
    scale = min(1, _INNER / sum(widths))
    return [width * scale for width in widths]


def _frame(report: Report, canvas: Canvas, page: int, pages: int) -> None:
    """The band on the first page, the name on all others, and the number below."""
    if page == 1:
        _band(report, canvas)
    else:
        _say(canvas, REGULAR, 7.5, _SOFT)
        canvas.drawString(_MARGIN, _HEIGHT - 11 * mm, f"{report.title}  {safe_text(report.brand)}")
    canvas.setStrokeColor(_LINE)
    canvas.setLineWidth(0.5)
    canvas.line(_MARGIN, 13 * mm, _WIDTH - _MARGIN, 13 * mm)
    _say(canvas, REGULAR, 8, _SOFT)
    canvas.drawRightString(_WIDTH - _MARGIN, 8.5 * mm, f"{page} / {pages}")


def _band(report: Report, canvas: Canvas) -> None:
    canvas.setFillColor(HexColor(report.colour))
    canvas.rect(0, _HEIGHT - _BAND, _WIDTH, _BAND, stroke=0, fill=1)
    ink, left = HexColor(text_on(report.colour)), _MARGIN
    if report.logo:
        left += _logo(canvas, report.logo)
    middle = _HEIGHT - _BAND / 2
    _say(canvas, BOLD, 17, ink)
    canvas.drawString(left, middle + (1 * mm if report.brand else -2 * mm), report.title)
    _say(canvas, REGULAR, 10, ink)
    canvas.drawString(left, middle - 5.5 * mm, safe_text(report.brand))


def _logo(canvas: Canvas, png: bytes) -> float:
    """On a white plate: logos are made for paper. How much of the width it takes."""
    picture, pad, high = ImageReader(BytesIO(png)), 2 * mm, 18 * mm
    wide, tall = picture.getSize()
    scale = min((50 * mm) / wide, (high - 2 * pad) / tall)
    width, height = wide * scale, tall * scale
    bottom = _HEIGHT - (_BAND + high) / 2
    canvas.setFillColor(white)
    canvas.roundRect(_MARGIN, bottom, width + 2 * pad, high, 2 * mm, stroke=0, fill=1)
    canvas.drawImage(picture, _MARGIN + pad, bottom + (high - height) / 2, width, height, mask="auto")
    return float(width + 2 * pad + 5 * mm)


def _say(canvas: Canvas, font: str, size: float, colour: Color) -> None:
    canvas.setFont(font, size)
    canvas.setFillColor(colour)
