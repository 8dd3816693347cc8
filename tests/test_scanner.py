"""The scanner finds what it looks for, in every form, or its silence would prove nothing."""

import base64
import gzip
import json
import os
import zlib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from urllib.parse import quote

import pytest
import redis
from django.conf import settings
from django.db import connection

from giftcodes import codec
from giftcodes import services as giftcodes
from giftcodes.models import Void
from ledger.statements import database_time
from parties.models import Brand
from tests import make, scanner
from tests.scanner import Source

pytestmark = pytest.mark.django_db

WIDE = str.maketrans("0123456789", "０１２３４５６７８９")
FORMS: dict[str, Callable[[str], bytes]] = {
    "plain": str.encode,
    "among digits": lambda code: f"2026{code}99".encode(),
    "grouped": lambda code: codec.group(code).encode(),
    "grouped by spaces": lambda code: codec.group(code).replace("-", " ").encode(),
    "grouped by long dashes": lambda code: codec.group(code).replace("-", " － ").encode(),
    "full-width": lambda code: code.translate(WIDE).encode(),
    "full-width, in json": lambda code: json.dumps(code.translate(WIDE)).encode(),
    "UTF-16": lambda code: code.encode("utf-16"),
    "UTF-32": lambda code: code.encode("utf-32"),
    "URL": lambda code: f"https://points.example.com/#c={code}".encode(),
    "percent-encoded": lambda code: "".join(f"%{byte:02x}" for byte in code.encode()).encode(),
    "full-width in a URL": lambda code: quote(code.translate(WIDE)).encode(),
    "unicode escapes": lambda code: "".join(f"\\u00{byte:02X}" for byte in code.encode()).encode(),
    "HTML entities": lambda code: "".join(f"&#{byte};" for byte in code.encode()).encode(),
    "hexadecimal": lambda code: b"\\x" + code.encode().hex().encode(),
    "hexadecimal, shifted": lambda code: b"7" + codec.group(code).encode().hex().upper().encode(),
    "base64": lambda code: base64.b64encode(f'{{"text": "{code}"}}'.encode()),
    "base64, shifted": lambda code: b"=a" + base64.urlsafe_b64encode(f"?>?{codec.group(code)}".encode()),
    "base64 twice": lambda code: base64.b64encode(base64.b64encode(code.encode())),
    "zlib": lambda code: b"x" + zlib.compress(code.encode()),
    "gzip": lambda code: gzip.compress(codec.group(code).encode()),
    "zlib in base64": lambda code: base64.urlsafe_b64encode(zlib.compress((code * 3).encode())),
    "integer": lambda code: b"abc" + int(code).to_bytes(8, "big"),
    "little-endian integer": lambda code: b"a" + int(code).to_bytes(8, "little"),
    "packed decimal": lambda code: b"a" + bytes.fromhex(code),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_planted_code_is_found_in_every_form(form: str) -> None:
    batch = make.batch(size=100)
    codes = scanner.codes_to_look_for(batch)
    for place in (0, 57, 99):
        planted = FORMS[form](make.code_of(batch, place))
        data = os.urandom(333) + b"\nuser=4711 " + planted + b" 2026-11-21\n" + os.urandom(333)
        scan = scanner.scan(codes, [Source("log", data)])
        assert [found.name for found in scan.found][:1] == ["log"]
        assert scan.bytes_scanned == len(data)
        assert make.code_of(batch, place) not in repr(scan)


@pytest.mark.parametrize("form", FORMS)
def test_a_code_of_another_batch_is_not_found(form: str) -> None:
    codes, other = scanner.codes_to_look_for(make.batch(size=100)), make.batch(size=100)
    data = os.urandom(333) + FORMS[form](make.code_of(other)) + os.urandom(333)
    assert scanner.scan(codes, [Source("log", data)]).found == []


def test_a_code_across_two_pieces_is_found() -> None:
    batch = make.batch(size=10)
    codes, code = scanner.codes_to_look_for(batch), make.code_of(batch, 3).encode()
    for before in (scanner._PIECE - 8, scanner._PIECE - 16, scanner._PIECE, 2 * scanner._PIECE - 1):
        assert scanner.scan(codes, [Source("big", bytes(before) + code)]).found
    assert scanner.scan(codes, [Source("empty", b"")]).found == []


@pytest.mark.django_db(transaction=True)
def test_a_code_in_a_table_is_found_in_the_table_and_in_the_files_of_the_database() -> None:
    batch = make.batch(size=50)
    codes = scanner.codes_to_look_for(batch)
    assert scanner.scan(codes, scanner.database_sources()).found == []
    Brand.objects.filter(pk=batch.brand_id).update(legal_name=codec.group(make.code_of(batch, 7)))
    sources = list(scanner.database_sources())
    names = {found.name for found in scanner.scan(codes, sources).found}
    assert "table parties_brand" in names
    files = {source.name for source in sources if not source.name.startswith("table ")}
    assert bool(names & files) == bool(files)


@pytest.mark.django_db(transaction=True)
def test_a_code_in_a_session_is_found() -> None:
    batch = make.batch(size=50)
    session = import_module("django.contrib.sessions.backends.db").SessionStore()
    session["typed"] = [make.code_of(batch, 7)] * 40  # long enough to be stored compressed
    session.save()
    codes = scanner.codes_to_look_for(batch)
    assert scanner.scan(codes, scanner.session_sources()).found
    assert scanner.scan(codes, scanner.database_sources()).found


def test_a_code_in_redis_is_found() -> None:
    batch = make.batch(size=50)
    url, code = os.environ["TEST_REDIS_URL"], make.code_of(batch, 7)
    codes = scanner.codes_to_look_for(batch)
    with redis.Redis.from_url(url) as client:
        client.flushdb()
        client.set("harmless", "x")
        assert scanner.scan(codes, scanner.redis_sources(url)).found == []
        for command in (
            ("SET", "a", code * 20),
            ("RPUSH", "b", code),
            ("HSET", "c", code, "x"),
            ("ZADD", "d", 1, code),
            ("SADD", "e", code),
            ("XADD", "f", "*", "typed", code),
            ("SET", code, "x"),
        ):
            client.flushdb()
            client.execute_command(*command)
            assert scanner.scan(codes, scanner.redis_sources(url)).found
        client.flushdb()


@pytest.mark.django_db(transaction=True)
def test_minting_claiming_and_voiding_leave_no_code_anywhere(caplog: pytest.LogCaptureFixture) -> None:
    batch = make.batch(size=3_000)
    while giftcodes.mint_next_chunk(batch_id=batch.pk, at=database_time()):
        pass
    giftcodes.claim_code(text=make.code_of(batch), member=make.member())
    giftcodes.void_codes(
        batch_id=batch.pk,
        first_serial=batch.first_serial + 5,
        last_serial=batch.first_serial + 5,
        reason="lost",
        requested_by=make.user(),
        approved_by=make.user(),
        at=database_time(),
    )
    assert Void.objects.count() == 1

    sources = [
        *scanner.database_sources(),
        *scanner.session_sources(),
        *scanner.folder_sources(Path(settings.VAR_DIR)),
        *scanner.redis_sources(os.environ["TEST_REDIS_URL"]),
        Source("log", caplog.text.encode()),
    ]
    scan = scanner.scan(scanner.codes_to_look_for(batch), sources)
    print(f"{connection.vendor}: {scan.bytes_scanned:,} bytes scanned")
    assert scan.found == []
    assert any(source.name.endswith(".zip") for source in sources)
