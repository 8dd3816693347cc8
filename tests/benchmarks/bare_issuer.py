"""The yardstick for gifts: a WSGI application without a framework that does the writes of an issue.

It is told client, batch and keys of the codes, and looks nothing up: no key of a client, no limits, no
campaign, no idempotency. It draws from a strand and writes request, gift and event with the service's own
statements, prepared and sent together; the one Sync at their end commits them. Its answer has the fields of
ours, with the code.
"""

import hashlib
import json
import os
import random
import threading
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.types.numeric import Int8

from giftcodes import codec

_plan = json.loads(os.environ["BARE_ISSUER"])
_constants = {name: Int8(value) for name, value in _plan["numbers"].items()} | _plan["texts"]
_series_key, _batch_key = (bytes.fromhex(_plan[name]) for name in ("series_key", "batch_key"))
_thread = threading.local()


def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    wish, key = json.loads(body), environ["HTTP_IDEMPOTENCY_KEY"]
    answer = json.dumps(_issue(wish["recipient_ref"], key, hashlib.sha256(body).hexdigest())).encode()
    head = [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))]
    start_response("201 Created", head)
    return [answer]


def _issue(recipient: str, key: str, fingerprint: str) -> dict[str, Any]:
    now, gift, points = datetime.now(UTC), uuid.uuid4(), _plan["numbers"]["points"]
    shown = {"points": points, "claim_until": _plan["texts"]["claim_until"], "recipient_ref": recipient}
    values = _constants | {
        "start": Int8(random.randrange(_plan["strands"])),  # as the service does
        "key_digest": hashlib.sha256(key.encode()).hexdigest(),
        "fingerprint": fingerprint,
        "now": now,
        "gifts": json.dumps([{"place": 0, "public_id": gift.hex, "metadata": {}, **shown}]),
        "events": json.dumps(
            [
                {
                    "number": 0,
                    "id": uuid.uuid4().hex,
                    "type": "gift.issued",
                    "object": str(gift),
                    "place": 1,
                    "data": {"gift": str(gift), **shown},
                }
            ]
        ),
    }
    connection = _connection()
    with connection.pipeline():
        issued, *_ = [
            connection.execute(sql, [values[name] for name in names], prepare=True)
            for sql, names in _plan["statements"]
        ]
    [(number, _position)] = issued.fetchall()
    code = codec.encode_one(
        number % 10**9, series=_plan["series"], series_key=_series_key, batch_key=_batch_key
    )
    more = {"status": "issued", "metadata": {}, "issued_at": now.isoformat()}
    link = f"{_plan['claim_url_base']}#c={code}"
    return {"id": str(gift), "serial": str(number), **shown, **more, "code": code, "url": link}


def _connection() -> psycopg.Connection[Any]:
    if not hasattr(_thread, "connection"):
        _thread.connection = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
    connection: psycopg.Connection[Any] = _thread.connection
    return connection
