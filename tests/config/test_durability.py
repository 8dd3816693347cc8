"""Nothing starts on a database or a queue that may lose what it has acknowledged."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connection
from django.db.backends.signals import connection_created
from pytest_django.fixtures import Settings

from config.durability import ON_CONNECT, check_durability, refuse_restored_on_connect, refuse_unsafe
from giftcodes import journal
from giftcodes.journal import Entry, Kind
from tests.config.starts import GOOD
from tests.servers import redis_server

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_databases_that_we_ship_for_are_safe() -> None:
    assert check_durability() == []
    refuse_unsafe(with_queue=True)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        pytest.param(
            "SET synchronous_commit TO off",
            "synchronous_commit = off: set it to on",
            marks=pytest.mark.postgresql,
        ),
        pytest.param("PRAGMA synchronous = NORMAL", "synchronous = 1: set it to 2", marks=pytest.mark.sqlite),
        pytest.param("PRAGMA foreign_keys = OFF", "foreign_keys = 0: set it to 1", marks=pytest.mark.sqlite),
    ],
)
def test_a_database_that_may_lose_commits_is_refused(spoil: str, says: str) -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute(spoil)
        with pytest.raises(ImproperlyConfigured, match=says):
            refuse_unsafe(with_queue=True)
    finally:
        connection.close()


@pytest.fixture
def evicting(settings: Settings) -> Iterator[str]:
    """A Redis of its own: the other tests' must not evict."""
    with redis_server() as url, redis.Redis.from_url(url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        settings.CELERY_BROKER_URL = url
        yield url


@pytest.mark.usefixtures("evicting")
def test_a_broker_that_evicts_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"evicts \(allkeys-lru\)"):
        refuse_unsafe(with_queue=True)


def test_a_broker_that_is_away_is_a_sentence_and_does_not_stop_a_migration(settings: Settings) -> None:
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    with pytest.raises(ImproperlyConfigured, match=r"is away \(ConnectionError\)"):
        refuse_unsafe(with_queue=True)
    assert check_durability() == []


def test_a_process_that_outlives_a_restore_gets_no_connection_until_the_replay(settings: Settings) -> None:
    refuse_restored_on_connect()
    try:
        connection.close()
        connection.ensure_connection()
        with journal.opened(settings.CLAIM_JOURNAL_DIR) as book:
            book.append([Entry(Kind.CLAIM, 17, claim=1_000_000_000, member="f" * 32)])
        connection.close()  # as the end of the server does
        for _ in range(2):
            with pytest.raises(OperationalError, match=r"run manage\.py replay_claims"):
                connection.ensure_connection()
    finally:
        connection_created.disconnect(dispatch_uid=ON_CONNECT)
    connection.ensure_connection()


WORKER, WEB = "celery -A config worker -P solo", "granian --interface wsgi config.wsgi"


@pytest.mark.postgresql
@pytest.mark.parametrize(
    ("start", "database_option", "says"),
    [
        (WORKER, "", "evicts (allkeys-lru)"),
        (WORKER, "synchronous_commit=off", "synchronous_commit = off"),
        (WEB, "synchronous_commit=off", "synchronous_commit = off"),
    ],
)
def test_neither_a_worker_nor_a_web_server_starts_on_what_may_lose_things(
    start: str, database_option: str, says: str, evicting: str, tmp_path: Path
) -> None:
    environment = GOOD | {
        "PATH": os.environ["PATH"],
        "VAR_DIR": str(tmp_path),
        "DATABASE_URL": os.environ["DATABASE_URL"],
        "CELERY_BROKER_URL": evicting,
        "REDIS_URL": evicting,
    }
    if database_option:
        environment["DATABASE_URL"] += f"&options=-c%20{database_option}"
    outcome = subprocess.run(
        [sys.executable, "-m", *start.split()],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert outcome.returncode != 0
    assert says in outcome.stderr + outcome.stdout
