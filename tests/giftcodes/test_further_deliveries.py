"""Deliveries beside the order's own file: two people, one content, and a log of who had it."""

import contextlib
import hashlib
import io
import threading
from functools import partial
from pathlib import Path
from typing import Any

import openpyxl
import pyrage
import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from pytest_django import Settings

from giftcodes import services as giftcodes
from giftcodes import tasks
from giftcodes.delivery_models import CustodyEntry, DeliveryKind, DeliveryState, FurtherDelivery
from giftcodes.errors import DeliveryRefused, FurtherDeliveryRefused, KeysMissing
from giftcodes.files import kinds
from giftcodes.models import Activation, Batch, Delivery
from giftcodes.services import deliveries, delivery_making
from giftcodes.services.delivery_making import sealed_path
from parties.errors import NotReachable
from parties.models import Role, StaffRole, User
from tests import make, scanner
from tests.concurrency.racing import race
from tests.giftcodes.further import Desk, approved, content_of, desk, finished, made, requested
from tests.make import NOON
from tests.scanner import Source
from tests.sealed_files import codes_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, settings: Settings) -> None:
    settings.DELIVERY_DIR = tmp_path / "deliveries"


def fresh(delivery: FurtherDelivery) -> FurtherDelivery:
    return FurtherDelivery.objects.get(pk=delivery.pk)


def mint(batch: Batch) -> None:
    while giftcodes.mint_next_chunk(batch_id=batch.pk, at=NOON):
        pass


def test_what_was_asked_for_and_approved_is_made_and_recorded() -> None:
    of = desk()
    delivery = made(of)
    content = content_of(delivery)
    rows = list(openpyxl.load_workbook(io.BytesIO(content))["codes"].iter_rows(values_only=True))[1:]
    assert [str(row[1]).replace("-", "") for row in rows] == codes_of(of.batch)
    assert (delivery.state, delivery.codes_made, delivery.code_count) == (DeliveryState.SEALED, 10, 10)
    assert (delivery.requested_by, delivery.decided_by) == (of.marketer, of.approver)
    assert delivery.content_sha256 == hashlib.sha256(content).hexdigest()
    sealed = sealed_path(delivery).read_bytes()
    assert (delivery.sealed_sha256, delivery.sealed_bytes) == (
        hashlib.sha256(sealed).hexdigest(),
        len(sealed),
    )


@pytest.mark.parametrize("kind", DeliveryKind)
@pytest.mark.parametrize("by_channel", [False, True])
def test_every_kind_is_made_and_no_code_stands_outside_its_seal(
    kind: DeliveryKind, by_channel: bool, settings: Settings
) -> None:
    of = desk()
    delivery = made(of, kind, by_channel=by_channel)
    assert delivery.state == DeliveryState.SEALED
    files = [Source(path.name, path.read_bytes()) for path in settings.DELIVERY_DIR.iterdir()]
    table = Source("table", repr(list(FurtherDelivery.objects.values())).encode())
    assert len(files) == 1
    assert scanner.scan(scanner.codes_to_look_for(of.batch), [*files, table]).found == []


def test_of_one_channel_there_are_its_codes_alone() -> None:
    of = desk()
    receipt = of.batch.channels.get(name="receipt")
    delivery = made(of, DeliveryKind.ADDRESSES, channel_id=receipt.pk)
    told = [line.split("#c=")[1] for line in content_of(delivery).decode().split()]
    assert (told, delivery.code_count) == (codes_of(of.batch)[7:], 3)


def test_a_csv_made_later_is_the_orders_own_file_to_the_byte() -> None:
    batch = make.batch(size=30, activation=Activation.BY_HAND)
    mint(batch)
    batch.refresh_from_db()
    people = Desk(batch, make.staff(Role.MARKETER, batch.brand), make.staff(Role.APPROVER, batch.brand))
    later = made(people, DeliveryKind.CSV)
    own = Delivery.objects.get(batch=batch)
    assert (later.content_sha256, later.sealed_sha256 != own.sealed_sha256) == (own.content_sha256, True)


