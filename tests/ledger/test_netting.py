"""What brands owe each other becomes one due per pair of brands."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from ledger.netting import Due, Pairs, Position, net_dues, positions

BRANDS = st.sampled_from(["books", "cafe", "drugs", "elephant", "flowers"])
PAIRS = st.dictionaries(st.tuples(BRANDS, BRANDS), st.integers(-(10**16), 10**16))


def test_the_larger_side_pays_the_difference() -> None:
    pairs = {("cafe", "books"): 700, ("books", "cafe"): 250, ("books", "drugs"): 40}

    assert net_dues(pairs) == [Due("books", "drugs", 40), Due("cafe", "books", 450)]
    assert positions(pairs) == {
        "books": Position(receivable=700, payable=290),
        "cafe": Position(receivable=250, payable=700),
        "drugs": Position(receivable=40, payable=0),
    }


def test_what_cancels_out_is_no_due() -> None:
    assert net_dues({("cafe", "books"): 700, ("books", "cafe"): 700, ("cafe", "drugs"): 0}) == []


def test_own_points_in_own_stores_are_no_due() -> None:
    assert net_dues({("cafe", "cafe"): 700}) == []
    assert positions({("cafe", "cafe"): 700}) == {"cafe": Position(0, 0)}


def test_more_taken_back_than_spent_is_owed_the_other_way() -> None:
    assert net_dues({("cafe", "books"): -70}) == [Due("books", "cafe", 70)]


@given(PAIRS)
def test_each_brand_gets_by_dues_what_it_receives_less_what_it_pays(pairs: Pairs) -> None:
    by_dues: Counter[str] = Counter()
    for due in net_dues(pairs):
        by_dues[due.creditor] += due.yen
        by_dues[due.debtor] -= due.yen

    assert {brand: by_dues[brand] for brand in positions(pairs)} == {
        brand: position.net for brand, position in positions(pairs).items()
    }


@given(PAIRS)
def test_two_brands_have_one_due_of_more_than_nothing(pairs: Pairs) -> None:
    dues = net_dues(pairs)

    assert all(due.yen > 0 for due in dues)
    assert len({frozenset(due[:2]) for due in dues}) == len(dues)


@given(PAIRS)
def test_the_other_way_round_everybody_pays_instead_of_receiving(pairs: Pairs) -> None:
    turned = net_dues({(acceptor, funder): yen for (funder, acceptor), yen in pairs.items()})

    assert sorted(Due(due.creditor, due.debtor, due.yen) for due in turned) == net_dues(pairs)


@given(PAIRS)
def test_the_positions_of_all_brands_add_up_to_nothing(pairs: Pairs) -> None:
    assert sum(position.net for position in positions(pairs).values()) == 0
