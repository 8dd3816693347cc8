"""What comes back: spends to their lots, claims and grants to their brand, and never more than there was."""

import uuid
from datetime import timedelta

import pytest

from giftcodes import audit as giftcodes_audit
from giftcodes import services as giftcodes
from ledger import audit, queries
from ledger import services as ledger
from ledger.errors import InsufficientPoints, KeyReused, ReversalRefused
from ledger.models import (
    Account,
    AccountKind,
    Lot,
    LotUse,
    Reason,
    Receivable,
    Transfer,
    UseKind,
    transfer_id_of,
)
from parties.models import Brand, Store
from tests import make
from tests.make import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def funder() -> Brand:
    return make.brand(funds=1_000)


@pytest.fixture
def store(funder: Brand) -> Store:
    return make.store(brand=make.brand(program=funder.program))


@pytest.fixture
def wallet(funder: Brand) -> Account:
    return make.wallet(make.member(), funder.program)


def _lot(wallet: Account, brand: Brand, points: int, days: int = 30) -> Lot:
    return make.lot(wallet, points, funder=brand, days=days)


def _spend(wallet: Account, store: Store, points: int, key: str = "1") -> uuid.UUID:
    spent = ledger.spend_points(wallet_id=wallet.pk, store_id=store.pk, points=points, key=key, at=NOON)
    return spent.transfer_id


def _left(wallet: Account) -> list[int]:
    return list(Lot.objects.filter(wallet=wallet).order_by("pk").values_list("remaining_points", flat=True))


def _accepted(store: Store) -> int:
    return queries.balance_of(ledger.open_accepted(brand=store.brand, at=NOON))


def test_a_reversed_spend_comes_back_to_its_lots_the_last_taken_first(
    funder: Brand, store: Store, wallet: Account
) -> None:
    other = make.brand(funds=100, program=funder.program)
    soon, later = _lot(wallet, funder, 100, days=10), _lot(wallet, other, 100, days=20)
    spend_id = _spend(wallet, store, 150)

    ledger.reverse_transfer(key="a", original_id=spend_id, points=30, at=NOON)
    assert _left(wallet) == [0, 80]
    ledger.reverse_transfer(key="b", original_id=spend_id, points=60, at=NOON)
    assert _left(wallet) == [40, 100]
    rest = ledger.reverse_transfer(key="c", original_id=spend_id, at=NOON)
    assert _left(wallet) == [100, 100]

    assert (queries.balance_of(wallet), _accepted(store)) == (200, 0)
    uses = LotUse.objects.filter(transfer=rest).values_list(
        "lot", "kind", "funder", "acceptor", "store", "points"
    )
    assert list(uses) == [(soon.pk, "spend", funder.pk, store.brand_id, store.pk, -60)]
    assert set(LotUse.objects.filter(lot=later).values_list("funder", flat=True)) == {other.pk}
    with pytest.raises(ReversalRefused):
        ledger.reverse_transfer(key="d", original_id=spend_id, at=NOON)
    assert not list(audit.differences())


def test_a_reversal_of_a_spend_happens_once_per_key(funder: Brand, store: Store, wallet: Account) -> None:
    _lot(wallet, funder, 100)
    spend_id = _spend(wallet, store, 60)

    first = ledger.reverse_transfer(key="a", original_id=spend_id, points=20, at=NOON)
    assert ledger.reverse_transfer(key="a", original_id=spend_id, points=20, at=NOON) == first
    with pytest.raises(KeyReused):
        ledger.reverse_transfer(key="a", original_id=spend_id, points=21, at=NOON)
    for points in (41, 10**12):
        with pytest.raises(ReversalRefused):
            ledger.reverse_transfer(key="b", original_id=spend_id, points=points, at=NOON)
    assert _left(wallet) == [60]


def test_points_that_come_back_can_be_spent_again(funder: Brand, store: Store, wallet: Account) -> None:
    _lot(wallet, funder, 100)
    ledger.reverse_transfer(key="a", original_id=_spend(wallet, store, 100), points=40, at=NOON)

    again = _spend(wallet, store, 40, key="2")
    ledger.reverse_transfer(key="b", original_id=again, points=15, at=NOON)

    assert (_left(wallet), _accepted(store)) == ([15], 85)
    assert not list(audit.differences())


