"""The demo's child processes: the web server and the worker. A child that dies is started again; all stop
together.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

STOP_WITHIN_SECONDS = 10
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
RESTART_AFTER_SECONDS = 1.0


class Child:
    """One child process in a session of its own, so that a Ctrl-C in the terminal reaches the parent
    alone.
    """

    def __init__(
        self, name: str, arguments: Sequence[str], *, environment: dict[str, str], log: Path
    ) -> None:
        self.name = name
        self._arguments = [sys.executable, "-m", *arguments]
        self._environment = environment
        self._log = log
        self._started_at = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; its output goes to its log."""
        self._kill()  # what a dead one left behind: its own children, and what they hold
        self._started_at = time.monotonic()
        with open(self._log, "ab", opener=_only_for_owner) as log:
            self._process = subprocess.Popen(
                self._arguments,
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_leave_with_parent,  # noqa: PLW1509  # before any thread exists
            )

    def revive(self) -> bool:
        """Start it again if it has died, but not more than once a second. Whether it was started."""
        is_due = time.monotonic() - self._started_at >= RESTART_AFTER_SECONDS
        if self._process is None or self._process.poll() is None or not is_due:
            return False
        self.start()
        return True

    def stop(self) -> None:
        """Ask it and its own children to stop; after ten seconds, kill them."""
        if self._process is None:
            return
        self._signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_WITHIN_SECONDS)
        self._kill()
        self._process.wait()

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    def _kill(self) -> None:
        """End whatever is left of its session."""
        if self._process is not None:
            self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)


class Children:
    """Children that live as long as the block: `with Children([...]) as children`."""

    def __init__(self, children: Sequence[Child]) -> None:
        self._children = children

    def __enter__(self) -> Self:
        for child in self._children:
            child.start()
        return self

    def revive(self) -> list[str]:
        """Start again what has died; the names of those children."""
        return [child.name for child in self._children if child.revive()]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in self._children:
            child.stop()


def _leave_with_parent() -> None:
    """In the child: be asked to stop when the demo is killed. Linux only; elsewhere a killed demo leaves
    children.
    """
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _only_for_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def free_port(wanted: int) -> int:
    """`wanted`, or the next port of 127.0.0.1 that nobody listens on. OSError if twenty in a row are
    taken.
    """
    for port in range(wanted, wanted + 20):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"ports {wanted} to {wanted + 19} are all in use: name another one with --port")


def wait_until_listening(port: int, *, seconds: float) -> bool:
    """Whether something answers on the port within so many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.1)
    return False
