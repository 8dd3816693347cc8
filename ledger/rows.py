"""The canonical form of sealed rows, and the chain of keyed digests over them. Pure; format version 1.

A field is four bytes, its length as an unsigned big-endian number, and that many bytes; NULL is the length
FF FF FF FF and no bytes, so that it differs from an empty text. The bytes of a value:

- whole number: decimal ASCII digits, "-" before a negative one, no leading zeros
- moment: the microseconds since 1970-01-01 00:00:00 UTC, as a whole number
- UUID: its 32 hex digits in lower case, ASCII
- text: UTF-8, as it is stored

A row is the field of its table's name, four bytes with the number of columns (unsigned, big-endian), and
the field of each column in the order that `ledger/seals.py` lists. The link of a row is the first 16 bytes of

    HMAC-SHA256(key, field(link of the row before) + row)

Before the first row of a day stands the previous head, all 32 bytes of it; before the first day, 32 zero
bytes. The head of a day is all 32 bytes of HMAC-SHA256(key, row) over a row of the table "day seal 1" with
the columns program id, day (text, YYYY-MM-DD), number of rows, points posted, previous head (text, 64 hex
digits in lower case), key id and the last link (text, hex; of a day without rows: the previous head).

Cutting a keyed digest to half its length is what RFC 2104 (section 5) allows. A link alone proves its row to
whoever has the key and the link before it: so each row of a day can be judged by itself.
"""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

Value = None | int | str | datetime | UUID

NO_HEAD = "0" * 64
LINK_BYTES = 16
_NULL = b"\xff\xff\xff\xff"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class DayTotals(NamedTuple):
    """What the head of a day stands for, beside its rows. `day` is YYYY-MM-DD, `previous_head` 64 hex
    digits.
    """

    program_id: int
    day: str
    rows: int
    points: int
    previous_head: str
    key_id: str


def canonical_row(table: str, values: Sequence[Value]) -> bytes:
    """The row in canonical form. TypeError for a value of another kind, and for a moment without a zone."""
    return b"".join([_field(table), len(values).to_bytes(4, "big"), *map(_field, values)])


def link_after(key: bytes, link: bytes, row: bytes) -> bytes:
    """The link (16 bytes) of a canonical row that follows `link`."""
    message = len(link).to_bytes(4, "big") + link + row
    return hmac.digest(key, message, hashlib.sha256)[:LINK_BYTES]


def head_of(key: bytes, totals: DayTotals, last_link: bytes) -> str:
    """The head of a day, 64 hex digits."""
    row = canonical_row("day seal 1", [*totals, last_link.hex()])
    return hmac.digest(key, row, hashlib.sha256).hex()


def _field(value: Value) -> bytes:
    if value is None:
        return _NULL
    if isinstance(value, str):
        content = value.encode()
    elif isinstance(value, int):
        content = b"%d" % value
    elif isinstance(value, datetime):
        content = b"%d" % ((value - _EPOCH) // _MICROSECOND)
    elif isinstance(value, UUID):
        content = value.hex.encode()
    else:
        raise TypeError(f"{type(value).__name__} has no canonical form")
    return len(content).to_bytes(4, "big") + content
