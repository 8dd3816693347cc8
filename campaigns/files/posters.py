"""A poster for a shop: the campaign's title in the brand's colour, a large QR code of its page, three steps.

Drawn for A4; A5 is the same, smaller by the square root of two. The colour runs to the edge; everything else
keeps 12 mm from it, so that a printer's margin or a crooked cut takes no letter. No code is on it.
"""

from io import BytesIO
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor, black, white
from reportlab.lib.enums import TA_CENTER, TA_LEFT
from reportlab.lib.pagesizes import A4, A5
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph

from campaigns.colours import text_on
from campaigns.files import qr
from ledger.files.typefaces import BOLD, REGULAR, register_fonts

SIZES = {"a4": A4, "a5": A5}
_WIDTH, _HEIGHT = A4
_SAFE = 12 * mm
_INNER = _WIDTH - 2 * _SAFE
_INK, _SOFT, _LINE = HexColor("#1B1F27"), HexColor("#4A515E"), HexColor("#B9C0CB")
_BAND = 104 * mm
_CARD = 118 * mm  # a side of the white card; a little of it lies on the band
_CARD_TOP = _HEIGHT - 84 * mm
_QR = 102 * mm


class Poster(NamedTuple):
    """What a poster says. `language` is that of `title`; `logo` a PNG, None without one."""

    brand: str
    title: str
    language: str
    colour: str
    logo: bytes | None
    address: str
    lead: str
    scan: str
    steps: list[tuple[str, str]]
    period_label: str
    period: str


class Box(NamedTuple):
    """A place on the page: its upper left corner, and its size, in points."""

    left: float
    top: float
    width: float
    height: float


def document(poster: Poster, size: str) -> bytes:
    """The poster as a PDF of one page. The same poster gives the same bytes, as long as the library that
    draws it stays the same.
    """
    register_fonts()
    target, page = BytesIO(), SIZES[size]
    canvas = Canvas(target, pagesize=page, invariant=1, lang=poster.language)
    canvas.setTitle(f"{poster.title} – {poster.brand}")
    canvas.scale(page[0] / _WIDTH, page[1] / _HEIGHT)
    _draw_band(canvas, poster)
    _draw_code(canvas, poster)
    _draw_steps(canvas, poster)
    _draw_foot(canvas, poster)
    canvas.save()
    return target.getvalue()


def fitted(text: str, box: Box, *, sizes: tuple[float, float], **style: Any) -> tuple[Paragraph, float]:
    """The text as large as the box allows, broken anywhere if it must be, and its height."""
    size, least = sizes
    while True:
        spaced = ParagraphStyle("poster", fontSize=size, leading=size * 1.3, wordWrap="CJK", **style)
        paragraph = Paragraph(escape(text), spaced)
        _width, height = paragraph.wrap(box.width, _HEIGHT)
        if height <= box.height or size <= least:
            return paragraph, height
        size -= 1


def _write(canvas: Canvas, text: str, box: Box, *, sizes: tuple[float, float], **style: Any) -> None:
    paragraph, height = fitted(text, box, sizes=sizes, **style)
    paragraph.drawOn(canvas, box.left, box.top - height)


def _write_amid(canvas: Canvas, text: str, box: Box, *, sizes: tuple[float, float], **style: Any) -> None:
    """The same, in the middle of the box's height."""
    paragraph, height = fitted(text, box, sizes=sizes, **style)
    paragraph.drawOn(canvas, box.left, box.top - (box.height + height) / 2)


def _draw_band(canvas: Canvas, poster: Poster) -> None:
    """The brand, the title and what it is about, in the brand's colour and what can be read on it."""
    on_brand = HexColor(text_on(poster.colour))
    canvas.setFillColor(HexColor(poster.colour))
    canvas.rect(0, _HEIGHT - _BAND, _WIDTH, _BAND, stroke=0, fill=1)
    top = _HEIGHT - _SAFE
    right_of_logo = _draw_logo(canvas, poster.logo, Box(_SAFE, top, 62 * mm, 18 * mm)) if poster.logo else 0
    beside = Box(_SAFE + right_of_logo, top, _INNER - right_of_logo, 18 * mm)
    _write_amid(
        canvas,
        poster.brand,
        beside,
        sizes=(18, 8),
        fontName=BOLD,
        textColor=on_brand,
        alignment=TA_LEFT if poster.logo else TA_CENTER,
    )
    title = Box(_SAFE, top - 22 * mm, _INNER, 36 * mm)
    _write_amid(
        canvas,
        poster.title,
        title,
        sizes=(46, 14),
        fontName=BOLD,
        textColor=on_brand,
        alignment=TA_CENTER,
    )
    lead = Box(_SAFE, title.top - title.height - 2 * mm, _INNER, 9 * mm)
    _write(canvas, poster.lead, lead, sizes=(18, 8), fontName=BOLD, textColor=on_brand, alignment=TA_CENTER)


