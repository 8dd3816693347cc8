"""Making an approved delivery: part by part into one sealed file, as minting does; and handing it over.

Of a zip everything follows from the keys and the approved request, so it goes on after a kill. An age file
has random keys of its own: it is made in one go, under a name with its fingerprint, so that of two workers
the one that records its own decides which file it is.
"""

import hashlib
import io
import logging
import os
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np
import pyrage
from django.db import transaction
from django.db.models import QuerySet
from numpy.typing import NDArray

from giftcodes import access, codec, keys
from giftcodes.delivery_fingerprints import is_as_requested
from giftcodes.delivery_models import CustodyAct, DeliveryState, FurtherDelivery, SealKind
from giftcodes.errors import DeliveryRefused, FurtherDeliveryRefused
from giftcodes.files import kinds
from giftcodes.files.kinds import Wanted, folder_of
from giftcodes.files.parts import ChannelCodes, Codes, Content, Derive, whole
from giftcodes.files.sheets import Words
from giftcodes.models import Batch, Channel
from giftcodes.sealing import Piece, SealedFile, SealedZip, SealMismatch
from giftcodes.services import custody
from giftcodes.services.deliveries import (
    HandedOver,
    open_as_sealed,
    passphrase_of,
    path_of,
    zip_salt_of,
)
from giftcodes.services.minting import alone, layout_of
from ledger.expiry import JAPAN
from parties import audit_log, second_factor
from parties.errors import NotReachable
from parties.models import Role, User
from parties.staff_models import Act

logger = logging.getLogger(__name__)


def make_next_part(*, delivery_id: int, at: datetime) -> bool:
    """Make one more part of an approved delivery, or finish it after the last one; True if there is more to
    do.

    Safe to repeat, to run twice at once and to kill at any moment. False also if another worker of this
    machine has it in hand. KeysMissing, FurtherDeliveryRefused if the row no longer says what was approved,
    OSError if the disk refuses.
    """
    delivery = _of(delivery_id)
    if delivery.state != DeliveryState.APPROVED:
        return False
    with alone(_lock_path(delivery)) as is_alone:
        if not is_alone:
            return False
        delivery = _of(delivery_id)  # as whoever had it before has left it
        if delivery.state != DeliveryState.APPROVED:
            return False
        if not is_as_requested(delivery):
            raise FurtherDeliveryRefused("changed")
        try:
            return _go_on(delivery, at)
        except SealMismatch as mismatch:
            logger.warning("Delivery %s is made again from its start: %s.", delivery.public_id, mismatch)
            _start_over(delivery)
            return True


def take_further_delivery(
    *, public_id: uuid.UUID, user: User, verified_at: datetime | None, at: datetime, address: str = ""
) -> HandedOver:
    """The sealed file, open for reading, for its recipient, once whoever asks at the same time.

    NotReachable for everybody else, DeliveryRefused as for the order's own file. FactorStale if it opens
    without a passphrase (an age file) and the second factor (`verified_at`) is older than five minutes.
    """
    delivery = _for_recipient(user, public_id)
    if delivery.sealing != SealKind.ZIP:
        second_factor.refuse_stale(verified_at=verified_at, at=at)
    path = sealed_path(delivery)
    file = open_as_sealed(delivery, path)
    with transaction.atomic():
        if not _first(delivery, "downloaded_at", at):
            file.close()
            raise DeliveryRefused("the file was handed over before")
        custody.record(delivery, CustodyAct.DOWNLOADED, by=user, address=address, at=at)
        audit_log.record(Act.DOWNLOADED, by=user, subject=delivery)
    size = delivery.sealed_bytes or 0
    return HandedOver(file=file, name=path.name, size=size, sha256=delivery.sealed_sha256)


@transaction.atomic
def reveal_further_passphrase(
    *, public_id: uuid.UUID, user: User, verified_at: datetime | None, at: datetime, address: str = ""
) -> str:
    """The passphrase of the sealed file, for its recipient, once whoever asks at the same time. Raises what
    `take_further_delivery` does, FactorStale in any case, and KeysMissing.
    """
    delivery = _for_recipient(user, public_id)
    second_factor.refuse_stale(verified_at=verified_at, at=at)
    if delivery.sealing != SealKind.ZIP:
        raise DeliveryRefused("an age file has no passphrase")
    passphrase = passphrase_of(delivery)
    if not _first(delivery, "passphrase_shown_at", at):
        raise DeliveryRefused("the passphrase was shown before")
    custody.record(delivery, CustodyAct.PASSPHRASE, by=user, address=address, at=at)
    audit_log.record(Act.PASSPHRASE_SHOWN, by=user, subject=delivery)
    return passphrase


def sealed_path(delivery: FurtherDelivery) -> Path:
    """Where the sealed file is."""
    path = path_of(delivery)
    if delivery.sealing == SealKind.AGE:
        return path.with_name(f"{delivery.public_id}-{delivery.sealed_sha256[:16]}.age")
    return path


def content_of(delivery: FurtherDelivery) -> Content:
    """What is sealed: it follows from the keys and the request alone. KeysMissing."""
    batch = delivery.batch
    words = delivery.words
    lot = delivery.content_number.hex[:8]
    wanted = Wanted(
        kind=delivery.kind,
        by_channel=delivery.by_channel,
        number=str(delivery.content_number),
        recipient=delivery.marked_for,
        made_at=batch.approved_at.astimezone(JAPAN),
        words=Words(
            brand=words["brand"],
            title=words["title"],
            worth=words["worth"],
            until=words["until"],
            lot=lot,
            footer=f"{lot} · {delivery.marked_for}",
            logo=bytes(delivery.logo),
        ),
    )
    return kinds.content_of(wanted, channels_of(batch, delivery.channel_id))


