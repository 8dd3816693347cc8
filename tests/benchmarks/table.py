"""The figures as a table: for people, and in Markdown for the README."""

from collections.abc import Iterable
from typing import NamedTuple


class Row(NamedTuple):
    """One measurement. `ratio` is to the row of the same section that `note` or the section's heading names."""

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
    widths = [max(len(line[column]) for line in lines) for column in range(5)]
    for name, figure, unit, ratio, note in lines:
        print(
            f"  {name:<{widths[0]}}  {figure:>{widths[1]}} {unit:<{widths[2]}}  {ratio:>{widths[3]}}  {note}".rstrip()
        )


def print_markdown(heading: str, rows: Iterable[Row]) -> None:
    """The same for the README."""
    print(f"\n| {heading} | | ratio | |\n|---|---:|---:|---|")
    for name, figure, unit, ratio, note in map(cells, rows):
        print(f"| {name} | {figure} {unit} | {ratio} | {note} |")
