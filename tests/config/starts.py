"""Starts of the application with another environment each, of which only the settings are looked at.

To import what the settings import takes half a second, the settings themselves next to nothing. One process
imports all of that once; each start is a fork of it, which imports the modules of this project anew.
"""

import json
import os
import secrets
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

GOOD = {
    "TOKUTEN_ENV": "production",
    "SECRET_KEY": secrets.token_urlsafe(64),
    "CODE_MASTER_KEYS": f"k1:{secrets.token_hex(32)}",
    "LEDGER_SEAL_KEYS": f"s1:{secrets.token_hex(32)}",
    "MEMBERSHIP_NUMBER_KEYS": f"n1:{secrets.token_hex(32)}",
    "SEALS_DIR": "/srv/tokuten/seals",
    "CLAIM_JOURNAL_DIR": "/srv/tokuten/journal",
    "SITE_URL": "https://points.example.com",
    "ALLOWED_HOSTS": "points.example.com",
    "DATABASE_URL": "postgres://tokuten@127.0.0.1/tokuten",
    "REDIS_URL": "redis://127.0.0.1:6379/1",
    "CELERY_BROKER_URL": "redis://127.0.0.1:6379/0",
    "EMAIL_URL": "smtp://127.0.0.1:25",
    "DEFAULT_FROM_EMAIL": "points@example.com",
}
Start = Callable[..., subprocess.CompletedProcess[str]]
_ROOT = Path(__file__).parent.parent.parent
_OURS = {path.parent.name for path in _ROOT.glob("*/__init__.py")}


@contextmanager
def starts() -> Iterator[Start]:
    """`start(var_dir, NAME=value, ...)`: how a start with everything set but for these changes ends. None
    takes a variable away. Standard output says whether it is a debugging site and whether cookies are secure.
    """
    command = [sys.executable, "-m", __name__]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=_ROOT, env=os.environ | GOOD, **pipes) as imported:  # type: ignore[call-overload]

        def start(var_dir: Path, **changes: str | None) -> subprocess.CompletedProcess[str]:
            environment = {"PATH": os.environ["PATH"], "VAR_DIR": str(var_dir)} | GOOD | changes
            asked = {name: value for name, value in environment.items() if value is not None}
            print(json.dumps(asked), file=imported.stdin, flush=True)
            code, said, complained = json.loads(imported.stdout.readline())
            return subprocess.CompletedProcess("start", code, said, complained)

        yield start
        imported.stdin.close()  # it ends


def _serve() -> None:
    """A line of JSON in, an environment; a line out: the exit code and what was written."""
    import config.settings  # noqa: F401  # for all that it imports

    for line in sys.stdin:
        with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as complained:
            child = os.fork()
            if child == 0:
                os.dup2(said.fileno(), 1)
                os.dup2(complained.fileno(), 2)
                os._exit(_start(json.loads(line)))
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            said.seek(0)
            complained.seek(0)
            print(json.dumps([code, said.read(), complained.read()]), flush=True)


def _start(environment: dict[str, str]) -> int:
    os.environ.clear()
    os.environ.update(environment)
    for name in [name for name in sys.modules if name.partition(".")[0] in _OURS]:
        del sys.modules[name]
    try:
        from config import settings

        print(settings.DEBUG, settings.SESSION_COOKIE_SECURE, flush=True)
    except BaseException:  # noqa: BLE001  # as the interpreter does
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    _serve()
