"""A zip that is written in parts, each by itself: the archive inside a sealed file, and an XLSX workbook.

Python's own writer can't go on in the middle. Two kinds of members: small files, whole in memory, whose sums
stand before them; and long ones, deflated part by part (each ends on a byte boundary, as in `sealing`), whose
sums come behind them in a data descriptor. The directory is made at the end by going through all of it again,
so nothing has to be remembered meanwhile but by whoever makes all of it in one go.

Format: PKWARE APPNOTE 6.3.10; ZIP64's end records alone, beyond 65,535 members. No archive grows to 4 GiB.
"""

import struct
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple

from giftcodes.files.parts import Content
from giftcodes.sealing import Piece

_LIMIT = 0xFFFFFFFF
_MANY = 0xFFFF
_LAST_BLOCK = b"\x03\x00"  # RFC 1951: final, fixed codes, nothing but the end-of-block code
_DESCRIBED_BEHIND, _UTF8 = 0x0008, 0x0800
_STORED, _DEFLATED = 0, 8
_VERSION, _VERSION_ZIP64, _UNIX = 20, 45, 3 << 8
_FILE = 0o100644 << 16
_LEVEL = 1


class Files(NamedTuple):
    """Small files that come in parts, as (name, bytes). Pictures that are packed already are only stored."""

    sizes: Sequence[int]
    part: Callable[[int], Iterator[tuple[str, bytes]]]
    is_packed: bool = False


class Member(NamedTuple):
    """One long file."""

    name: str
    content: Content


class _Sums(NamedTuple):
    crc: int
    packed: int
    plain: int


class Archive:
    """The members one after the other. `modified_at` is written as its own wall-clock time."""

    def __init__(
        self, members: Sequence[Files | Member], *, modified_at: datetime, ending: str = "zip"
    ) -> None:
        self.ending = ending
        self._members = members
        self._stamp = _stamp(modified_at)
        self._sums_of: dict[str, _Sums] = {}
        self._told: dict[tuple[int, int], list[tuple[bytes, _Sums]]] = {}
        plan = [step for member in members for step in self._plan(member)]
        plan.append((0, self._directory))
        self.sizes: Sequence[int] = [codes for codes, _make in plan]
        self._makers = [make for _codes, make in plan]

    def part(self, place: int) -> Iterator[Piece]:
        return self._makers[place]()

    def _plan(self, member: Files | Member) -> Iterator[tuple[int, Callable[[], Iterator[Piece]]]]:
        if isinstance(member, Files):
            for place, codes in enumerate(member.sizes):
                yield codes, partial(self._small, member, place)
            return
        yield 0, partial(self._begin, member)
        for place, codes in enumerate(member.content.sizes):
            yield codes, partial(_deflated, member.content, place)
        yield 0, partial(self._end, member)

    def _small(self, files: Files, place: int) -> Iterator[Piece]:
        told = []
        for name, plain in files.part(place):
            packed = _packed(plain) if files.is_packed else plain
            sums = _Sums(zlib.crc32(plain), len(packed), len(plain))
            yield self._header(name, files, sums)
            yield packed
            told.append((name.encode(), sums))
        self._told[id(files), place] = told  # whoever makes all of it needs no second look at it

    def _begin(self, member: Member) -> Iterator[Piece]:
        yield self._header(member.name, member, _Sums(0, 0, 0))

    def _end(self, member: Member) -> Iterator[Piece]:
        yield _LAST_BLOCK
        yield struct.pack("<4sLLL", b"PK\7\10", *self._sums(member))

    def _sums(self, member: Member) -> _Sums:
        """Of a long member, by making it once more; remembered, as this is asked several times."""
        if member.name not in self._sums_of:
            crc, packed, plain = 0, len(_LAST_BLOCK), 0
            for place in range(len(member.content.sizes)):
                pieces = list(member.content.part(place))
                for piece in pieces:
                    crc, plain = zlib.crc32(piece, crc), plain + len(piece)
                packed += sum(map(len, _deflate(pieces)))
            self._sums_of[member.name] = _Sums(crc, packed, plain)
        return self._sums_of[member.name]

    def _header(self, name: str, member: Files | Member, sums: _Sums) -> bytes:
        encoded = name.encode()
        return struct.pack("<4sH", b"PK\3\4", _VERSION) + self._common(encoded, member, sums) + encoded

    def _common(self, name: bytes, member: Files | Member, sums: _Sums) -> bytes:
        if isinstance(member, Files):
            flags, method = _UTF8, _DEFLATED if member.is_packed else _STORED
        else:
            flags, method = _UTF8 | _DESCRIBED_BEHIND, _DEFLATED
        return struct.pack("<HH4sLLLHH", flags, method, self._stamp, *sums, len(name), 0)

    def _directory(self) -> Iterator[Piece]:
        offset, members, length = 0, 0, 0
        for name, member, sums, behind in self._entries():
            if offset > _LIMIT or sums.plain > _LIMIT:
                raise ValueError("an archive stays below 4 GiB")
            head = struct.pack("<4sHH", b"PK\1\2", _UNIX | _VERSION, _VERSION)
            tail = struct.pack("<HHHLL", 0, 0, 0, _FILE, offset)
            entry = head + self._common(name, member, sums) + tail + name
            yield entry
            members, length = members + 1, length + len(entry)
            offset += 30 + len(name) + sums.packed + behind
        yield from _ends(members, length, offset)

    def _entries(self) -> Iterator[tuple[bytes, Files | Member, _Sums, int]]:
        """Name, member, sums, and the bytes behind the data."""
        for member in self._members:
            if isinstance(member, Member):
                yield member.name.encode(), member, self._sums(member), 16
                continue
            for place in range(len(member.sizes)):
                if (id(member), place) not in self._told:
                    deque(self._small(member, place), maxlen=0)
                for name, sums in self._told[id(member), place]:
                    yield name, member, sums, 0


def _ends(members: int, length: int, offset: int) -> Iterator[Piece]:
    """What stands behind the directory of so many members and bytes, which is at that offset."""
    if offset + length > _LIMIT:
        raise ValueError("an archive stays below 4 GiB")
    if members >= _MANY:
        counts = (members, members, length, offset)
        versions = (_UNIX | _VERSION_ZIP64, _VERSION_ZIP64)
        yield struct.pack("<4sQHHLLQQQQ", b"PK\6\6", 44, *versions, 0, 0, *counts)
        yield struct.pack("<4sLQL", b"PK\6\7", 0, offset + length, 1)
    told = min(members, _MANY)
    yield struct.pack("<4sHHHHLLH", b"PK\5\6", 0, 0, told, told, length, offset, 0)


def _deflated(content: Content, place: int) -> Iterator[Piece]:
    return _deflate(list(content.part(place)))


def _deflate(pieces: Sequence[Piece]) -> Iterator[bytes]:
    """Compressed by itself, up to a byte boundary and without an end."""
    deflater = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    for piece in pieces:
        yield deflater.compress(piece)
    yield deflater.flush(zlib.Z_FULL_FLUSH)


def _packed(plain: bytes) -> bytes:
    deflater = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return deflater.compress(plain) + deflater.flush()


def _stamp(at: datetime) -> bytes:
    time = at.hour << 11 | at.minute << 5 | at.second // 2
    return struct.pack("<HH", time, (at.year - 1980) << 9 | at.month << 5 | at.day)
