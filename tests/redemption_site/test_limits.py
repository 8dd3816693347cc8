"""What people see when they try too often, are locked, or when the site is under attack."""

import json
import re
from html import unescape

import altcha
import pytest
from django.conf import LazySettings
from django.db import OperationalError
from django.test import Client
from redis import Redis

from giftcodes.guard_models import Attempt, ClaimLock
from giftcodes.guarding import guard
from giftcodes.guarding.on_database import DatabaseCounters
from giftcodes.guarding.rules import Level, Site
from giftcodes.models import Claim
from ledger import audit
from redemption_site import proofs
from tests import make
from tests.giftcodes.guarded import NOBODY_LISTENS, a_redis, unknown_code
from tests.redemption_site import visits

pytestmark = pytest.mark.django_db
WORDS = {
    "en": ("Too many tries", "Receiving points is locked", "One more moment"),
    "ja": ("入力の回数が多すぎます", "ポイントの受け取りをロックしています", "少々お待ちください"),
}


@pytest.fixture(params=["redis", "database"], autouse=True)
def _counters(request: pytest.FixtureRequest, settings: LazySettings) -> None:
    with Redis.from_url(a_redis()) as client:
        client.flushdb()
    settings.REDIS_URL = a_redis() if request.param == "redis" else ""


@pytest.fixture(params=["en", "ja"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def browser(language: str) -> Client:
    client = Client(headers={"accept-language": language})
    visits.member_in(client)
    return client


def under_attack() -> None:
    """As if 200 codes had been tried in this minute, and 3 of them were guesses."""
    for number in range(200):
        asked = Site(is_unknown=number > 196, most=Level.CLOSED)
        guard.take([], asked, token=f"t{number}", now_ms=None)


def solved(page: visits.Answer) -> str:
    found = re.search(r'data-challenge="([^"]+)"', page.content.decode())
    assert found
    challenge = altcha.Challenge.from_dict(json.loads(unescape(found[1])))
    solution = altcha.solve_challenge(challenge)
    assert solution is not None
    return altcha.Payload(challenge, solution).to_base64()


def test_the_eleventh_try_in_a_minute_is_told_when_to_try_again(language: str) -> None:
    client, batch = browser(language), visits.batch_now(size=11)
    for place in range(10):
        assert client.post("/claim/", {"code": make.code_of(batch, place)}).status_code == 303
    answer = client.post("/claim/", {"code": make.code_of(batch, 10)})
    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= 60
    assert "no-store" in answer["Cache-Control"]
    page = answer.content.decode()
    assert WORDS[language][0] in page
    assert re.search(r"\d\d:\d\d</strong>", page)
    assert Claim.objects.count() == 10
    assert not list(audit.differences())


def test_five_unknown_codes_lock_and_the_page_says_until_when_and_whom_to_ask(
    language: str, settings: LazySettings
) -> None:
    settings.SUPPORT_EMAIL = "help@example.com"
    client, batch = browser(language), visits.batch_now(size=2)
    for _ in range(5):
        assert client.post("/claim/", {"code": unknown_code(batch)}).status_code == 422
    answer = client.post("/claim/", {"code": make.code_of(batch)})
    assert answer.status_code == 429
    assert 86_000 < int(answer["Retry-After"]) <= 86_400
    page = answer.content.decode()
    assert WORDS[language][1] in page
    assert ClaimLock.objects.get().reference in page
    assert "help@example.com" in page
    assert not Claim.objects.exists()


def test_a_refusal_has_a_number_that_support_finds_the_try_by(language: str) -> None:
    answer = browser(language).post("/claim/", {"code": unknown_code(visits.batch_now())})
    found = re.search(r'class="reference">(\w{8})<', answer.content.decode())
    assert found
    assert Attempt.objects.get(reference=found[1]).network == "127.0.0.0/24"


def test_a_refusal_at_the_sign_in_has_its_number_too(client: Client) -> None:
    client.post("/claim/", {"code": unknown_code(visits.batch_now())})
    visits.sign_in(client)
    assert Attempt.objects.get().reference in client.get("/claim/").content.decode()


def test_under_attack_a_proof_of_work_opens_the_way(language: str) -> None:
    client, batch = browser(language), visits.batch_now(size=2)
    under_attack()
    page = client.post("/claim/", {"code": make.code_of(batch)})
    assert page.status_code == 428
    text = page.content.decode()
    assert WORDS[language][2] in text
    assert "JavaScript" in text
    assert not Claim.objects.exists()

    sent = {"shown": visits.shown_in(page), "proof": solved(page)}
    answer = client.post("/claim/", sent)
    assert (answer.status_code, answer["Location"]) == (303, f"/claimed/{batch.first_claim_id}/")
    again = client.post("/claim/", {"code": make.code_of(batch, 1), "proof": sent["proof"]})
    assert again.status_code == 428


def test_a_proof_of_another_person_counts_for_nothing() -> None:
    client, batch = browser("en"), visits.batch_now(size=1)
    under_attack()
    proof = solved(browser("en").post("/claim/", {"code": make.code_of(batch)}))
    assert client.post("/claim/", {"code": make.code_of(batch), "proof": proof}).status_code == 428


@pytest.mark.parametrize("junk", ["", "x", "e30=", "bnVsbA==", "W10=", "A" * 5000, "\x00", "é"])
def test_junk_is_no_proof(junk: str) -> None:
    assert proofs.proof_id(junk, "somebody") == ""


def test_nobody_who_is_not_signed_in_tries_anything(client: Client) -> None:
    under_attack()
    answer = client.post("/claim/", {"code": visits.code_now()})
    assert (answer.status_code, answer["Location"]) == (303, "/sign-in/")


def test_sixty_typing_errors_a_minute_are_enough(language: str) -> None:
    client = Client(headers={"accept-language": language})
    typo = str(int(visits.code_now()) ^ 1)
    statuses = [client.post("/claim/", {"code": typo}).status_code for _ in range(61)]
    assert statuses == [400] * 60 + [429]
    assert not Attempt.objects.exists()


@pytest.mark.parametrize(("proxies", "counted"), [(0, "127.0.0.0/24"), (1, "198.51.100.0/24")])
def test_only_trusted_proxies_say_who_the_client_is(
    settings: LazySettings, proxies: int, counted: str
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    spoofed = {"x-forwarded-for": "203.0.113.77, 198.51.100.4"}
    browser("en").post("/claim/", {"code": unknown_code(visits.batch_now())}, headers=spoofed)
    assert Attempt.objects.get().network == counted


def test_without_any_counter_nothing_is_granted(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: object, **kwargs: object) -> None:
        raise OperationalError("the database is away")

    client, code = browser("en"), visits.code_now()
    settings.REDIS_URL = NOBODY_LISTENS
    monkeypatch.setattr(DatabaseCounters, "take", fails)
    answer = client.post("/claim/", {"code": code})
    assert answer.status_code == 503
    assert answer["Retry-After"]
    assert not Claim.objects.exists()
