"""Web servers that are measured, and the driver that measures them."""

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.benchmarks.load import Outcome, Plan
from tests.benchmarks.table import Row

SECONDS, WARM_UP = 3.0, 0.5
WORKERS = 2
GRANIAN = (
    "--interface wsgi --workers 1 --blocking-threads 4 --backpressure 64 --http 1 --no-ws"
    " --log-level warning --workers-kill-timeout 5"
)


class Served:
    """A WSGI application behind granian, on one Unix socket per worker."""

    def __init__(self, folder: Path, target: str, *options: str) -> None:
        self.target, self.options = target, options
        self.paths = [folder / f"{target.replace(':', '-')}-{number}.sock" for number in range(WORKERS)]

    @contextmanager
    def running(self, environment: dict[str, str]) -> Iterator[None]:
        """One server per worker, as behind a proxy that balances: one worker may take all of a socket."""
        with ExitStack() as servers_running:
            for path in self.paths:
                command = [sys.executable, "-m", "granian", "--uds", str(path), *GRANIAN.split()]
                servers_running.enter_context(
                    _running([*command, *self.options, self.target], os.environ | environment)
                )
            deadline = time.monotonic() + 30
            while not all(_accepts(path) for path in self.paths):
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{self.target} does not start")
                time.sleep(0.1)
            yield

    def drive(self, heads: list[str], tails: list[str], *, wanted: str, seconds: float = SECONDS) -> Outcome:
        """Post for so many seconds on one connection per head; RuntimeError for any other status."""
        plan = Plan(
            paths=[str(path) for path in self.paths],
            seconds=seconds,
            warm_up=WARM_UP,
            heads=heads,
            tails=tails,
        )
        driver = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.load"],
            input=json.dumps(plan),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        outcome = Outcome(*json.loads(driver.stdout))
        if set(outcome.statuses) != {wanted}:
            raise RuntimeError(f"{self.target} answered {outcome.statuses}")
        return outcome


def median_row(name: str, outcomes: Sequence[Outcome], yardstick: Sequence[Outcome], unit: str) -> Row:
    """The medians of the rounds; the ratio is the median of the rounds' own ratios to the yardstick."""
    columns = list(zip(*outcomes, strict=True))[1:]
    rate, p50, p95, p99 = (statistics.median(column) for column in columns)
    pairs = zip(outcomes, yardstick, strict=True)
    ratio = statistics.median(mine.rate / other.rate for mine, other in pairs)
    return Row(name, rate, unit, ratio, f"p50 {p50:.1f}, p95 {p95:.1f}, p99 {p99:.1f} ms")


@contextmanager
def _running(command: list[str], environment: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0
