"""Lines over time as plain SVG: no script, readable by everybody, and it prints.

The picture is stretched to the width of its place, so it holds no text: labels stand beside it in HTML. Lines
differ by their dashes as well as by colour, and the figures stand in a table below.
"""

from collections.abc import Sequence
from typing import NamedTuple

WIDTH, HEIGHT = 1000, 300
MOST_LABELS = 4


class Line(NamedTuple):
    """One line: its name, its whole numbers, its points in the picture."""

    name: str
    values: Sequence[int]
    path: str

    @property
    def newest(self) -> int:
        return self.values[-1]


class Tick(NamedTuple):
    """A horizontal line of the grid: its value, its place from the top."""

    value: int
    y: float


class Chart(NamedTuple):
    """What the template draws. `rows` is the table: label and a value per line."""

    title: str
    lines: list[Line]
    ticks: list[Tick]
    labels: list[str]
    rows: list[tuple[str, list[int]]]
    width: int = WIDTH
    height: int = HEIGHT


def line_chart(title: str, labels: Sequence[str], lines: Sequence[tuple[str, Sequence[int]]]) -> Chart:
    """A chart of lines (name, values), each with a value per label."""
    values = [value for _name, line in lines for value in line]
    ticks = tick_values(min(values, default=0), max(values, default=0))
    low, high = ticks[0], ticks[-1]

    def place(value: int) -> float:
        return round(HEIGHT * (high - value) / (high - low), 1)

    drawn = []
    for name, line in lines:
        step = WIDTH / max(1, len(line) - 1)
        dots = [(round(index * step, 1), place(value)) for index, value in enumerate(line)]
        if len(dots) == 1:
            dots.append((float(WIDTH), dots[0][1]))
        path = " ".join(f"{x},{y}" for x, y in dots)
        drawn.append(Line(name, line, path))
    rows = [(label, [line.values[index] for line in drawn]) for index, label in enumerate(labels)]
    return Chart(title, drawn, [Tick(value, place(value)) for value in reversed(ticks)], _few(labels), rows)


def tick_values(low: int, high: int) -> list[int]:
    """Round whole numbers, evenly apart, from at most `low` to at least `high`; zero is one of them.

    >>> tick_values(0, 870)
    [0, 200, 400, 600, 800, 1000]
    >>> tick_values(-30, 90)
    [-50, 0, 50, 100]
    >>> tick_values(0, 0)
    [0, 1]
    """
    low, high = min(low, 0), max(high, 0)
    high = high if high > low else 1  # nothing but zeros: the line lies on the ground
    span, step = high - low, 1
    factors = (1, 2, 5)
    power = 0
    while span > step * 5:
        power += 1
        step = factors[power % 3] * 10 ** (power // 3)
    return list(range(low // step * step, -(-high // step) * step + 1, step))


def _few(labels: Sequence[str]) -> list[str]:
    """At most a few of the labels, evenly apart, with the first and the last."""
    last = len(labels) - 1
    if last < MOST_LABELS:
        return list(labels)
    return [labels[last * index // (MOST_LABELS - 1)] for index in range(MOST_LABELS)]
