"""An uploaded table as the channels of an order: a name and a number of codes a row. All rows or none."""

import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

from campaigns.files.tables import Limits, Line, Table, column_letters
from campaigns.rules import MAX_CHANNELS
from giftcodes.models import MAX_CODES_PER_BATCH
from parties.forms import plain_line

LIMITS = Limits(size=1_000_000, rows=MAX_CHANNELS, letters=200)
MAX_NAME_LETTERS = 40
# What the two columns may be called, without regard to case, width and blanks.
NAMES = ("チャネル", "チャネル名", "名前", "名称", "channel", "name")
QUANTITIES = ("コード数", "数量", "枚数", "件数", "codes", "quantity")


class NamedQuantity(NamedTuple):
    """A channel to be."""

    name: str
    quantity: int


class Mistake(NamedTuple):
    """What is wrong with a cell: row and column by the names that spreadsheets give them, "" and 0 if it is
    about all of it. `code`: `no_name_column`, `no_quantity_column`, `no_name`, `long_name`, `no_number`,
    `number_range`, `same_name` (`other` is the row that has it, too), `no_rows`.
    """

    code: str
    row: int = 0
    column: str = ""
    other: int = 0


class Read(NamedTuple):
    """Channels, or what stands against them: one of the two is empty."""

    channels: tuple[NamedQuantity, ...]
    mistakes: tuple[Mistake, ...]


def channels_in(table: Table) -> Read:
    """The channels that the table lists. Other columns than the two are passed over."""
    heads = [_plain(cell) for cell in table.header.cells]
    name_at, quantity_at = _place(heads, NAMES), _place(heads, QUANTITIES)
    if name_at is None or quantity_at is None:
        missing = (("no_name_column", name_at), ("no_quantity_column", quantity_at))
        row = table.header.number
        return Read((), tuple(Mistake(code, row) for code, place in missing if place is None))
    if not table.lines:
        return Read((), (Mistake("no_rows"),))
    channels: list[NamedQuantity] = []
    mistakes: list[Mistake] = []
    taken: dict[str, int] = {}
    for line in table.lines:
        name, of_name = _name_in(line, name_at, taken)
        quantity, of_quantity = _quantity_in(line, quantity_at)
        mistakes.extend(mistake for mistake in (of_name, of_quantity) if mistake is not None)
        channels.append(NamedQuantity(name, quantity))
    return Read((), tuple(mistakes)) if mistakes else Read(tuple(channels), ())


def _place(heads: list[str], words: Iterable[str]) -> int | None:
    known = {_plain(word) for word in words}
    return next((place for place, head in enumerate(heads) if head in known), None)


def _plain(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split()).casefold()


def _name_in(line: Line, place: int, taken: dict[str, int]) -> tuple[str, Mistake | None]:
    """The name, and what is wrong with it; a good one is taken from then on."""
    name = plain_line(line.cells[place])
    column = column_letters(place + 1)
    if not name:
        return name, Mistake("no_name", line.number, column)
    if len(name) > MAX_NAME_LETTERS:
        return name, Mistake("long_name", line.number, column)
    first = taken.setdefault(unicodedata.normalize("NFKC", name), line.number)
    if first != line.number:
        return name, Mistake("same_name", line.number, column, first)
    return name, None


def _quantity_in(line: Line, place: int) -> tuple[int, Mistake | None]:
    """A whole number, as offices write it: in digits of any width, with or without commas."""
    text = unicodedata.normalize("NFKC", line.cells[place]).replace(",", "").strip()
    column = column_letters(place + 1)
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        return 0, Mistake("no_number", line.number, column)
    if not 1 <= int(text) <= MAX_CODES_PER_BATCH:
        return 0, Mistake("number_range", line.number, column)
    return int(text), None
