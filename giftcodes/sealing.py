"""The sealed file: one CSV in an AES-256 zip, written chunk by chunk, resumable after a kill at any moment.

Any byte written here is a function of the keys, the content and its place in the file, and of nothing else.
So a chunk may be written twice, by two workers at once, or over the torn rest of a killed one: the bytes
agree. The caller records how far the file is only after `write_chunk` has returned, and resumes by passing
that offset; no state is carried along. Three choices make it so: the cipher's keystream can be computed for
any offset; each chunk is compressed on its own and ends on a byte boundary; sizes and sums, known last, stay
holes until `finish` fills them from the file itself.

The caller's part: one (passphrase, salt) per delivery, never used for other content, since AES in counter
mode gives away the difference of two texts under one key; and chunk borders that stay as they are while a
file is being made.

Formats: PKWARE APPNOTE 6.3.10 (ZIP64 throughout, so that any size takes the same path); WinZip AE-2 "AES
Encryption Information" 1.04; RFC 1951. The 1,000 rounds of PBKDF2 that AE-2 fixes protect no human password:
use `make_passphrase`, whose 100 bits need no stretching.
"""

import hashlib
import hmac
import os
import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

Piece = bytes | memoryview

SALT_BYTES = 16
DEFAULT_LEVEL = 1
_MAC_BYTES = 10
# What is compressed, encrypted, read at a time: fits the second-level cache, bounds the memory.
_PART = 256 * 1024
_LAST_BLOCK = b"\x03\x00"  # RFC 1951: final, fixed codes, nothing but the end-of-block code
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

_ENCRYPTED = 1
_METHOD_AES = 99
_VERSION_AES = 51
_VERSION_ZIP64 = 45
_UNIX, _OWNER_ONLY_FILE = 3, 0o100600 << 16
_SEE_ZIP64_16, _SEE_ZIP64_32 = 0xFFFF, 0xFFFFFFFF
_AES_EXTRA = struct.pack("<HHH2sBH", 0x9901, 7, 2, b"AE", 3, zlib.DEFLATED)  # AE-2, 256 bits, deflate inside


class SealMismatch(Exception):
    """The file does not hold what was, or should have been, written: wrong keys, a lost or a damaged file.

    Nothing of the file is worth keeping; the same content can be sealed again from the start.
    """

    code = "seal_mismatch"


@dataclass(frozen=True)
class SealedFile:
    """A finished file. Sums are hexadecimal SHA-256; content is what a recipient unpacks."""

    content_sha256: str
    sealed_sha256: str
    content_bytes: int
    sealed_bytes: int


def make_passphrase(secret: bytes) -> str:
    """The first 100 bits of `secret` as five groups of four that can be read out aloud.

    Crockford's base 32: upper case without I, L, O and U. The hyphens belong to the passphrase. `secret` is
    uniformly random; ValueError below 13 bytes.
    """
    if len(secret) < 13:
        raise ValueError("a passphrase needs a secret of at least 13 bytes")
    bits = int.from_bytes(secret[:13]) >> 4
    letters = [_CROCKFORD[bits >> shift & 31] for shift in range(95, -1, -5)]
    return "-".join("".join(letters[start : start + 4]) for start in range(0, 20, 4))


