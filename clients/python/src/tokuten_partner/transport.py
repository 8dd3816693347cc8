"""One call, tried again where that is harmless: with the same idempotency key each time."""

import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from tokuten_partner.errors import NotReached, Problem

_TRY_AGAIN = frozenset({409, 429, 500, 502, 503, 504})
_TWIN = "twin_in_flight"
LONGEST_WAIT = 60.0


class Transport:
    """Sends requests with the key, waits as the API asks, and gives back the JSON of the answer."""

    def __init__(
        self, http: httpx.Client, *, tries: int, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._http, self._tries, self._sleep = http, tries, sleep

    def get(self, path: str, **query: Any) -> Any:
        """GET; parameters that are None are left out."""
        wanted = {name: value for name, value in query.items() if value is not None}
        return self._call("GET", path, params=wanted)

    def post(self, path: str, body: dict[str, Any], *, key: str | None) -> Any:
        """POST with `key` as Idempotency-Key; fields that are None are left out."""
        wanted = {name: value for name, value in body.items() if value is not None}
        return self._call("POST", path, json=wanted, key=key)

    def pages(self, path: str, **query: Any) -> Iterator[Any]:
        """Every row of a list, page by page."""
        cursor = None
        while True:
            page = self.get(path, cursor=cursor, **query)
            yield from page["data"]
            cursor = page["next_cursor"]
            if not page["has_more"]:
                return

    def _call(self, method: str, path: str, *, key: str | None = None, **request: Any) -> Any:
        headers = {"Idempotency-Key": key} if key else {}
        for attempt in range(1, self._tries + 1):
            try:
                answer = self._http.request(method, path, headers=headers, **request)
            except httpx.TransportError as error:
                if attempt == self._tries:
                    raise NotReached(key) from error
                self._sleep(_backoff(attempt))
                continue
            if answer.is_success:
                return answer.json()
            problem = Problem(answer.status_code, _body_of(answer), retry_after=_asked_to_wait(answer))
            if attempt == self._tries or not _is_worth_another_try(problem):
                raise problem
            self._sleep(_wait(problem, attempt))
        raise AssertionError("tries is at least 1")


def _is_worth_another_try(problem: Problem) -> bool:
    """A twin in flight, too many calls, or something that is away; no other refusal changes by itself. One
    that lasts longer than a try waits (a lock of a day, the points of the day) is the caller's to know now.
    """
    if problem.retry_after is not None and problem.retry_after > LONGEST_WAIT:
        return False
    if problem.status == 409:
        return problem.code == _TWIN
    return problem.status in _TRY_AGAIN and problem.code != "daily_points_exceeded"


def _body_of(answer: httpx.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:  # a proxy in between that speaks HTML
        return {}
    return body if isinstance(body, dict) else {}


def _asked_to_wait(answer: httpx.Response) -> float | None:
    asked = answer.headers.get("Retry-After", "")
    return float(asked) if asked.isascii() and asked.isdecimal() else None


def _wait(problem: Problem, attempt: int) -> float:
    if problem.retry_after is None:
        return _backoff(attempt)
    return problem.retry_after + random.random() / 4  # noqa: S311  # so that not all come back at once


def _backoff(attempt: int) -> float:
    return random.uniform(0, min(0.25 * 2**attempt, 8.0))  # noqa: S311  # spreads load, guards nothing
