"""Invariant 15: no live code in plain text anywhere. Derives the codes of a batch and looks for them in
bytes.

A code is found whatever stands between its digits (hyphens, spaces, UTF-16's zeros, other separators), in
full-width digits, as a binary or packed integer, and inside hexadecimal, percent- or \\u-escapes, base64 and
zlib or gzip. What is found is reported by place and form, never by the code.
"""

import binascii
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import redis
from django.contrib.sessions.models import Session
from django.db import connection
from numpy.typing import NDArray

from giftcodes.models import Batch
from tests.sealed_files import codes_of

Words = NDArray[np.int64] | NDArray[np.uint64]

_DIGITS = 16
_WIDEST = 16 + 15 * 5  # bytes from the first to the last digit of a code: up to 5 between two of them
_PIECE = 1 << 24
_OVERLAP = 4096  # a form of a code that lies across two pieces lies whole in one of them
_DEPTH = 3  # base64 of zlib of hexadecimal ...

_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{20,}")
_HEXADECIMAL = re.compile(rb"[0-9A-Fa-f]{32,}")
_STANDARD_ALPHABET = bytes.maketrans(b"-_", b"+/")
_ESCAPES = re.compile(rb"%([0-9A-Fa-f]{2})|\\x([0-9A-Fa-f]{2})|\\u00([0-9A-Fa-f]{2})|&#(\d{1,3});")
_WIDE = re.compile(rb"\xef\xbc([\x90-\x99])")  # U+FF10 to U+FF19 in UTF-8
_WIDE_ESCAPE = re.compile(rb"\\u[fF][fF]1([0-9])")
_COMPRESSED = re.compile(rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]")


class Source(NamedTuple):
    """A named place with bytes in it: a file, a table, a key of Redis."""

    name: str
    data: bytes


class Found(NamedTuple):
    """Where a code stands, and in what form; not which one."""

    name: str
    form: str
    times: int


class Scan(NamedTuple):
    """What was looked through and what was found there; sound if that is nothing."""

    bytes_scanned: int
    found: list[Found]


class Codes(NamedTuple):
    """What to look for, sorted: as numbers, and packed two decimal digits to a byte."""

    numbers: NDArray[np.int64]
    packed: NDArray[np.uint64]


def codes_to_look_for(*batches: Batch) -> Codes:
    """Every code of the batches."""
    codes = sorted(code for batch in batches for code in codes_of(batch))
    numbers = np.array([int(code) for code in codes], dtype=np.int64)
    return Codes(numbers, np.array([int(code, 16) for code in codes], dtype=np.uint64))


def scan(codes: Codes, sources: Iterable[Source]) -> Scan:
    """Look for the codes in each source."""
    bytes_scanned, found = 0, []
    for source in sources:
        bytes_scanned += len(source.data)
        for start in range(0, max(len(source.data), 1), _PIECE):
            piece = source.data[start : start + _PIECE + _OVERLAP]
            found += [Found(source.name, form, count) for form, count in _forms_found(codes, piece, _DEPTH)]
    return Scan(bytes_scanned, found)


def _forms_found(codes: Codes, data: bytes, depth: int) -> Iterator[tuple[str, int]]:
    looks = {"digits": _as_digits(codes, data), "integer": _as_integers(codes, data)}
    yield from ((form, count) for form, count in looks.items() if count)
    if not depth:
        return
    for form, decoded in _decoded(data):
        for inner, count in _forms_found(codes, decoded, depth - 1):
            yield f"{inner} in {form}", count


def _as_digits(codes: Codes, data: bytes) -> int:
    """How many windows of 16 digits, near enough to each other, are codes."""
    text = np.frombuffer(data, dtype=np.uint8)
    places = np.flatnonzero((text - np.uint8(ord("0"))) < 10)
    if len(places) < _DIGITS:
        return 0
    digits = (text[places] - ord("0")).astype(np.int64)
    windows = len(digits) - _DIGITS + 1
    numbers = np.zeros(windows, dtype=np.int64)
    for i in range(_DIGITS):
        numbers *= 10
        numbers += digits[i : i + windows]
    near = places[_DIGITS - 1 :] - places[:windows] < _WIDEST
    return _how_many_are_among(codes.numbers, numbers[near])