class Keystream:
    """AES-256 in counter mode with the little-endian counter, from 1, of WinZip AE; from any byte on.

    OpenSSL's own counter mode counts big-endian, hence blocks of counters made here, and ECB over them.
    """

    def __init__(self, key: bytes) -> None:
        self._encryptor = Cipher(algorithms.AES256(key), modes.ECB()).encryptor()  # noqa: S305
        self._counters = np.zeros((_PART // 16 + 1, 2), dtype="<u8")
        # update_into asks for room of 15 bytes more than it fills.
        self._stream = np.empty(self._counters.nbytes + 15, dtype=np.uint8)

    def apply(self, data: Piece, *, position: int) -> bytes:
        """`data`, which begins `position` bytes into the text, encrypted or decrypted: it is the same."""
        source = np.frombuffer(data, dtype=np.uint8)
        result = np.empty_like(source)
        for start in range(0, len(source), _PART):
            part = source[start : start + _PART]
            np.bitwise_xor(part, self._at(position + start, len(part)), out=result[start : start + _PART])
        return result.tobytes()

    def _at(self, position: int, count: int) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
        first, skipped = divmod(position, 16)
        blocks = -(-(skipped + count) // 16)
        counters = self._counters[:blocks]
        counters[:, 0] = np.arange(first + 1, first + 1 + blocks, dtype="<u8")
        self._encryptor.update_into(counters.data.cast("B"), self._stream.data)
        return self._stream[skipped : skipped + count]


@dataclass(frozen=True)
class ZipRecords:
    """The records around the one member of the archive; a function of name, time and sizes.

    `modified_at` is written as its own wall-clock time, to two seconds; a zip knows no time zone.
    """

    name: str
    modified_at: datetime

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError("the member's name must match " + _NAME.pattern)
        if not 1980 <= self.modified_at.year <= 2107:
            raise ValueError("a zip holds times from 1980 to 2107")

    @property
    def sizes_offset(self) -> int:
        """Where in the local header `sizes` belong, which are known last."""
        return 30 + len(self.name) + 4

    def sizes(self, *, packed: int, content: int) -> bytes:
        return struct.pack("<QQ", content, packed)

    def local_header(self) -> bytes:
        """With zeros for the sizes."""
        extra = self._extra(packed=0, content=0)
        head = struct.pack("<4sH", b"PK\3\4", _VERSION_AES) + self._common_fields(extra)
        return head + self.name.encode() + extra

    def directory(self, *, offset: int, packed: int, content: int) -> bytes:
        """What follows the data: central directory, and its end in both forms. `offset` is its own place."""
        extra = self._extra(packed=packed, content=content)
        entry = struct.pack("<4sBBH", b"PK\1\2", _VERSION_AES, _UNIX, _VERSION_AES)
        entry += self._common_fields(extra)
        entry += struct.pack("<HHHLL", 0, 0, 0, _OWNER_ONLY_FILE, 0) + self.name.encode() + extra
        sizes = (len(entry), offset)
        versions = (_VERSION_AES, _UNIX, _VERSION_ZIP64)
        end64 = struct.pack("<4sQBBHLLQQQQ", b"PK\6\6", 44, *versions, 0, 0, 1, 1, *sizes)
        locator = struct.pack("<4sLQL", b"PK\6\7", 0, offset + len(entry), 1)
        # Every field in the old form of the end points to the new form.
        ends = (_SEE_ZIP64_16,) * 4 + (_SEE_ZIP64_32,) * 2
        return entry + end64 + locator + struct.pack("<4s4H2LH", b"PK\5\6", *ends, 0)

    def _common_fields(self, extra: bytes) -> bytes:
        at = self.modified_at
        time = at.hour << 11 | at.minute << 5 | at.second // 2
        date = (at.year - 1980) << 9 | at.month << 5 | at.day
        # AE-2 leaves the CRC at zero: it would tell something of the text.
        sums = (0, _SEE_ZIP64_32, _SEE_ZIP64_32)
        return struct.pack("<4H3L2H", _ENCRYPTED, _METHOD_AES, time, date, *sums, len(self.name), len(extra))

    def _extra(self, *, packed: int, content: int) -> bytes:
        return struct.pack("<HH", 1, 16) + self.sizes(packed=packed, content=content) + _AES_EXTRA


class SealedZip:
    """A sealed file that is being made, or finished again. Use as a context manager.

    Opening makes the file (mode 0600) or takes it as it is; SealMismatch if it was begun under another name,
    time, passphrase or salt, and then nothing in it is touched. OSError, a full disk for one, leaves a file
    that can be resumed from the last offset returned.
    """

    def __init__(
        self,
        path: Path,
        *,
        name: str,
        passphrase: str,
        salt: bytes,
        modified_at: datetime,
        level: int = DEFAULT_LEVEL,
    ) -> None:
        if len(salt) != SALT_BYTES:
            raise ValueError(f"the salt must have {SALT_BYTES} bytes")
        keys = hashlib.pbkdf2_hmac("sha1", passphrase.encode(), salt, 1000, dklen=66)
        self._keystream, self._mac_key = Keystream(keys[:32]), keys[32:64]
        self._records = ZipRecords(name, modified_at)
        self._head = self._records.local_header() + salt + keys[64:]
        self._level = level
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._fd = os.open(path, flags, 0o600)
        try:
            self._begin(path)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        os.close(self._fd)

    @property
    def data_offset(self) -> int:
        """The offset of the first chunk."""
        return len(self._head)

    def write_chunk(self, offset: int, pieces: Iterable[Piece]) -> int:
        """Write the content in `pieces` as one chunk at `offset`; it is on the disk when the next offset is
        returned.

        Whatever stood there is overwritten, and with the same content it is overwritten with the same bytes.
        SealMismatch if the file does not reach up to `offset`.
        """
        self._require(offset)
        # A compressor of its own: no chunk looks back into the one before it.
        deflater = zlib.compressobj(self._level, zlib.DEFLATED, -zlib.MAX_WBITS)
        for piece in pieces:
            for part in _parts(piece):
                offset = self._put(offset, deflater.compress(part))
        offset = self._put(offset, deflater.flush(zlib.Z_FULL_FLUSH))
        os.fsync(self._fd)
        return offset

    def finish(self, end_offset: int, *, expected: Iterable[Piece]) -> SealedFile:
        """Read the file back against the `expected` content, then complete it.

        The chunks end at `end_offset`; whatever lies beyond is overwritten or cut off. `expected` is the
        whole content made again, streamed in pieces of any size. May be called again, also after a kill
        halfway, and gives the same file. SealMismatch if the content differs, and then nothing is written.
        """
        self._require(end_offset)
        last_block = self._encrypted(_LAST_BLOCK, end_offset)
        content_bytes, content_sha256, mac = self._compare(end_offset, last_block, expected)
        packed_end = end_offset + len(last_block) + _MAC_BYTES
        packed = packed_end - len(self._records.local_header())
        directory = self._records.directory(offset=packed_end, packed=packed, content=content_bytes)
        sealed_bytes = _write_at(self._fd, end_offset, last_block + mac[:_MAC_BYTES] + directory)
        os.ftruncate(self._fd, sealed_bytes)
        sizes = self._records.sizes(packed=packed, content=content_bytes)
        _write_at(self._fd, self._records.sizes_offset, sizes)
        os.fsync(self._fd)
        sealed_sha256 = hashlib.sha256()
        for part in _read_parts(self._fd, 0, sealed_bytes):
            sealed_sha256.update(part)
        return SealedFile(content_sha256, sealed_sha256.hexdigest(), content_bytes, sealed_bytes)

    def _begin(self, path: Path) -> None:
        sizes_at, sizes_end = self._records.sizes_offset, self._records.sizes_offset + 16
        found = os.pread(self._fd, len(self._head), 0)
        pairs = [*zip(found, self._head, strict=False)]
        constant = pairs[:sizes_at] + pairs[sizes_end:]
        # Zeros are holes, left by a crash in the middle of the writes below.
        if any(there not in (0, wanted) for there, wanted in constant):
            raise SealMismatch("the file was begun with other keys")
        if len(found) == len(self._head) and all(there == wanted for there, wanted in constant):
            return
        os.fchmod(self._fd, 0o600)
        _sync_folder(path.parent)
        # Around the sizes, never over them: a worker that comes late must not undo what `finish` wrote.
        _write_at(self._fd, 0, self._head[:sizes_at])
        _write_at(self._fd, sizes_end, self._head[sizes_end:])

    def _require(self, offset: int) -> None:
        if offset < self.data_offset:
            raise ValueError("offset lies within the header")
        if os.fstat(self._fd).st_size < offset:
            raise SealMismatch("the file is shorter than its recorded progress")

    def _put(self, offset: int, compressed: bytes) -> int:
        return _write_at(self._fd, offset, self._encrypted(compressed, offset))

    def _encrypted(self, compressed: bytes, offset: int) -> bytes:
        return self._keystream.apply(compressed, position=offset - self.data_offset)

    def _compare(self, end: int, last_block: bytes, expected: Iterable[Piece]) -> tuple[int, str, bytes]:
        mac = hmac.new(self._mac_key, digestmod="sha1")
        sealed_parts = chain(_read_parts(self._fd, self.data_offset, end), [last_block])
        inflated = _Inflated(self._decrypted(sealed_parts, mac))
        content_bytes, content_sha256 = 0, hashlib.sha256()
        for piece in expected:
            for part in _parts(piece):
                if inflated.read(len(part)) != part:
                    raise SealMismatch("the file does not hold the expected content")
                content_sha256.update(part)
                content_bytes += len(part)
        if not inflated.is_complete():
            raise SealMismatch("the file does not end where the expected content ends")
        return content_bytes, content_sha256.hexdigest(), mac.digest()

    def _decrypted(self, sealed_parts: Iterable[bytes], mac: hmac.HMAC) -> Iterator[bytes]:
        position = 0
        for sealed in sealed_parts:
            mac.update(sealed)
            yield self._keystream.apply(sealed, position=position)
            position += len(sealed)


class _Inflated:
    """Exact counts of bytes out of a compressed stream, never more in memory than asked for."""

    def __init__(self, compressed: Iterator[bytes]) -> None:
        self._compressed = compressed
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)

    def read(self, count: int) -> bytes:
        """`count` bytes, or fewer at the end of the stream."""
        parts: list[bytes] = []
        source: bytes | None = self._inflater.unconsumed_tail
        while count and source is not None:
            part = self._inflate(source, count)
            parts.append(part)
            count -= len(part)
            source = self._inflater.unconsumed_tail or (b"" if part else next(self._compressed, None))
        return b"".join(parts)

    def is_complete(self) -> bool:
        """Whether the stream has ended, with nothing unread before its end and nothing behind it."""
        return not self.read(1) and self._inflater.eof and not self._inflater.unused_data

    def _inflate(self, source: bytes, count: int) -> bytes:
        try:
            return self._inflater.decompress(source, count)
        except zlib.error:
            raise SealMismatch("the file does not hold a compressed text under these keys") from None


def _parts(piece: Piece) -> Iterator[memoryview]:
    whole = memoryview(piece)
    return (whole[start : start + _PART] for start in range(0, len(whole), _PART))


def _read_parts(fd: int, start: int, end: int) -> Iterator[bytes]:
    while start < end:
        part = os.pread(fd, min(_PART, end - start), start)
        if not part:
            raise SealMismatch("the file became shorter while it was read")
        yield part
        start += len(part)


def _write_at(fd: int, offset: int, data: bytes) -> int:
    """Write all of `data`, however little the system takes at a time; gives the offset behind it."""
    rest = memoryview(data)
    while rest:
        written = os.pwrite(fd, rest, offset)
        offset, rest = offset + written, rest[written:]
    return offset


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
