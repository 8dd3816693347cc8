"""What an API batch can still issue, in strands, and drawing from them without one row that all share.

A draw is part of the transaction that issues. So there is nothing to lease and nothing to reap: whatever
fails, is cut off or killed gives back what it drew when its transaction ends.
"""

from collections.abc import Sequence
from itertools import pairwise

from django.db.models import F

from giftcodes.gift_models import MAX_STRANDS, GiftStrand
from giftcodes.models import Batch

CODES_PER_STRAND = 16  # of a small batch: fewer would be too few for a request of some gifts


def cut_strands(batch: Batch) -> None:
    """Cut what a new batch can issue into strands of nearly equal length, each with its codes' points."""
    strands = min(max(batch.size // CODES_PER_STRAND, 1), MAX_STRANDS)
    borders = [batch.first_serial + batch.size * place // strands for place in range(strands + 1)]
    GiftStrand.objects.bulk_create(
        GiftStrand(
            batch=batch,
            place=place,
            next_serial=first,
            end_serial=end,
            points_left=(end - first) * batch.face_points,
        )
        for place, (first, end) in enumerate(pairwise(borders))
    )


def draw(batch_id: int, points: Sequence[int]) -> list[int] | None:
    """Serials for gifts of so many points each, in their order; None if the batch has not enough left.

    From one strand if one has enough, else from all together. Holds all of them until the caller's
    transaction ends, and so waits for everybody who is drawing: None is final, nobody can give back what
    would do.
    """
    strands = list(GiftStrand.objects.select_for_update().filter(batch=batch_id).order_by("place"))
    wanted, total = len(points), sum(points)
    for strand in strands:
        if _room(strand) >= wanted and strand.points_left >= total:
            return _draw_from(strand, wanted, total)
    if sum(map(_room, strands)) < wanted or sum(strand.points_left for strand in strands) < total:
        return None
    return _draw_from_all(strands, wanted, total)


def empty(batch_id: int) -> int:
    """Take everything that is left, for good, and give back its points: what is under way is waited for, and
    nothing comes after.
    """
    strands = list(GiftStrand.objects.select_for_update().filter(batch=batch_id).order_by("place"))
    GiftStrand.objects.filter(batch=batch_id).update(next_serial=F("end_serial"), points_left=0)
    return sum(strand.points_left for strand in strands)


def _room(strand: GiftStrand) -> int:
    return strand.end_serial - strand.next_serial


def _draw_from(strand: GiftStrand, wanted: int, total: int) -> list[int]:
    first = strand.next_serial
    strand.next_serial, strand.points_left = first + wanted, strand.points_left - total
    strand.save(update_fields=["next_serial", "points_left"])
    return list(range(first, first + wanted))


def _draw_from_all(strands: Sequence[GiftStrand], wanted: int, total: int) -> list[int]:
    serials: list[int] = []
    for strand in strands:
        taken = min(_room(strand), wanted - len(serials))
        serials += range(strand.next_serial, strand.next_serial + taken)
        strand.next_serial += taken
    spread_points(strands, sum(strand.points_left for strand in strands) - total)
    return serials


def spread_points(strands: Sequence[GiftStrand], points: int) -> None:
    """Give the strands, which the caller holds, these points anew, by the codes they have, and write them."""
    codes = sum(map(_room, strands))
    rest = points
    for strand in strands:
        strand.points_left = points * _room(strand) // codes if codes else 0
        rest -= strand.points_left
    # What division leaves over goes where there are codes for it.
    next((strand for strand in strands if _room(strand)), strands[0]).points_left += rest
    GiftStrand.objects.bulk_update(strands, ["next_serial", "points_left"])
