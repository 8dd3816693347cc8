"""Who takes part in the contest of claims, and how each is driven."""

import os
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import numpy as np
from django.urls import reverse

from giftcodes import codec, keys
from giftcodes.models import Batch
from tests import servers
from tests.benchmarks.load import Outcome, summary
from tests.benchmarks.serving import SECONDS, Served, median_row
from tests.benchmarks.stage import SITE
from tests.benchmarks.table import Row

CODE_LENGTH = 16
MAX_RATE = 16_000  # claims per second that nobody reaches: so many codes are at hand


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

    def __init__(self, name: str) -> None:
        self.name = name
        self.outcomes: list[Outcome] = []

    @abstractmethod
    def measure(self, stock: Stock, people: list[Person]) -> Outcome:
        """Claim as fast as it goes, for SECONDS."""

    def row(self, yardstick: "Contender") -> Row:
        return median_row(self.name, self.outcomes, yardstick.outcomes, "claims/s")


class WebServer(Contender):
    """A WSGI application behind granian; `is_bare` if it takes ids of a member instead of cookies."""

    def __init__(
        self, name: str, folder: Path, target: str, *, is_bare: bool = False, options: tuple[str, ...] = ()
    ) -> None:
        super().__init__(name)
        self.is_bare, self._served = is_bare, Served(folder, target, *options)
        self.running = self._served.running

    def measure(self, stock: Stock, people: list[Person]) -> Outcome:
        heads = [self._head(person) for person in people]
        codes = stock.codes(stock.take(int(MAX_RATE * SECONDS)))
        return self._served.drive(heads, codes, wanted="200" if self.is_bare else "303")

    def _head(self, person: Person) -> str:
        if self.is_bare:
            form = urlencode({"member": person.member_id, "wallet": person.wallet_id, "code": ""})
        else:
            form = urlencode({"csrfmiddlewaretoken": person.form_token, "code": ""})
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
            f"Content-Length: {len(form) + CODE_LENGTH}",
        ]
        return "\r\n".join(head) + f"\r\n\r\n{form}"


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
        options = f"-n -c {len(people)} -j 2 -T {SECONDS:.0f} -M prepared -l".split()
        options += [part for name, value in variables.items() for part in ("-D", f"{name}={value}")]
        prefix = self.folder / "pgbench_log"
        options += ["-f", str(self.script), "--log-prefix", str(prefix), os.environ["DATABASE_URL"]]
        pgbench = servers.postgresql_binary("pgbench")
        subprocess.run([pgbench, *options], capture_output=True, check=True)
        latencies = []
        for log in self.folder.glob("pgbench_log.*"):
            latencies += [int(line.split()[2]) / 1000 for line in log.read_text().splitlines()]
            log.unlink()
        return summary({"done": len(latencies)}, latencies, SECONDS)
