"""The yardstick for claims: a WSGI application without a framework that does the writes of a claim and nothing else.

It is handed a serial number, not a code, and the ids of a member and a wallet: no code to check, no session, no form
token, nothing to look up. It decides nothing either: a serial number that was claimed before is an error. All
statements go out together, prepared, and the one Sync at their end commits them: one round trip.
"""

import hashlib
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

_plan = json.loads(os.environ["BARE_APP"])
_constants = {name: Int8(value) for name, value in _plan["numbers"].items()} | _plan["texts"]
_thread = threading.local()


def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode()
    form = {name: int(value) for name, value in parse_qsl(body)}
    balance = _claim(**form)
    answer = f"{_plan['numbers']['points']} {balance}".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(answer)))])
    return [answer]


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