def test_points_of_a_reversed_spend_keep_their_end(funder: Brand, store: Store, wallet: Account) -> None:
    lot = _lot(wallet, funder, 100, days=10)
    spend_id = _spend(wallet, store, 100)

    ledger.reverse_transfer(key="late", original_id=spend_id, points=70, at=lot.expires_at)

    assert queries.balance_of(wallet) == 70
    with pytest.raises(InsufficientPoints):
        ledger.spend_points(
            wallet_id=wallet.pk, store_id=store.pk, points=1, key="too late", at=lot.expires_at
        )
    assert ledger.expire_lots(at=lot.expires_at) == 1
    assert queries.balance_of(wallet) == 0
    assert not list(audit.differences())


def test_a_captured_hold_is_reversed_into_the_wallet(funder: Brand, store: Store, wallet: Account) -> None:
    _lot(wallet, funder, 60, days=10)
    _lot(wallet, funder, 60, days=20)
    hold = ledger.hold_points(
        wallet_id=wallet.pk,
        store_id=store.pk,
        points=100,
        key="cart",
        expires_at=NOON + timedelta(hours=1),
        at=NOON,
    )
    captured = ledger.capture_hold(hold_id=hold.pk, points=80, at=NOON)
    assert _left(wallet) == [0, 40]

    ledger.reverse_transfer(key="part", original_id=captured.transfer_id, points=30, at=NOON)
    assert _left(wallet) == [10, 60]
    ledger.reverse_transfer(key="rest", original_id=captured.transfer_id, at=NOON)

    assert (_left(wallet), queries.balance_of(wallet), _accepted(store)) == ([60, 60], 120, 0)
    assert not list(audit.differences())


def test_what_is_held_expired_or_a_reversal_cannot_be_reversed(
    funder: Brand, store: Store, wallet: Account
) -> None:
    lot = _lot(wallet, funder, 100)
    spend_id = _spend(wallet, store, 10)
    reversal = ledger.reverse_transfer(key="a", original_id=spend_id, at=NOON)
    hold = ledger.hold_points(
        wallet_id=wallet.pk,
        store_id=store.pk,
        points=5,
        key="cart",
        expires_at=NOON + timedelta(hours=1),
        at=NOON,
    )
    ledger.expire_lots(at=lot.expires_at)

    expiry = Transfer.objects.get(reason=Reason.EXPIRE)
    for original_id in (reversal.pk, hold.pk, expiry.pk, uuid.uuid4()):
        with pytest.raises(ReversalRefused):
            ledger.reverse_transfer(key="b", original_id=original_id, at=NOON)
        with pytest.raises(ReversalRefused):
            ledger.take_back(key="b", original_id=original_id, at=NOON)
    with pytest.raises(ReversalRefused):  # a spend has no lot of its own to take back
        ledger.take_back(key="b", original_id=spend_id, at=NOON)


def _claim(points: int = 500) -> tuple[Account, Transfer]:
    batch = make.live_batch(size=2, face_points=points)
    member = make.member()
    giftcodes.claim_code(text=make.code_of(batch), member=member, at=NOON)
    wallet = Account.objects.get(member=member, kind=AccountKind.WALLET)
    return wallet, Transfer.objects.get(reason=Reason.CLAIM)


def _sound() -> bool:
    return not [*audit.differences(), *giftcodes_audit.differences()]


def test_a_claim_taken_back_goes_to_the_brands_funds_and_its_code_stays_used() -> None:
    wallet, claim = _claim(500)
    brand = Lot.objects.get(wallet=wallet).funder

    taken = ledger.take_back(key="fraud", original_id=claim.pk, at=NOON)

    assert taken == (transfer_id_of("take_back:fraud"), 500, 0)
    assert (queries.balance_of(wallet), queries.funds_of(brand)) == (0, 500)
    assert not Receivable.objects.exists()
    assert Transfer.objects.get(reason=Reason.RETURN).posted_at == NOON
    assert _sound()  # the unclaimed account holds face x unclaimed exactly


def test_a_part_of_a_claim_goes_to_the_brands_funds() -> None:
    wallet, claim = _claim(500)
    brand = Lot.objects.get(wallet=wallet).funder

    ledger.reverse_transfer(key="a", original_id=claim.pk, points=200, at=NOON)
    ledger.reverse_transfer(key="b", original_id=claim.pk, points=100, at=NOON)

    assert (queries.balance_of(wallet), queries.funds_of(brand)) == (200, 300)
    assert _sound()