@pytest.mark.parametrize("kind", [DeliveryKind.XLSX, DeliveryKind.CARDS, DeliveryKind.QR_SVG])
def test_an_address_of_any_length_marks_the_file(kind: DeliveryKind) -> None:
    of = desk()
    User.objects.filter(pk=of.marketer.pk).update(email=f"{'a-' * 110}a@example.com")
    of.marketer.refresh_from_db()
    assert made(of, kind).state == DeliveryState.SEALED


@pytest.mark.parametrize("kind", DeliveryKind)
def test_made_again_it_has_the_same_content_and_another_seal(kind: DeliveryKind) -> None:
    of = desk()
    first = made(of, kind)
    again = giftcodes.request_again(public_id=first.public_id, reason="lost", user=of.marketer, at=NOON)
    assert not giftcodes.make_next_part(delivery_id=again.pk, at=NOON)  # nobody has approved it
    again = finished(approved(of, again))
    assert again.content_sha256 == first.content_sha256
    assert again.sealed_sha256 != first.sealed_sha256
    assert content_of(again) == content_of(first)


def test_only_its_recipient_asks_for_it_again_and_only_of_what_was_made() -> None:
    of = desk()
    waiting = requested(of)
    ask = partial(giftcodes.request_again, reason="lost", at=NOON)
    with pytest.raises(FurtherDeliveryRefused, match="open"):
        ask(public_id=waiting.public_id, user=of.marketer)
    colleague = make.staff(Role.MARKETER, of.batch.brand)
    with pytest.raises(FurtherDeliveryRefused, match="recipient"):
        ask(public_id=waiting.public_id, user=colleague)
    with pytest.raises(NotReachable):
        ask(public_id=waiting.public_id, user=of.approver)


def test_nobody_approves_what_they_asked_for() -> None:
    of = desk()
    delivery = requested(of)
    StaffRole.objects.create(user=of.marketer, brand=of.batch.brand, role=Role.APPROVER)
    for decide in (partial(approved, of._replace(approver=of.marketer)), partial(rejected, of.marketer)):
        with pytest.raises(FurtherDeliveryRefused, match="own"):
            decide(delivery)
    with pytest.raises(IntegrityError, match="by_two_people"), transaction.atomic():
        FurtherDelivery.objects.update(state="approved", decided_by=of.marketer, decided_at=NOON)
    assert fresh(delivery).state == DeliveryState.REQUESTED
    assert approved(of, delivery).state == DeliveryState.APPROVED


def rejected(by: User, delivery: FurtherDelivery) -> FurtherDelivery:
    return giftcodes.reject_delivery(public_id=delivery.public_id, note="not needed", user=by, at=NOON)


def test_a_rejected_delivery_is_never_made() -> None:
    of = desk()
    delivery = rejected(of.approver, requested(of))
    assert (delivery.state, delivery.decision_note) == (DeliveryState.REJECTED, "not needed")
    assert not giftcodes.make_next_part(delivery_id=delivery.pk, at=NOON)
    with pytest.raises(FurtherDeliveryRefused, match="decided"):
        approved(of, delivery)


def test_people_of_other_brands_and_roles_reach_nothing() -> None:
    of, other = desk(), desk()
    delivery = made(of)
    for stranger in (other.marketer, of.approver, make.staff(Role.SUPPORT, of.batch.brand)):
        for act in (
            partial(giftcodes.take_further_delivery, verified_at=NOON),
            partial(giftcodes.reveal_further_passphrase, verified_at=NOON),
            giftcodes.confirm_receipt,
        ):
            with pytest.raises(NotReachable):
                act(public_id=delivery.public_id, user=stranger, at=NOON)
        with pytest.raises(NotReachable):
            requested(of._replace(marketer=stranger))
    waiting = requested(of)
    for stranger in (other.approver, of.marketer):
        with pytest.raises(NotReachable):
            approved(of._replace(approver=stranger), waiting)
    colleague = make.staff(Role.MARKETER, of.batch.brand)
    with pytest.raises(NotReachable):
        giftcodes.take_further_delivery(
            public_id=delivery.public_id, user=colleague, verified_at=NOON, at=NOON
        )


