"""Minting: the codes of a batch, chunk by chunk, straight into one sealed file; never in plain on any disk.

What a chunk writes, and where, follows from the keys and the frozen terms alone. So nothing is remembered but
how far the file is, and only after the bytes are on the disk: a chunk that a killed worker left half-written,
or that two workers write at once, ends up with the same bytes.
"""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from django.db import transaction
from django.db.models import F

from giftcodes import codec, content, keys
from giftcodes.content import RowLayout
from giftcodes.delivery_models import CustodyAct
from giftcodes.errors import BatchRefused
from giftcodes.models import Activation, Batch, BatchState, Channel, Delivery
from giftcodes.sealing import Piece, SealedFile, SealedZip, SealMismatch
from giftcodes.services import custody
from giftcodes.services.deliveries import passphrase_of, path_of, zip_salt_of
from giftcodes.services.extensions import printed_until
from ledger.expiry import JAPAN
from parties import events
from parties.event_models import EventType
from parties.events import NewEvent

MAX_CODES_PER_CHUNK = 100_000  # a tenth of a second of work: what a kill costs
MIN_CODES_PER_CHUNK = 1_000
_CHUNKS_OF_A_SMALL_BATCH = 50  # so that the progress of any order can be watched
_ROWS_PER_PIECE = 16_384  # two megabytes of rows: memory stays small whatever the size of a batch
_UNMINTED = (BatchState.APPROVED, BatchState.MINTING)

logger = logging.getLogger(__name__)


def mint_next_chunk(*, batch_id: int, at: datetime) -> bool:
    """Mint one more chunk of the batch, or, after the last one, finish its file; True if there is more to do.

    Safe to repeat, to run twice at once and to kill at any moment. When the file is finished it has been read
    back against its content, the batch is MINTED (ACTIVE, if its order says so), and its fingerprints are
    recorded. False also if another worker of this machine has the batch in hand. A file that is lost or
    damaged is made again from its start. KeysMissing if the keys are away; BatchRefused if the channels don't
    add up to the batch; OSError if the disk refuses, and then the file resumes where it was.
    """
    delivery = _delivery_of(batch_id)
    if delivery.batch.state not in _UNMINTED:
        return False
    with alone(path_of(delivery)) as is_alone:
        if not is_alone:
            return False
        delivery = _delivery_of(batch_id)  # as whoever had it before has left it
        if delivery.batch.state not in _UNMINTED:
            return False
        try:
            return _Mint(delivery).go_on(at)
        except SealMismatch as mismatch:
            logger.warning(
                "The file of batch %s is made again from its start: %s.", delivery.batch.public_id, mismatch
            )
            _start_over(delivery)
            return True


