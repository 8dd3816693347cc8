"""Series and batches as one process knows them: only what never changes, so a copy in memory can't go stale.

A code is checked against this before the database is asked anything; whether it may be claimed (state,
window, voids, limits) is decided by the claim statement alone.
"""

import hmac
import threading
import uuid
from bisect import bisect_right, insort
from typing import NamedTuple

from giftcodes import codec, keys
from giftcodes.models import Batch, Series

MAX_KNOWN_BATCHES = 4_096


class KnownBatch(NamedTuple):
    """The frozen part of a batch."""

    first_serial: int
    size: int
    id: int
    public_id: uuid.UUID
    brand_id: int
    program_id: int
    unclaimed_id: int
    key: bytes
    face_points: int
    lot_life_days: int
    limit_per_member: int | None
    limit_group: str
    claim_url_base: str
    issues_gifts: bool
    is_sandbox: bool

    def __repr__(self) -> str:  # the key must not reach a log or a traceback
        return f"KnownBatch({self.id})"


_lock = threading.Lock()
_series_keys: dict[int, bytes] = {}
_batches: dict[int, list[KnownBatch]] = {}


class Reading(NamedTuple):
    """What a well-formed code says: its batch, None if its serial is in no issued range, and whether its tag
    is right, that is, whether it was issued.
    """

    serial: int
    batch: KnownBatch | None
    is_genuine: bool

    @property
    def found(self) -> tuple[int, KnownBatch] | None:
        """Serial and batch of a code that was issued."""
        return (self.serial, self.batch) if self.is_genuine and self.batch else None


def find(code: str) -> tuple[int, KnownBatch] | None:
    """Serial and batch of a normalised code, None if it was never issued.

    Raises KeysMissing.
    """
    return read(code).found


def read(code: str) -> Reading:
    """What a normalised code says. Raises KeysMissing."""
    digit = int(code[0])
    key = series_key(digit)
    if key is None:
        return Reading(0, None, is_genuine=False)
    serial, tag = codec.decode(code, series_key=key)
    batch = batch_of(digit, serial)
    if batch is None:
        return Reading(serial, None, is_genuine=False)
    expected = codec.tag_of(serial, series=digit, batch_key=batch.key)
    return Reading(serial, batch, hmac.compare_digest(b"%05d" % tag, b"%05d" % expected))


def series_key(digit: int) -> bytes | None:
    """The key of the series, None if there is no such series. Raises KeysMissing."""
    key = _series_keys.get(digit)
    if key is None:
        series = Series.objects.filter(digit=digit).first()
        if series is None:
            return None
        key = _series_keys[digit] = keys.series_key(series)
    return key


def batch_of(digit: int, serial: int) -> KnownBatch | None:
    """The batch whose range holds the serial, None if it was never issued. Raises KeysMissing."""
    known = _batches.get(digit, [])
    place = bisect_right(known, serial, key=lambda batch: batch.first_serial) - 1
    if place >= 0 and serial < known[place].first_serial + known[place].size:
        return known[place]
    return _learn(digit, serial)


def search(digit: int, serial: int) -> Batch | None:
    """Ask the database for the batch whose range begins at or next before the serial.

    A code that nobody issued costs this question each time it is read, since only what exists is remembered.
    So one that was found in memory is asked for too when it is refused: or the time would tell them apart.
    """
    nearest = Batch.objects.filter(series_id=digit, first_serial__lte=serial).order_by("-first_serial")
    return nearest.select_related("brand__program").first()


def _learn(digit: int, serial: int) -> KnownBatch | None:
    row = search(digit, serial)
    if row is None or serial >= row.first_serial + row.size:
        return None
    batch = KnownBatch(
        first_serial=row.first_serial,
        size=row.size,
        id=row.pk,
        public_id=row.public_id,
        brand_id=row.brand_id,
        program_id=row.brand.program_id,
        unclaimed_id=row.unclaimed_id,
        key=keys.batch_key(row),
        face_points=row.face_points,
        lot_life_days=row.lot_life_days,
        limit_per_member=row.limit_per_member,
        limit_group=row.limit_group,
        claim_url_base=row.claim_url_base,
        issues_gifts=row.issues_gifts,
        is_sandbox=row.brand.program.is_sandbox,
    )
    with _lock:
        # Readers hold the old list; a new one takes its place whole.
        known = list(_batches.get(digit, []))
        if len(known) >= MAX_KNOWN_BATCHES:
            known = []
        if batch.first_serial not in {other.first_serial for other in known}:
            insort(known, batch, key=lambda other: other.first_serial)
        _batches[digit] = known
    return batch


def forget() -> None:
    """Forget everything: after keys were changed, and between tests that share a process but not a
    database.
    """
    with _lock:
        _series_keys.clear()
        _batches.clear()
