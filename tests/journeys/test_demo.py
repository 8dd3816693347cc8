"""`manage.py demo` as a newcomer runs it: real processes, a database of its own, killed and started again."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import pytest

from config.demo.history import DAYS
from tests.faults.workers import wait_for
from tests.servers import free_port

ROOT = Path(__file__).resolve().parents[2]
PORT = str(free_port())  # of this run alone: whoever else runs the tests here has another one
PATIENCE_SECONDS = 180


class Demo:
    """A running demo and the lines it prints."""

    def __init__(self, folder: Path) -> None:
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.environment = inherited | {
            "TOKUTEN_ENV": "demo",
            "VAR_DIR": str(folder),
            "PYTHONUNBUFFERED": "1",
        }
        self.lines: list[str] = []
        self._queue: Queue[str] = Queue()
        self._process = subprocess.Popen(
            [sys.executable, "manage.py", "demo", "--port", PORT],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._queue.put(line)

    def wait_for(self, pattern: str) -> str:
        """The first line from here on that the pattern is found in."""
        while True:
            try:
                self.lines.append(self._queue.get(timeout=PATIENCE_SECONDS))
            except Empty:
                pytest.fail(f"the demo printed no {pattern!r}, but:\n{''.join(self.lines)}")
            if re.search(pattern, self.lines[-1]):
                return self.lines[-1]

    def children(self, name: str) -> list[int]:
        """Process ids of the demo's children whose command line names `name`."""
        found = []
        for folder in Path("/proc").iterdir():
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                if parent == self._process.pid and name in (folder / "cmdline").read_text():
                    found.append(int(folder.name))
            except (OSError, ValueError, IndexError):
                continue
        return found

    def kill_outright(self) -> None:
        """As the machine would: no time to stop the children."""
        self._process.kill()
        self._process.wait(PATIENCE_SECONDS)

    def interrupt(self) -> int:
        """Ctrl-C; the exit code."""
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(PATIENCE_SECONDS)

    def kill(self) -> None:
        if self._process.poll() is None:
            self.interrupt()
        self._reader.join(PATIENCE_SECONDS)

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Demo]]:
    running: list[Demo] = []

    def start_demo() -> Demo:
        running.append(Demo(tmp_path))
        return running[-1]

    yield start_demo
    for demo in running:
        demo.kill()


def _is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def _issued(site: str, key: str) -> dict[str, Any]:
    """The gift that the printed call issues; the same one each time."""
    headers = {
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/json",
        "Idempotency-Key": "order-1",
    }
    call = urllib.request.Request(  # noqa: S310  # an address that the caller has checked
        f"{site}api/v1/gifts", data=b'{"campaign": "app-thanks"}', headers=headers
    )
    with urllib.request.urlopen(call, timeout=30) as answer:  # noqa: S310  # the same
        found: dict[str, Any] = json.load(answer)
    return found


def _rows(demo: Demo, table: str) -> int:
    with closing(sqlite3.connect(Path(demo.environment["VAR_DIR"]) / "tokuten.sqlite3")) as database:
        (rows,) = database.execute(f"SELECT COUNT(*) FROM {table}").fetchone()  # named here
    return int(rows)


def _sealed_days(demo: Demo) -> int:
    return len(list(Path(demo.environment["VAR_DIR"]).glob("seals/program-*/*.seal")))


@pytest.mark.sqlite
@pytest.mark.timeout(600)
def test_the_demo_starts_survives_killed_children_stops_whole_and_resumes_even_when_killed_itself(
    start: Callable[[], Demo],
) -> None:
    demo = start()
    demo.wait_for("Minting")
    (worker,) = demo.children("celery")
    os.kill(worker, signal.SIGKILL)  # before it can have minted

    demo.wait_for("worker had stopped and was started again")
    demo.wait_for(r"10,000 of 10,000")
    claimed = demo.wait_for(r"10,000 codes of 500 points are minted, \d+ of them claimed")
    site = demo.wait_for(r"^ +site ").split()[-1]
    wallet = demo.wait_for(r"^ +wallet ").split()[-1]
    operator = demo.wait_for("finance@yorimichi.example")
    login = demo.wait_for("marketer@")
    file = Path(demo.wait_for("Sealed file").split()[-1])
    links = [demo.wait_for("/c/morning/#c=").strip() for _ in range(3)]
    keys = [demo.wait_for(kind).strip() for kind in ("tk_live_", "tk_test_")]
    demo.wait_for("ten weeks of purchases")
    demo.wait_for("Ctrl-C")
    assert f"already running: {site.rstrip('/')}" in demo.manage("demo", "--port", PORT).stderr

    for address in (site, links[0].partition("#")[0]):
        assert address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310  # checked above
            assert answer.status == 200
    assert wallet.startswith(site)
    assert _issued(site, keys[0])["points"] == 300
    assert file.read_bytes()[:2] == b"PK"
    assert len(set(links)) == 3
    proof = demo.manage("prove_batches")
    assert proof.returncode == 0, proof.stdout + proof.stderr
    wait_for(lambda: _sealed_days(demo) == DAYS, seconds=PATIENCE_SECONDS)
    audit = demo.manage("audit")
    assert audit.returncode == 0, audit.stdout + audit.stderr
    postings = _rows(demo, "ledger_posting")
    (web,) = demo.children("granian")
    os.kill(web, signal.SIGKILL)
    demo.wait_for("web server had stopped and was started again")
    (revived,) = demo.children("granian")
    assert revived != web
    processes = demo.children("celery") + demo.children("granian")
    assert len(processes) == 2
    demo.kill_outright()
    wait_for(lambda: not [pid for pid in processes if _is_alive(pid)], seconds=PATIENCE_SECONDS)

    again = start()
    assert claimed == again.wait_for(r"10,000 codes of 500 points are minted, \d+ of them claimed")
    assert operator == again.wait_for("finance@yorimichi.example")
    assert login == again.wait_for("marketer@")
    assert [again.wait_for("/c/morning/#c=").strip() for _ in range(3)] == links
    assert [again.wait_for(kind).strip() for kind in ("tk_live_", "tk_test_")] == keys
    again.wait_for("Ctrl-C")
    assert _rows(again, "ledger_posting") == postings
    processes = again.children("celery") + again.children("granian")
    assert again.interrupt() == 0
    assert not [pid for pid in processes if _is_alive(pid)]
