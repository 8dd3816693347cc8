"""The contest behind bench_claims: who takes part, what they send, and the proof that the work was done."""

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import numpy as np
from django.conf import settings
from django.contrib.auth import get_user_model
from django.middleware.csrf import get_token
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from giftcodes import codec, keys
from giftcodes.locking import share_batch
from giftcodes.models import Batch, Claim
from giftcodes.services import claims
from ledger import audit
from ledger import services as ledger
from ledger.expiry import end_after_days
from ledger.models import Reason
from ledger.statements import Statement, fold
from parties.models import Member
from tests import make, servers
from tests.benchmarks.load import Lane, Outcome, Plan, summary
from tests.benchmarks.stage import SITE
from tests.benchmarks.table import Row

CONNECTIONS = 16
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SECONDS, WARM_UP = 3.0, 0.5
MAX_RATE = 16_000  # claims per second that nobody reaches: so many codes are at hand
BATCH_SIZE = 10_000_000  # one row
GRANIAN = ("--workers", "2", "--blocking-threads", "4", "--backpressure", "64", "--no-ws", "--http", "1", "--workers-kill-timeout", "5")


class Person(NamedTuple):
    """A member who is signed in: their wallet, and what their browser sends."""

    member_id: int
    wallet_id: int
    cookies: str
    form_token: str


class Stock:
    """The unclaimed codes of one batch, given out in ranges, each serial once."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self._next = batch.first_serial

    def take(self, size: int) -> range:
        taken = range(self._next, self._next + size)
        self._next = taken.stop
        if self._next > self.batch.first_serial + self.batch.size:
            raise RuntimeError("the batch is used up")
        return taken

    def codes(self, serials: range) -> list[str]:
        encoded = codec.encode(
            np.arange(serials.start, serials.stop, dtype=np.int64),
            series=self.batch.series_id,
            series_key=keys.series_key(self.batch.series),
            batch_key=keys.batch_key(self.batch),
        )
        return [code.decode() for code in encoded]


class Contender(ABC):
    """One way to claim, and the outcomes of its rounds."""

    def __init__(self, name: str, note: str = "") -> None:
        self.name, self.note = name, note
        self.outcomes: list[Outcome] = []
        self.done = 0

    @abstractmethod
    def measure(self, stock: Stock, people: list[Person]) -> Outcome:
        """Claim as fast as it goes, for SECONDS."""

    def row(self, yardstick: "Contender") -> Row:
        rate, p50, p99 = (
            statistics.median(column) for column in list(zip(*self.outcomes, strict=True))[1:]
        )
        pairs = zip(self.outcomes, yardstick.outcomes, strict=True)
        ratio = statistics.median(mine.rate / other.rate for mine, other in pairs)
        return Row(self.name, rate, "claims/s", ratio, f"p50 {p50:.1f} ms, p99 {p99:.1f} ms{self.note}")


class WebServer(Contender):
    """A WSGI application behind granian; `is_bare` if it takes serial numbers and ids instead of codes and cookies."""

    def __init__(self, name: str, folder: Path, target: str, *, is_bare: bool = False, options: tuple[str, ...] = ()) -> None:
        super().__init__(name)
        self.path, self.target, self.is_bare = folder / f"{target.replace(':', '-')}.sock", target, is_bare
        self.command = ["-m", "granian", "--interface", "wsgi", "--uds", str(self.path), *GRANIAN, *options, target]

    @contextmanager
    def running(self, environment: dict[str, str]) -> Iterator[None]:
        process = subprocess.Popen(
            [sys.executable, *self.command, "--log-level", "warning"], env=os.environ | environment, stdin=subprocess.DEVNULL, start_new_session=True,
        )
        try:
            deadline = time.monotonic() + 30
            while not _accepts(self.path):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{self.target} does not start")
                time.sleep(0.1)
            yield
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def measure(self, stock: Stock, people: list[Person]) -> Outcome:
        share = int(MAX_RATE * SECONDS) // len(people)
        lanes = [self._lane(stock, stock.take(share), person) for person in people]
        plan = Plan(path=str(self.path), seconds=SECONDS, warm_up=WARM_UP, lanes=lanes)
        driver = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.load"],
            input=json.dumps(plan),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        outcome = Outcome(*json.loads(driver.stdout))
        wanted = {"200"} if self.is_bare else {"303"}
        if set(outcome.statuses) != wanted:
            raise RuntimeError(f"{self.name} answered {outcome.statuses}")
        return outcome

    def _lane(self, stock: Stock, serials: range, person: Person) -> Lane:
        if self.is_bare:
            form = urlencode({"member": person.member_id, "wallet": person.wallet_id, "claim": ""})
            tails = [str(stock.batch.first_claim_id - stock.batch.first_serial + serial) for serial in serials]
        else:
            form = urlencode({"csrfmiddlewaretoken": person.form_token, "code": ""})
            tails = stock.codes(serials)
        head = [
            f"POST {reverse('claim')} HTTP/1.1",
            f"Host: {SITE}",
            "X-Forwarded-Proto: https",
            f"Origin: https://{SITE}",
            f"Cookie: {person.cookies}",
            "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "Accept-Encoding: gzip, deflate, br",
            "Accept-Language: ja,en;q=0.7",
            "User-Agent: Mozilla/5.0 (benchmark)",
            "Content-Type: application/x-www-form-urlencoded",
            f"Content-Length: {len(form) + len(tails[0])}",
        ]
        return Lane(head="\r\n".join(head) + f"\r\n\r\n{form}", tails=tails)


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


class Pgbench(Contender):
    """The database's own benchmark with the same statements: no web server, no Python."""

    def __init__(self, name: str, folder: Path, script: str) -> None:
        super().__init__(name)
        self.folder = folder
        self.script = folder / f"{name.replace(' ', '-').replace(',', '')}.sql"
        self.script.write_text(script)

    def measure(self, stock: Stock, people: list[Person]) -> Outcome:
        share = int(MAX_RATE * SECONDS) // len(people)
        first = stock.take(share * len(people)).start
        variables = {
            "n": -1,
            "share": share,
            "first_claim": stock.batch.first_claim_id - stock.batch.first_serial + first,
            "first_member": people[0].member_id,
            "first_wallet": people[0].wallet_id,
        }
        options = ["-n", "-c", str(len(people)), "-j", "2", "-T", str(round(SECONDS)), "-M", "prepared", "-f", self.script]
        options += [part for name, value in variables.items() for part in ("-D", f"{name}={value}")]
        prefix = self.folder / "pgbench_log"
        subprocess.run(
            [servers.postgresql_binary("pgbench"), *options, "-l", "--log-prefix", prefix, os.environ["DATABASE_URL"]],
            capture_output=True,
            check=True,
        )
        latencies = []
        for log in self.folder.glob("pgbench_log.*"):
            latencies += [int(line.split()[2]) / 1000 for line in log.read_text().splitlines()]
            log.unlink()
        return summary({"done": len(latencies)}, latencies, SECONDS)


