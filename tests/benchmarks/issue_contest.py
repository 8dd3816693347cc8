"""The contest behind bench_issue: a campaign whose gifts are issued, and those who issue them in turn."""

import itertools
import json
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.core.management import call_command
from django.db import connections
from django.utils import timezone
from psycopg import sql

from campaigns.queries import limit_group_of
from giftcodes import keys
from giftcodes.gift_models import MAX_STRANDS, GiftRequest
from giftcodes.models import Batch, claim_id_of
from giftcodes.services import gifts
from parties import events
from parties.api_models import ApiClient, Scope
from tests import make
from tests.benchmarks.load import Outcome
from tests.benchmarks.serving import Served, median_row
from tests.benchmarks.stage import SITE
from tests.benchmarks.table import Row
from tests.redemption_site import visits

CONNECTIONS = (1, 16, 64)
BESIDE = 16  # connections, where the real site is measured beside itself
SECONDS, ROUNDS = 2.0, 5
MAX_RATE = 8_000  # gifts per second that nobody reaches: so many keys are at hand
SIZE = 5_000_000  # one row, and its strands
BODY = json.dumps({"campaign": "spring", "recipient_ref": "user-1077"})
_numbers = itertools.count()


class Issuer:
    """One way to issue, and the outcomes of its rounds. `is_repeating`: with keys that were used before."""

    def __init__(self, name: str, served: Served, key: str, *, is_repeating: bool = False) -> None:
        self.name, self._served, self._key, self._is_repeating = name, served, key, is_repeating
        self._used: list[str] = []
        self.outcomes: list[Outcome] = []

    def measure(self, number: int) -> Outcome:
        """Issue as fast as it goes on so many connections."""
        tails = self._repeats() if self._is_repeating else _fresh_tails(int(MAX_RATE * SECONDS))
        return self._served.drive([self._head()] * number, tails, wanted="201", seconds=SECONDS)

    def row(self, yardstick: "Issuer") -> Row:
        return median_row(self.name, self.outcomes, yardstick.outcomes, "gifts/s")

    def _repeats(self) -> list[str]:
        """A thousand keys over and over; the first time, the warm-up round, they issue."""
        self._used = self._used or _fresh_tails(1_000)
        return self._used * int(MAX_RATE * SECONDS / 1_000)

    def _head(self) -> str:
        head = [
            "POST /api/v1/gifts HTTP/1.1",
            f"Host: {SITE}",
            "X-Forwarded-Proto: https",
            f"Authorization: Bearer {self._key}",
            "Accept: application/json",
            "User-Agent: shop/1.0",
            "Content-Type: application/json",
            f"Content-Length: {len(BODY)}",
        ]
        return "\r\n".join(head) + "\r\n"


def _fresh_tails(number: int) -> list[str]:
    return [f"Idempotency-Key: order-{next(_numbers)}\r\n\r\n{BODY}" for _ in range(number)]


def rows(folder: Path) -> list[Row]:
    """Let them take turns at each number of connections, prove what they did, and give their rows; a ratio
    is to the bare application, of the last three to the site with fresh keys.
    """
    client, batch = _giving_client()
    _key, text = make.api_key(client, Scope.GIFTS_ISSUE, at=timezone.now())
    bare = Served(folder, "tests.benchmarks.bare_issuer:application")
    real = Served(folder, "config.wsgi:application")
    keyless = Served(folder, "tests.benchmarks.keyless_site:application")
    found: list[Row] = []
    with _copy_without_requests() as copy, ExitStack() as running:
        running.enter_context(bare.running({"BARE_ISSUER": json.dumps(_bare_plan(client, batch))}))
        running.enter_context(real.running({}))
        running.enter_context(keyless.running({"DATABASE_URL": copy}))
        for number in CONNECTIONS:
            pair = [Issuer("bare application", bare, text), Issuer("Tokuten", real, text)]
            found += _stage(number, pair)
        beside = [
            Issuer("Tokuten", real, text),
            Issuer("without the layer of the key", keyless, text),
            Issuer("repeats of used keys", real, text, is_repeating=True),
        ]
        found += _stage(BESIDE, beside)
    call_command("audit", stdout=sys.stderr)  # ends the process if anything does not add up
    return found


