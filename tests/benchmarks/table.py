"""The figures as a table: for people, and in Markdown for the README."""

from collections.abc import Iterable
from typing import NamedTuple


class Row(NamedTuple):
    """One measurement. `ratio` is to the row of its section that the section's heading names."""

    name: str
    figure: float
    unit: str
    ratio: float | None = None
    note: str = ""


def cells(row: Row) -> tuple[str, str, str, str, str]:
    """The row as text."""
    figure = f"{row.figure:,.0f}" if row.figure >= 100 else f"{row.figure:,.3g}"
    ratio = "" if row.ratio is None else f"{row.ratio:,.2f}"
    return row.name, figure, row.unit, ratio, row.note


def print_table(rows: Iterable[Row]) -> None:
    """Aligned columns on the terminal."""
    lines = [cells(row) for row in rows]
    names, figures, units, ratios, _ = (max(map(len, column)) for column in zip(*lines, strict=True))
    for name, figure, unit, ratio, note in lines:
        print(f"  {name:<{names}}  {figure:>{figures}} {unit:<{units}}  {ratio:>{ratios}}  {note}".rstrip())


def print_markdown(heading: str, rows: Iterable[Row]) -> None:
    """The same for the README."""
    print(f"\n| {heading} | | ratio | |\n|---|---:|---:|---|")
    for name, figure, unit, ratio, note in map(cells, rows):
        print(f"| {name} | {figure} {unit} | {ratio} | {note} |")
