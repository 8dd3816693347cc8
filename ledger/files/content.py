"""What a settlement statement says, whichever file says it: figures, and the names of the day on which it was
prepared.

Two ways lead to it. `frozen_content` reads the lines that were written then. `recounted_content` counts the
uses again, under the frozen names. Both give the same, or somebody has changed history.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from ledger.counting import Mark, Place, counted_uses
from ledger.expiry import JAPAN
from ledger.models import Settlement, SettlementLine
from ledger.netting import Due, Position, net_dues, positions


class Names(NamedTuple):
    """How a line is named: short names and codes identify and sort, the other names are for people."""

    funder: str
    funder_name: str
    acceptor: str
    acceptor_name: str
    store: str
    store_name: str


class Line(NamedTuple):
    """Points of one funder in one store of an acceptor (or in none in particular), and their yen.

    `earlier_points` of the points were posted before the period began.
    """

    names: Names
    uses: int
    points: int
    earlier_points: int
    yen: int

    @property
    def figures(self) -> tuple[int, int, int, int]:
        """Uses, points, earlier points and yen."""
        return self.uses, self.points, self.earlier_points, self.yen


class Pair(NamedTuple):
    """The sum of the lines of one funder and one acceptor, by short name."""

    funder: str
    acceptor: str
    uses: int
    points: int
    earlier_points: int
    yen: int

    @property
    def figures(self) -> tuple[int, int, int, int]:
        """Uses, points, earlier points and yen."""
        return self.uses, self.points, self.earlier_points, self.yen


@dataclass(frozen=True, kw_only=True)
class Content:
    """A statement. Its lines are in the order of short names and store codes, never of ids in the
    database.
    """

    number: str
    program: str
    first_day: date
    last_day: date
    yen_per_point: int
    prepared_at: datetime
    lines: tuple[Line, ...]
    # Of an extract, the brands that it is for: of the others it holds a part only.
    only_for: frozenset[str] | None = None

    @cached_property
    def names(self) -> dict[str, str]:
        """The names of the brands by their short names."""
        funders = {line.names.funder: line.names.funder_name for line in self.lines}
        return funders | {line.names.acceptor: line.names.acceptor_name for line in self.lines}

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """One per funder and acceptor, in order."""
        sums: dict[tuple[str, str], list[int]] = {}
        for line in self.lines:
            brands = (line.names.funder, line.names.acceptor)
            so_far = sums.get(brands, [0, 0, 0, 0])
            sums[brands] = [total + figure for total, figure in zip(so_far, line.figures, strict=True)]
        return tuple(Pair(*brands, *total) for brands, total in sorted(sums.items()))

    @cached_property
    def dues(self) -> list[Due]:
        """Who pays whom, netted."""
        return net_dues(self._yen_of_pairs)

    @cached_property
    def positions(self) -> dict[str, Position]:
        """What each brand receives and pays in all, by short name; in an extract, those that it is for."""
        of_all = positions(self._yen_of_pairs)
        own = of_all.keys() if self.only_for is None else of_all.keys() & self.only_for
        return {slug: position for slug, position in of_all.items() if slug in own}

    @cached_property
    def total(self) -> Pair:
        """The sum of all pairs, of no brand in particular."""
        columns = [sum(column) for column in zip(*(pair.figures for pair in self.pairs), strict=True)]
        return Pair("", "", *(columns or [0, 0, 0, 0]))

    def of_brands(self, slugs: Collection[str]) -> "Content":
        """The part that concerns these brands: lines in which one of them is funder or acceptor."""
        kept = (line for line in self.lines if line.names.funder in slugs or line.names.acceptor in slugs)
        return replace(self, lines=tuple(kept), only_for=frozenset(slugs))

    @property
    def _yen_of_pairs(self) -> dict[tuple[str, str], int]:
        return {(pair.funder, pair.acceptor): pair.yen for pair in self.pairs}


def frozen_content(settlement: Settlement) -> Content:
    """What the statement says by its own lines."""
    return content_of(settlement, map(line_of, settlement.lines.all()))


def recounted_content(settlement: Settlement) -> Content:
    """What the statement says if its uses are counted again, under the names of its lines.

    A place without a line goes by its ids: what is made of this content then differs from the statement, as
    it must.
    """
    names = {
        Place(line.funder_id, line.acceptor_id, line.store_id): _names_of(line)
        for line in settlement.lines.all()
    }
    tallies = counted_uses(settlement.program_id, until=mark_of(settlement), after=mark_before(settlement))
    lines = (
        Line(names.get(place) or _nameless(place), *tally, tally.points * settlement.yen_per_point)
        for place, tally in tallies.items()
    )
    return content_of(settlement, lines)


def content_of(settlement: Settlement, lines: Iterable[Line]) -> Content:
    """The statement with these lines, whatever their order."""
    last_moment = settlement.ends_at - timedelta(microseconds=1)
    return Content(
        number=str(settlement.public_id),
        program=settlement.program_name,
        first_day=settlement.starts_at.astimezone(JAPAN).date(),
        last_day=last_moment.astimezone(JAPAN).date(),
        yen_per_point=settlement.yen_per_point,
        prepared_at=settlement.prepared_at.astimezone(JAPAN),
        lines=tuple(sorted(lines)),
    )


def mark_of(settlement: Settlement) -> Mark:
    """How far the statement goes."""
    return Mark(settlement.last_use_id, settlement.ends_at)


def mark_before(settlement: Settlement) -> Mark | None:
    """How far the statement before it goes; None for the first one of a program."""
    return None if settlement.previous is None else mark_of(settlement.previous)


def _names_of(line: SettlementLine) -> Names:
    return Names(
        line.funder_slug,
        line.funder_name,
        line.acceptor_slug,
        line.acceptor_name,
        line.store_code,
        line.store_name,
    )


def line_of(line: SettlementLine) -> Line:
    """The line as it is shown."""
    return Line(_names_of(line), line.uses, line.points, line.earlier_points, line.yen)


def _nameless(place: Place) -> Names:
    funder, acceptor, store = (f"#{number}" for number in place)
    return Names(funder, "", acceptor, "", store, "")
