"""The yardstick for claims: a WSGI application without a framework, that checks a code and does the writes.

It has the keys of one series and one batch at hand and is told the ids of member and wallet: no session, no
sign-in, no form token, nothing to look up. It decides nothing either: a code that was claimed before is an
error. All statements go out together, prepared, and the one Sync at their end commits them: one round trip.
"""

import hashlib
import hmac
import json
import os
import threading
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import psycopg
from psycopg.types.numeric import Int8

from giftcodes import codec

_plan = json.loads(os.environ["BARE_APP"])
_constants = {name: Int8(value) for name, value in _plan["numbers"].items()} | _plan["texts"]
_series_key, _batch_key = (bytes.fromhex(_plan[name]) for name in ("series_key", "batch_key"))
_thread = threading.local()


def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode()
    form = dict(parse_qsl(body))
    serial = _serial_of(codec.normalise(form["code"]))
    balance = _claim(
        member=int(form["member"]), wallet=int(form["wallet"]), claim=_plan["series"] * 10**9 + serial
    )
    answer = f"{_plan['numbers']['points']} {balance}".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(answer)))])
    return [answer]


def _serial_of(code: str) -> int:
    serial, tag = codec.decode(code, series_key=_series_key)
    if not hmac.compare_digest(
        b"%05d" % tag, b"%05d" % codec.tag_of(serial, series=_plan["series"], batch_key=_batch_key)
    ):
        raise ValueError("not a code of this batch")
    return serial


def _claim(*, member: int, wallet: int, claim: int) -> int:
    key = f"claim:{claim}"
    values = _constants | {
        "member": Int8(member),
        "wallet": Int8(wallet),
        "claim": Int8(claim),
        "serial": Int8(claim % 10**9),
        "key": key,
        "transfer": uuid.UUID(bytes=hashlib.sha256(key.encode()).digest()[:16]),
        "now": datetime.now(UTC),
    }
    connection = _connection()
    with connection.pipeline():
        cursors = [
            connection.execute(sql, [values[name] for name in names], prepare=True)
            for sql, names in _plan["statements"]
        ]
    balance: int = cursors[-1].fetchall()[0][0]
    return balance


def _connection() -> psycopg.Connection[Any]:
    if not hasattr(_thread, "connection"):
        _thread.connection = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
    connection: psycopg.Connection[Any] = _thread.connection
    return connection