def chunk_size(size: int) -> int:
    """Codes per chunk of a batch of `size`: a function of it alone, so all workers see the same borders."""
    return min(max(-(-size // _CHUNKS_OF_A_SMALL_BATCH), MIN_CODES_PER_CHUNK), MAX_CODES_PER_CHUNK)


def _delivery_of(batch_id: int) -> Delivery:
    return Delivery.objects.select_related("batch__series").get(batch_id=batch_id)


@contextmanager
def alone(path: Path) -> Iterator[bool]:
    """Whether this worker has the file to itself, by a lock that ends with the process.

    It saves two workers the same work. That their work agrees does not rest on it: the lock may reach no
    farther than one machine, and nothing here is wrong where it doesn't hold.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        yield _is_locked_by_us(fd)
    finally:
        os.close(fd)


def _is_locked_by_us(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class _Mint:
    """One batch on its way into its file."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._batch = delivery.batch
        self._channels = list(Channel.objects.filter(batch=self._batch).order_by("first_serial"))
        self._series_key = keys.series_key(self._batch.series)
        self._batch_key = keys.batch_key(self._batch)
        self._rows_made = 0

    def go_on(self, at: datetime) -> bool:
        with self._sealed_zip() as sealed:
            if self._batch.minted_codes < self._batch.size:
                self._mint_chunk(sealed)
                return True
            self._finish(sealed, at)
            return False

    def _sealed_zip(self) -> SealedZip:
        return SealedZip(
            path_of(self._delivery),
            name=f"{self._batch.public_id}.csv",
            passphrase=passphrase_of(self._delivery),
            salt=zip_salt_of(self._delivery),
            modified_at=self._batch.approved_at.astimezone(JAPAN),
        )

    def _mint_chunk(self, sealed: SealedZip) -> None:
        done = self._batch.minted_codes
        until = min(done + chunk_size(self._batch.size), self._batch.size)
        offset = self._delivery.sealed_until or sealed.data_offset
        end = sealed.write_chunk(offset, self._content(done, until))
        _record_progress(self._delivery, minted_codes=until, sealed_until=end)

    def _finish(self, sealed: SealedZip, at: datetime) -> None:
        self._rows_made = 0
        finished = sealed.finish(self._delivery.sealed_until, expected=self._content(0, self._batch.size))
        if self._rows_made != self._batch.size:
            raise BatchRefused("the channels of the batch don't add up to it")
        _record_finished(self._delivery, finished, rows=self._rows_made, at=at)

    def _content(self, start: int, end: int) -> Iterator[Piece]:
        """The plain content of the codes from place `start` to before `end`, the header with place 0."""
        if start == 0:
            yield content.header()
        for channel in self._channels:
            layout = layout_of(self._batch, channel)
            first = max(channel.first_serial, self._batch.first_serial + start)
            stop = min(channel.first_serial + channel.size, self._batch.first_serial + end)
            for piece_first in range(first, stop, _ROWS_PER_PIECE):
                yield self._rows(piece_first, min(piece_first + _ROWS_PER_PIECE, stop), layout)

    def _rows(self, first_serial: int, stop: int, layout: RowLayout) -> Piece:
        series = self._batch.series_id
        serials = np.arange(first_serial, stop, dtype=np.int64)
        codes = codec.encode(serials, series=series, series_key=self._series_key, batch_key=self._batch_key)
        self._rows_made += len(codes)
        return content.rows(codes, series=series, first_serial=first_serial, layout=layout)


def layout_of(batch: Batch, channel: Channel) -> RowLayout:
    """What all rows of the channel share."""
    last_moment = printed_until(batch) - timedelta(microseconds=1)
    return RowLayout(
        url_base=batch.claim_url_base,
        channel=channel.name,
        points=batch.face_points,
        claim_until_text=last_moment.astimezone(JAPAN).strftime("%Y-%m-%d %H:%M"),
    )


@transaction.atomic
def _record_progress(delivery: Delivery, *, minted_codes: int, sealed_until: int) -> None:
    """Won by one of any number of workers that wrote the same chunk; the others find it recorded."""
    batch = delivery.batch
    unchanged = Batch.objects.filter(pk=batch.pk, state=batch.state, minted_codes=batch.minted_codes)
    if unchanged.update(state=BatchState.MINTING, minted_codes=minted_codes):
        Delivery.objects.filter(pk=delivery.pk).update(sealed_until=sealed_until)


@transaction.atomic
def _record_finished(delivery: Delivery, finished: SealedFile, *, rows: int, at: datetime) -> None:
    batch = delivery.batch
    opens_itself = batch.activation == Activation.AT_START
    whole = Batch.objects.filter(pk=batch.pk, state=BatchState.MINTING, minted_codes=F("size"))
    if not whole.update(
        state=BatchState.ACTIVE if opens_itself else BatchState.MINTED,
        minted_at=at,
        activated_at=at if opens_itself else None,
    ):
        return
    Delivery.objects.filter(pk=delivery.pk).update(
        row_count=rows,
        total_points=rows * batch.face_points,
        content_sha256=finished.content_sha256,
        sealed_sha256=finished.sealed_sha256,
        sealed_bytes=finished.sealed_bytes,
        sealed_at=at,
    )
    sealed = Delivery.objects.get(pk=delivery.pk)
    custody.record(sealed, CustodyAct.MADE, by=None, address="", at=at)
    data = {"batch": str(batch.public_id), "codes": rows, "points": rows * batch.face_points}
    minted = NewEvent(EventType.ORDER_MINTED, batch.order_key, data)
    events.record(brand_id=batch.brand_id, events=[minted], at=at)


@transaction.atomic
def _start_over(delivery: Delivery) -> None:
    batch = delivery.batch
    unchanged = Batch.objects.filter(pk=batch.pk, state=batch.state, minted_codes=batch.minted_codes)
    if unchanged.update(minted_codes=0):
        Delivery.objects.filter(pk=delivery.pk).update(sealed_until=0)
        os.truncate(path_of(delivery), 0)
