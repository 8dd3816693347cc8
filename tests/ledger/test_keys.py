"""One key, one act: keys of different acts never meet, and what a key asked for is asked for again to the
letter.
"""

from datetime import timedelta
from typing import Any

import pytest

from ledger import audit
from ledger import services as ledger
from ledger.errors import KeyReused, MoveRefused
from ledger.expiry import ExpiryPolicy
from ledger.models import Account, LotUse, Reason, Transfer, transfer_id_of
from ledger.services import Move
from parties.models import Store
from tests import make
from tests.make import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def rich() -> tuple[Account, Store]:
    """A wallet with a lot of 100 points, and a store of their funder."""
    return make.rich_wallet((100, 10))


def _acts(wallet: Account, store: Store) -> dict[str, tuple[Any, dict[str, Any]]]:
    spend = {"wallet_id": wallet.pk, "store_id": store.pk, "points": 10, "at": NOON}
    grant = Transfer.objects.get(reason=Reason.GRANT)
    return {
        "spend": (ledger.spend_points, spend),
        "hold": (ledger.hold_points, spend | {"expires_at": NOON + timedelta(hours=1)}),
        "grant": (
            ledger.grant_points,
            {
                "brand_id": store.brand_id,
                "wallet_id": wallet.pk,
                "points": 5,
                "expires": ExpiryPolicy.after_days(9),
                "at": NOON,
            },
        ),
        "reverse": (ledger.reverse_transfer, {"original_id": grant.pk, "points": 5, "at": NOON}),
        "take_back": (ledger.take_back, {"original_id": grant.pk, "at": NOON}),
    }


def test_one_key_serves_one_act_of_each_kind(rich: tuple[Account, Store]) -> None:
    make.deposit(rich[1].brand, 100)

    for act, values in _acts(*rich).values():
        act(key="same", **values)

    for verb in ("spend", "hold", "grant", "reverse", "take_back"):
        assert Transfer.objects.filter(pk=transfer_id_of(f"{verb}:same")).exists(), verb
    assert not list(audit.differences())


@pytest.mark.parametrize("key", ["", "two\nlines", "\0", "k" * 118, "adjust:0", "adjust:"])
@pytest.mark.parametrize("verb", ["spend", "hold", "grant", "reverse", "take_back"])
def test_keys_that_are_no_line_or_those_of_acts_by_hand_are_refused(
    rich: tuple[Account, Store], verb: str, key: str
) -> None:
    act, values = _acts(*rich)[verb]

    with pytest.raises(MoveRefused):
        act(key=key, **values)

    assert not Transfer.objects.filter(key__startswith=verb).exclude(key__startswith="grant:grant-").exists()


@pytest.mark.parametrize("points", [0, -1, 1.5, True, "3", 10**12 + 1])
def test_points_that_are_no_whole_number_are_not_reversed(rich: tuple[Account, Store], points: Any) -> None:
    spent = _spend(rich, 60)

    for original_id in (spent, Transfer.objects.get(reason=Reason.GRANT).pk):
        with pytest.raises(MoveRefused):
            ledger.reverse_transfer(key="back", original_id=original_id, points=points, at=NOON)

    assert LotUse.objects.count() == 1
    assert not list(audit.differences())


def _spend(rich: tuple[Account, Store], points: int, key: str = "lunch") -> Any:
    wallet, store = rich
    return ledger.spend_points(
        wallet_id=wallet.pk, store_id=store.pk, points=points, key=key, at=NOON
    ).transfer_id


def test_a_part_that_was_reversed_is_not_all_that_was_left(rich: tuple[Account, Store]) -> None:
    spent = _spend(rich, 60)
    part = ledger.reverse_transfer(key="part", original_id=spent, points=20, at=NOON)

    with pytest.raises(KeyReused):
        ledger.reverse_transfer(key="part", original_id=spent, at=NOON)
    rest = ledger.reverse_transfer(key="rest", original_id=spent, at=NOON)
    with pytest.raises(KeyReused):
        ledger.reverse_transfer(key="part", original_id=spent, at=NOON)

    assert ledger.reverse_transfer(key="part", original_id=spent, points=20, at=NOON) == part
    assert ledger.reverse_transfer(key="rest", original_id=spent, at=NOON) == rest
    assert not list(audit.differences())


def test_a_transfer_that_stands_where_a_recovery_belongs_stops_it(rich: tuple[Account, Store]) -> None:
    spent, grant = _spend(rich, 60), Transfer.objects.get(reason=Reason.GRANT)
    ledger.take_back(key="fraud", original_id=grant.pk, at=NOON)
    world = ledger.open_world(program=rich[1].brand.program, at=NOON)
    funds = ledger.open_funds(brand=rich[1].brand, at=NOON)
    key = f"recover:{transfer_id_of('reverse:refund').hex}:{grant.lot.pk}"
    ledger.post_transfer(key=key, reason=Reason.DEPOSIT, moves=[Move(world.pk, funds.pk, 1)], at=NOON)

    with pytest.raises(KeyReused):
        ledger.reverse_transfer(key="refund", original_id=spent, at=NOON)

    assert not list(audit.differences())