def _draw_logo(canvas: Canvas, png: bytes, box: Box) -> float:
    """On a white plate: logos are made for paper. How much of the width it takes."""
    picture, pad = ImageReader(BytesIO(png)), 3 * mm
    wide, high = picture.getSize()
    scale = min((box.width - 2 * pad) / wide, (box.height - 2 * pad) / high)
    width, height = wide * scale, high * scale
    canvas.setFillColor(white)
    canvas.roundRect(box.left, box.top - box.height, width + 2 * pad, box.height, 3 * mm, stroke=0, fill=1)
    bottom = box.top - (box.height + height) / 2
    canvas.drawImage(picture, box.left + pad, bottom, width, height, mask="auto")
    return float(width + 2 * pad + 5 * mm)


def _draw_code(canvas: Canvas, poster: Poster) -> None:
    """The QR code, always black on white, and below it its address for people who type."""
    left, bottom = (_WIDTH - _CARD) / 2, _CARD_TOP - _CARD
    canvas.setFillColor(white)
    canvas.setStrokeColor(_LINE)
    canvas.setLineWidth(0.8)
    canvas.roundRect(left, bottom, _CARD, _CARD, 6 * mm, stroke=1, fill=1)
    scan = Box(left + 4 * mm, _CARD_TOP - 4 * mm, _CARD - 8 * mm, 8 * mm)
    _write(canvas, poster.scan, scan, sizes=(15, 8), fontName=BOLD, textColor=_INK, alignment=TA_CENTER)
    side, dark = qr.runs(poster.address)
    module = _QR / side
    path = canvas.beginPath()
    for column, row, length in dark:
        x, y = (_WIDTH - _QR) / 2 + column * module, bottom + 3 * mm + (side - row - 1) * module
        path.rect(x, y, length * module, module)
    canvas.setFillColor(black)
    canvas.drawPath(path, stroke=0, fill=1)  # one path: no seams between the modules
    address = Box(_SAFE, bottom - 3 * mm, _INNER, 14 * mm)
    _write(canvas, poster.address, address, sizes=(18, 8), fontName=BOLD, textColor=_INK, alignment=TA_CENTER)


def _draw_steps(canvas: Canvas, poster: Poster) -> None:
    """Three columns under numbers in the brand's colour."""
    gap, top = 6 * mm, 76 * mm
    width = (_INNER - 2 * gap) / 3
    bold: dict[str, Any] = {"fontName": BOLD, "textColor": _INK, "alignment": TA_CENTER}
    plain: dict[str, Any] = {"fontName": REGULAR, "textColor": _SOFT, "alignment": TA_CENTER}
    lefts = [_SAFE + place * (width + gap) for place in range(len(poster.steps))]
    headings = [Box(left, top - 12.5 * mm, width, 13 * mm) for left in lefts]
    tallest = max(
        fitted(heading, box, sizes=(14, 8), **bold)[1]
        for (heading, _text), box in zip(poster.steps, headings, strict=True)
    )
    for place, ((heading, text), box) in enumerate(zip(poster.steps, headings, strict=True)):
        _draw_number(canvas, poster.colour, place + 1, box.left + width / 2, top - 5.5 * mm)
        _write(canvas, heading, box, sizes=(14, 8), **bold)
        below = Box(box.left, box.top - tallest - 1.5 * mm, width, 28 * mm - tallest)
        _write(canvas, text, below, sizes=(10.5, 6), **plain)


def _draw_number(canvas: Canvas, colour: str, number: int, x: float, y: float) -> None:
    canvas.setFillColor(HexColor(colour))
    canvas.setStrokeColor(_LINE)
    canvas.circle(x, y, 5.5 * mm, stroke=1, fill=1)
    canvas.setFillColor(HexColor(text_on(colour)))
    canvas.setFont(BOLD, 16)
    canvas.drawCentredString(x, y - 5.6, str(number))


def _draw_foot(canvas: Canvas, poster: Poster) -> None:
    top = 31 * mm
    canvas.setStrokeColor(_LINE)
    canvas.line(_SAFE, top, _WIDTH - _SAFE, top)
    label = Box(_SAFE, top - 3 * mm, _INNER, 6 * mm)
    _write(
        canvas, poster.period_label, label, sizes=(10, 7), fontName=BOLD, textColor=_SOFT, alignment=TA_CENTER
    )
    period = Box(_SAFE, top - 8.5 * mm, _INNER, 8 * mm)
    _write(canvas, poster.period, period, sizes=(14, 8), fontName=BOLD, textColor=_INK, alignment=TA_CENTER)
