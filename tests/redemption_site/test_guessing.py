"""Sign-in codes can't be guessed faster by asking at once, and nothing is compared that is not counted."""

import threading
from collections.abc import Callable

import pytest
from allauth.account import forms as allauth_forms
from django.conf import LazySettings
from django.core import mail
from django.core.cache import cache
from django.test import Client

from redemption_site.sign_in import SignInProcess
from tests.concurrency.racing import race
from tests.redemption_site import visits

WRONG = "0000-0000"
GUESSES = 24


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def in_the_same_browser(client: Client) -> Client:
    other = Client()
    for name, cookie in client.cookies.items():
        other.cookies[name] = cookie.value
    return other


def guess_at_once(client: Client, patch: pytest.MonkeyPatch, *, expected: int) -> int:
    """Send 24 wrong codes at once; how many were compared. Comparisons wait for each other until there are
    as many as expected, so that as many as can be are under way together."""
    compared: list[str] = []
    together = threading.Barrier(expected, timeout=10)

    def compare(*, actual: str, expected: str) -> bool:
        compared.append(actual)
        if len(compared) <= together.parties:
            together.wait()
        return actual == expected.replace("-", "")

    def guess() -> int:
        return in_the_same_browser(client).post("/sign-in/code/", {"code": WRONG}).status_code

    patch.setattr(allauth_forms, "compare_user_code", compare)
    answers = race(*[guess] * GUESSES)
    assert {200, 302} >= set(answers)
    return len(compared)


@pytest.mark.django_db(transaction=True)
def test_guesses_sent_at_once_are_compared_three_times(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    visits.ask_to_sign_in(client, "hanako@example.com")
    right = visits.sign_in_code()
    assert guess_at_once(client, monkeypatch, expected=3) == 3
    client.post("/sign-in/code/", {"code": right})
    assert not is_signed_in(client)


@pytest.mark.django_db(transaction=True)
def test_without_the_count_all_of_them_are_compared(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    # The control of the test above: it is the count that stops them, neither the session nor the database.
    monkeypatch.setattr(SignInProcess, "take_try", lambda _: True)
    visits.ask_to_sign_in(client, "hanako@example.com")
    assert guess_at_once(client, monkeypatch, expected=GUESSES) == GUESSES


@pytest.mark.django_db
def test_an_old_session_brings_no_tries_back(client: Client) -> None:
    visits.ask_to_sign_in(client, "hanako@example.com")
    right = visits.sign_in_code()
    before = dict(client.session.items())
    for _ in range(3):
        client.post("/sign-in/code/", {"code": WRONG})
        session = client.session
        session.update(before)
        session.save()
    client.post("/sign-in/code/", {"code": right})
    assert not is_signed_in(client)


@pytest.mark.django_db
def test_a_lost_count_counts_as_used_up(client: Client) -> None:
    visits.ask_to_sign_in(client, "hanako@example.com")
    cache.clear()
    answer = client.post("/sign-in/code/", {"code": visits.sign_in_code()})
    assert (answer.status_code, answer["Location"]) == (302, "/sign-in/")
    assert not is_signed_in(client)


@pytest.mark.django_db
def test_without_the_cache_nothing_is_compared(client: Client, settings: LazySettings) -> None:
    visits.ask_to_sign_in(client, "hanako@example.com")
    client.raise_request_exception = False
    kept = settings.CACHES
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",  # where nobody listens
        }
    }
    answer = client.post("/sign-in/code/", {"code": visits.sign_in_code()})
    settings.CACHES = kept
    assert answer.status_code == 503
    assert answer["Retry-After"]
    assert not is_signed_in(client)
    client.post("/sign-in/code/", {"code": visits.sign_in_code()})
    assert is_signed_in(client)


@pytest.mark.django_db
def test_a_code_that_is_sent_again_counts_like_one_that_was_asked_for(client: Client) -> None:
    def send_again() -> visits.Answer:
        return client.post("/sign-in/code/", {"action": "resend"}, follow=True)

    def ask_elsewhere() -> visits.Answer:
        return visits.ask_to_sign_in(Client(), "hanako@example.com")

    visits.ask_to_sign_in(client, "hanako@example.com")
    attempts: list[Callable[[], visits.Answer]] = [ask_elsewhere, send_again, ask_elsewhere, send_again]
    answers = [attempt() for attempt in attempts]
    assert len(mail.outbox) == 3
    told = ["1分ほど待ってから" in answer.content.decode() for answer in answers]
    assert told == [False, False, True, True]
