"""From an approved batch to its sealed file. Killed workers are in tests/faults."""

import fcntl
import logging
import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from kombu.exceptions import OperationalError
from pytest_django import Settings
from redis.exceptions import OutOfMemoryError

from giftcodes import audit as giftcodes_audit
from giftcodes import services as giftcodes
from giftcodes import tasks
from giftcodes.errors import BatchRefused, CodeNotUsable, KeysMissing
from giftcodes.models import Activation, Batch, BatchState, Delivery
from giftcodes.services import ChannelSize
from giftcodes.services.deliveries import path_of
from giftcodes.services.minting import MAX_CODES_PER_CHUNK, chunk_size
from ledger import audit as ledger_audit
from parties.event_models import Event
from tests import make
from tests.api.partner import api_client
from tests.make import NOON
from tests.sealed_files import assert_holds_exactly_the_codes_of, content_of, rows_of
from tests.tampering import past_the_guards

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, settings: Settings) -> Iterator[None]:
    settings.DELIVERY_DIR = tmp_path / "deliveries"
    yield
    assert [*ledger_audit.differences(), *giftcodes_audit.differences()] == []


def mint(batch: Batch, *, at: datetime = NOON, chunks: int | None = None) -> Batch:
    """All of the batch, or so many chunks of it."""
    done = 0
    while done != chunks and giftcodes.mint_next_chunk(batch_id=batch.pk, at=at):
        done += 1
    batch.refresh_from_db()
    return batch


def test_a_minted_file_holds_exactly_the_codes_of_the_batch_in_its_channels() -> None:
    channels = [ChannelSize("ポスター", 1), ChannelSize('店舗 "A", 2F', 1_499), ChannelSize("mail", 1_000)]
    batch = mint(make.batch(size=2_500, channels=channels))
    assert_holds_exactly_the_codes_of(batch)
    assert content_of(batch).startswith("\ufeffserial,code,url,channel,points,claim_until\r\n".encode())


def test_the_end_of_the_window_is_the_last_minute_in_japan() -> None:
    midnight = datetime(2027, 6, 30, 15, 0, tzinfo=UTC)  # 2027-07-01 00:00 in Japan
    batch = mint(make.batch(size=1, claim_until=midnight))
    assert [row["claim_until"] for row in rows_of(batch)] == ["2027-06-30 23:59"]


def test_a_batch_that_opens_itself_is_active_once_minted_and_its_codes_work() -> None:
    batch = make.batch(size=3, activation=Activation.AT_START)
    with pytest.raises(CodeNotUsable):
        giftcodes.claim_code(text=make.code_of(batch), member=make.member(), at=NOON)
    mint(batch)
    assert (batch.state, batch.minted_at, batch.activated_at) == (BatchState.ACTIVE, NOON, NOON)
    text = rows_of(batch)[1]["code"]
    assert giftcodes.claim_code(text=text, member=make.member(), at=NOON).points == batch.face_points


def test_a_partner_system_is_told_once_that_the_codes_of_an_order_are_there() -> None:
    batch = make.batch(size=30)
    api_client(batch.brand)
    mint(batch, chunks=1)
    assert not Event.objects.exists()
    mint(batch)
    mint(batch)
    event = Event.objects.get()
    assert (event.brand, event.type, event.object_id) == (batch.brand, "order.minted", batch.order_key)
    assert (event.sequence, event.occurred_at) == (1, NOON)
    assert event.data == {"batch": str(batch.public_id), "codes": 30, "points": 15_000}


def test_a_batch_activated_by_hand_waits_for_the_hand() -> None:
    batch = mint(make.batch(size=3, activation=Activation.BY_HAND))
    assert (batch.state, batch.activated_at) == (BatchState.MINTED, None)
    with pytest.raises(CodeNotUsable):
        giftcodes.claim_code(text=make.code_of(batch), member=make.member(), at=NOON)
    giftcodes.activate_batch(batch_id=batch.pk, at=NOON)
    giftcodes.claim_code(text=make.code_of(batch), member=make.member(), at=NOON)


