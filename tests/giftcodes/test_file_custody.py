"""Files are handed over once, their custody is told, and codes may wait for their receipt."""

import uuid
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from giftcodes import delivery_queries
from giftcodes import services as giftcodes
from giftcodes.delivery_models import CustodyEntry, FurtherDelivery
from giftcodes.errors import DeliveryRefused, FurtherDeliveryRefused, GiftcodesError
from giftcodes.models import Activation, Batch, BatchState, Delivery
from giftcodes.services.delivery_making import sealed_path
from parties.errors import NotReachable
from parties.models import Role, StaffRole
from tests import make
from tests.concurrency.racing import race
from tests.giftcodes.further import Desk, desk, made, requested
from tests.make import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, settings: Settings) -> None:
    settings.DELIVERY_DIR = tmp_path / "deliveries"


def mint(batch: Batch) -> None:
    while giftcodes.mint_next_chunk(batch_id=batch.pk, at=NOON):
        pass


def taken(of: Desk, delivery: FurtherDelivery) -> bytes:
    handed = giftcodes.take_further_delivery(
        public_id=delivery.public_id, user=of.marketer, verified_at=NOON, at=NOON, address="203.0.113.9"
    )
    with handed.file as file:
        return file.read()


def shown(of: Desk, delivery: FurtherDelivery) -> str:
    return giftcodes.reveal_further_passphrase(
        public_id=delivery.public_id, user=of.marketer, verified_at=NOON, at=NOON
    )


def test_the_log_says_who_had_which_file_when_and_from_where() -> None:
    of = desk()
    delivery = made(of)
    assert taken(of, delivery) == sealed_path(delivery).read_bytes()
    assert shown(of, delivery)
    assert giftcodes.confirm_receipt(public_id=delivery.public_id, user=of.marketer, at=NOON)
    assert not giftcodes.confirm_receipt(public_id=delivery.public_id, user=of.marketer, at=NOON)
    told = [(entry.act, entry.by, entry.address) for entry in delivery_queries.custody_of(of.batch)]
    person = of.marketer
    assert told == [
        ("made", None, None),
        ("downloaded", person, "203.0.113.9"),
        ("passphrase", person, None),
        ("received", person, None),
    ]
    assert set(CustodyEntry.objects.values_list("file_id", "sealed_sha256")) == {
        (delivery.public_id, delivery.sealed_sha256)
    }


@pytest.mark.parametrize("hand_over", [taken, shown])
def test_each_is_handed_over_once_and_not_before_it_is_sealed(hand_over: Any) -> None:
    of = desk()
    waiting, delivery = requested(of), made(of)
    assert hand_over(of, delivery)
    for which in (waiting, delivery):
        with pytest.raises(DeliveryRefused):
            hand_over(of, which)


def test_the_orders_own_file_is_in_the_log_too() -> None:
    batch = make.batch(size=3)
    own = Delivery.objects.get(batch=batch)
    StaffRole.objects.create(user=own.recipient, brand=batch.brand, role=Role.MARKETER)
    mint(batch)
    who: dict[str, Any] = {"public_id": own.public_id, "user": own.recipient}
    who |= {"at": NOON, "address": "2001:db8::7"}
    giftcodes.take_delivery(**who).file.close()
    giftcodes.reveal_passphrase(**who, verified_at=NOON)
    giftcodes.confirm_receipt(**who)
    told = [(entry.act, entry.address) for entry in delivery_queries.custody_of(batch)]
    at = "2001:db8::7"
    assert told == [("made", None), ("downloaded", at), ("passphrase", at), ("received", at)]


def test_codes_that_wait_for_receipt_can_be_claimed_from_then_on() -> None:
    batch = make.batch(size=3, activation=Activation.ON_RECEIPT)
    own = Delivery.objects.get(batch=batch)
    StaffRole.objects.create(user=own.recipient, brand=batch.brand, role=Role.MARKETER)
    mint(batch)
    batch.refresh_from_db()
    confirm = partial(giftcodes.confirm_receipt, public_id=own.public_id, user=own.recipient, at=NOON)
    with pytest.raises(FurtherDeliveryRefused, match="receipt"):
        confirm()
    assert batch.state == BatchState.MINTED
    giftcodes.take_delivery(public_id=own.public_id, user=own.recipient, at=NOON).file.close()
    assert confirm()
    batch.refresh_from_db()
    assert (batch.state, batch.activated_at) == (BatchState.ACTIVE, NOON)


@pytest.mark.parametrize("activation", [Activation.BY_HAND, Activation.AT_START])
def test_a_receipt_opens_no_codes_that_do_not_wait_for_it(activation: Activation) -> None:
    batch = make.batch(size=3, activation=activation)
    own = Delivery.objects.get(batch=batch)
    StaffRole.objects.create(user=own.recipient, brand=batch.brand, role=Role.MARKETER)
    mint(batch)
    before = Batch.objects.get(pk=batch.pk).state
    giftcodes.take_delivery(public_id=own.public_id, user=own.recipient, at=NOON).file.close()
    assert giftcodes.confirm_receipt(public_id=own.public_id, user=own.recipient, at=NOON)
    assert Batch.objects.get(pk=batch.pk).state == before


def test_a_further_delivery_that_arrived_opens_nothing() -> None:
    batch = make.batch(size=3, activation=Activation.ON_RECEIPT)
    mint(batch)
    batch.refresh_from_db()
    of = Desk(batch, make.staff(Role.MARKETER, batch.brand), make.staff(Role.APPROVER, batch.brand))
    delivery = made(of)
    taken(of, delivery)
    assert giftcodes.confirm_receipt(public_id=delivery.public_id, user=of.marketer, at=NOON)
    assert Batch.objects.get(pk=batch.pk).state == BatchState.MINTED


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("hand_over", [taken, shown])
def test_of_eight_who_ask_at_once_one_gets_it(hand_over: Any) -> None:
    of = desk()
    delivery = made(of)
    outcomes = race(*[partial(hand_over, of, delivery)] * 8)
    refused = [outcome for outcome in outcomes if isinstance(outcome, GiftcodesError)]
    assert [type(outcome) for outcome in refused] == [DeliveryRefused] * 7


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_of_eight_receipts_at_once_one_is_noted() -> None:
    of = desk()
    delivery = made(of)
    taken(of, delivery)
    confirm = partial(giftcodes.confirm_receipt, public_id=delivery.public_id, user=of.marketer, at=NOON)
    assert sorted(race(*[confirm] * 8), key=str) == [False] * 7 + [True]


def test_a_number_that_nobody_has_is_nothing() -> None:
    of = desk()
    for act in (partial(giftcodes.take_further_delivery, verified_at=NOON), giftcodes.confirm_receipt):
        with pytest.raises(NotReachable):
            act(public_id=uuid.uuid4(), user=of.marketer, at=NOON)