def test_a_claim_of_a_closed_batch_is_taken_back_all_the_same() -> None:
    wallet, claim = _claim(500)
    lot = Lot.objects.select_related("funder").get(wallet=wallet)
    batch = claim.postings.get().source.batch
    giftcodes.close_batch(batch_id=batch.pk, at=batch.claim_until)

    ledger.take_back(key="fraud", original_id=claim.pk, at=batch.claim_until)

    assert queries.balance_of(batch.unclaimed) == 0
    assert queries.funds_of(lot.funder) == 1_000
    assert _sound()


def test_taking_back_twice_takes_back_once(funder: Brand, wallet: Account) -> None:
    lot, other = _lot(wallet, funder, 100), _lot(wallet, funder, 50)
    first = ledger.take_back(key="1", original_id=lot.transfer_id, at=NOON)

    assert ledger.take_back(key="1", original_id=lot.transfer_id, at=NOON) == first
    with pytest.raises(KeyReused):
        ledger.take_back(key="1", original_id=other.transfer_id, at=NOON)
    with pytest.raises(ReversalRefused):
        ledger.take_back(key="2", original_id=lot.transfer_id, at=NOON)
    assert _left(wallet) == [0, 50]
    assert not list(audit.differences())


def test_what_was_spent_becomes_a_receivable_and_other_lots_are_not_touched(
    funder: Brand, store: Store, wallet: Account
) -> None:
    bad, good = _lot(wallet, funder, 100, days=10), _lot(wallet, funder, 100, days=20)
    _spend(wallet, store, 70)

    taken = ledger.take_back(key="fraud", original_id=bad.transfer_id, at=NOON)

    assert (taken.points, taken.receivable_points) == (30, 70)
    receivable = Receivable.objects.get()
    assert (receivable.wallet, receivable.funder) == (wallet, funder)
    assert (receivable.points, receivable.recovered_points, receivable.arose_at) == (70, 0, NOON)
    assert (_left(wallet), good.remaining_points) == ([0, 100], 100)
    assert queries.funds_of(funder) == 830  # the acceptor is still owed 70
    assert _accepted(store) == 70
    again = ledger.take_back(key="fraud, again", original_id=bad.transfer_id, at=NOON)
    assert again == (None, 0, 70)
    assert not list(audit.differences())


def test_a_lot_that_is_spent_to_the_last_point_leaves_only_a_receivable(
    funder: Brand, store: Store, wallet: Account
) -> None:
    lot = _lot(wallet, funder, 100)
    _spend(wallet, store, 100)

    for _ in range(2):
        assert ledger.take_back(key="fraud", original_id=lot.transfer_id, at=NOON) == (None, 0, 100)
    assert not Transfer.objects.filter(reason=Reason.REVERSE).exists()
    assert not list(audit.differences())


def test_points_that_come_back_to_a_lot_taken_back_go_on_to_the_brand(
    funder: Brand, store: Store, wallet: Account
) -> None:
    bad, good = _lot(wallet, funder, 100, days=10), _lot(wallet, funder, 100, days=20)
    spend_id = _spend(wallet, store, 150)
    ledger.take_back(key="fraud", original_id=bad.transfer_id, at=NOON)

    ledger.reverse_transfer(key="a", original_id=spend_id, points=80, at=NOON)

    good.refresh_from_db()
    assert (_left(wallet), good.remaining_points) == ([0, 100], 100)
    assert (queries.balance_of(wallet), queries.funds_of(funder)) == (100, 830)
    assert Receivable.objects.get().recovered_points == 30
    ledger.reverse_transfer(key="b", original_id=spend_id, at=NOON)
    assert Receivable.objects.get().recovered_points == 100
    assert (queries.balance_of(wallet), queries.funds_of(funder)) == (100, 900)
    assert not list(audit.differences())


def test_points_recovered_from_a_claim_leave_its_code_used(store: Store) -> None:
    wallet, claim = _claim(500)
    brand = Lot.objects.get(wallet=wallet).funder
    shop = make.store(brand=make.brand(program=brand.program))
    spend_id = _spend(wallet, shop, 500)
    ledger.take_back(key="fraud", original_id=claim.pk, at=NOON)

    ledger.reverse_transfer(key="a", original_id=spend_id, points=200, at=NOON)

    assert (queries.balance_of(wallet), queries.funds_of(brand)) == (0, 200)
    assert Transfer.objects.filter(reason=Reason.RETURN).count() == 1
    assert _sound()


