"""Real workers mint, and some are killed: the content is that of an uninterrupted run, the audit silent."""

import fcntl
import os
import random
import time
from collections.abc import Iterator
from unittest.mock import patch

import pytest
from hypothesis import settings as hypothesis_settings

from giftcodes import audit as giftcodes_audit
from giftcodes import services as giftcodes
from giftcodes import tasks
from giftcodes.models import Batch, BatchState, Delivery
from giftcodes.services import ChannelSize, custody
from giftcodes.services.deliveries import path_of
from ledger import audit as ledger_audit
from ledger.models import Reason, Transfer
from ledger.statements import database_time
from tests import make
from tests.faults import workers
from tests.faults.workers import running_worker, start_worker, wait_for
from tests.sealed_files import assert_holds_exactly_the_codes_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

# `make test-deep` kills twice as often, in a batch of three times the size.
DEPTH = 2 if hypothesis_settings.get_current_profile_name() == "deep" else 1
KILLS = 3 * DEPTH
CODES = 70_000 if DEPTH == 1 else 200_000


@pytest.fixture(autouse=True)
def _an_empty_queue() -> Iterator[None]:
    workers.forget_messages()
    yield
    assert [*ledger_audit.differences(), *giftcodes_audit.differences()] == []


@pytest.fixture
def chance() -> random.Random:
    seed = int(os.environ.get("TOKUTEN_TEST_SEED", random.SystemRandom().getrandbits(32)))
    print(f"TOKUTEN_TEST_SEED={seed}")
    return random.Random(seed)


def is_minted(batch: Batch) -> bool:
    return Batch.objects.get(pk=batch.pk).state == BatchState.ACTIVE


def test_a_worker_mints_a_batch_on_a_nudge() -> None:
    batch = make.batch(size=2_500, channels=[ChannelSize("poster", 1_700), ChannelSize("shop", 800)])
    with running_worker() as worker:
        tasks.nudge_minting(batch.pk)
        wait_for(lambda: is_minted(batch))
    assert_holds_exactly_the_codes_of(batch)
    assert "Traceback" not in worker.log.read_text()


def test_killed_at_random_moments_the_content_is_that_of_an_uninterrupted_run(chance: random.Random) -> None:
    poster = CODES // 3 + 1
    channels = [ChannelSize("poster", poster), ChannelSize("shop", CODES - poster)]
    batch = make.batch(size=CODES, channels=channels)
    tasks.nudge_minting(batch.pk)
    goals = sorted(chance.randrange(batch.size) for _ in range(KILLS))
    survived = [minted_codes(batch) for goal in goals if kill_a_worker_behind(goal, batch, chance)]
    with running_worker():
        wait_for(lambda: is_minted(batch))
    print(f"kills survived: {len(survived)} of {KILLS}, at {survived} codes")
    assert len(survived) >= KILLS // 2
    assert_holds_exactly_the_codes_of(batch)
    interrupted = Delivery.objects.get(batch=batch)
    uninterrupted = minted_again_in_one_go(batch)
    assert uninterrupted.content_sha256 == interrupted.content_sha256
    assert uninterrupted.sealed_sha256 == interrupted.sealed_sha256


def kill_a_worker_behind(goal: int, batch: Batch, chance: random.Random) -> bool:
    """Kill a worker some time after it has made progress beyond the goal; whether it was still at work."""
    goal = max(goal, minted_codes(batch) + 1)
    worker = start_worker()
    try:
        wait_for(lambda: minted_codes(batch) >= min(goal, batch.size), pause=0.001)
        time.sleep(chance.uniform(0, 0.02))
    finally:
        worker.kill()
    return not is_minted(batch)


def minted_codes(batch: Batch) -> int:
    return Batch.objects.values_list("minted_codes", flat=True).get(pk=batch.pk)


def minted_again_in_one_go(batch: Batch) -> Delivery:
    """The same batch, keys and terms, minted from its start by this process alone."""
    delivery = Delivery.objects.filter(batch=batch)
    path_of(delivery.get()).unlink()
    Batch.objects.filter(pk=batch.pk).update(
        state=BatchState.APPROVED, minted_codes=0, minted_at=None, activated_at=None
    )
    delivery.update(
        sealed_until=0, row_count=None, total_points=None, content_sha256="", sealed_sha256="", sealed_at=None
    )
    with patch.object(custody, "record"):  # that it was made is on record, once and for ever
        while giftcodes.mint_next_chunk(batch_id=batch.pk, at=database_time()):
            pass
    return delivery.get()


def test_a_worker_killed_while_it_finishes_the_file_leaves_it_to_be_finished(chance: random.Random) -> None:
    batch = make.batch(size=60_000)
    while minted_codes(batch) < batch.size:
        giftcodes.mint_next_chunk(batch_id=batch.pk, at=database_time())
    for _ in range(DEPTH):
        worker = start_worker()
        wait_for(lambda: is_locked(batch), pause=0.0005)
        time.sleep(chance.uniform(0, 0.03))
        worker.kill()
    with running_worker():
        wait_for(lambda: is_minted(batch))
    assert_holds_exactly_the_codes_of(batch)


def is_locked(batch: Batch) -> bool:
    """Whether some worker has the batch in hand, or is through with it."""
    with path_of(batch.delivery).open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return is_minted(batch)


def test_messages_that_come_twice_or_late_have_one_effect() -> None:
    batch, minted_before = make.batch(size=40_000), make.batch(size=1_000)
    while giftcodes.mint_next_chunk(batch_id=minted_before.pk, at=database_time()):
        pass
    first = Delivery.objects.get(batch=minted_before)
    with running_worker() as worker, running_worker():
        for _ in range(10):
            tasks.mint_batch.delay(batch.pk)
            tasks.mint_batch.delay(minted_before.pk)
            tasks.sweep_batches.delay()
        wait_for(lambda: is_minted(batch))
        marker = make.batch(size=1_000)
        tasks.mint_batch.delay(marker.pk)  # queued behind all the others
        wait_for(lambda: is_minted(marker))
    assert_holds_exactly_the_codes_of(batch)
    assert Delivery.objects.get(batch=minted_before).sealed_at == first.sealed_at
    assert Transfer.objects.filter(reason=Reason.APPROVE).count() == 3
    assert "Traceback" not in worker.log.read_text()


def test_a_sweep_finds_a_batch_whose_message_was_lost_and_a_killed_worker_leaves_no_beat_behind() -> None:
    worker = start_worker()
    try:
        batch = make.batch(size=2_500)  # nobody is told of it
        wait_for(lambda: is_minted(batch))  # by a sweep: beat is running
        assert_holds_exactly_the_codes_of(batch)
        worker.kill_without_children()
        wait_for(lambda: not worker.has_processes())
    finally:
        worker.kill()
