"""Chooses the database and brings up the servers before Django reads its settings (`pytest -p tests.early`).

A conftest would be too late: pytest-django has imported the settings by then, and the tests would silently
run on SQLite. TOKUTEN_TEST_DB is "sqlite" (the embedded stack: SQLite, queue on the file system) or
"postgresql" (the real stack: PostgreSQL, Redis). TEST_REDIS_URL is a Redis database that the tests of this
process may use as they like, on either stack.
"""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import AbstractContextManager, ExitStack
from hashlib import sha256
from pathlib import Path

import pytest

from config.secrets import make_signing_key
from tests import prepared, servers

STACKS = ("sqlite", "postgresql")
HEADER = pytest.StashKey[list[str]]()
_LEFT_TO_THE_SETTINGS = (
    "ALLOWED_HOSTS",
    "CELERY_BROKER_URL",
    "CLAIM_JOURNAL_DIR",
    "CLAIM_TRIES_PER_HOUR",
    "CLAIM_TRIES_PER_MINUTE",
    "DATABASE_URL",
    "DELIVERY_DIR",
    "REDIS_URL",
    "SEALS_DIR",
    "SITE_URL",
)

# The write-ahead log stays small: the search for codes in plain text reads the whole of it, five seconds for
# 16 MB, and after thousands of tests a log of the usual size (1 GB) takes minutes.
_POSTGRESQL_OPTIONS = {"max_wal_size": "8MB", "min_wal_size": "2MB"}
_WAL_SEGMENT_MEGABYTES = 1

_MEMORY = Path("/dev/shm")  # noqa: S108  # each takes a folder of its own in it
_ENOUGH_BYTES = 4 * 1024**3


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Before any plugin or conftest can import the settings."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None:
        _bring_up(early_config)
        if early_config.known_args_namespace.numprocesses:
            _prepare_ahead(early_config)
    else:
        _bring_up_own_database(early_config)
    _choose_own_place(worker or "main")
    yield


def pytest_report_header(config: pytest.Config) -> list[str]:
    return config.stash.get(HEADER, [])  # xdist's workers have none


def _bring_up(config: pytest.Config) -> None:
    """Start the servers, once for all xdist workers: they inherit this environment."""
    stack = os.environ.setdefault("TOKUTEN_TEST_DB", "sqlite")
    if stack not in STACKS:
        raise pytest.UsageError(f"TOKUTEN_TEST_DB is {stack!r}; it must be one of: {', '.join(STACKS)}.")
    for name in _LEFT_TO_THE_SETTINGS:
        os.environ.pop(name, None)
    running = ExitStack()
    config.add_cleanup(running.close)
    _stay_in_memory()
    redis_url = running.enter_context(servers.redis_server())
    header = [f"database: SQLite {sqlite3.sqlite_version}", f"redis: {servers.describe_redis(redis_url)}"]
    if stack == "postgresql":
        os.environ["DATABASE_URL"] = running.enter_context(_postgresql())
        header[0] = f"database: {servers.describe_postgresql(os.environ['DATABASE_URL'])}"
    config.stash[HEADER] = header
    os.environ |= {
        "TOKUTEN_ENV": "test",
        "SECRET_KEY": sha256(b"secret key of the tests").hexdigest(),
        "CODE_MASTER_KEYS": f"test:{sha256(b'master key of the tests').hexdigest()}",
        "LEDGER_SEAL_KEYS": f"test:{sha256(b'seal key of the tests').hexdigest()}",
        "MEMBERSHIP_NUMBER_KEYS": f"test:{sha256(b'number key of the tests').hexdigest()}",
        "IDP_OIDC_PRIVATE_KEY": make_signing_key(),  # once, not in each process: it takes a while
        "TEST_REDIS_URL": redis_url,
        "VAR_DIR": str(
            Path(running.enter_context(tempfile.TemporaryDirectory(prefix="tokuten-var-"))) / "main"
        ),
    }


def _bring_up_own_database(config: pytest.Config) -> None:
    """A PostgreSQL of its own for this xdist worker: a server numbers the transactions of all its databases,
    so what the other workers have under way would hold back the events of the tests here. (On a server that
    TEST_DATABASE_URL names, run with one worker.)
    """
    if os.environ["TOKUTEN_TEST_DB"] == "postgresql" and "TEST_DATABASE_URL" not in os.environ:
        running = ExitStack()
        config.add_cleanup(running.close)
        os.environ["DATABASE_URL"] = running.enter_context(_postgresql())


def _postgresql() -> AbstractContextManager[str]:
    return servers.postgresql_server(_POSTGRESQL_OPTIONS, wal_segment_megabytes=_WAL_SEGMENT_MEGABYTES)


def _prepare_ahead(config: pytest.Config) -> None:
    """Have a migrated database made while the workers import and collect, if there is none."""
    command = [sys.executable, "-m", "tests.prepared", os.environ["TOKUTEN_TEST_DB"]]
    running = ExitStack()
    running.enter_context(subprocess.Popen(command, cwd=prepared.ROOT))  # waits for it
    config.add_cleanup(running.close)


def _stay_in_memory() -> None:
    """Keep databases and files in memory where there is room for them: they are written for good with every
    commit, as in production, and nobody has to wait for a disk. TMPDIR names another place.
    """
    if "TMPDIR" not in os.environ and _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ENOUGH_BYTES:
        os.environ["TMPDIR"] = tempfile.tempdir = str(_MEMORY)


def _choose_own_place(worker: str) -> None:
    """Each xdist worker has its own folder and Redis databases; conftest gives it a database of its own."""
    number = int(worker.removeprefix("gw")) if worker.startswith("gw") else 0
    folder = Path(os.environ["VAR_DIR"]).with_name(worker)
    folder.mkdir()
    broker_url = servers.redis_database(os.environ["TEST_REDIS_URL"], 2 * number + 1)
    os.environ |= {"VAR_DIR": str(folder), "TEST_REDIS_URL": broker_url}
    if os.environ["TOKUTEN_TEST_DB"] == "sqlite":
        os.environ["DATABASE_URL"] = f"sqlite:///{folder}/tokuten.sqlite3"
    else:
        os.environ["REDIS_URL"] = servers.redis_database(broker_url, 2 * number)
        os.environ["CELERY_BROKER_URL"] = broker_url
