"""Nothing starts on a database or a queue that may lose what it has acknowledged."""

import os

import pytest
import redis
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from pytest_django.fixtures import Settings

from config.durability import check_durability, refuse_unsafe

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_databases_that_we_ship_for_are_safe() -> None:
    assert check_durability() == []
    refuse_unsafe()


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
            refuse_unsafe()
    finally:
        connection.close()


def test_a_broker_that_evicts_is_refused(settings: Settings) -> None:
    settings.CELERY_BROKER_URL = os.environ["TEST_REDIS_URL"]
    with redis.Redis.from_url(settings.CELERY_BROKER_URL) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            with pytest.raises(ImproperlyConfigured, match=r"evicts \(allkeys-lru\)"):
                refuse_unsafe()
        finally:
            client.config_set("maxmemory-policy", "noeviction")