def rows(folder: Path) -> list[Row]:
    """Let the contenders take turns, prove what they did, and give their rows; the bare application is the yardstick."""
    stock = Stock(_batch())
    people = _with_wallets([_person() for _ in range(CONNECTIONS)], stock.batch)
    bare = WebServer("bare WSGI application, one round trip", folder, "tests.benchmarks.bare_app:application", is_bare=True)
    webs = [
        bare,
        WebServer("Tokuten", folder, "config.wsgi:application"),
        WebServer("the same page, ORM", folder, "tests.benchmarks.orm_site:row_by_row", options=("--factory",)),
        WebServer("the same page, ORM, batch row locked", folder, "tests.benchmarks.orm_site:batch_locked", options=("--factory",)),
    ]
    contenders = [
        *webs,
        Pgbench("pgbench, statement by statement", folder, _script(stock.batch, is_pipelined=False)),
        Pgbench("pgbench, one pipeline", folder, _script(stock.batch, is_pipelined=True)),
    ]
    environment = {"BARE_APP": json.dumps({"statements": _statements(is_folded=True), **_constants(stock.batch)})}
    with ExitStack() as running:
        for web in webs:
            running.enter_context(web.running(environment))
        for number in range(-1, ROUNDS):
            for contender in contenders:
                outcome = contender.measure(stock, people)
                print(number, contender.name, outcome, file=sys.stderr)
                contender.done += sum(outcome.statuses.values())
                if number >= 0:
                    contender.outcomes.append(outcome)
    _prove(contenders)
    return [contender.row(bare) for contender in contenders]


