"""What every test stands on: the database file of SQLite runs, and how deep hypothesis digs."""

import gc
import os
import re
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site_settings
from django.db import connection, transaction
from django.db.backends.postgresql.operations import DatabaseOperations
from django.utils import translation
from hypothesis import settings as hypothesis_settings
from pytest_django.fixtures import Settings
from redis import Redis
from whitenoise.middleware import WhiteNoiseMiddleware  # type: ignore[import-untyped]

from giftcodes import directory
from giftcodes.guarding import guard
from giftcodes.services import quick_gifts
from parties import api_limits
from tests import prepared, stacks
from tests.browser.chromium import find_chromium, may_do_without

TESTS = Path(__file__).parent

# Shared cores are slow now and then: a deadline per example would only measure that.
# The quick examples are the same in each run, so that one that fails fails by what was changed; the deep ones
# are new each time.
hypothesis_settings.register_profile("quick", max_examples=50, deadline=None, derandomize=True)
hypothesis_settings.register_profile("deep", max_examples=2000, deadline=None)
hypothesis_settings.load_profile("quick")

# Django's own hasher is slow on purpose: a third of a second per password. No test is about how it hashes.
site_settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_keepdb: bool) -> None:
    """SQLite tests run on a file, as the application does: in memory there is no write-ahead log to race on.

    The file is in this xdist worker's own folder. PostgreSQL gets a database per worker. Either is a copy of
    one that was migrated before, but on a server that was there before, which is migrated like any other.
    """
    database = site_settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        path = Path(os.environ["VAR_DIR"]) / "test.sqlite3"
        prepared.copy_sqlite(path)
        database.setdefault("TEST", {})["NAME"] = str(path)
    else:
        name = f"test_tokuten_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
        database.setdefault("TEST", {})["NAME"] = name
        if django_db_keepdb:
            prepared.copy_postgresql(os.environ["DATABASE_URL"], name)


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """Begin on the copy, and leave the end to the server or the folder, which go when the run does."""
    return "TEST_DATABASE_URL" not in os.environ or connection.vendor == "sqlite"


@pytest.fixture(autouse=True)
def _language_of_the_site() -> Iterator[None]:
    """A request leaves its language behind; each test begins in that of the settings, whatever ran before."""
    with translation.override(site_settings.LANGUAGE_CODE):
        yield


@pytest.fixture(autouse=True)
def _nothing_known_from_another_database() -> None:
    """Tests share a process, not a database: what the process remembers of batches is forgotten before
    each.
    """
    directory.forget()
    quick_gifts._last.clear()


_PLACES = count()


@pytest.fixture(autouse=True)
def _nothing_kept_outside_another_database(settings: Settings) -> None:
    """Seals and the claim journal belong to one database: each test has folders of its own, made when they
    are written to.
    """
    place = Path(os.environ["VAR_DIR"]) / f"outside-{next(_PLACES)}"
    settings.SEALS_DIR, settings.CLAIM_JOURNAL_DIR = place / "seals", place / "journal"


@pytest.fixture(scope="session")
def _redis() -> Iterator[Redis | None]:
    if not site_settings.REDIS_URL:
        yield None
        return
    with Redis.from_url(site_settings.REDIS_URL) as client:
        yield client


@pytest.fixture(autouse=True)
def _nobody_has_tried_yet(_redis: Redis | None) -> None:
    """Tests share a Redis, whose counts and locks would outlive them."""
    if _redis:
        _redis.flushdb()
    guard.look_at_redis_again()
    api_limits.look_at_redis_again()


@pytest.fixture(autouse=True, scope="session")
def _static_files_are_looked_up_once() -> Iterator[None]:
    """A server looks at each static file when it starts, and here every client is a server that starts."""
    look_up, found = WhiteNoiseMiddleware.add_files_from_finders, dict[str, Any]()

    def look_up_once(self: WhiteNoiseMiddleware) -> None:
        if not found:
            look_up(self)
            found.update(self.files)
        self.files.update(found)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", look_up_once)
        yield


@pytest.fixture(autouse=True, scope="session")
def _flush_past_the_triggers() -> Iterator[None]:
    """Let the test runner empty tables that refuse it.

    After a test that commits, Django truncates every table, which the append-only triggers refuse, as they
    should. The flush alone runs with those triggers off; nothing in a test does. It deletes instead: to
    truncate some fifty tables, most of them empty, takes PostgreSQL half a second, as each gets new files.
    """

    def flush(self: DatabaseOperations, sql_list: list[str]) -> None:
        tables = re.findall(r'"(\w+)"', " ".join(sql_list))
        with transaction.atomic(using=self.connection.alias), self.connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute("; ".join(f'DELETE FROM "{table}"' for table in tables))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "execute_sql_flush", flush)
        yield


def pytest_configure(config: pytest.Config) -> None:
    for name, meaning in stacks.MARKS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")


def pytest_collection_finish() -> None:
    """What is loaded by now stays until the end: the collector of garbage need not look at it ever again."""
    gc.collect()
    gc.freeze()


def _found() -> dict[str, str | None]:
    """What tests ask for by a fixture of that name, and no wheel brings: where the machine has it."""
    return {"browser": find_chromium(), "curl": shutil.which("curl")}


def pytest_report_header() -> list[str]:
    packages = {"browser": "chromium", "curl": "curl"}
    fate = "left out" if may_do_without() else "failing"
    return [
        f"{name}: {place or f'NONE, so its tests are {fate} (on Debian: apt install {packages[name]})'}"
        for name, place in _found().items()
    ]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    is_deep = config.getoption("--hypothesis-profile") == "deep"
    missing = {name for name, place in _found().items() if place is None and may_do_without()}

    def belongs(item: pytest.Item) -> bool:
        fixtures = set(getattr(item, "fixturenames", ()))
        marks = {mark.name for mark in item.iter_markers()}
        touches_database = bool(
            fixtures & {"db", "transactional_db", "live_server"} or marks & {"django_db", "postgresql"}
        )
        module = item.path.relative_to(TESTS).as_posix()
        where = stacks.stacks_of(module, marks, touches_database=touches_database, is_deep=is_deep)
        runs_here = connection.vendor in where
        return runs_here and missing.isdisjoint(fixtures)

    chosen = [(item, belongs(item)) for item in items]
    config.hook.pytest_deselected(items=[item for item, is_kept in chosen if not is_kept])
    items[:] = [item for item, is_kept in chosen if is_kept]