def test_held_points_are_recovered_when_they_are_released(
    funder: Brand, store: Store, wallet: Account
) -> None:
    lot = _lot(wallet, funder, 100)
    hold = ledger.hold_points(
        wallet_id=wallet.pk,
        store_id=store.pk,
        points=60,
        key="cart",
        expires_at=NOON + timedelta(hours=1),
        at=NOON,
    )
    taken = ledger.take_back(key="fraud", original_id=lot.transfer_id, at=NOON)
    assert (taken.points, taken.receivable_points) == (40, 60)

    ledger.release_hold(hold_id=hold.pk, at=NOON)

    assert (queries.balance_of(wallet), queries.funds_of(funder)) == (0, 1_000)
    assert Receivable.objects.get().recovered_points == 60
    assert not list(audit.differences())


def test_a_hold_taken_after_all_is_owed_and_its_rest_recovered(
    funder: Brand, store: Store, wallet: Account
) -> None:
    lot = _lot(wallet, funder, 100)
    hold = ledger.hold_points(
        wallet_id=wallet.pk,
        store_id=store.pk,
        points=60,
        key="cart",
        expires_at=NOON + timedelta(hours=1),
        at=NOON,
    )
    ledger.take_back(key="fraud", original_id=lot.transfer_id, at=NOON)

    ledger.capture_hold(hold_id=hold.pk, points=45, at=NOON)

    assert (queries.balance_of(wallet), queries.funds_of(funder), _accepted(store)) == (0, 955, 45)
    assert Receivable.objects.get().recovered_points == 15
    assert not list(audit.differences())


def test_an_explicit_part_takes_exactly_that_or_nothing(funder: Brand, store: Store, wallet: Account) -> None:
    lot = _lot(wallet, funder, 100)
    _spend(wallet, store, 70)

    for points in (31, None):
        with pytest.raises(InsufficientPoints):
            ledger.reverse_transfer(key="a", original_id=lot.transfer_id, points=points, at=NOON)
    ledger.reverse_transfer(key="a", original_id=lot.transfer_id, points=30, at=NOON)

    assert (_left(wallet), queries.funds_of(funder)) == ([0], 930)
    assert not Receivable.objects.exists()
    assert not list(audit.differences())


@pytest.mark.parametrize("expiry_came_by", [False, True])
def test_what_has_expired_stays_breakage_whether_or_not_it_was_moved(
    funder: Brand, store: Store, wallet: Account, expiry_came_by: bool
) -> None:
    lot = _lot(wallet, funder, 100, days=10)
    _spend(wallet, store, 70)
    if expiry_came_by:
        ledger.expire_lots(at=lot.expires_at)

    with pytest.raises(InsufficientPoints):
        ledger.reverse_transfer(key="a", original_id=lot.transfer_id, points=1, at=lot.expires_at)
    taken = ledger.take_back(key="fraud", original_id=lot.transfer_id, at=lot.expires_at)

    assert taken == (None, 0, 70)
    assert queries.balance_of(ledger.open_breakage(brand=funder, at=NOON)) == 30
    assert LotUse.objects.get(kind=UseKind.EXPIRY).points == 30
    assert not list(audit.differences())


def test_a_lot_that_has_all_expired_leaves_nothing_to_take_back(funder: Brand, wallet: Account) -> None:
    lot = _lot(wallet, funder, 100, days=10)
    ledger.expire_lots(at=lot.expires_at)

    with pytest.raises(ReversalRefused):
        ledger.take_back(key="fraud", original_id=lot.transfer_id, at=lot.expires_at)


def test_points_recovered_after_the_lot_has_ended_go_to_the_brand_too(
    funder: Brand, store: Store, wallet: Account
) -> None:
    lot = _lot(wallet, funder, 100, days=10)
    spend_id = _spend(wallet, store, 100)
    ledger.take_back(key="fraud", original_id=lot.transfer_id, at=NOON)

    ledger.reverse_transfer(key="a", original_id=spend_id, at=lot.expires_at)

    assert (queries.balance_of(wallet), queries.funds_of(funder)) == (0, 1_000)
    assert ledger.expire_lots(at=lot.expires_at) == 0
    assert not list(audit.differences())
