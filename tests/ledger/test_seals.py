"""The canonical form of rows, the chain over them, and the manifests: what another program would have to
write.
"""

import hashlib
import hmac
import struct
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import models
from pytest_django.fixtures import Settings

from ledger import keys, rows, seals
from ledger.expiry import JAPAN
from ledger.models import Account, Hold, Lot
from ledger.rows import NO_HEAD, DayTotals, canonical_row, head_of, link_after
from tests.ledger.sealed_days import FIRST, SECOND, THIRD, seal, two_programs
from tests.make import NOON

KEY = bytes(range(32))
# A row that changes with later ones, each of which is sealed in its turn.
NOT_SEALED = {
    Account: {"balance"},
    Lot: {"remaining_points"},
    Hold: {"state", "captured_points", "ended_at"},
}


def test_a_row_has_exactly_these_bytes() -> None:
    moment = datetime(2026, 11, 2, 3, 0, 0, 1, tzinfo=UTC)
    row = canonical_row("t", [-5, None, "", "点", moment, uuid.UUID(int=255)])

    assert row == (
        b"\x00\x00\x00\x01t"
        b"\x00\x00\x00\x06"
        b"\x00\x00\x00\x02-5"
        b"\xff\xff\xff\xff"
        b"\x00\x00\x00\x00"
        b"\x00\x00\x00\x03\xe7\x82\xb9"
        b"\x00\x00\x00\x101793588400000001"
        b"\x00\x00\x00\x20000000000000000000000000000000ff"
    )


def test_a_link_and_a_head_are_these_digests() -> None:
    row = canonical_row("t", [1])
    link = link_after(KEY, bytes(32), row)
    totals = DayTotals(3, "2026-11-02", 1, 500, NO_HEAD, "s1")

    assert link.hex() == GOLDEN_LINK
    assert link_after(KEY, link, row).hex() == GOLDEN_SECOND
    assert head_of(KEY, totals, link) == GOLDEN_HEAD


def test_the_format_can_be_written_from_its_description() -> None:
    def field(text: str) -> bytes:
        return struct.pack(">I", len(text.encode())) + text.encode()

    def row(table: str, *values: str) -> bytes:
        return field(table) + struct.pack(">I", len(values)) + b"".join(field(value) for value in values)

    first = struct.pack(">I", 32) + bytes(32) + row("t", "1")
    link = hmac.new(KEY, first, hashlib.sha256).digest()[:16]
    head = hmac.new(
        KEY, row("day seal 1", "3", "2026-11-02", "1", "500", NO_HEAD, "s1", link.hex()), hashlib.sha256
    )

    assert link.hex() == GOLDEN_LINK
    assert head.hexdigest() == GOLDEN_HEAD


GOLDEN_LINK = "b77009b61fa937fc3ba47daf4a04f6a0"
GOLDEN_SECOND = "8e5a618f6954fd90dc328c8cfb39c6c7"
GOLDEN_HEAD = "5cb4244307e0eadb882b269615fb349685a4ecc072e634f4cc58324e340da224"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("t", [None]), ("t", [""])),
        (("t", ["a", "b"]), ("t", ["ab", ""])),
        (("t", ["a", ""]), ("t", ["a"])),
        (("ta", ["b"]), ("t", ["ab"])),
        (("t", [1, 23]), ("t", [12, 3])),
        (("t", [NOON]), ("t", [NOON + timedelta(microseconds=1)])),
    ],
)
def test_two_rows_never_have_the_same_bytes(
    one: tuple[str, list[rows.Value]], other: tuple[str, list[rows.Value]]
) -> None:
    assert canonical_row(*one) != canonical_row(*other)


def test_one_instant_has_one_form_in_every_zone() -> None:
    japan = NOON.astimezone(JAPAN)

    assert canonical_row("t", [japan]) == canonical_row("t", [NOON])


@pytest.mark.parametrize("value", [1.5, b"x", NOON.replace(tzinfo=None), FIRST])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        canonical_row("t", [value])  # type: ignore[list-item]


@pytest.mark.parametrize("model", seals.SEALED)
def test_every_column_is_sealed_or_left_out_for_a_reason(model: type[models.Model]) -> None:
    columns = {field.attname for field in model._meta.concrete_fields}

    assert columns - set(seals.SEALED[model]) == NOT_SEALED.get(model, set())
    assert set(seals.SEALED[model]) <= columns


@pytest.mark.django_db
def test_a_manifest_is_what_its_description_says(tmp_path: Path, settings: Settings) -> None:
    settings.SEALS_DIR = tmp_path
    two_programs()
    first, _other, second, *_ = seal(FIRST, SECOND, THIRD)
    path = tmp_path / f"program-{second.program_id}" / "2026-11-02.seal"
    title, *lines = path.read_text(encoding="utf-8").splitlines()
    key = keys.seal_key("test", purpose=seals.PURPOSE)

    assert title == "tokuten day seal 1"
    assert lines[:4] == [
        f"program {second.program_id}",
        "day 2026-11-02",
        "key test",
        f"previous {first.head}",
    ]
    assert lines[-3:] == [f"rows {second.rows}", f"points {second.points}", f"head {second.head}"]
    assert len(lines[4:-3]) == second.rows > 10
    link = bytes.fromhex(first.head)
    for line in lines[4:-3]:
        table, row_id, digits = line.split(" ")
        row = seals.row_now(table, row_id)
        assert row is not None
        link = link_after(key, link, row)
        assert digits == link.hex()
    totals = DayTotals(second.program_id, "2026-11-02", second.rows, second.points, first.head, "test")
    assert head_of(key, totals, link) == second.head
    assert path.read_bytes().endswith(b"\n")
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.django_db
def test_two_purposes_of_a_key_have_nothing_in_common() -> None:
    assert keys.seal_key("test", purpose=seals.PURPOSE) != keys.seal_key("test", purpose="claim journal")
