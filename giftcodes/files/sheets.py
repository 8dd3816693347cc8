"""Sheets for a printer: A4 with labels or business cards, each with the QR code of one claim address.

The cells are those of common Japanese papers: 24 labels of 66.0 x 33.9 mm, 10 cards of 91 x 55 mm. Cut marks
stand in the margins, where neither printers nor guillotines need them gone. QR codes are vectors, in one path
each, so that no seams show between their modules. The same words and codes give the same bytes, as long as
the library that draws stays the same.
"""

from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import NamedTuple

from reportlab.lib.colors import HexColor, black, white
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from giftcodes import codec
from giftcodes.files.archives import Files
from giftcodes.files.parts import ChannelCodes, Stretch, stretches
from giftcodes.files.pictures import qr_codes_of, runs, texts
from giftcodes.qr_codes import QUIET_MODULES, Modules
from giftcodes.sealing import Piece
from ledger.files.typefaces import BOLD, REGULAR, register_fonts

CODES_PER_SHEETS = 480  # 20 pages of labels, 48 of cards
_INK, _SOFT, _MARK = HexColor("#1B1F27"), HexColor("#4A515E"), HexColor("#6B7280")
_WIDTH, _HEIGHT = A4


class Paper(NamedTuple):
    """Cells of one size in the middle of A4."""

    columns: int
    rows: int
    cell_width: float
    cell_height: float
    pad: float

    @property
    def cells(self) -> int:
        return self.columns * self.rows

    @property
    def left(self) -> float:
        return float(_WIDTH - self.columns * self.cell_width) / 2

    @property
    def top(self) -> float:
        return float(_HEIGHT + self.rows * self.cell_height) / 2


PAPERS = {
    "labels": Paper(3, 8, 66 * mm, 33.9 * mm, 2.5 * mm),
    "cards": Paper(2, 5, 91 * mm, 55 * mm, 5 * mm),
}


class Words(NamedTuple):
    """What stands on every cell, and in the footer of every page. `logo` is a PNG, empty without one."""

    brand: str
    title: str
    worth: str
    until: str
    lot: str
    footer: str
    logo: bytes = b""


class Sheets:
    """One PDF of all codes, as its only part."""

    ending = "pdf"

    def __init__(self, channels: Sequence[ChannelCodes], paper: Paper, words: Words) -> None:
        self._channels, self._paper, self._words = channels, paper, words
        self.sizes: Sequence[int] = [sum(channel.size for channel in channels)]

    def part(self, place: int) -> Iterator[Piece]:  # noqa: ARG002  # there is one
        yield document(stretches(self._channels, CODES_PER_SHEETS), self._paper, self._words)


def sheet_files(channels: Sequence[ChannelCodes], paper: Paper, words: Words, *, in_folders: bool) -> Files:
    """PDFs of at most `CODES_PER_SHEETS` codes, none across two channels, named by their serial numbers."""
    cut = stretches(channels, CODES_PER_SHEETS)

    def part(place: int) -> Iterator[tuple[str, bytes]]:
        stretch = cut[place]
        first, last = stretch.public_serials[[0, -1]].tolist()
        folder = f"{stretch.channel.folder}/" if in_folders else ""
        yield f"{folder}{first}-{last}.pdf", document([stretch], paper, words)

    return Files([stretch.length for stretch in cut], part, is_packed=True)


def document(cut: Sequence[Stretch], paper: Paper, words: Words) -> bytes:
    """The sheets of these codes. Each channel begins on a fresh page, named in the footer."""
    register_fonts()
    target = BytesIO()
    canvas = Canvas(target, pagesize=A4, invariant=1, lang="ja")
    canvas.setTitle(f"{words.title} – {words.brand}")
    canvas.setSubject(words.footer)
    drawing = _Drawing(canvas, paper, words)
    for stretch in cut:
        drawing.draw(stretch)
    canvas.save()
    return target.getvalue()