def _of(delivery_id: int) -> FurtherDelivery:
    return FurtherDelivery.objects.select_related("batch__series", "channel").get(pk=delivery_id)


def channels_of(batch: Batch, channel_id: int | None) -> list[ChannelCodes]:
    """The codes of the batch, of all channels or one. KeysMissing."""
    derive = _derive(batch)
    numbered = enumerate(Channel.objects.filter(batch=batch).order_by("first_serial"), 1)
    return [
        ChannelCodes(
            name=channel.name,
            folder=folder_of(place, channel.name),
            series=batch.series_id,
            first_serial=channel.first_serial,
            size=channel.size,
            layout=layout_of(batch, channel),
            derive=derive,
        )
        for place, channel in numbered
        if channel_id in (None, channel.pk)
    ]


def _derive(batch: Batch) -> Derive:
    series_key, batch_key = keys.series_key(batch.series), keys.batch_key(batch)

    def derive(serials: NDArray[np.int64]) -> Codes:
        return codec.encode(serials, series=batch.series_id, series_key=series_key, batch_key=batch_key)

    return derive


def _go_on(delivery: FurtherDelivery, at: datetime) -> bool:
    content = content_of(delivery)
    if delivery.sealing == SealKind.AGE:
        _seal_for_age(delivery, content, at)
        return False
    with _sealed_zip(delivery, content) as sealed:
        place = delivery.parts_made
        if place < len(content.sizes):
            offset = delivery.sealed_until or sealed.data_offset
            end = sealed.write_chunk(offset, content.part(place))
            _unchanged(delivery).update(
                parts_made=place + 1, codes_made=sum(content.sizes[: place + 1]), sealed_until=end
            )
            return True
        finished = sealed.finish(delivery.sealed_until, expected=whole(content))
    _record_sealed(delivery, finished, at)
    return False


def _sealed_zip(delivery: FurtherDelivery, content: Content) -> SealedZip:
    return SealedZip(
        path_of(delivery),
        name=f"{delivery.public_id}.{content.ending}",
        passphrase=passphrase_of(delivery),
        salt=zip_salt_of(delivery),
        modified_at=delivery.batch.approved_at.astimezone(JAPAN),
    )


def _seal_for_age(delivery: FurtherDelivery, content: Content, at: datetime) -> None:
    folder, reader = path_of(delivery).parent, _Reader(whole(content))
    # Made for its owner alone.
    with NamedTemporaryFile(dir=folder, suffix=".part", delete=False) as target:
        pyrage.encrypt_io(reader, target, [pyrage.x25519.Recipient.from_str(delivery.age_recipient)])
        target.flush()
        os.fsync(target.fileno())
    beside = Path(target.name)
    with beside.open("rb") as sealed:
        sealed_sha256 = hashlib.file_digest(sealed, "sha256").hexdigest()
    size = beside.stat().st_size
    delivery.sealed_sha256 = sealed_sha256
    beside.replace(sealed_path(delivery))
    _record_sealed(delivery, SealedFile(reader.sha256.hexdigest(), sealed_sha256, reader.size, size), at)
    _lock_path(delivery).unlink(missing_ok=True)


def _lock_path(delivery: FurtherDelivery) -> Path:
    """What workers of one machine lock: a zip itself, and beside an age file one of no bytes."""
    path = path_of(delivery)
    return path if delivery.sealing == SealKind.ZIP else path.with_suffix(".lock")


class _Reader(io.RawIOBase):
    """Pieces as a file to read from, counted and summed on their way."""

    def __init__(self, pieces: Iterator[Piece]) -> None:
        self._pieces, self._rest = pieces, memoryview(b"")
        self.sha256, self.size = hashlib.sha256(), 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = memoryview(piece)
        part, self._rest = self._rest[:size], self._rest[size:]
        self.sha256.update(part)
        self.size += len(part)
        return bytes(part)


def _unchanged(delivery: FurtherDelivery) -> QuerySet[FurtherDelivery]:
    return FurtherDelivery.objects.filter(
        pk=delivery.pk, state=DeliveryState.APPROVED, parts_made=delivery.parts_made
    )


@transaction.atomic
def _record_sealed(delivery: FurtherDelivery, finished: SealedFile, at: datetime) -> None:
    """By one of any number of workers."""
    won = _unchanged(delivery).update(
        state=DeliveryState.SEALED,
        codes_made=delivery.code_count,
        content_sha256=finished.content_sha256,
        sealed_sha256=finished.sealed_sha256,
        sealed_bytes=finished.sealed_bytes,
        sealed_at=at,
    )
    if won:
        delivery.sealed_sha256 = finished.sealed_sha256
        custody.record(delivery, CustodyAct.MADE, by=None, address="", at=at)


def _start_over(delivery: FurtherDelivery) -> None:
    if _unchanged(delivery).update(parts_made=0, codes_made=0, sealed_until=0):
        os.truncate(path_of(delivery), 0)


def _for_recipient(user: User, public_id: uuid.UUID) -> FurtherDelivery:
    delivery = access.access_further_delivery(user, public_id, Role.MARKETER)
    if delivery.recipient_id != user.pk:
        raise NotReachable
    if delivery.state != DeliveryState.SEALED:
        raise DeliveryRefused("the file isn't sealed yet")
    return delivery


def _first(delivery: FurtherDelivery, what: str, at: datetime) -> bool:
    """Whether this call is the one that sets that moment."""
    return bool(FurtherDelivery.objects.filter(pk=delivery.pk, **{what: None}).update(**{what: at}))
