"""A database with every migration applied, made once and copied by all who need one.

To migrate takes longer than to import everything, and the workers of a run, and the runs of a day, all end at
the same tables. What is made is kept in .test-databases/ under a digest of all that its tables come from. Who
starts on a copy still runs `migrate`, as a deployment would, which finds nothing left to do.
"""

import fcntl
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from tests import servers

ROOT = Path(__file__).parent.parent
KEPT = ROOT / ".test-databases"
_ORIGINS = ("*/migrations/*.py", "config/settings.py", "requirements/dev.lock", "tests/prepared.py")


def copy_sqlite(path: Path) -> None:
    """A migrated database in that file, which is not there yet."""
    shutil.copyfile(_kept("sqlite"), path)


def copy_postgresql(url: str, name: str) -> None:
    """A migrated database of that name, which is not there yet, beside the one that the URL leads to."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    fill_postgresql(url, name)


def fill_postgresql(url: str, name: str) -> None:
    """The same in a database that is there and empty."""
    restore: list[str | Path] = [servers.postgresql_binary("pg_restore"), "--exit-on-error"]
    subprocess.run([*restore, "--dbname", _beside(url, name), _kept("postgresql")], check=True)


def _kept(stack: str) -> Path:
    """A SQLite file, or what pg_dump wrote; made now if it is not there. Whoever comes while another process
    makes it waits for that.
    """
    KEPT.mkdir(exist_ok=True)
    kept = KEPT / f"{stack}-{_digest(stack)}"
    with (KEPT / f"{stack}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            for older in KEPT.glob(f"{stack}-*"):
                older.unlink()
            unfinished = KEPT / f"{stack}-unfinished"
            _MAKERS[stack](unfinished)
            unfinished.rename(kept)
    return kept


def _digest(stack: str) -> str:
    """Of all that decides what the tables are: migrations, packages, settings, and who writes the files."""
    program = str(servers.postgresql_binary("pg_dump")) if stack == "postgresql" else sqlite3.sqlite_version
    digest = sha256(f"{sys.version}\n{program}\n".encode())
    for path in sorted(path for pattern in _ORIGINS for path in ROOT.glob(pattern)):
        digest.update(f"{path.relative_to(ROOT)}\n{path.stat().st_size}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:32]


def _make_sqlite(path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="tokuten-migrated-") as folder:
        file = Path(folder) / "migrated.sqlite3"
        _migrate(f"sqlite:///{file}")
        with closing(sqlite3.connect(file)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copyfile(file, path)


def _make_postgresql(path: Path) -> None:
    with servers.own_postgresql_server() as url:
        _migrate(url)
        dump: list[str | Path] = [servers.postgresql_binary("pg_dump"), "--format=custom"]
        subprocess.run([*dump, "--file", path, "--dbname", url], check=True)


def _migrate(url: str) -> None:
    """In a process of its own, with settings that are those of the tests but for the database."""
    with tempfile.TemporaryDirectory(prefix="tokuten-var-") as folder:
        own = {"TOKUTEN_ENV": "test", "DATABASE_URL": url, "VAR_DIR": folder, "PYTHONWARNINGS": "ignore"}
        command = [sys.executable, "manage.py", "migrate", "--skip-checks", "-v0"]
        subprocess.run(command, cwd=ROOT, env=os.environ | own, check=True)


def _beside(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


_MAKERS = {"sqlite": _make_sqlite, "postgresql": _make_postgresql}

if __name__ == "__main__":
    _kept(sys.argv[1])  # ahead of the workers of a run, which have much to import meanwhile
