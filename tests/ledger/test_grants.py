"""Points for a purchase or by hand: from the brand's funds, with a funder and an end, once per key."""

from datetime import date, timedelta
from typing import Any

import pytest

from ledger import audit, queries
from ledger import services as ledger
from ledger.errors import ExpiryRefused, InsufficientPoints, KeyReused, MoveRefused
from ledger.expiry import ExpiryPolicy
from ledger.models import MAX_POINTS, Account, AccountKind, Lot, Transfer
from ledger.services import Granted
from parties.models import Brand
from tests import make
from tests.make import NOON

pytestmark = pytest.mark.django_db
HALF_A_YEAR = ExpiryPolicy.after_days(180)


@pytest.fixture
def brand() -> Brand:
    return make.brand(funds=1_000)


@pytest.fixture
def wallet(brand: Brand) -> Account:
    return make.wallet(make.member(), brand.program)


def _grant(brand: Brand, wallet: Account, **changes: Any) -> Granted:
    asked: dict[str, Any] = {"points": 400, "expires": HALF_A_YEAR, "key": "receipt-1", "at": NOON} | changes
    return ledger.grant_points(brand_id=brand.pk, wallet_id=wallet.pk, **asked)


def test_a_grant_moves_funds_into_a_lot_with_its_funder_and_end(brand: Brand, wallet: Account) -> None:
    granted = _grant(brand, wallet)

    lot = Lot.objects.get(wallet=wallet)
    assert granted == (lot.transfer_id, 400, 400, HALF_A_YEAR.end(NOON), False)
    assert (lot.funder, lot.granted_points, lot.remaining_points) == (brand, 400, 400)
    assert (lot.granted_at, lot.expires_at) == (NOON, HALF_A_YEAR.end(NOON))
    assert queries.funds_of(brand) == 600
    assert not list(audit.differences())


def test_asking_twice_with_one_key_grants_once(brand: Brand, wallet: Account) -> None:
    first = _grant(brand, wallet)
    again = _grant(brand, wallet, at=NOON + timedelta(days=3))  # its end is that of the first

    assert again == first._replace(is_repeat=True)
    assert queries.balance_of(wallet) == 400


def test_a_repeat_after_a_fixed_end_has_passed_is_still_a_repeat(brand: Brand, wallet: Account) -> None:
    today = ExpiryPolicy.on_date(NOON.date())
    first = _grant(brand, wallet, expires=today)

    assert _grant(brand, wallet, expires=today, at=NOON + timedelta(days=3)) == first._replace(is_repeat=True)


def test_the_same_key_with_another_input_is_refused_and_moves_nothing(brand: Brand, wallet: Account) -> None:
    _grant(brand, wallet)
    other_brand = make.brand(funds=1_000, program=brand.program)
    other_wallet = make.wallet(make.member(), brand.program)

    others: list[tuple[Brand, Account, dict[str, Any]]] = [
        (brand, wallet, {"points": 401}),
        (brand, wallet, {"expires": ExpiryPolicy.at_month_end(0)}),
        (brand, other_wallet, {}),
        (other_brand, wallet, {}),
    ]
    for funder, into, changes in others:
        with pytest.raises(KeyReused):
            _grant(funder, into, **changes)
    assert queries.balance_of(wallet) == 400
    assert queries.funds_of(other_brand) == 1_000


def test_funds_can_be_granted_to_the_last_point_and_not_one_further(brand: Brand, wallet: Account) -> None:
    with pytest.raises(InsufficientPoints):
        _grant(brand, wallet, points=1_001)
    assert not Transfer.objects.filter(key="grant:receipt-1").exists()
    assert queries.balance_of(wallet) == 0

    assert _grant(brand, wallet, points=1_000).balance == 1_000
    assert queries.funds_of(brand) == 0


@pytest.mark.parametrize("points", [0, -1, MAX_POINTS + 1, 1.5, True, "5"])
def test_points_that_are_no_whole_number_within_the_limits_are_refused(
    brand: Brand, wallet: Account, points: Any
) -> None:
    with pytest.raises(MoveRefused):
        _grant(brand, wallet, points=points)


def test_points_are_granted_to_wallets_of_the_brands_own_program_only(brand: Brand) -> None:
    elsewhere = make.wallet(make.member(), make.program())
    world = Account.objects.get(program=brand.program, kind=AccountKind.WORLD)

    for target in (elsewhere, world, Account(pk=0)):
        with pytest.raises(MoveRefused):
            _grant(brand, target)
    with pytest.raises(MoveRefused):
        _grant(Brand(pk=0), make.wallet(make.member(), brand.program))


def test_points_are_not_granted_with_an_end_that_has_passed(brand: Brand, wallet: Account) -> None:
    with pytest.raises(ExpiryRefused):
        _grant(brand, wallet, expires=ExpiryPolicy.on_date(date(2026, 11, 1)))
    assert not Transfer.objects.filter(key="grant:receipt-1").exists()