def test_another_fingerprint_than_was_seen_approves_nothing() -> None:
    of = desk()
    delivery = requested(of)
    with pytest.raises(FurtherDeliveryRefused, match="changed"):
        giftcodes.approve_delivery(
            public_id=delivery.public_id, request_hash="0" * 64, user=of.approver, verified_at=NOON, at=NOON
        )
    assert fresh(delivery).state == DeliveryState.REQUESTED


@pytest.mark.sqlite
def test_a_request_that_was_changed_behind_its_approval_is_not_made() -> None:
    of = desk()
    delivery = approved(of, requested(of))
    FurtherDelivery.objects.filter(pk=delivery.pk).update(marked_for="somebody@else.example")
    with pytest.raises(FurtherDeliveryRefused, match="changed"):
        giftcodes.make_next_part(delivery_id=delivery.pk, at=NOON)


@pytest.mark.postgresql
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE giftcodes_furtherdelivery SET marked_for = 'x'",
        "DELETE FROM giftcodes_furtherdelivery",
        "UPDATE giftcodes_custodyentry SET at = now()",
        "DELETE FROM giftcodes_custodyentry",
        "TRUNCATE giftcodes_custodyentry",
    ],
)
def test_postgresql_keeps_what_was_asked_for_and_the_log(change: str) -> None:
    made(desk())
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(change)


REFUSED: dict[str, dict[str, Any]] = {
    "reason": {"reason": "  "},
    "age_key": {"age_recipient": "age1nonsense"},
    "channel": {"channel_id": 0},
}


@pytest.mark.parametrize("rule", REFUSED)
def test_what_can_not_be_made_is_refused(rule: str) -> None:
    with pytest.raises(FurtherDeliveryRefused, match=rule):
        requested(desk(), **REFUSED[rule])
    assert not FurtherDelivery.objects.exists()


@pytest.mark.parametrize("kind", ["labels", "qr_png"])
def test_more_codes_than_the_kind_has_are_refused(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    of = desk()
    monkeypatch.setitem(kinds.MOST_CODES, kind, 9)
    with pytest.raises(FurtherDeliveryRefused, match="codes"):
        requested(of, DeliveryKind(kind))
    poster = of.batch.channels.get(name="poster")
    assert requested(of, DeliveryKind(kind), channel_id=poster.pk).code_count == 7


@pytest.mark.parametrize("state", ["approved", "minting", "closed"])
def test_codes_that_are_not_there_or_over_are_not_delivered(state: str) -> None:
    of = desk()
    over = {"closed_at": NOON, "expired_codes": 10} if state == "closed" else {}
    Batch.objects.filter(pk=of.batch.pk).update(state=state, **over)
    with pytest.raises(FurtherDeliveryRefused, match="state"):
        requested(of)


def test_gifts_of_the_api_have_no_deliveries() -> None:
    batch = make.gift_batch()
    with pytest.raises(FurtherDeliveryRefused, match="gifts"):
        requested(Desk(batch, make.staff(Role.MARKETER, batch.brand), make.user()))


def test_after_any_part_another_worker_goes_on_to_the_same_content() -> None:
    of = desk()
    first = made(of, DeliveryKind.QR_PNG)
    again = giftcodes.request_again(public_id=first.public_id, reason="lost", user=of.marketer, at=NOON)
    approved(of, again)
    steps = 0
    while giftcodes.make_next_part(delivery_id=again.pk, at=NOON):
        with sealed_path(again).open("ab") as torn:
            torn.write(b"half of what a killed worker wrote")
        steps += 1
    assert steps == len(delivery_making.content_of(fresh(again)).sizes) > 3
    assert content_of(fresh(again)) == content_of(first)


@pytest.mark.parametrize("damage", ["lost", "changed"])
def test_a_file_that_is_damaged_on_its_way_is_made_again_from_its_start(damage: str) -> None:
    of = desk()
    delivery = approved(of, requested(of))
    for _ in range(4):
        assert giftcodes.make_next_part(delivery_id=delivery.pk, at=NOON)
    path = sealed_path(delivery)
    if damage == "lost":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-9] + b"123456789")
    delivery = finished(fresh(delivery))
    assert openpyxl.load_workbook(io.BytesIO(content_of(delivery)))["codes"].max_row == 11


