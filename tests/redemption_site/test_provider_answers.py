"""Answers of a provider that sign nobody in: forged, replayed, late, bent, or none at all."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import jwt
import pytest
import time_machine
from django.conf import LazySettings
from django.test import Client, override_settings

from tests.oidc_provider import CLIENT_ID, CLIENT_SECRET, Claims, OidcProvider, oidc_provider
from tests.redemption_site import visits
from tests.redemption_site.round import (
    come_back,
    go_on,
    is_signed_in,
    know,
    leave,
    newcomers,
    query_of,
    sign_in,
    sign_in_elsewhere,
)

pytestmark = pytest.mark.django_db
LANGUAGE = "en"
NOWHERE = "redis://127.0.0.1:1/1"


# --- What an attacker could try -------------------------------------------------------------------


def test_a_link_of_somebody_else_signs_nobody_in_by_itself(
    client: Client, second: Client, provider: OidcProvider
) -> None:
    provider.tells = {"name": "Mallory"}
    page = sign_in_elsewhere(client, second, provider).content.decode()
    assert "Mallory" in page
    assert "If somebody sent you the link" in page
    assert not is_signed_in(second)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = second.cookies
    assert strict.post("/sign-in/go-on/").status_code == 403
    assert not is_signed_in(second)
    assert not newcomers()


def test_a_link_of_somebody_else_does_not_replace_who_is_signed_in(
    client: Client, hanako: Client, provider: OidcProvider
) -> None:
    before = hanako.session["_auth_user_id"]
    sign_in_elsewhere(client, hanako, provider)
    assert hanako.session["_auth_user_id"] == before
    go_on(hanako)
    assert hanako.session["_auth_user_id"] != before


def test_the_page_that_asks_is_good_for_ten_minutes_and_one_answer(
    client: Client, second: Client, provider: OidcProvider
) -> None:
    with time_machine.travel(datetime.now(UTC) - timedelta(minutes=11)):
        sign_in_elsewhere(client, second, provider)
    assert second.post("/sign-in/go-on/")["Location"] == "/sign-in/"
    sign_in_elsewhere(client, second, provider)
    assert go_on(second)["Location"] == "/wallet/"
    second.post("/sign-out/")
    assert second.post("/sign-in/go-on/")["Location"] == "/sign-in/"
    assert not is_signed_in(second)


def refused(client: Client, provider: OidcProvider) -> str:
    """The page of a way back that signs nobody in; "" if it did."""
    answer = sign_in(client, provider)
    assert not is_signed_in(client)
    assert not newcomers()
    assert answer.status_code == 400
    return str(answer.content.decode())


def test_a_state_is_good_for_one_answer(client: Client, second: Client, provider: OidcProvider) -> None:
    client.post("/claim/", {"code": visits.code_now()})
    allow, _deny = provider.ways_back(leave(client))
    come_back(client, allow)
    provider.asked.clear()
    for browser in (client, second):
        answer = come_back(browser, allow)
        assert answer.status_code == 400
        assert "was used already" in answer.content.decode()
    assert not is_signed_in(second)
    assert visits.shown_in(second.get("/sign-in/")) == ""  # the code stays with whoever came first
    assert provider.asked == {}


def test_a_state_is_good_for_ten_minutes(client: Client, provider: OidcProvider) -> None:
    with time_machine.travel(datetime.now(UTC) - timedelta(minutes=11)):
        allow, _deny = provider.ways_back(leave(client))
    answer = come_back(client, allow)
    assert answer.status_code == 400
    assert "longer than 10 minutes" in answer.content.decode()
    assert not is_signed_in(client)


@pytest.mark.parametrize("state", ["", "x", "é", "x" * 10_000, "gAAAAABh"])
def test_a_state_that_was_not_sealed_here_is_refused(
    client: Client, provider: OidcProvider, state: str
) -> None:
    answer = client.get("/sign-in/with/example/back/", {"state": state, "code": "1"})
    assert answer.status_code == 400
    assert provider.asked == {}


def test_a_state_is_for_its_provider_alone(
    client: Client, provider: OidcProvider, settings: LazySettings
) -> None:
    with oidc_provider() as line:
        line.is_line = True
        know(settings, provider, line)
        allow, _deny = provider.ways_back(leave(client))
        assert come_back(client, allow.replace("/example/", "/line/")).status_code == 400
        assert "/token" not in line.asked
    assert not is_signed_in(client)


def test_an_answer_that_names_another_issuer_is_refused(client: Client, provider: OidcProvider) -> None:
    allow, _deny = provider.ways_back(leave(client))
    assert come_back(client, allow + "&iss=https://evil.example").status_code == 400
    assert "/token" not in provider.asked
    allow, _deny = provider.ways_back(leave(client))
    assert come_back(client, f"{allow}&iss={provider.issuer}").status_code == 303


def without_signature(claims: Claims) -> str:
    return jwt.encode(claims, "", algorithm="none")


def with_the_secret(claims: Claims) -> str:
    return jwt.encode(claims, CLIENT_SECRET, algorithm="HS256")


CHANGES: dict[str, Claims] = {
    "wrong nonce": {"nonce": "another"},
    "nonce of another kind": {"nonce": 7},
    "wrong audience": {"aud": "another-site"},
    "audience of many without a holder": {"aud": [CLIENT_ID, "another-site"]},
    "held by another": {"azp": "another-site"},
    "wrong issuer": {"iss": "https://evil.example"},
    "expired": {"exp": 1_000_000_000},
    "not yet": {"nbf": 9_000_000_000},
    "without an end": {"exp": None},
    "nobody": {"sub": ""},
    "a very long name": {"sub": "x" * 300},
    "no text": {"sub": 7},
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_answer_that_is_not_to_this_sign_in_is_refused(
    client: Client, provider: OidcProvider, change: str
) -> None:
    client.post("/claim/", {"code": visits.code_now()})
    provider.tells = CHANGES[change]
    page = refused(client, provider)
    assert "was not the one to your sign-in" in page
    assert "Your code is kept in this browser" in page
    assert visits.shown_in(client.get("/sign-in/"))
    provider.tells = {}
    assert sign_in(client, provider)["Location"] == "/claim/"


@pytest.mark.parametrize("bend", [without_signature, with_the_secret, lambda _claims: "x.y.z", lambda _: ""])
def test_an_answer_without_the_right_signature_is_refused(
    client: Client, provider: OidcProvider, bend: Callable[[Claims], str]
) -> None:
    provider.bends = bend
    refused(client, provider)
    provider.bends = provider.sign_with_another_key
    refused(client, provider)
    provider.bends = lambda claims: provider.sign(claims, kid="k2")
    refused(client, provider)
    provider.bends = None
    assert sign_in(client, provider)["Location"] == "/wallet/"


def test_line_cannot_be_spoken_for_without_its_secret(
    client: Client, provider: OidcProvider, settings: LazySettings
) -> None:
    provider.is_line = True
    know(settings, provider)
    provider.bends = lambda claims: jwt.encode(claims, "x" * 32, algorithm="HS256")
    refused(client, provider)
    provider.bends = without_signature
    refused(client, provider)


def test_userinfo_of_somebody_else_is_refused(client: Client, provider: OidcProvider) -> None:
    provider.tells, provider.has_userinfo = {}, True
    provider.told_besides = {"sub": "person-2", "name": "太郎"}
    refused(client, provider)


def test_a_code_of_the_provider_is_worth_nothing_without_the_state(
    client: Client, second: Client, provider: OidcProvider
) -> None:
    """PKCE: a stolen authorisation code, put into a round trip of one's own, is refused by the provider."""
    stolen, _deny = provider.ways_back(leave(client))
    own, _deny = provider.ways_back(leave(second))
    injected = own.replace(query_of(own)["code"], query_of(stolen)["code"])
    assert come_back(second, injected).status_code == 400
    assert not is_signed_in(second)


