"""What partner systems are told of points: one event per act, in the transaction of the act."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from ledger import services as ledger
from ledger.errors import InsufficientPoints
from ledger.expiry import ExpiryPolicy
from ledger.models import Account
from parties.event_models import Event
from parties.models import Brand, Store
from tests import make
from tests.api.partner import api_client
from tests.make import NOON

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(hours=1)


def shop() -> tuple[Brand, Store, Account]:
    """A brand with a partner system, its store, and a wallet of 100 points of another brand."""
    funder = make.brand(funds=100)
    brand = make.brand(program=funder.program, funds=1_000)
    api_client(brand)
    wallet = make.wallet(make.member(), funder.program)
    make.lot(wallet, 100, funder=funder)
    return brand, make.store(brand=brand, code="shinjuku"), wallet


def told(brand: Brand) -> list[tuple[str, str, int, dict[str, Any]]]:
    rows = Event.objects.filter(brand=brand).order_by("pk")
    return list(rows.values_list("type", "object_id", "sequence", "data"))


def person(wallet: Account) -> str:
    assert wallet.member is not None
    return str(wallet.member.public_id)


def test_a_spend_is_told_once_to_the_brand_of_the_store() -> None:
    brand, store, wallet = shop()
    ask: dict[str, Any] = {"wallet_id": wallet.pk, "store_id": store.pk, "points": 30, "key": "till 1"}
    spent = ledger.spend_points(**ask, at=NOON)
    ledger.spend_points(**ask, at=LATER)
    with pytest.raises(InsufficientPoints):
        ledger.spend_points(**ask | {"key": "till 2", "points": 71}, at=NOON)
    name = str(spent.transfer_id)
    data = {"transfer": name, "hold": None, "points": 30, "member": person(wallet), "store": "shinjuku"}
    assert told(brand) == [("points.spent", name, 1, data)]
    assert Event.objects.get().occurred_at == NOON


def test_a_brand_without_a_partner_system_spends_untold() -> None:
    funder = make.brand(funds=100)
    wallet, store = make.rich_wallet((100, 90), funder=funder)
    ledger.spend_points(wallet_id=wallet.pk, store_id=store.pk, points=30, key="till", at=NOON)
    assert not Event.objects.exists()


def test_a_hold_is_told_from_its_beginning_to_what_is_taken_back_of_it() -> None:
    brand, store, wallet = shop()
    ask: dict[str, Any] = {"wallet_id": wallet.pk, "store_id": store.pk, "points": 50, "key": "cart"}
    hold = ledger.hold_points(**ask, expires_at=LATER, at=NOON)
    spent = ledger.capture_hold(hold_id=hold.pk, points=20, at=NOON)
    ledger.capture_hold(hold_id=hold.pk, points=20, at=NOON)
    reversal = ledger.reverse_transfer(key="return", original_id=spent.transfer_id, points=5, at=LATER)
    name, of = str(hold.pk), {"member": person(wallet), "store": "shinjuku"}
    transfer = str(spent.transfer_id)
    assert told(brand) == [
        ("points.held", name, 1, {"points": 50} | of),
        ("points.spent", name, 2, {"transfer": transfer, "hold": name, "points": 20} | of),
        ("points.released", name, 3, {"hold": name, "points": 30, "because": "captured"} | of),
        (
            "points.reversed",
            name,
            4,
            {"transfer": str(reversal.pk), "original": transfer, "points": 5, "member": person(wallet)},
        ),
    ]


@pytest.mark.parametrize("end", ["released", "expired"])
def test_a_hold_that_ends_without_a_purchase_is_told(end: str) -> None:
    brand, store, wallet = shop()
    ask: dict[str, Any] = {"wallet_id": wallet.pk, "store_id": store.pk, "points": 50, "key": "cart"}
    hold = ledger.hold_points(**ask, expires_at=LATER, at=NOON)
    if end == "released":
        ledger.release_hold(hold_id=hold.pk, at=NOON)
        ledger.release_hold(hold_id=hold.pk, at=NOON)
    else:
        ledger.expire_holds(at=LATER)
    of = {"hold": str(hold.pk), "member": person(wallet), "store": "shinjuku"}
    assert told(brand)[1:] == [("points.released", str(hold.pk), 2, {"points": 50, "because": end} | of)]


def test_points_given_and_taken_back_are_told_to_the_brand_that_gave_them() -> None:
    brand, _store, wallet = shop()
    grant: dict[str, Any] = {"brand_id": brand.pk, "wallet_id": wallet.pk, "points": 40, "key": "purchase"}
    granted = ledger.grant_points(**grant, expires=ExpiryPolicy.after_days(90), at=NOON)
    ledger.grant_points(**grant, expires=ExpiryPolicy.after_days(90), at=NOON)
    part = ledger.reverse_transfer(key="part", original_id=granted.transfer_id, points=10, at=LATER)
    rest = ledger.take_back(key="rest", original_id=granted.transfer_id, at=LATER)
    name, member = str(granted.transfer_id), person(wallet)
    earned = {"transfer": name, "points": 40, "member": member, "expires_at": granted.expires_at.isoformat()}
    assert told(brand) == [
        ("points.earned", name, 1, earned),
        (
            "points.reversed",
            name,
            2,
            {"transfer": str(part.pk), "original": name, "points": 10, "member": member},
        ),
        (
            "points.reversed",
            name,
            3,
            {"transfer": str(rest.transfer_id), "original": name, "points": 30, "member": member},
        ),
    ]


def test_points_that_come_back_later_are_told_to_the_brand_they_are_owed_to() -> None:
    brand, store, wallet = shop()
    grant: dict[str, Any] = {"brand_id": brand.pk, "wallet_id": wallet.pk, "points": 40, "key": "purchase"}
    granted = ledger.grant_points(**grant, expires=ExpiryPolicy.after_days(1), at=NOON)
    spent = ledger.spend_points(wallet_id=wallet.pk, store_id=store.pk, points=40, key="till", at=NOON)
    ledger.take_back(key="back", original_id=granted.transfer_id, at=NOON)
    ledger.reverse_transfer(key="return", original_id=spent.transfer_id, at=NOON)
    assert [row[:3] for row in told(brand)] == [
        ("points.earned", str(granted.transfer_id), 1),
        ("points.spent", str(spent.transfer_id), 1),
        ("points.reversed", str(spent.transfer_id), 2),
        ("points.reversed", str(granted.transfer_id), 2),
    ]


def test_what_is_rolled_back_is_not_told() -> None:
    brand, store, wallet = shop()
    with transaction.atomic():
        ledger.spend_points(wallet_id=wallet.pk, store_id=store.pk, points=30, key="till", at=NOON)
        assert len(told(brand)) == 1
        transaction.set_rollback(True)
    assert told(brand) == []