def test_progress_is_recorded_chunk_by_chunk() -> None:
    batch, seen = make.batch(size=3_500), []
    while giftcodes.mint_next_chunk(batch_id=batch.pk, at=NOON):
        row = Delivery.objects.select_related("batch").get(batch=batch)
        seen.append((row.batch.state, row.batch.minted_codes, row.sealed_until))
        assert path_of(row).stat().st_size == row.sealed_until
    assert [state for state, _, _ in seen] == [BatchState.MINTING] * 4
    assert [codes for _, codes, _ in seen] == [1_000, 2_000, 3_000, 3_500]


@pytest.mark.parametrize(
    ("size", "codes"), [(1, 1_000), (10_000, 1_000), (200_000, 4_000), (10**7, MAX_CODES_PER_CHUNK)]
)
def test_chunks_are_small_enough_to_watch_and_to_lose(size: int, codes: int) -> None:
    assert chunk_size(size) == codes


def test_a_minted_batch_is_left_alone() -> None:
    batch = mint(make.batch(size=1_500))
    before = Delivery.objects.filter(batch=batch).values().get()
    assert not giftcodes.mint_next_chunk(batch_id=batch.pk, at=NOON + timedelta(days=1))
    assert Delivery.objects.filter(batch=batch).values().get() == before
    batch.refresh_from_db()
    assert batch.minted_at == NOON


def test_a_chunk_that_was_written_but_not_recorded_is_written_again_with_the_same_bytes() -> None:
    batch = mint(make.batch(size=5_000), chunks=3)
    path = path_of(batch.delivery)
    written = path.read_bytes()
    recorded = Batch.objects.filter(pk=batch.pk), Delivery.objects.filter(batch=batch)
    before = [rows.values().get() for rows in recorded]
    mint(batch, chunks=1)
    further = path.read_bytes()
    for rows, row in zip(recorded, before, strict=True):  # as if the worker had died before it was recorded
        rows.update(**row)
    path.write_bytes(further[: len(written) + 7] + b"\0" * 100)  # ... and half of it never reached the disk
    mint(batch, chunks=1)
    assert path.read_bytes()[: len(further)] == further
    assert_holds_exactly_the_codes_of(mint(batch))


def test_a_batch_in_another_workers_hands_is_left_to_it() -> None:
    batch = mint(make.batch(size=5_000), chunks=1)
    with path_of(batch.delivery).open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert not giftcodes.mint_next_chunk(batch_id=batch.pk, at=NOON)
        batch.refresh_from_db()
        assert batch.minted_codes == 1_000
    assert giftcodes.mint_next_chunk(batch_id=batch.pk, at=NOON)


@pytest.mark.parametrize("chunks", [1, 3, 5])
@pytest.mark.parametrize("damage", ["lost", "cut off", "other content", "other keys"])
def test_a_lost_or_damaged_file_is_made_again(
    damage: str, chunks: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "giftcodes")
    batch = mint(make.batch(size=5_000), chunks=chunks)
    path = path_of(batch.delivery)
    whole = path.read_bytes()
    if damage == "lost":
        path.unlink()
    elif damage == "cut off":
        os.truncate(path, len(whole) - 1)
    elif damage == "other content":
        path.write_bytes(whole[:-50] + bytes(byte ^ 1 for byte in whole[-50:]))
    else:
        path.write_bytes(os.urandom(len(whole)))
    mint(batch)
    assert "made again from its start" in caplog.text
    assert_holds_exactly_the_codes_of(batch)


def test_only_their_owner_may_look_at_sealed_files() -> None:
    batch = mint(make.batch(size=10))
    path = path_of(batch.delivery)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_without_the_keys_nothing_is_minted(settings: Settings) -> None:
    batch, whole = mint(make.batch(size=5_000), chunks=2), dict(settings.CODE_MASTER_KEYS)
    for other in ({}, dict.fromkeys(whole, bytes(range(32)))):
        settings.CODE_MASTER_KEYS = other
        with pytest.raises(KeysMissing):
            giftcodes.mint_next_chunk(batch_id=batch.pk, at=NOON)
    batch.refresh_from_db()
    assert batch.minted_codes == 2_000
    settings.CODE_MASTER_KEYS = whole
    assert_holds_exactly_the_codes_of(mint(batch))


