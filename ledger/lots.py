"""Which lots pay, and which get points back: pure rules, so that they can be read and tried by themselves."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class OpenLot(NamedTuple):
    """A lot that still has points, which may be spent. When it ends has been decided by whoever names it."""

    id: int
    funder_id: int
    remaining_points: int


class Taken(NamedTuple):
    """Points of one lot, and who has paid for them."""

    lot_id: int
    funder_id: int
    points: int


def take(lots: Iterable[OpenLot], points: int) -> list[Taken]:
    """What `points` would take from the lots, in the order given, which is soonest to expire first.

    Fewer if the lots do not have as many: the caller decides what that means. Reads no further lot than it
    needs, so `lots` may be fetched page by page.
    """
    taken: list[Taken] = []
    if points <= 0:
        return taken
    for lot in lots:
        part = min(lot.remaining_points, points)
        taken.append(Taken(lot.id, lot.funder_id, part))
        points -= part
        if not points:
            break
    return taken


def give_back(taken: Sequence[Taken], points: int) -> list[Taken]:
    """What of `taken` (in the order in which it was taken) comes back when `points` do.

    The last taken comes back first: that lot expires latest, which is best for the member. What stays taken
    is what `take` would have taken for the rest. Fewer if not as much was taken.
    """
    back: list[Taken] = []
    for lot_id, funder_id, part in reversed(taken):
        if points <= 0:
            break
        back.append(Taken(lot_id, funder_id, min(part, points)))
        points -= part
    return back