class _Drawing:
    def __init__(self, canvas: Canvas, paper: Paper, words: Words) -> None:
        self._canvas, self._paper, self._words = canvas, paper, words
        self._logo = ImageReader(BytesIO(words.logo)) if words.logo else None

    def draw(self, stretch: Stretch) -> None:
        qr = qr_codes_of(stretch.channel)
        codes, serials = texts(stretch.codes()), stretch.public_serials.tolist()
        qr.verify(codes[:1])
        for first in range(0, len(codes), self._paper.cells):
            page = slice(first, first + self._paper.cells)
            self._begin_page(stretch.channel.name, serials[page])
            symbols = qr.modules(codes[page])
            for place, (code, serial) in enumerate(zip(codes[page], serials[page], strict=True)):
                self._cell(place, symbols[place], code, serial)
            self._canvas.showPage()

    def _begin_page(self, channel: str, serials: list[int]) -> None:
        self._cut_marks()
        # Clear of the marks beside it.
        left, width = self._paper.left + 2 * mm, self._paper.cell_width - 4 * mm
        told = f"{channel}  {serials[0]} – {serials[-1]}"
        self._line(told, REGULAR, 6, _SOFT, (left, 4.4 * mm), width)
        self._line(self._words.footer, REGULAR, 6, _SOFT, (left, 7.2 * mm), width)

    def _cut_marks(self) -> None:
        """At both ends of each line between cells, in the margin alone."""
        paper, reach, gap = self._paper, 3 * mm, 0.8 * mm
        right, bottom = _WIDTH - paper.left, _HEIGHT - paper.top
        lines = []
        for column in range(paper.columns + 1):
            x = paper.left + column * paper.cell_width
            lines += [(x, y + gap, x, y + gap + reach) for y in (paper.top, bottom - 2 * gap - reach)]
        for row in range(paper.rows + 1):
            y = paper.top - row * paper.cell_height
            lines += [(x + gap, y, x + gap + reach, y) for x in (right, paper.left - 2 * gap - reach)]
        self._canvas.setStrokeColor(_MARK)
        self._canvas.setLineWidth(0.25)
        self._canvas.lines(lines)

    def _cell(self, place: int, modules: Modules, code: str, serial: int) -> None:
        paper = self._paper
        row, column = divmod(place, paper.columns)
        left = paper.left + column * paper.cell_width + paper.pad
        bottom = paper.top - (row + 1) * paper.cell_height + paper.pad
        height, width = paper.cell_height - 2 * paper.pad, paper.cell_width - 2 * paper.pad
        small = 4.6 if paper.cells > 12 else 6.2
        under = small * 1.5
        side = min(height - under, width * 0.46)
        self._symbol(modules, left, bottom + height - side, side)
        lot = f"{self._words.lot}-{serial}"
        self._line(lot, REGULAR, small, _SOFT, (left, bottom + height - side - under + 1), side)
        gap = 2 * mm
        beside = left + side + gap
        self._text(code, small, (beside, bottom), (width - side - gap, height))

    def _symbol(self, modules: Modules, left: float, bottom: float, side: float) -> None:
        """With its quiet zone, which belongs to it on coloured paper too."""
        canvas, module = self._canvas, side / (len(modules) + 2 * QUIET_MODULES)
        canvas.setFillColor(white)
        canvas.rect(left, bottom, side, side, stroke=0, fill=1)
        path, top = canvas.beginPath(), bottom + side - (QUIET_MODULES + 1) * module
        start = left + QUIET_MODULES * module
        for column, row, length in runs(modules):
            path.rect(start + column * module, top - row * module, length * module, module)
        canvas.setFillColor(black)
        canvas.drawPath(path, stroke=0, fill=1)

    def _text(self, code: str, small: float, corner: tuple[float, float], room: tuple[float, float]) -> None:
        """Brand, title and worth from above; the code to type and its end from below."""
        words, (left, bottom), (width, height) = self._words, corner, room
        size = small * 1.6
        top = bottom + height
        if self._logo is None:
            self._line(words.brand, BOLD, size, _INK, (left, top - size), width)
            top -= size * 1.4
        else:
            top -= self._draw_logo(left, top, width, height * 0.24) + small * 0.6
        self._line(words.title, REGULAR, size * 0.9, _INK, (left, top - size), width)
        self._line(words.worth, BOLD, size * 1.7, _INK, (left, top - size * 3.1), width)
        self._line(words.until, REGULAR, small, _SOFT, (left, bottom + 1), width)
        self._line(codec.group(code), BOLD, size * 1.3, _INK, (left, bottom + small * 1.8), width)

    def _draw_logo(self, left: float, top: float, width: float, height: float) -> float:
        """As large as the room allows; how much of its height it took."""
        assert self._logo is not None  # noqa: S101  # asked before
        wide, high = self._logo.getSize()
        scale = min(width / wide, height / high)
        self._canvas.drawImage(self._logo, left, top - high * scale, wide * scale, high * scale, mask="auto")
        return float(high * scale)

    def _line(
        self,
        text: str,
        font: str,
        size: float,
        colour: HexColor,
        at: tuple[float, float],
        width: float,
    ) -> None:
        """One line, smaller if it would be wider than its room."""
        wanted = stringWidth(text, font, size)
        fitting = size if wanted <= width else size * width / wanted
        self._canvas.setFillColor(colour)
        self._canvas.setFont(font, fitting)
        self._canvas.drawString(*at, text)
