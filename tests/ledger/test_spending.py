"""Spending: soonest to expire first, never an expired lot, never below zero, once per key."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from ledger import audit, queries
from ledger import services as ledger
from ledger.errors import InsufficientPoints, KeyReused, MoveRefused
from ledger.lots import Taken
from ledger.models import MAX_POINTS, Account, AccountKind, Lot, LotUse, Posting, Transfer, UseKind
from ledger.services import Spent, taking
from parties.models import Store
from tests import make
from tests.make import NOON

pytestmark = pytest.mark.django_db


def _spend(wallet: Account, store: Store, points: int = 100, **changes: Any) -> Spent:
    asked: dict[str, Any] = {"key": "receipt-1", "at": NOON} | changes
    return ledger.spend_points(wallet_id=wallet.pk, store_id=store.pk, points=points, **asked)


def _remaining(wallet: Account) -> list[int]:
    lots = Lot.objects.filter(wallet=wallet).order_by("expires_at", "pk")
    return list(lots.values_list("remaining_points", flat=True))


@contextmanager
def _nothing_happens() -> Iterator[None]:
    """No row more, and no lot or balance another."""

    def state() -> list[Any]:
        counts = [model.objects.count() for model in (Transfer, Posting, LotUse)]
        lots = Lot.objects.order_by("pk").values_list("remaining_points", flat=True)
        return [*counts, *lots, *Account.objects.order_by("pk").values_list("balance", flat=True)]

    before = state()
    yield
    assert state() == before


def test_a_spend_takes_the_soonest_to_expire_first_and_remembers_each_use() -> None:
    wallet, store = make.rich_wallet((100, 30), (100, 10), (100, 20))
    last, first, second = Lot.objects.filter(wallet=wallet).order_by("pk")

    spent = _spend(wallet, store, 150)

    brand = store.brand_id
    assert spent.taken == (Taken(first.pk, brand, 100), Taken(second.pk, brand, 50))
    assert spent[1:3] == (150, 150)
    assert not spent.is_repeat
    assert _remaining(wallet) == [0, 50, 100]
    assert queries.balance_of(wallet) == 150
    assert queries.balance_of(ledger.open_accepted(brand=store.brand, at=NOON)) == 150
    uses = LotUse.objects.filter(transfer=spent.transfer_id).order_by("pk")
    assert [(use.lot_id, use.points) for use in uses] == [(first.pk, 100), (second.pk, 50)]
    assert {(use.kind, use.funder_id, use.acceptor_id, use.store_id, use.posted_at) for use in uses} == {
        (UseKind.SPEND, brand, brand, store.pk, NOON)
    }
    assert last.remaining_points == 100
    assert not list(audit.differences())


def test_lots_that_end_together_pay_in_the_order_of_their_grants() -> None:
    wallet, store = make.rich_wallet((10, 30), (10, 30), (10, 30))
    lots = list(Lot.objects.filter(wallet=wallet).order_by("pk").values_list("pk", flat=True))

    assert [part.lot_id for part in _spend(wallet, store, 25).taken] == lots


def test_lots_of_several_funders_pay_at_another_brand_of_the_program() -> None:
    program = make.program()
    funders = [make.brand(funds=100, program=program) for _ in range(3)]
    store = make.store(brand=make.brand(program=program))
    wallet = make.wallet(make.member(), program)
    for days, funder in enumerate(funders, 1):
        make.lot(wallet, 100, funder=funder, days=days)

    spent = _spend(wallet, store, 250)

    assert [part[1:] for part in spent.taken] == [
        (funders[0].pk, 100),
        (funders[1].pk, 100),
        (funders[2].pk, 50),
    ]
    assert set(LotUse.objects.values_list("acceptor", "store")) == {(store.brand_id, store.pk)}
    assert queries.balance_of(ledger.open_accepted(brand=store.brand, at=NOON)) == 250
    assert not list(audit.differences())


def test_a_lot_pays_until_just_before_its_end_and_never_from_then_on() -> None:
    wallet, store = make.rich_wallet((100, 10), (100, 20))
    first, second = Lot.objects.filter(wallet=wallet).order_by("pk")
    just_before = first.expires_at - timedelta(microseconds=1)

    assert _spend(wallet, store, 10, at=just_before, key="before").taken[0].lot_id == first.pk
    assert _spend(wallet, store, 10, at=first.expires_at, key="at").taken[0].lot_id == second.pk
    with _nothing_happens(), pytest.raises(InsufficientPoints):
        _spend(wallet, store, 91, at=first.expires_at, key="more")  # 90 of the 180 have expired
    with _nothing_happens(), pytest.raises(InsufficientPoints):
        _spend(wallet, store, 1, at=second.expires_at, key="late")
    assert not list(audit.differences())


def test_a_wallet_can_be_spent_to_the_last_point_and_not_one_further() -> None:
    wallet, store = make.rich_wallet((60, 10), (40, 20))

    with _nothing_happens(), pytest.raises(InsufficientPoints):
        _spend(wallet, store, 101)

    assert _spend(wallet, store, 100).balance == 0  # the refused key was not used up
    with _nothing_happens(), pytest.raises(InsufficientPoints):
        _spend(wallet, store, 1, key="receipt-2")


def test_asking_twice_with_one_key_spends_once_and_answers_alike() -> None:
    wallet, store = make.rich_wallet((60, 10), (100, 20))
    first = _spend(wallet, store, 100)

    again = _spend(wallet, store, 100, at=NOON + timedelta(days=300))  # all lots have expired

    assert again == first._replace(is_repeat=True)
    assert _spend(wallet, store, 10, key="receipt-2").balance == 50
    assert _spend(wallet, store, 100).balance == 50  # the wallet's now
    assert not list(audit.differences())


def test_the_same_key_for_something_else_is_refused() -> None:
    wallet, store = make.rich_wallet((100, 10))
    other_wallet, _ = make.rich_wallet((100, 10), funder=make.brand(funds=100, program=store.brand.program))
    _spend(wallet, store, 50)

    for other in (
        (other_wallet, store, 50),
        (wallet, make.store(brand=store.brand), 50),
        (wallet, store, 49),
    ):
        with _nothing_happens(), pytest.raises(KeyReused):
            _spend(*other)


def test_a_key_of_another_kind_of_act_is_another_key() -> None:
    wallet, store = make.rich_wallet((100, 10))
    make.deposit(store.brand, 5)
    ledger.deposit_funds(brand=store.brand, points=5, key="receipt-1", at=NOON)

    assert not _spend(wallet, store).is_repeat


@pytest.mark.parametrize("points", [0, -1, MAX_POINTS + 1, 2**63, 0.1, 1.0, float("nan"), True, "1", None])
def test_points_that_are_no_whole_number_within_the_limits_are_refused(points: Any) -> None:
    wallet, store = make.rich_wallet((100, 10))
    with _nothing_happens(), pytest.raises(MoveRefused):
        _spend(wallet, store, points)


def test_the_greatest_amount_can_be_spent() -> None:
    wallet, store = make.rich_wallet((MAX_POINTS, 10))
    assert _spend(wallet, store, MAX_POINTS).balance == 0
    assert not list(audit.differences())


@pytest.mark.parametrize("key", ["", "x" * 115, "a\nb", "a\x00b", "\ud800", "a\u202eb"])
def test_a_key_that_is_no_line_of_1_to_114_characters_is_refused(key: str) -> None:
    wallet, store = make.rich_wallet((100, 10))
    with _nothing_happens(), pytest.raises(MoveRefused):
        _spend(wallet, store, key=key)
    assert not _spend(wallet, store, key="x" * 114).is_repeat


def test_only_a_wallet_spends_and_only_at_a_store_of_its_program() -> None:
    wallet, store = make.rich_wallet((100, 10))
    funds = Account.objects.get(brand=store.brand, kind=AccountKind.FUNDS)
    elsewhere = make.store(brand=make.brand())

    ends = [(wallet, elsewhere), (wallet, Store(pk=0)), (Account(pk=0), store), (funds, store)]
    for source, place in ends:
        with _nothing_happens(), pytest.raises(MoveRefused):
            _spend(source, place, 1)
    assert not Account.objects.filter(kind=AccountKind.ACCEPTED).exists()
    assert not _spend(wallet, store).is_repeat


def test_points_of_another_wallet_are_out_of_reach() -> None:
    wallet, store = make.rich_wallet((100, 10))
    other, _ = make.rich_wallet((100, 5), funder=make.brand(funds=100, program=store.brand.program))

    with _nothing_happens(), pytest.raises(InsufficientPoints):
        _spend(wallet, store, 101)
    assert queries.balance_of(other) == 100


def test_what_the_caller_undoes_was_not_spent() -> None:
    wallet, store = make.rich_wallet((100, 10))

    def spend_and_fail() -> None:
        with transaction.atomic():
            _spend(wallet, store)
            raise ZeroDivisionError

    with _nothing_happens(), pytest.raises(ZeroDivisionError):
        spend_and_fail()

    assert not _spend(wallet, store).is_repeat


def test_ten_thousand_lots_are_spent_at_once_each_to_its_last_point() -> None:
    brand = make.brand(funds=10_000)
    wallet, store = make.wallet(make.member(), brand.program), make.store(brand=brand)
    make.many_lots(wallet, 10_000, funder=brand)

    spent = _spend(wallet, store, 9_999)

    assert (spent.balance, len(spent.taken)) == (1, 9_999)
    assert _remaining(wallet) == [0] * 9_999 + [1]
    assert _spend(wallet, store, 9_999) == spent._replace(is_repeat=True)
    with pytest.raises(InsufficientPoints):
        _spend(wallet, store, 2, key="more")
    # The audit's plans need the figures that both databases keep of themselves while rows come one by one.
    connection.cursor().execute("ANALYZE")
    assert not list(audit.differences())


def _open_a_lot_wallet(lots: int) -> tuple[Account, Store]:
    wallet, store = make.rich_wallet((1, 1), funder=make.brand(funds=lots + 1))
    make.many_lots(wallet, lots, funder=store.brand)
    return wallet, store


def _statements_of(wallet: Account, store: Store, key: str) -> int:
    with CaptureQueriesContext(connection) as queries_made:
        _spend(wallet, store, 1, key=key)
    return len(queries_made)


@pytest.mark.parametrize("points", [64, 65, 64 + 4_097])
def test_lots_come_in_order_and_none_twice_wherever_a_page_ends(points: int) -> None:
    wallet, store = _open_a_lot_wallet(4_200)
    lots = queries.open_lots(wallet).values_list("pk", flat=True)
    in_order = list(lots[:points])

    assert [part.lot_id for part in _spend(wallet, store, points).taken] == in_order
    assert _remaining(wallet) == [0] * points + [1] * (4_201 - points)


@pytest.mark.postgresql
def test_the_next_lots_are_read_off_their_index_and_nothing_is_sorted() -> None:
    wallet, _ = _open_a_lot_wallet(2_000)
    connection.cursor().execute("ANALYZE ledger_lot")
    page = taking._page_of_lots(wallet.pk, (NOON, 0), 64)

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {page.sql}", page.params)
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert "Index Scan using ledger_lot_" in plan
    assert "Sort" not in plan


@pytest.mark.sqlite
def test_a_spend_of_one_lot_takes_as_many_statements_however_many_lots_there_are() -> None:
    (few, store), (many, other) = _open_a_lot_wallet(1), _open_a_lot_wallet(1_000)
    for wallet, place in ((few, store), (many, other)):
        _spend(wallet, place, 1, key=f"opens the account {place.pk}")

    assert _statements_of(few, store, "few") == _statements_of(many, other, "many")