def _as_integers(codes: Codes, data: bytes) -> int:
    """How many runs of 8 bytes are codes: as a number, either end first, or packed two digits to a byte."""
    count = 0
    for shift in range(min(8, len(data))):
        words = np.frombuffer(data, dtype="<i8", offset=shift, count=(len(data) - shift) // 8)
        swapped = words.byteswap()
        count += _how_many_are_among(codes.numbers, words) + _how_many_are_among(codes.numbers, swapped)
        count += _how_many_are_among(codes.packed, swapped.view(np.uint64))
    return count


def _how_many_are_among(wanted: Words, words: Words) -> int:
    words = words[(words >= wanted[0]) & (words <= wanted[-1])]
    return int((wanted[np.searchsorted(wanted, words)] == words).sum())


def _decoded(data: bytes) -> Iterator[tuple[str, bytes]]:
    plain = _ESCAPES.sub(_one_byte, data)
    if plain != data:
        yield "escapes", plain
    narrow = _WIDE_ESCAPE.sub(rb"\1", _WIDE.sub(lambda hit: bytes([hit[1][0] - 0x60]), data))
    if narrow != data:
        yield "full-width digits", narrow
    for form, join in (("hexadecimal", _hexadecimal), ("base64", _base64), ("compression", _inflated)):
        found = b"\0\0\0\0\0\0\0\0".join(join(data))
        if found:
            yield form, found


def _one_byte(hit: re.Match[bytes]) -> bytes:
    value = int(hit[4]) if hit[4] else int(hit[1] or hit[2] or hit[3], 16)
    return bytes([value & 255])


def _hexadecimal(data: bytes) -> Iterator[bytes]:
    for hit in _HEXADECIMAL.finditer(data):
        for shift in range(2):  # a digit before it may belong to something else
            digits = hit[0][shift:]
            yield bytes.fromhex(digits[: len(digits) // 2 * 2].decode())


def _base64(data: bytes) -> Iterator[bytes]:
    for hit in _BASE64.finditer(data):
        letters = hit[0].translate(_STANDARD_ALPHABET)
        for shift in range(4):  # letters before it may belong to something else
            rest = letters[shift:]
            rest = rest[:-1] if len(rest) % 4 == 1 else rest
            yield binascii.a2b_base64(rest + b"=" * (-len(rest) % 4))


def _inflated(data: bytes) -> Iterator[bytes]:
    for hit in _COMPRESSED.finditer(data):
        inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)
        try:
            yield inflater.decompress(memoryview(data)[hit.start() :], _PIECE)
        except zlib.error:
            continue


def folder_sources(folder: Path) -> Iterator[Source]:
    """Every file below the folder: queue, logs, sealed files, a database with its write-ahead log."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield Source(str(path.relative_to(folder)), path.read_bytes())


def redis_sources(url: str) -> Iterator[Source]:
    """Every key of that Redis database, with its value."""
    with redis.Redis.from_url(url) as client:
        for key in client.scan_iter(count=1000):
            yield Source("redis key", key + b"\n" + repr(_redis_value(client, key)).encode())


def _redis_value(client: Any, key: bytes) -> object:
    values: dict[str, Callable[[], object]] = {
        "string": lambda: client.get(key),
        "list": lambda: client.lrange(key, 0, -1),
        "hash": lambda: client.hgetall(key),
        "set": lambda: client.smembers(key),
        "zset": lambda: client.zrange(key, 0, -1, withscores=True),
        "stream": lambda: client.xrange(key),
        "none": lambda: None,  # it has just expired
    }
    return values[client.type(key).decode()]()


def session_sources() -> Iterator[Source]:
    """What the rows of the session table say when they are opened."""
    for session in Session.objects.all():
        yield Source("session", repr(session.get_decoded()).encode())


def database_sources() -> Iterator[Source]:
    """Every table as text, and the files of the database with its write-ahead log, where they can be read."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            yield Source(f"table {table}", "\n".join(repr(row) for row in cursor.fetchall()).encode())
        yield from _sqlite_files() if connection.vendor == "sqlite" else _postgresql_files()


def _sqlite_files() -> Iterator[Source]:
    database = Path(connection.settings_dict["NAME"])
    for path in sorted(database.parent.glob(f"{database.name}*")):
        yield Source(path.name, path.read_bytes())


def _postgresql_files() -> Iterator[Source]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('is_superuser')")
        if cursor.fetchone() != ("on",):
            return  # somebody else's server: its files are out of reach
        cursor.execute("CHECKPOINT")
        cursor.execute(
            "SELECT current_setting('data_directory'), oid FROM pg_database"
            " WHERE datname = current_database()"
        )
        data, oid = cursor.fetchone()
    for folder in (Path(data) / "base" / str(oid), Path(data) / "pg_wal"):
        yield from folder_sources(folder)
