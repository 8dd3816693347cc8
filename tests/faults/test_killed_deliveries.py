"""Real workers make a further delivery, and some are killed: the file is that of an uninterrupted run."""

import os
import random
import time
from collections.abc import Iterator
from unittest.mock import patch

import pytest

from giftcodes import audit as giftcodes_audit
from giftcodes import services as giftcodes
from giftcodes import tasks
from giftcodes.delivery_models import CustodyAct, CustodyEntry, DeliveryKind, DeliveryState, FurtherDelivery
from giftcodes.models import Batch
from giftcodes.services import ChannelSize, custody
from giftcodes.services.delivery_making import sealed_path
from ledger import audit as ledger_audit
from ledger.statements import database_time
from parties.models import Role
from tests import make
from tests.faults import workers
from tests.faults.workers import running_worker, start_worker, wait_for
from tests.giftcodes import further
from tests.giftcodes.further import Desk

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

KILLS = 3
CODES = 8_000  # as pictures: some parts of a second each


@pytest.fixture(autouse=True)
def _an_empty_queue() -> Iterator[None]:
    workers.forget_messages()
    yield
    assert [*ledger_audit.differences(), *giftcodes_audit.differences()] == []


def approved_delivery() -> FurtherDelivery:
    batch = make.batch(
        size=CODES, channels=[ChannelSize("poster", 5_000), ChannelSize("shop", CODES - 5_000)]
    )
    while giftcodes.mint_next_chunk(batch_id=batch.pk, at=database_time()):
        pass
    batch = Batch.objects.get(pk=batch.pk)
    of = Desk(batch, make.staff(Role.MARKETER, batch.brand), make.staff(Role.APPROVER, batch.brand))
    return further.approved(of, further.requested(of, DeliveryKind.QR_PNG))


def now(delivery: FurtherDelivery) -> FurtherDelivery:
    return FurtherDelivery.objects.select_related("batch", "recipient").get(pk=delivery.pk)


def is_made(delivery: FurtherDelivery) -> bool:
    return now(delivery).state != DeliveryState.APPROVED


def kill_a_worker_behind(parts: int, delivery: FurtherDelivery, chance: random.Random) -> bool:
    """Kill a worker some time after it has made so many parts; whether it was still at work."""
    worker = start_worker()
    try:
        wait_for(lambda: now(delivery).parts_made >= parts or is_made(delivery), pause=0.005)
        time.sleep(chance.uniform(0, 0.3))
    finally:
        worker.kill()
    return not is_made(delivery)


def test_killed_at_random_moments_the_file_is_that_of_an_uninterrupted_run() -> None:
    seed = int(os.environ.get("TOKUTEN_TEST_SEED", random.SystemRandom().getrandbits(32)))
    print(f"TOKUTEN_TEST_SEED={seed}")
    chance = random.Random(seed)
    delivery = approved_delivery()
    tasks.nudge_delivery(delivery.pk)
    survived = [parts for parts in range(KILLS) if kill_a_worker_behind(parts, delivery, chance)]
    with running_worker():
        wait_for(lambda: is_made(delivery))
    print(f"kills survived: {len(survived)} of {KILLS}")
    assert survived  # on a fast machine it may be made before the last ones
    interrupted, file = now(delivery), sealed_path(now(delivery)).read_bytes()
    uninterrupted = made_again_in_one_go(delivery)
    assert uninterrupted.content_sha256 == interrupted.content_sha256
    assert sealed_path(uninterrupted).read_bytes() == file
    assert CustodyEntry.objects.filter(file_id=delivery.public_id, act=CustodyAct.MADE).count() == 1


def made_again_in_one_go(delivery: FurtherDelivery) -> FurtherDelivery:
    """The same request, made from its start by this process alone."""
    sealed_path(now(delivery)).unlink()
    FurtherDelivery.objects.filter(pk=delivery.pk).update(
        state=DeliveryState.APPROVED,
        parts_made=0,
        codes_made=0,
        sealed_until=0,
        content_sha256="",
        sealed_sha256="",
        sealed_bytes=None,
        sealed_at=None,
    )
    with patch.object(custody, "record"):  # that it was made is on record, once and for ever
        return further.finished(delivery)
