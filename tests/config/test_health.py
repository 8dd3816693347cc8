"""What a load balancer is told: little, at once, and the truth."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from redis.exceptions import ConnectionError as RedisAway

from campaigns.alert_models import Watch
from campaigns.services import note_look
from config.health import HealthMiddleware
from ledger.statements import database_time
from tests import make

READY = {"ready": True, "failed": [], "degraded": []}


@contextmanager
def database_away() -> Iterator[None]:
    def refuse(*_: object) -> None:
        raise OperationalError("could not connect to 10.1.2.3 as tokuten")

    with connection.execute_wrapper(refuse):
        yield


def test_the_process_is_alive_whatever_else_is_not(client: Client) -> None:
    # No database mark: a query would fail this test.
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"alive": True})
    assert answer["Cache-Control"] == "no-store"
    assert answer.cookies == {}


@pytest.mark.django_db
def test_a_process_with_all_its_parts_is_ready(client: Client) -> None:
    make.live_code()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, READY)
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.django_db
def test_work_in_the_background_that_stands_still_is_named_and_takes_nobody_out(client: Client) -> None:
    note_look(at=database_time() - timedelta(minutes=9))
    assert client.get("/readyz").json() == READY
    Watch.objects.update(looked_at=database_time() - timedelta(minutes=11))
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, READY | {"degraded": ["worker"]})


@pytest.mark.django_db
def test_without_the_database_it_is_not_ready_and_says_no_more_than_that(client: Client) -> None:
    with database_away():
        answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"ready": False, "failed": ["database"], "degraded": []}
    assert answer["Cache-Control"] == "no-store"
    assert client.get("/readyz").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    "wrong",
    [
        {"CODE_MASTER_KEYS": {}},
        {"CODE_MASTER_KEYS": {"test": b"0" * 32}},  # another key under the same id
        {"LEDGER_SEAL_KEYS": {}},
    ],
)
def test_without_the_keys_it_is_not_ready(client: Client, wrong: dict[str, object]) -> None:
    make.live_code()
    with override_settings(**wrong):
        answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"ready": False, "failed": ["keys"], "degraded": []}


@pytest.mark.django_db
def test_without_the_cache_it_is_ready_and_degraded(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RedisAway("Error 111 connecting to 10.1.2.3:6379")

    monkeypatch.setattr(type(cache._connections[cache._alias]), "get", refuse)  # type: ignore[attr-defined]
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, READY | {"degraded": ["cache"]})


@pytest.mark.django_db
def test_without_its_redis_the_limiter_counts_on_the_database_and_says_so(client: Client) -> None:
    with override_settings(REDIS_URL="redis://127.0.0.1:1/0"):  # nobody listens there
        answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, READY | {"degraded": ["limiter"]})
    assert client.get("/readyz").json() == READY


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/healthz", "/readyz"])
@override_settings(SECURE_SSL_REDIRECT=True, ALLOWED_HOSTS=["points.example.com"])
def test_a_balancer_asks_by_address_over_plain_http(address: str) -> None:
    assert Client(headers={"host": "10.1.2.3:8000"}).get(address).status_code == 200
    assert Client(headers={"host": "10.1.2.3:8000"}).head(address).status_code == 200
    # Everything else still goes to https, and to our own names alone.
    assert Client(headers={"host": "points.example.com"}).get("/").status_code == 301
    assert Client(headers={"host": "10.1.2.3:8000"}).get("/").status_code == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/healthz"), ("DELETE", "/readyz"), ("GET", "/healthz/"), ("GET", "/x/readyz")],
)
def test_only_these_two_addresses_are_answered_and_only_when_read(method: str, path: str) -> None:
    request = HttpRequest()
    request.method, request.path_info = method, path
    passed_on = HttpResponse()
    assert HealthMiddleware(lambda _: passed_on)(request) is passed_on
