"""The stages behind bench_load: so many claims in the tables, so many connections, two contenders in turn."""

import json
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from django.core.management import call_command
from django.utils import timezone

from giftcodes.models import Claim
from tests.benchmarks.claim_contest import open_batch, prove, signed_in_people
from tests.benchmarks.claim_sql import bare_plan
from tests.benchmarks.claims_fill import fill_claims
from tests.benchmarks.contenders import Person, Stock, WebServer
from tests.benchmarks.table import Row

CONNECTIONS = (16, 64)
CODES_PER_STAGE = 2_500_000  # more than two servers claim in all rounds
CLAIMS_PER_MEMBER = 50


def rows(folder: Path, *, existing: tuple[int, ...], rounds: int) -> list[Row]:
    """Fill, let both take turns, fill more, again; prove what they did at each step."""
    stock = Stock(open_batch(CODES_PER_STAGE * len(existing)))
    people = signed_in_people(max(CONNECTIONS), stock.batch)
    found = []
    with ExitStack() as running:
        servers = _servers(folder)
        for server in servers:
            running.enter_context(server.running({"BARE_APP": json.dumps(bare_plan(stock.batch))}))
        for claims in existing:
            _fill_up_to(claims)
            for connections in CONNECTIONS:
                table = _stage(servers, stock, people[:connections], rounds)
                title = f"{claims:,} claims before, {connections} connections"
                found += [row._replace(name=f"{title}: {row.name}") for row in table]
    call_command("audit", stdout=sys.stderr)  # ends the process if anything does not add up
    return found


def _servers(folder: Path) -> tuple[WebServer, WebServer]:
    bare = WebServer("bare", folder, "tests.benchmarks.bare_app:application", is_bare=True)
    return bare, WebServer("Tokuten", folder, "config.wsgi:application")


def _fill_up_to(claims: int) -> None:
    missing = claims - Claim.objects.count()
    if missing > 0:
        begun = time.monotonic()
        batch = open_batch(missing)
        wallets = max(missing // CLAIMS_PER_MEMBER, 1)
        fill_claims(batch, first=0, number=missing, wallets=wallets, now=timezone.now())
        print(f"filled up to {claims:,} claims in {time.monotonic() - begun:.0f} s", file=sys.stderr)


def _stage(
    servers: tuple[WebServer, WebServer], stock: Stock, people: list[Person], rounds: int
) -> list[Row]:
    claims = Claim.objects.count()
    for server in servers:
        server.outcomes.clear()
    for number in range(rounds + 1):
        for server in servers:
            outcome = server.measure(stock, people)
            claims += sum(outcome.statuses.values())
            prove(server, claims)
            if number > 0:  # the first is for the caches of both
                server.outcomes.append(outcome)
    return [server.row(servers[0]) for server in servers]
