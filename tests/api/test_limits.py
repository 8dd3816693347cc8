"""The agreed pace: what a call is told about it, whatever the answer is, and what happens beyond it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import OperationalError
from django.utils import timezone

from config.api import errors
from parties import api_limits
from parties.api import me
from parties.api_models import ApiClient, Scope
from parties.errors import DailyPointsExceeded, TooManyCalls
from parties.limiting import on_database
from parties.limiting.rules import Allowance
from tests import make
from tests.api.partner import Partner
from tests.giftcodes.guarded import NOBODY_LISTENS

pytestmark = pytest.mark.django_db
HEADERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")


def told(answer: Any) -> list[str | None]:
    return [answer.headers.get(name) for name in HEADERS]


def slow_client(**fields: Any) -> ApiClient:
    """So slow that no call comes back during a test."""
    return make.api_client(rate_per_second=1, burst=3, **fields)


def test_every_answer_says_what_is_left_of_the_calls() -> None:
    partner = Partner(make.api_client(rate_per_second=1, burst=100))
    answers = [partner.get("me"), partner.post("me"), partner.get("me", accept="text/html")]
    assert [answer.status_code for answer in answers] == [200, 405, 406]
    left = [int(told(answer)[1] or -1) for answer in answers]
    assert left[0] == 99
    assert 96 < left[2] < left[0]
    assert {told(answer)[0] for answer in answers} == {"100"}
    assert 1 <= int(told(answers[2])[2] or 0) <= 3


def test_a_call_that_the_key_may_not_make_counts_too() -> None:
    answer = Partner(slow_client(), scopes=[Scope.MEMBERS_READ]).get("events")
    assert (answer.status_code, told(answer)[:2]) == (403, ["3", "2"])


def test_a_call_of_nobody_is_told_nothing() -> None:
    partner = Partner(slow_client())
    answer = partner.get("me", authorization="Bearer tk_live_wrong")
    assert (answer.status_code, told(answer)) == (401, [None, None, None])


def test_a_bug_is_an_answer_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    partner = Partner(slow_client())
    partner.http.raise_request_exception = False
    monkeypatch.setattr(me, "key_of", lambda request: 1 // 0)
    answer = partner.get("me")
    assert (answer.status_code, told(answer)[:2]) == (500, ["3", "2"])


def test_beyond_the_burst_the_answer_is_429_with_the_seconds_to_wait() -> None:
    partner, moment = Partner(slow_client()), timezone.now()
    for _ in range(3):  # at one moment, however slow this machine is
        api_limits.take_call(client=partner.client, at=moment + timedelta(days=1))
    answer = partner.get("me")
    assert answer.status_code == 429
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "too_many_calls"
    assert answer["Retry-After"] == "1"
    assert told(answer) == ["3", "0", "3"]


def test_a_call_is_counted_once() -> None:
    partner, moment = Partner(slow_client()), timezone.now() + timedelta(days=1)
    api_limits.take_call(client=partner.client, at=moment)  # from now on nothing comes back
    assert [told(partner.get("me"))[1] for _ in range(2)] == ["1", "0"]
    with pytest.raises(TooManyCalls):
        api_limits.take_call(client=partner.client, at=moment)


def test_two_keys_of_a_client_share_its_calls() -> None:
    client, moment = slow_client(), timezone.now() + timedelta(days=1)
    first, second = Partner(client), Partner(client)
    api_limits.take_call(client=client, at=moment)
    assert [told(key.get("me"))[1] for key in (first, second)] == ["1", "0"]
    assert first.get("me").status_code == 429


def test_if_nobody_can_count_nothing_is_granted(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    partner = Partner(slow_client())
    settings.REDIS_URL = NOBODY_LISTENS

    def refuse(*_: object, **__: object) -> None:
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(on_database, "_run", refuse)
    answer = partner.get("me")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer["Retry-After"]) >= 1


def test_a_day_that_is_used_up_is_told_with_its_end() -> None:
    ends = timezone.now() + timedelta(hours=2)
    answer = errors.handle(DailyPointsExceeded(7, ends), {})
    assert answer is not None
    assert (answer.status_code, answer.data["code"]) == (429, "daily_points_exceeded")
    assert (answer.data["points_left"], answer.data["resets_at"]) == (7, ends)
    assert isinstance(answer.data["resets_at"], datetime)
    assert 7_100 < int(answer.headers["Retry-After"]) <= 7_200


def test_a_refusal_carries_what_is_left() -> None:
    assert TooManyCalls(2, Allowance(3, 0, 3)).allowance == Allowance(3, 0, 3)