def test_neither_nonce_nor_verifier_can_be_told_from_the_state(
    client: Client, provider: OidcProvider
) -> None:
    first, again = query_of(leave(client)), query_of(leave(client))
    assert first["code_challenge_method"] == "S256"
    assert len({first["nonce"], again["nonce"], first["state"], again["state"]}) == 4
    assert first["nonce"] not in first["state"]


# --- When it does not work ------------------------------------------------------------------------


def test_a_provider_that_is_down_leaves_the_code_waiting(client: Client, provider: OidcProvider) -> None:
    client.post("/claim/", {"code": visits.code_now()})
    provider.is_down = True
    answer = client.post("/sign-in/with/example/")
    assert answer.status_code == 503
    assert answer["Retry-After"] == "30"
    page = answer.content.decode()
    assert "We can&#x27;t reach Example ID just now" in page.replace("can't", "can&#x27;t")
    assert "Your code is kept in this browser" in page
    provider.is_down = False
    allow, _deny = provider.ways_back(leave(client))
    provider.is_down = True
    assert come_back(client, allow).status_code in (400, 503)
    provider.is_down = False
    assert sign_in(client, provider)["Location"] == "/claim/"


def test_a_provider_that_nobody_hears_is_away(client: Client, settings: LazySettings) -> None:
    with oidc_provider() as gone:
        know(settings, gone)
    assert client.post("/sign-in/with/example/").status_code == 503