def test_channels_that_do_not_add_up_never_become_a_minted_batch() -> None:
    batch = make.batch(size=2_000, channels=[ChannelSize("poster", 1_999), ChannelSize("shop", 1)])
    past_the_guards("UPDATE giftcodes_channel SET size = 1998 WHERE size = 1999")
    with pytest.raises(BatchRefused):
        mint(batch)
    batch.refresh_from_db()
    assert batch.state == BatchState.MINTING
    past_the_guards("UPDATE giftcodes_channel SET size = 1999 WHERE size = 1998")


def test_a_large_batch_takes_no_more_rows_than_a_small_one() -> None:
    def rows() -> int:
        with connection.cursor() as cursor:
            tables = [
                t for t in connection.introspection.table_names(cursor) if t.startswith(("gift", "ledg"))
            ]
            total = 0
            for table in tables:
                cursor.execute(f"SELECT COUNT(*) FROM {table}")
                total += cursor.fetchone()[0]
            return total

    def added(size: int) -> int:
        brand = make.brand(funds=10**9)
        before = rows()
        mint(make.batch(size=size, brand=brand))
        return rows() - before

    added(1)  # opens the series
    assert added(60_000) == added(1) <= 50


def test_a_chunk_takes_a_handful_of_statements() -> None:
    batch = make.batch(size=200_000)
    with CaptureQueriesContext(connection) as queries:
        mint(batch, chunks=1)
    assert len(queries) <= 12


def test_a_nudge_mints_the_whole_batch() -> None:
    batch = make.batch(size=12_345)
    tasks.mint_batch(batch.pk)
    assert_holds_exactly_the_codes_of(batch)


def test_a_message_for_a_batch_that_needs_more_time_asks_for_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batch, nudged = make.batch(size=5_000), list[int]()
    monkeypatch.setattr(tasks, "_SECONDS_PER_TASK", 0.0)
    monkeypatch.setattr(tasks, "nudge_minting", nudged.append)
    tasks.mint_batch(batch.pk)
    batch.refresh_from_db()
    assert (batch.minted_codes, nudged) == (1_000, [batch.pk])


def test_a_sweep_mints_what_no_message_asked_for() -> None:
    batches = [make.batch(size=1_200), make.batch(size=10)]
    tasks.sweep_batches()
    for batch in batches:
        assert_holds_exactly_the_codes_of(batch)


def test_a_batch_that_cannot_be_minted_does_not_hold_up_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stuck, fine = make.batch(size=10), make.batch(size=10)
    Batch.objects.filter(pk=stuck.pk).update(master_key_id="away")
    tasks.sweep_batches()
    assert_holds_exactly_the_codes_of(fine)
    stuck.refresh_from_db()
    assert stuck.state == BatchState.APPROVED
    assert "away" in caplog.text
    Batch.objects.filter(pk=stuck.pk).update(master_key_id=fine.master_key_id)  # for the audit after the test


def test_a_sweep_closes_batches_whose_window_has_passed() -> None:
    past = datetime.now(UTC) - timedelta(days=2)
    batch = make.live_batch(size=5, claim_from=past - timedelta(days=30), claim_until=past)
    open_batch = make.live_batch(size=5, claim_until=past + timedelta(days=30))
    tasks.sweep_batches()
    for row, state in ((batch, BatchState.CLOSED), (open_batch, BatchState.ACTIVE)):
        row.refresh_from_db()
        assert row.state == state


@pytest.mark.parametrize("failure", [OperationalError("refused"), OutOfMemoryError(), OSError(28, "full")])
def test_a_queue_that_is_away_or_full_does_not_stop_whoever_asks(
    failure: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr(tasks.mint_batch, "apply_async", away)
    tasks.nudge_minting(make.batch(size=10).pk)
    assert "a sweep will find" in caplog.text
    tasks.sweep_batches()
