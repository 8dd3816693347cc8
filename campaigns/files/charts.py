"""The funnel and the curve of a printed report, drawn as areas and lines."""

from typing import Any

from reportlab.lib.colors import HexColor
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable

from campaigns.colours import MIN_CONTRAST_OF_EDGES, contrast_with_white
from ledger.charts import Chart
from ledger.files.typefaces import BOLD, REGULAR
from ledger.templatetags.finance import points

_INK, _SOFT, _LINE = HexColor("#1B1F27"), HexColor("#4A515E"), HexColor("#D5DAE1")
_DASHES: tuple[list[float], ...] = ([], [5, 2.5])


def line_colour(colour: str) -> Any:
    """The campaign's colour where it can be told from paper, else a dark one."""
    return HexColor(colour) if contrast_with_white(colour) >= MIN_CONTRAST_OF_EDGES else _INK


class Bars(Flowable):  # type: ignore[misc]  # reportlab ships no types
    """Steps (name, number, share in words, length in percent), one below the other."""

    ROW, NAME, WORDS = 7 * mm, 52 * mm, 62 * mm

    def __init__(self, steps: list[tuple[str, str, str, int]], colour: str) -> None:
        super().__init__()
        self._steps, self._colour = steps, colour

    def wrap(self, width: float, _height: float) -> tuple[float, float]:
        self.width, self.height = width, len(self._steps) * self.ROW
        return self.width, self.height

    def draw(self) -> None:
        canvas, room = self.canv, self.width - self.NAME - self.WORDS
        for place, (name, number, share, length) in enumerate(self._steps):
            bottom = self.height - (place + 1) * self.ROW
            _say(canvas, REGULAR, 8, _INK)
            canvas.drawString(0, bottom + 2.3 * mm, name)
            canvas.setFillColor(line_colour(self._colour))
            canvas.rect(self.NAME, bottom + 1 * mm, room * length / 100, self.ROW - 2 * mm, stroke=0, fill=1)
            left = self.NAME + room + 3 * mm
            _say(canvas, BOLD, 9, _INK)
            canvas.drawString(left, bottom + 2.2 * mm, number)
            after = left + stringWidth(number, BOLD, 9) + 2.5 * mm
            _say(canvas, REGULAR, 7.5, _SOFT)
            canvas.drawString(after, bottom + 2.3 * mm, share)


class Curve(Flowable):  # type: ignore[misc]  # reportlab ships no types
    """The lines of a chart with their scale, days and legend."""

    HIGH, LEFT, BELOW, ABOVE = 52 * mm, 14 * mm, 6 * mm, 6 * mm

    def __init__(self, chart: Chart, colour: str) -> None:
        super().__init__()
        self._chart, self._colour = chart, colour

    def wrap(self, width: float, _height: float) -> tuple[float, float]:
        self.width, self.height = width, self.HIGH + self.BELOW + self.ABOVE
        return self.width, self.height

    def draw(self) -> None:
        self._grid()
        self._days()
        for place, line in enumerate(self._chart.lines):
            self._pen(place)
            dots = [tuple(map(float, dot.split(","))) for dot in line.path.split()]
            path = self.canv.beginPath()
            for number, (x, y) in enumerate(dots):
                (path.lineTo if number else path.moveTo)(self._x(x), self._y(y))
            self.canv.drawPath(path, stroke=1, fill=0)
        self._legend()

    def _x(self, x: float) -> float:
        return float(self.LEFT + (self.width - self.LEFT - 4 * mm) * x / self._chart.width)

    def _y(self, y: float) -> float:
        return float(self.BELOW + self.HIGH * (1 - y / self._chart.height))

    def _pen(self, place: int) -> None:
        self.canv.setStrokeColor(line_colour(self._colour) if place == 0 else _SOFT)
        self.canv.setLineWidth(1.4)
        self.canv.setDash(_DASHES[place % len(_DASHES)])

    def _grid(self) -> None:
        canvas = self.canv
        for tick in self._chart.ticks:
            canvas.setDash([])
            canvas.setLineWidth(0.5)
            canvas.setStrokeColor(_SOFT if tick.value == 0 else _LINE)
            canvas.line(self.LEFT, self._y(tick.y), self._x(self._chart.width), self._y(tick.y))
            _say(canvas, REGULAR, 7, _SOFT)
            canvas.drawRightString(self.LEFT - 1.5 * mm, self._y(tick.y) - 2.4, points(tick.value))

    def _days(self) -> None:
        labels = self._chart.labels
        _say(self.canv, REGULAR, 7, _SOFT)
        for place, label in enumerate(labels):
            x = self._x(self._chart.width * place / max(1, len(labels) - 1))
            if place == 0:
                self.canv.drawString(x, 1 * mm, label)
            elif place == len(labels) - 1:
                self.canv.drawRightString(x, 1 * mm, label)
            else:
                self.canv.drawCentredString(x, 1 * mm, label)

    def _legend(self) -> None:
        left, y = self.LEFT, self.height - 2.5 * mm
        for place, line in enumerate(self._chart.lines):
            self._pen(place)
            self.canv.line(left, y, left + 9 * mm, y)
            words = f"{line.name} ({points(line.newest)})" if place else line.name
            _say(self.canv, REGULAR, 7.5, _INK)
            self.canv.drawString(left + 10.5 * mm, y - 2.4, words)
            left += 16 * mm + stringWidth(words, REGULAR, 7.5)
        self.canv.setDash([])


def _say(canvas: Canvas, font: str, size: float, colour: Any) -> None:
    canvas.setFont(font, size)
    canvas.setFillColor(colour)
