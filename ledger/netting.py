"""Netting between brands: what each owes each other becomes one due per pair of brands. Pure, whole yen.

A pair (funder, acceptor) says what the funder owes the acceptor: below zero, if more was taken back than
spent. Brands are named by whatever can be sorted.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

Pairs = Mapping[tuple[str, str], int]


class Due(NamedTuple):
    """What one brand pays another after netting: more than 0 yen."""

    debtor: str
    creditor: str
    yen: int


class Position(NamedTuple):
    """A brand against all others together, in yen: to receive as acceptor, to pay as funder."""

    receivable: int
    payable: int

    @property
    def net(self) -> int:
        return self.receivable - self.payable


def net_dues(pairs: Pairs) -> list[Due]:
    """One due per two brands that owe each other different amounts, by debtor and creditor.

    What a brand owes itself (its own points in its own stores) is no due.
    """
    between: dict[tuple[str, str], int] = defaultdict(int)
    for (funder, acceptor), yen in pairs.items():
        if funder < acceptor:
            between[funder, acceptor] += yen
        elif acceptor < funder:
            between[acceptor, funder] -= yen
    dues = [
        Due(first, second, yen) if yen > 0 else Due(second, first, -yen)
        for (first, second), yen in between.items()
        if yen
    ]
    return sorted(dues)


def positions(pairs: Pairs) -> dict[str, Position]:
    """What each brand of the pairs receives and pays in all, by name; its own points in its own stores left
    out. The net positions of all brands add up to zero.
    """
    receivable: dict[str, int] = defaultdict(int)
    payable: dict[str, int] = defaultdict(int)
    for (funder, acceptor), yen in pairs.items():
        if funder != acceptor:
            payable[funder] += yen
            receivable[acceptor] += yen
    brands = sorted({brand for pair in pairs for brand in pair})
    return {brand: Position(receivable[brand], payable[brand]) for brand in brands}
