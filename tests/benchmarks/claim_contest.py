"""The contest behind bench_claims: the stage is set, all take turns, and the work is proved to be done."""

import json
import sys
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.middleware.csrf import get_token
from django.test import Client, RequestFactory
from django.utils import timezone

from giftcodes.models import Batch, Claim
from ledger import services as ledger
from parties.models import Member
from tests import make
from tests.benchmarks.claim_sql import bare_plan, pgbench_script
from tests.benchmarks.contenders import Contender, Person, Pgbench, Stock, WebServer
from tests.benchmarks.table import Row

CONNECTIONS = 16
ROUNDS = 5
BATCH_SIZE = 10_000_000  # one row


def rows(folder: Path) -> list[Row]:
    """Let them take turns, prove what they did, and give their rows; ratios are to the bare application."""
    stock = Stock(open_batch(BATCH_SIZE))
    people = signed_in_people(CONNECTIONS, stock.batch)
    bare = WebServer(
        "bare WSGI application, one round trip", folder, "tests.benchmarks.bare_app:application", is_bare=True
    )
    webs = [
        bare,
        WebServer("Tokuten", folder, "config.wsgi:application"),
        WebServer(
            "the same page, ORM", folder, "tests.benchmarks.orm_site:row_by_row", options=("--factory",)
        ),
        WebServer(
            "the same page, ORM, batch row locked",
            folder,
            "tests.benchmarks.orm_site:batch_locked",
            options=("--factory",),
        ),
    ]
    contenders = [
        *webs,
        Pgbench("pgbench, statement by statement", folder, pgbench_script(stock.batch, is_pipelined=False)),
        Pgbench("pgbench, one pipeline", folder, pgbench_script(stock.batch, is_pipelined=True)),
    ]
    environment = {"BARE_APP": json.dumps(bare_plan(stock.batch))}
    with ExitStack() as running:
        for web in webs:
            running.enter_context(web.running(environment))
        acknowledged = 0
        for number in range(ROUNDS + 1):
            for contender in contenders:
                outcome = contender.measure(stock, people)
                acknowledged += sum(outcome.statuses.values())
                prove(contender, acknowledged)
                if number > 0:  # the first is for the caches of all of them
                    contender.outcomes.append(outcome)
    call_command("audit", stdout=sys.stderr)  # ends the process if anything does not add up
    return [contender.row(bare) for contender in contenders]


def open_batch(size: int) -> Batch:
    """A batch of so many codes of one point that can be claimed now."""
    now = timezone.now()
    return make.live_batch(
        size=size,
        face_points=1,
        approved_at=now - timedelta(hours=1),
        claim_from=now - timedelta(days=1),
        claim_until=now + timedelta(days=30),
    )


def signed_in_people(number: int, batch: Batch) -> list[Person]:
    """So many members with a session, a form token and a wallet each."""
    return _with_wallets([_person() for _ in range(number)], batch)


def _person() -> Person:
    """A member whose browser has signed in through Django's own session code."""
    member = make.member()
    browser = Client(headers={"x-forwarded-proto": "https"})
    browser.force_login(
        get_user_model().objects.get(member=member), backend=settings.AUTHENTICATION_BACKENDS[0]
    )
    request = RequestFactory().get("/")
    form_token = get_token(request)
    cookies = {
        settings.SESSION_COOKIE_NAME: browser.cookies[settings.SESSION_COOKIE_NAME].value,
        settings.CSRF_COOKIE_NAME: request.META["CSRF_COOKIE"],
    }
    return Person(member.pk, 0, "; ".join(f"{name}={value}" for name, value in cookies.items()), form_token)


def _with_wallets(people: list[Person], batch: Batch) -> list[Person]:
    """Their wallets, opened one after another: pgbench counts through member and wallet ids."""
    now = timezone.now()
    members = Member.objects.in_bulk([person.member_id for person in people])
    wallets = [
        ledger.open_wallet(member=members[person.member_id], program=batch.brand.program, at=now).pk
        for person in people
    ]
    people = [person._replace(wallet_id=wallet) for person, wallet in zip(people, wallets, strict=True)]
    first = people[0]
    if any(
        (person.member_id - first.member_id, person.wallet_id - first.wallet_id) != (n, n)
        for n, person in enumerate(people)
    ):
        raise RuntimeError("the ids of members or wallets are not consecutive")
    return people


def prove(contender: Contender, acknowledged: int) -> None:
    """The claims in the database are those that were acknowledged, so far, by all."""
    claimed = Claim.objects.count()
    if acknowledged != claimed:
        raise RuntimeError(
            f"after {contender.name}, {acknowledged} are acknowledged and {claimed} in the database"
        )
