"""The claim journal: every claim, in commit order, in append-only files outside the database.

A folder of segments `journal-000001.jsonl`, ... of one JSON object per line. A line carries its number, what
it records and an HMAC-SHA256 over the MAC of the line before it and its own length-prefixed fields, under a
key that the database does not have; the chain runs on from segment to segment. What follows the last line
end is the torn rest of an interrupted write. The last line says how far the journal goes: nothing about it
is kept in the database. Opaque ids only: no code, nobody's name. What was issued through the API has a
journal of its own in the folder `gifts`, in the order of the requests.
"""

import fcntl
import hashlib
import hmac
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from giftcodes.errors import JournalBroken, JournalBusy
from ledger.keys import newest_seal_key_id, seal_key

SEGMENT_BYTES = 64 * 2**20
MAX_LINE_BYTES = 1_024
_BLOCK_BYTES = 65_536
_PURPOSE = "claim journal"
_BEFORE_THE_FIRST = bytes(32)


class Kind(StrEnum):
    """What a line records."""

    BEGUN = "begun"
    CLAIM = "claim"
    VOID = "void"  # codes withdrawn
    GIFT = "gift"  # issued
    GIFT_VOID = "gift_void"  # withdrawn
    MARK = "mark"  # no claim between the line before and here
    RESTORED = "restored"  # posting ids begin anew behind here: an earlier state of the database went on


class Entry(NamedTuple):
    """What a line says. Up to `posting` (its id) the journal knows every claim of the database.

    Of a claim: the public serial number, batch number, the end of the batch's serial numbers (exclusive),
    short names of brand and program, member number, points and two moments in UTC. Of codes withdrawn: in
    `claim` and `batch_end` the first serial number and the end of their range (exclusive), and by whom
    (`person_of`). Of these and of a mark: the transfer of `posting`, by which a restored database is
    recognised. Ids are hexadecimal without hyphens.

    Of a gift that was issued: in `posting` the id of its request, in `claimed_at` and `expires_at` the moment
    of issue and the end of claiming; its number, and of its request the client's number, the digest of the
    key, the fingerprint, how many gifts it made and which of them this is. Of one withdrawn: in `claim` its
    serial number, its client, and the transfer of `posting`.
    """

    kind: Kind
    posting: int
    transfer: str = ""
    claim: int = 0
    batch: str = ""
    batch_end: int = 0
    brand: str = ""
    program: str = ""
    member: str = ""
    points: int = 0
    claimed_at: str = ""
    expires_at: str = ""
    requested_by: str = ""
    approved_by: str = ""
    gift: str = ""
    client: str = ""
    key_digest: str = ""
    fingerprint: str = ""
    gifts: int = 0
    position: int = 0


_OF_GIFTS = {Kind.GIFT, Kind.GIFT_VOID}
_FIELDS_BEFORE_GIFTS = Entry._fields.index("gift")


def _chained(entry: Entry) -> tuple[str | int, ...]:
    """What the MAC covers. Lines of other kinds are as they were before there were gifts."""
    return entry if entry.kind in _OF_GIFTS else entry[:_FIELDS_BEFORE_GIFTS]


class Line(NamedTuple):
    """An entry in its place of the chain."""

    number: int
    entry: Entry
    key_id: str
    mac: bytes


class _Chain:
    """What a line's MAC must be, given the line before. Keys are derived once."""

    def __init__(self) -> None:
        self._keys: dict[str, bytes] = {}

    def link(self, entry: Entry, previous: Line | None, key_id: str) -> Line:
        number = previous.number + 1 if previous else 1
        if key_id not in self._keys:
            self._keys[key_id] = seal_key(key_id, purpose=_PURPOSE)
        text = previous.mac if previous else _BEFORE_THE_FIRST
        for field in (number, *_chained(entry), key_id):
            octets = str(field).encode()
            text += len(octets).to_bytes(4, "big") + octets
        return Line(number, entry, key_id, hmac.digest(self._keys[key_id], text, hashlib.sha256))

    def fits(self, line: Line, previous: Line | None) -> bool:
        return hmac.compare_digest(self.link(line.entry, previous, line.key_id).mac, line.mac) and (
            line.number == (previous.number + 1 if previous else 1)
        )


def lines(folder: Path) -> Iterator[Line]:
    """Every line, checked against the one before it. JournalBroken names the first that does not fit;
    SealKeyMissing. A torn rest behind the last line is passed over.
    """
    chain, previous = _Chain(), None
    segments = _segments(folder)
    for segment in segments:
        with segment.open("rb") as file:
            for place, raw in enumerate(file, start=1):
                if not raw.endswith(b"\n") and segment == segments[-1]:
                    return
                where = f"{segment.name}, line {place}"
                line = _decode(raw, where)
                if not chain.fits(line, previous):
                    raise JournalBroken(f"{where} does not follow from the line before it")
                yield line
                previous = line