def _stage(number: int, issuers: list[Issuer]) -> list[Row]:
    for place in range(ROUNDS + 1):
        for issuer in issuers:
            before = GiftRequest.objects.count()
            outcome = issuer.measure(number)
            _prove(issuer, sum(outcome.statuses.values()), GiftRequest.objects.count() - before)
            if place > 0:  # the first is for the caches of all of them
                issuer.outcomes.append(outcome)
    title = f"{number} connection{'s' if number > 1 else ''}"
    return [issuer.row(issuers[0])._replace(name=f"{title}: {issuer.name}") for issuer in issuers]


def _prove(issuer: Issuer, answered: int, written: int) -> None:
    """What is written is what was answered, but for repeats and for the copy, which write nothing here."""
    wanted = {"without the layer of the key": 0, "repeats of used keys": min(written, 1_000)}
    if written != wanted.get(issuer.name, answered):
        raise RuntimeError(f"{issuer.name} answered {answered} times and wrote {written} requests")


def _giving_client() -> tuple[ApiClient, Batch]:
    """A partner system whose limits nobody reaches, and the order that it issues from."""
    now = timezone.now()
    brand = make.brand(funds=SIZE)
    campaign = visits.campaign(brand=brand)
    batch = make.gift_batch(
        brand=brand,
        size=SIZE,
        face_points=1,
        limit_group=limit_group_of(campaign),
        approved_at=now - timedelta(hours=1),
        claim_from=now - timedelta(days=1),
        claim_until=now + timedelta(days=30),
    )
    limits = {"rate_per_second": 10_000, "burst": 100_000, "points_per_day": 10**12}
    return make.api_client(brand, **limits), batch


def _bare_plan(client: ApiClient, batch: Batch) -> dict[str, Any]:
    """What the bare application knows: the service's statements, and what it would have looked up."""
    one = "one"
    drawn = ["batch", one, "points", "start", one, "points", one]
    record = ["client", "key_digest", "fingerprint", "batch", one, "now"]
    event, _ = events.statement(brand_id=batch.brand_id, events=[], at=timezone.now())
    return {
        "statements": [
            (
                gifts._ISSUE.format(lock=" SKIP LOCKED"),
                [*drawn, *record, "base", "brand", "batch", "now", "gifts"],
            ),
            (event, ["brand", "brand", "now", "events", "brand"]),
        ],
        "numbers": {
            "batch": batch.pk,
            one: 1,
            "points": batch.face_points,
            "client": client.pk,
            "brand": batch.brand_id,
            "base": claim_id_of(batch.series_id, 0),
        },
        "texts": {"claim_until": batch.claim_until.isoformat()},
        "strands": MAX_STRANDS,
        "series": batch.series_id,
        "series_key": keys.series_key(batch.series).hex(),
        "batch_key": keys.batch_key(batch).hex(),
        "claim_url_base": batch.claim_url_base,
    }


@contextmanager
def _copy_without_requests() -> Iterator[str]:
    """The URL of a copy of the database, gone afterwards, in which gifts need no request row."""
    connections.close_all()
    parts = urlsplit(os.environ["DATABASE_URL"])
    original, name = parts.path.removeprefix("/"), f"{parts.path.removeprefix('/')}_keyless"
    server, copy = urlunsplit(parts._replace(path="/postgres")), urlunsplit(parts._replace(path=f"/{name}"))
    with psycopg.connect(server, autocommit=True) as connection:
        command = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        connection.execute(command.format(sql.Identifier(name), sql.Identifier(original)))
    try:
        with psycopg.connect(copy, autocommit=True) as connection:
            connection.execute("ALTER TABLE giftcodes_gift ALTER COLUMN request_id DROP NOT NULL")
        yield copy
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
