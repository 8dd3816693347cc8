"""Real web processes on the tests' database: started, called, killed.

Each is granian with one worker, as production starts it, on a Unix socket. It serves the site behind
`faulty_site`, which does what the header X-Fault of a call says. What it shall see must be committed
(`pytest.mark.django_db(transaction=True)`).
"""

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings

from tests.faults.workers import ROOT, url_of_the_tests_database, wait_for

_GRANIAN = "--interface wsgi --workers 1 --blocking-threads 4 --no-ws --log-level warning"
_SECONDS_TO_ANSWER = 60.0
_numbers = itertools.count()


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str]

    @property
    def is_replay(self) -> bool:
        return self.headers.get("idempotent-replayed") == "true"


class Web:
    """A running web process; all of its processes are one group."""

    def __init__(self, database: str) -> None:
        name = f"web-{os.getpid()}-{next(_numbers)}"
        self._socket, self.log = (Path(settings.VAR_DIR) / f"{name}.{kind}" for kind in ("sock", "log"))
        command = [sys.executable, "-m", "granian", *_GRANIAN.split(), "--uds", str(self._socket)]
        more = {"CLAIM_TRIES_PER_MINUTE": "1000", "CLAIM_TRIES_PER_HOUR": "1000"}
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [*command, "tests.faults.faulty_site:application"],
                cwd=ROOT,
                env=os.environ | more | {"DATABASE_URL": database},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def call(
        self, path: str, body: dict[str, Any] | None = None, *, method: str = "POST", **headers: str
    ) -> Answer:
        """The answer of /api/v1/`path`; ConnectionError if the process dies over it."""
        connection = _Connection(self._socket)
        said = {name.replace("_", "-"): text for name, text in headers.items()}
        try:
            connection.request(
                method,
                f"/api/v1/{path}",
                None if body is None else json.dumps(body),
                {"Content-Type": "application/json"} | said,
            )
            response = connection.getresponse()
            found = json.loads(response.read())
            return Answer(
                response.status, found, {name.lower(): text for name, text in response.getheaders()}
            )
        finally:
            connection.close()

    def answers(self) -> bool:
        """Whether it has started; what kept it from starting is in its log."""
        if self._process.poll() is not None:
            raise RuntimeError(f"the web process ended: {self.log.read_text()[-2000:]}")
        with suppress(OSError):
            return self.call("healthz", method="GET").status == 200
        return False

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class _Connection(HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost")
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_SECONDS_TO_ANSWER)
        self.sock.connect(self._path)


@contextmanager
def running_webs(number: int, *, database: str = "") -> Iterator[list[Web]]:
    """So many web processes for the time of the block, which begins when all of them answer. `database`: the
    URL of another way to the tests' database.
    """
    webs = [Web(database or url_of_the_tests_database()) for _ in range(number)]
    try:
        for web in webs:
            wait_for(web.answers)
        yield webs
    finally:
        for web in webs:
            web.kill()
