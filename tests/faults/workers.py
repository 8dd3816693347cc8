"""Real workers in processes of their own: started, watched, killed.

A worker gets the environment of the tests and the tests' database, so what it shall see must be committed
(`pytest.mark.django_db(transaction=True)`). On SQLite it is the embedded child, on the queue of the file
system; on PostgreSQL a pool of two on Redis.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.db import connection

from config import celery_app

ROOT = Path(__file__).parent.parent.parent
SECONDS_TO_STOP = 30.0
_POOL = {"sqlite": ["--pool", "solo"], "postgresql": ["--pool", "prefork", "--concurrency", "2"]}


class Worker:
    """A running worker with its embedded beat; all of its processes are one group."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process, self.log = process, log

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """As the machine would: all processes at once, no time to say goodbye."""
        self._send(signal.SIGKILL)
        self._process.wait()

    def kill_without_children(self) -> None:
        """As an impatient operator would."""
        self._process.kill()
        self._process.wait()

    def has_processes(self) -> bool:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, 0)
            return True
        return False

    def stop(self) -> None:
        """Politely, as a deployment does; then for sure."""
        self._process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(SECONDS_TO_STOP)
        self.kill()

    def _send(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


def start_worker() -> Worker:
    """A worker that begins to work in a second or two. Stop or kill it."""
    command = [sys.executable, "-m", "celery", "-A", "config", "worker", "--beat", "--loglevel", "INFO"]
    command += [*_POOL[connection.vendor], "--without-gossip", "--without-mingle"]
    log = Path(settings.VAR_DIR) / "worker.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | {"DATABASE_URL": url_of_the_tests_database()},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Worker(process, log)


@contextmanager
def running_worker() -> Iterator[Worker]:
    """A worker for the time of the block."""
    worker = start_worker()
    try:
        yield worker
    finally:
        worker.stop()


def forget_messages() -> None:
    """Empty the queue of this test process, of what earlier tests left in it for one."""
    celery_app.control.purge()


def wait_for(condition: Callable[[], bool], *, seconds: float = 60.0, pause: float = 0.02) -> None:
    """Until the condition holds; TimeoutError if it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:g} seconds: {condition}")
        time.sleep(pause)


def url_of_the_tests_database() -> str:
    """For a process of its own that shall see what this one has committed."""
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))
