"""Which lots pay and which get points back, as pure rules."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from ledger.lots import OpenLot, Taken, give_back, take

LOTS = st.lists(st.integers(1, 10**12), max_size=20).map(
    lambda sizes: [OpenLot(n, n % 3, points) for n, points in enumerate(sizes)]
)
POINTS = st.integers(0, 10**13)


def _sum(taken: list[Taken]) -> int:
    return sum(part.points for part in taken)


def test_the_first_lots_pay_first_and_the_last_in_part() -> None:
    lots = [OpenLot(7, 1, 100), OpenLot(3, 2, 50), OpenLot(5, 1, 100)]

    assert take(lots, 160) == [Taken(7, 1, 100), Taken(3, 2, 50), Taken(5, 1, 10)]
    assert take(lots, 100) == [Taken(7, 1, 100)]
    assert take(lots, 0) == take([], 5) == []


def test_the_last_taken_comes_back_first() -> None:
    taken = [Taken(7, 1, 100), Taken(3, 2, 50), Taken(5, 1, 10)]

    assert give_back(taken, 30) == [Taken(5, 1, 10), Taken(3, 2, 20)]
    assert give_back(taken, 160) == taken[::-1]
    assert give_back(taken, 0) == give_back([], 5) == []


def test_no_lot_is_read_that_is_not_needed() -> None:
    def lots() -> Iterator[OpenLot]:
        yield OpenLot(1, 1, 100)
        yield OpenLot(2, 1, 100)
        raise AssertionError("a third lot was read")

    assert take(lots(), 200) == [Taken(1, 1, 100), Taken(2, 1, 100)]
    assert take(lots(), 0) == []


@given(lots=LOTS, points=POINTS)
def test_what_is_taken_is_what_was_asked_or_all_there_is(lots: list[OpenLot], points: int) -> None:
    taken = take(lots, points)

    assert _sum(taken) == min(points, sum(lot.remaining_points for lot in lots))
    assert all(0 < part.points <= lot.remaining_points for part, lot in zip(taken, lots, strict=False))
    assert [(part.lot_id, part.funder_id) for part in taken] == [lot[:2] for lot in lots[: len(taken)]]
    # Only the last lot pays in part: no lot is touched while a sooner one has points.
    assert [part.points for part in taken[:-1]] == [lot.remaining_points for lot in lots[: len(taken)]][:-1]


@given(lots=LOTS, points=POINTS, returned=POINTS)
def test_what_stays_taken_is_what_would_have_been_taken_for_the_rest(
    lots: list[OpenLot], points: int, returned: int
) -> None:
    taken = take(lots, points)

    back = give_back(taken, returned)

    assert _sum(back) == min(returned, _sum(taken))
    left = {part.lot_id: part for part in taken}
    for part in back:
        left[part.lot_id] = left[part.lot_id]._replace(points=left[part.lot_id].points - part.points)
    assert [part for part in left.values() if part.points] == take(lots, _sum(taken) - _sum(back))


@given(lots=LOTS, parts=st.lists(POINTS, min_size=2, max_size=4))
def test_taking_in_parts_takes_what_taking_at_once_would(lots: list[OpenLot], parts: list[int]) -> None:
    left = {lot.id: lot for lot in lots}
    for points in parts:
        open_lots = (lot for lot in list(left.values()) if lot.remaining_points)
        for part in take(open_lots, points):
            lot = left[part.lot_id]
            left[part.lot_id] = lot._replace(remaining_points=lot.remaining_points - part.points)

    at_once = {part.lot_id: part.points for part in take(lots, sum(parts))}
    assert {lot.id: lot.remaining_points - left[lot.id].remaining_points for lot in lots} == {
        lot.id: at_once.get(lot.id, 0) for lot in lots
    }
