"""The file once, the passphrase once, to one person."""

import io
import uuid
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
import pyzipper
from pytest_django import Settings

from giftcodes import services as giftcodes
from giftcodes.errors import DeliveryRefused, KeysMissing
from giftcodes.models import Batch, Delivery
from giftcodes.services.deliveries import path_of
from parties.errors import NotReachable
from parties.models import Role, StaffRole, User
from tests import make
from tests.concurrency.racing import race
from tests.make import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, settings: Settings) -> None:
    settings.DELIVERY_DIR = tmp_path / "deliveries"


def sealed(**fields: object) -> Delivery:
    """A finished file, whose recipient is a marketer of the brand."""
    delivery = unsealed(**fields)
    while giftcodes.mint_next_chunk(batch_id=delivery.batch_id, at=NOON):
        pass
    return Delivery.objects.select_related("recipient", "batch__brand").get(pk=delivery.pk)


def unsealed(**fields: object) -> Delivery:
    batch: Batch = make.batch(**fields)  # type: ignore[arg-type]
    delivery = Delivery.objects.select_related("recipient", "batch__brand").get(batch=batch)
    StaffRole.objects.create(user=delivery.recipient, brand=batch.brand, role=Role.MARKETER)
    return delivery


def taken(delivery: Delivery, user: User | None = None) -> bytes:
    handed = giftcodes.take_delivery(public_id=delivery.public_id, user=user or delivery.recipient, at=NOON)
    with handed.file as file:
        content = file.read()
    assert len(content) == handed.size
    return content


def shown(delivery: Delivery, user: User | None = None) -> str:
    return giftcodes.reveal_passphrase(
        public_id=delivery.public_id,
        user=user or delivery.recipient,
        verified_at=NOON,
        at=NOON + timedelta(minutes=1),
    )


def test_file_and_passphrase_together_open_the_codes() -> None:
    delivery = sealed(size=7)
    with pyzipper.AESZipFile(io.BytesIO(taken(delivery))) as archive:
        archive.setpassword(shown(delivery).encode())
        assert archive.read(archive.namelist()[0]).count(b"\r\n") == 8
    delivery.refresh_from_db()
    assert (delivery.downloaded_at, delivery.passphrase_shown_at) == (NOON, NOON + timedelta(minutes=1))


@pytest.mark.parametrize("hand_over", [taken, shown])
def test_each_is_handed_over_once(hand_over: object) -> None:
    delivery = sealed()
    assert callable(hand_over)
    assert hand_over(delivery)
    with pytest.raises(DeliveryRefused):
        hand_over(delivery)


@pytest.mark.parametrize("hand_over", [taken, shown])
def test_before_it_is_sealed_there_is_nothing_to_hand_over(hand_over: object) -> None:
    delivery = unsealed()
    assert callable(hand_over)
    with pytest.raises(DeliveryRefused):
        hand_over(delivery)
    delivery.refresh_from_db()
    assert (delivery.downloaded_at, delivery.passphrase_shown_at) == (None, None)


@pytest.mark.parametrize("hand_over", [taken, shown])
def test_for_everybody_else_it_does_not_exist(hand_over: object) -> None:
    delivery = sealed()
    assert callable(hand_over)
    brand = delivery.batch.brand
    colleague, operator = make.staff(Role.MARKETER, brand), make.staff(Role.FINANCE, None)
    boss = make.user(is_staff=True, is_superuser=True)
    for other in (colleague, operator, boss, make.user(), sealed().recipient):
        with pytest.raises(NotReachable):
            hand_over(delivery, other)
    assert hand_over(delivery)


def test_a_recipient_who_left_the_brand_gets_nothing() -> None:
    delivery = sealed()
    StaffRole.objects.filter(user=delivery.recipient).delete()
    with pytest.raises(NotReachable):
        taken(delivery)


def test_an_unknown_number_is_nothing() -> None:
    with pytest.raises(NotReachable):
        giftcodes.take_delivery(public_id=uuid.uuid4(), user=sealed().recipient, at=NOON)


@pytest.mark.parametrize("damage", ["lost", "cut off"])
def test_a_file_that_is_not_as_it_was_sealed_is_not_used_up(damage: str) -> None:
    delivery = sealed()
    path = path_of(delivery)
    whole = path.read_bytes()
    path.unlink() if damage == "lost" else path.write_bytes(whole[:-1])
    with pytest.raises(DeliveryRefused):
        taken(delivery)
    path.write_bytes(whole)
    assert taken(delivery) == whole


def test_a_passphrase_that_could_not_be_told_does_not_count_as_told(settings: Settings) -> None:
    delivery, whole = sealed(), settings.CODE_MASTER_KEYS
    settings.CODE_MASTER_KEYS = {}
    with pytest.raises(KeysMissing):
        shown(delivery)
    settings.CODE_MASTER_KEYS = whole
    assert shown(delivery)


def test_passphrases_differ_and_stand_nowhere_in_the_row() -> None:
    first, second = sealed(), sealed()
    passphrases = [shown(first), shown(second)]
    assert len(set(passphrases)) == 2
    rows = repr(list(Delivery.objects.values()))
    assert not any(part in rows for phrase in passphrases for part in (phrase, phrase.replace("-", "")))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("hand_over", [taken, shown])
def test_of_eight_who_ask_at_once_one_gets_it(hand_over: object) -> None:
    delivery = sealed()
    assert callable(hand_over)
    outcomes = race(*[partial(hand_over, delivery)] * 8)
    assert sorted(type(outcome).__name__ for outcome in outcomes)[:7] == ["DeliveryRefused"] * 7