def test_without_the_cache_nobody_is_signed_in(client: Client, provider: OidcProvider) -> None:
    allow, _deny = provider.ways_back(leave(client))
    client.raise_request_exception = False
    with override_settings(
        CACHES={"default": {"BACKEND": "config.cache.KeptRedisCache", "LOCATION": NOWHERE}}
    ):
        assert come_back(client, allow).status_code == 503
    assert not is_signed_in(client)
    assert "/token" not in provider.asked


def test_a_description_of_another_issuer_is_not_believed(client: Client, provider: OidcProvider) -> None:
    provider.issuer = "https://evil.example"
    assert client.post("/sign-in/with/example/").status_code == 503


def test_who_denies_is_told_what_to_do_and_keeps_the_code(
    client: Client, second: Client, provider: OidcProvider
) -> None:
    client.post("/claim/", {"code": visits.code_now()})
    for browser in (client, second):
        _allow, deny = provider.ways_back(leave(client))
        answer = come_back(browser, deny)
        assert answer.status_code == 400
        assert "You did not allow Example ID" in answer.content.decode()
        assert visits.shown_in(browser.get("/sign-in/"))
    assert not is_signed_in(client)


def test_who_comes_back_with_nothing_still_gets_where_they_wanted(
    client: Client, second: Client, provider: OidcProvider, settings: LazySettings
) -> None:
    again = 'href="/sign-in/?next=%2Fwallet%2Fcard%2F"'
    provider.is_down = True
    assert again in client.post("/sign-in/with/example/", {"next": "/wallet/card/"}).content.decode()
    provider.is_down = False
    _allow, deny = provider.ways_back(leave(client, next="/wallet/card/"))
    assert again in come_back(client, deny).content.decode()
    allow, _deny = provider.ways_back(leave(client, next="/wallet/card/"))
    assert come_back(second, allow)["Location"] == "/sign-in/go-on/"
    assert again in second.get("/sign-in/go-on/").content.decode()
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | {"other_sign_in": "1/m/ip"}
    client.post("/sign-in/with/example/")
    answer = client.post("/sign-in/with/example/", {"next": "/wallet/card/"})
    assert answer["Location"] == "/sign-in/?next=%2Fwallet%2Fcard%2F"


def test_without_providers_nothing_is_offered_and_nothing_is_there(client: Client) -> None:
    page = client.get("/sign-in/").content.decode()
    assert "/sign-in/with/" not in page
    visits.member_in(client)
    assert "/account/connections/" not in client.get("/account/").content.decode()
    for address in ("/sign-in/with/line/", "/sign-in/with/line/back/"):
        assert Client().get(address).status_code in (404, 405)
    assert Client().post("/sign-in/with/line/").status_code == 404


def test_a_get_never_leaves_for_the_provider(client: Client, provider: OidcProvider) -> None:
    assert client.get("/sign-in/with/example/").status_code == 405
    assert client.head("/sign-in/with/example/back/", {"state": "x"}).status_code == 405
    strict = Client(enforce_csrf_checks=True)
    assert strict.post("/sign-in/with/example/").status_code == 403
    assert provider.asked == {}