def _batch() -> Batch:
    now = timezone.now()
    return make.live_batch(
        size=BATCH_SIZE,
        face_points=1,
        approved_at=now - timedelta(hours=1),
        claim_from=now - timedelta(days=1),
        claim_until=now + timedelta(days=30),
    )


def _person() -> Person:
    """A member whose browser has signed in through Django's own session code."""
    member = make.member()
    browser = Client(headers={"x-forwarded-proto": "https"})
    browser.force_login(get_user_model().objects.get(member=member), backend=settings.AUTHENTICATION_BACKENDS[0])
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
        ledger.open_wallet(member=members[person.member_id], program=batch.brand.program, at=now).pk for person in people
    ]
    people = [person._replace(wallet_id=wallet) for person, wallet in zip(people, wallets, strict=True)]
    first = people[0]
    if any((person.member_id - first.member_id, person.wallet_id - first.wallet_id) != (n, n) for n, person in enumerate(people)):
        raise RuntimeError("the ids of members or wallets are not consecutive")
    return people


def _statements(*, is_folded: bool) -> list[Statement]:
    """The statements of a claim as the services send them, with the names of values in the place of values."""
    claim = ["claim", "member", "now", "batch", "now", "now", "batch", "serial", "serial", "member", "program"]
    lot = ["wallet", "funder", "transfer", "points", "points", "now", "expires_at"]
    grant = [
        Statement(ledger._INSERT_TRANSFER, ["transfer", "key", "reason", "now"]),
        Statement(ledger._INSERT_POSTING, ["transfer", "unclaimed", "wallet", "points", "now"]),
        Statement(ledger._INSERT_LOT, lot),
        Statement(ledger._CREDIT_WALLET, ["points", "wallet"]),
    ]
    return [
        Statement(share_batch(0)[0].sql, ["lock"]),
        Statement(claims._INSERT_CLAIM.format(now="%s"), claim),
        *(fold(*grant) if is_folded else grant),
    ]


def _constants(batch: Batch) -> dict[str, dict[str, Any]]:
    numbers = {
        "lock": share_batch(batch.pk)[0].params[0],
        "batch": batch.pk,
        "points": batch.face_points,
        "funder": batch.brand_id,
        "program": batch.brand.program_id,
        "unclaimed": batch.unclaimed_id,
    }
    expires_at = end_after_days(timezone.now(), days=batch.lot_life_days)
    return {"numbers": numbers, "texts": {"reason": Reason.CLAIM.value, "expires_at": expires_at.isoformat()}}


def _script(batch: Batch, *, is_pipelined: bool) -> str:
    """The same statements for pgbench, in which each client counts through its own serials."""
    constants = _constants(batch)
    values = {name: str(value) for name, value in constants["numbers"].items()}
    values |= {name: f"'{value}'" for name, value in constants["texts"].items()}
    values |= {name: f":{name}" for name in ("claim", "member", "wallet", "serial")}
    values |= {
        "now": "now()",
        "key": "'claim:' || :claim::bigint",
        "transfer": "substr(encode(sha256(('claim:' || :claim::bigint)::bytea), 'hex'), 1, 32)::uuid",
    }
    filled = [sql.replace("%s", "{}").format(*(values[name] for name in names)) + ";" for sql, names in _statements(is_folded=is_pipelined)]
    variables = [
        r"\set n :n + 1",
        r"\set member :first_member + :client_id",
        r"\set wallet :first_wallet + :client_id",
        r"\set claim :first_claim + :client_id * :share + :n",
        r"\set serial :claim % 1000000000",
    ]
    transaction = ["BEGIN;", *filled, "COMMIT;"]
    if is_pipelined:
        transaction = [r"\startpipeline", *transaction, r"\endpipeline"]
    return "\n".join([*variables, *transaction, ""])


def _prove(acknowledged: int) -> None:
    """The claims that are in the database are those that were acknowledged, and the books are in order."""
    claimed = Claim.objects.count()
    if acknowledged != claimed:
        raise RuntimeError(f"{acknowledged} claims were acknowledged, {claimed} are in the database")