def test_without_the_keys_nothing_is_made(settings: Settings) -> None:
    of = desk()
    delivery = approved(of, requested(of))
    settings.CODE_MASTER_KEYS = {}
    with pytest.raises(KeysMissing):
        giftcodes.make_next_part(delivery_id=delivery.pk, at=NOON)
    assert fresh(delivery).parts_made == 0


def test_sealed_for_an_age_key_only_its_owner_opens_it() -> None:
    of, identity = desk(), pyrage.x25519.Identity.generate()
    delivery = made(of, DeliveryKind.CSV, age_recipient=f" {identity.to_public()} ")
    sealed = sealed_path(delivery).read_bytes()
    assert hashlib.sha256(sealed).hexdigest() == delivery.sealed_sha256
    plain = pyrage.decrypt(sealed, [identity])
    assert hashlib.sha256(plain).hexdigest() == delivery.content_sha256
    assert plain.count(b"\r\n") == 11
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(sealed, [pyrage.x25519.Identity.generate()])
    assert [path.name for path in sealed_path(delivery).parent.iterdir()] == [sealed_path(delivery).name]
    assert sealed_path(delivery).stat().st_mode & 0o777 == 0o600
    with pytest.raises(DeliveryRefused):
        giftcodes.reveal_further_passphrase(
            public_id=delivery.public_id, user=of.marketer, verified_at=NOON, at=NOON
        )


def test_the_sweep_finds_what_no_message_is_under_way_for() -> None:
    of = desk()
    delivery, waiting = approved(of, requested(of)), requested(of)
    tasks.sweep_deliveries()
    assert (fresh(delivery).state, fresh(waiting).state) == (DeliveryState.SEALED, DeliveryState.REQUESTED)


def test_one_that_can_not_be_made_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    of = desk()
    bad, good = approved(of, requested(of)), approved(of, requested(of))
    make_next = giftcodes.make_next_part

    def breaks(*, delivery_id: int, at: Any) -> bool:
        if delivery_id == bad.pk:
            raise KeysMissing
        return make_next(delivery_id=delivery_id, at=at)

    monkeypatch.setattr(giftcodes, "make_next_part", breaks)
    tasks.sweep_deliveries()
    assert (fresh(bad).state, fresh(good).state) == (DeliveryState.APPROVED, DeliveryState.SEALED)
    assert "can't be made now" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_of_eight_decisions_at_once_one_counts() -> None:
    of = desk()
    delivery = requested(of)
    approve, reject = partial(approved, of, delivery), partial(rejected, of.approver, delivery)
    outcomes = race(*[approve, reject] * 4)
    assert sum(isinstance(outcome, FurtherDeliveryRefused) for outcome in outcomes) == 7


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_the_control_decides_more_than_once_by_reading_first() -> None:
    """What the filtered update is there for."""
    of = desk()
    delivery, gate = requested(of), threading.Barrier(4, timeout=30)

    def careless() -> bool:
        is_waiting = fresh(delivery).state == DeliveryState.REQUESTED
        gate.wait()
        decided = {"state": "approved", "decided_by": of.approver, "decided_at": NOON}
        return is_waiting and bool(FurtherDelivery.objects.filter(pk=delivery.pk).update(**decided))

    assert race(*[careless] * 4).count(True) == 4


@pytest.mark.django_db(transaction=True)
def test_workers_that_make_the_same_parts_at_once_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the lock of one machine, as workers of several machines are."""
    monkeypatch.setattr(delivery_making, "alone", lambda _path: contextlib.nullcontext(enter_result=True))
    of = desk()
    delivery = approved(of, requested(of))
    deliveries.path_of(delivery).parent.mkdir(parents=True, exist_ok=True)
    race(*[partial(finished, delivery)] * 3)
    done = fresh(delivery)
    assert done.state == DeliveryState.SEALED
    assert hashlib.sha256(content_of(done)).hexdigest() == done.content_sha256
    assert CustodyEntry.objects.filter(file_id=done.public_id, act="made").count() == 1