def tail(folder: Path, *, limit: int) -> list[Line]:
    """The last lines, `limit` of them at most, each but the first checked against the one before it."""
    found: list[Line] = []
    for segment in reversed(_segments(folder)):
        whole = _whole_lines(segment, limit - len(found))
        found[:0] = [_decode(raw, f"the end of {segment.name}") for raw in whole]
        if len(found) >= limit:
            break
    chain = _Chain()
    for previous, line in zip([None, *found], found, strict=False):
        if (previous or line.number == 1) and not chain.fits(line, previous):
            raise JournalBroken(f"line number {line.number} does not follow from the line before it")
    return found


class Journal:
    """The journal in one process's hands: read to its end, and open for more. Made by `opened`."""

    def __init__(self, folder: Path, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._folder, self._segment_bytes = folder, segment_bytes
        self._chain = _Chain()
        self.last = next(reversed(tail(folder, limit=2)), None)

    def append(self, entries: Sequence[Entry]) -> None:
        """Add the entries, in one write, and return when they are on the disk.

        OSError if they don't get there: then the journal is as it was before, but for a torn rest perhaps,
        which the next append cuts off.
        """
        last, text = self.last, b""
        for entry in entries:
            last = self._chain.link(entry, last, newest_seal_key_id())
            text += _encode(last)
        fd = self._open_segment()
        try:
            _cut_torn_rest(fd)
            _write_whole(fd, text)
        finally:
            os.close(fd)
        self.last = last

    def _open_segment(self) -> int:
        """The segment to write to: the last one, or a new one when that is full."""
        segments = _segments(self._folder)
        number = len(segments)
        if number and segments[-1].stat().st_size < self._segment_bytes:
            return os.open(segments[-1], os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
        if number:
            full = os.open(segments[-1], os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                _cut_torn_rest(full)
            finally:
                os.close(full)
        path = self._folder / f"journal-{number + 1:06d}.jsonl"
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        _sync_folder(self._folder)
        return fd


@contextmanager
def opened(folder: Path, *, segment_bytes: int = SEGMENT_BYTES) -> Iterator[Journal]:
    """The journal, for this process alone until the block ends; the folder is made if it isn't there.

    JournalBusy if another process has it, JournalBroken if its last line does not fit, OSError if the folder
    can't be used.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise JournalBusy("another process has the claim journal in hand") from None
        yield Journal(folder, segment_bytes=segment_bytes)
    finally:
        os.close(fd)


def _segments(folder: Path) -> list[Path]:
    """The segments in their order; one that is missing shows in the numbers of the lines."""
    return sorted(folder.glob("journal-??????.jsonl"))


def _whole_lines(segment: Path, limit: int) -> list[bytes]:
    """The last lines of one segment that have their end, `limit` at most."""
    fd = os.open(segment, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        end = _end_of_whole_lines(fd)
        start = max(0, end - (limit + 1) * MAX_LINE_BYTES)
        parts = os.pread(fd, end - start, start).splitlines(keepends=True)
    finally:
        os.close(fd)
    return parts[1 if start else 0 :][-limit:]


def _end_of_whole_lines(fd: int) -> int:
    """Where the torn rest begins: behind the last line end."""
    end = os.lseek(fd, 0, os.SEEK_END)
    while end > 0:
        start = max(0, end - _BLOCK_BYTES)
        found = os.pread(fd, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _encode(line: Line) -> bytes:
    said = {name: value for name, value in line.entry._asdict().items() if value not in ("", 0)}
    value = {"n": line.number, **said, "key": line.key_id, "mac": line.mac.hex()}
    raw = json.dumps(value, separators=(",", ":")).encode() + b"\n"
    if len(raw) > MAX_LINE_BYTES:
        raise ValueError(f"a line of {len(raw)} bytes is longer than any claim")
    return raw


def _decode(raw: bytes, where: str) -> Line:
    """The line, if these are exactly the bytes that it is written with."""
    try:
        line = _from_json(json.loads(raw))
        if _encode(line) == raw:
            return line
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise JournalBroken(f"{where} is no line of a claim journal")


def _from_json(value: dict[str, Any]) -> Line:
    number, key_id, mac = value.pop("n"), value.pop("key"), bytes.fromhex(value.pop("mac"))
    kind, posting = Kind(value.pop("kind")), value.pop("posting", 0)
    entry = Entry(kind, posting, **value)
    pattern = Entry(kind, 0)
    if [type(field) for field in (number, key_id, *entry)] != [int, str, *map(type, pattern)]:
        raise TypeError("a text where a number must be, or the reverse")
    if kind not in _OF_GIFTS and any(entry[_FIELDS_BEFORE_GIFTS:]):
        raise TypeError("what only lines of gifts have")
    return Line(number, entry, key_id, mac)


def _cut_torn_rest(fd: int) -> None:
    """Cut the file behind its last line end; a whole line is never cut."""
    end = _end_of_whole_lines(fd)
    if end < os.lseek(fd, 0, os.SEEK_END):
        os.ftruncate(fd, end)


def _write_whole(fd: int, text: bytes) -> None:
    """All of the text, and safe on the disk; OSError takes away what was written of it."""
    start = os.lseek(fd, 0, os.SEEK_END)
    try:
        rest = memoryview(text)
        while rest:
            rest = rest[os.write(fd, rest) :]
        os.fsync(fd)
    except OSError:
        with suppress(OSError):
            os.ftruncate(fd, start)
        raise


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
