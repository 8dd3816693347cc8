"""Every line of the audit about deliveries is shown to find what it is there for."""

from pathlib import Path

import pytest
from pytest_django import Settings

from giftcodes import audit as giftcodes_audit
from giftcodes import services as giftcodes
from giftcodes.delivery_checks import AS_APPROVED, DELIVERIES
from giftcodes.models import Delivery
from parties.models import Role, StaffRole
from tests import make
from tests.giftcodes.further import Desk, approved, finished, made, requested
from tests.make import NOON
from tests.tampering import each_past_the_guards

pytestmark = pytest.mark.django_db

TAMPERING = {
    "a delivery holds as many codes as its batch or its channel": "UPDATE giftcodes_batch SET size = 9",
    "a delivery that was made again has the content of the first": "UPDATE giftcodes_furtherdelivery"
    " SET content_sha256 = 'other' WHERE again_of_id IS NOT NULL",
    "a file that was handed over is in the custody log, as it was sealed": "DELETE"
    " FROM giftcodes_custodyentry WHERE act = 'downloaded'",
    AS_APPROVED: "UPDATE giftcodes_furtherdelivery SET reason = 'another'",
}


@pytest.fixture
def _scene(tmp_path: Path, settings: Settings) -> None:
    settings.DELIVERY_DIR = tmp_path / "deliveries"
    batch = make.batch(size=10)
    while giftcodes.mint_next_chunk(batch_id=batch.pk, at=NOON):
        pass
    own = Delivery.objects.get(batch=batch)
    StaffRole.objects.create(user=own.recipient, brand=batch.brand, role=Role.MARKETER)
    giftcodes.take_delivery(public_id=own.public_id, user=own.recipient, at=NOON).file.close()
    batch.refresh_from_db()
    of = Desk(batch, own.recipient, make.staff(Role.APPROVER, batch.brand))
    first = made(of, channel_id=batch.channels.get().pk)
    giftcodes.take_further_delivery(
        public_id=first.public_id, user=of.marketer, verified_at=NOON, at=NOON
    ).file.close()
    giftcodes.reveal_further_passphrase(
        public_id=first.public_id, user=of.marketer, verified_at=NOON, at=NOON
    )
    again = giftcodes.request_again(public_id=first.public_id, reason="lost", user=of.marketer, at=NOON)
    finished(approved(of, again))
    requested(of)
    assert [*giftcodes_audit.differences()] == []


@pytest.mark.usefixtures("_scene")
def test_what_was_tampered_with_is_named() -> None:
    for check, _sql in zip(TAMPERING, each_past_the_guards(TAMPERING.values()), strict=True):
        assert check in {found.check for found in giftcodes_audit.differences()}


def test_every_check_is_shown_to_find_something() -> None:
    assert set(TAMPERING) == {*DELIVERIES, AS_APPROVED}


@pytest.mark.usefixtures("_scene")
def test_files_that_were_handed_over_before_there_was_a_log_are_no_difference() -> None:
    for _sql in each_past_the_guards(["DELETE FROM giftcodes_custodyentry"]):
        assert [*giftcodes_audit.differences()] == []
