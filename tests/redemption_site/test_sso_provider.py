"""The provider as a shop's server meets it: what is told, to whom, for how long, and how secrets are kept."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from allauth.idp.oidc.models import Token
from django.conf import LazySettings
from django.test import Client

from config.secrets import make_secrets, read_signing_keys
from parties import site_services
from parties.access import member_of
from parties.models import User
from parties.site_models import BrandSite
from redemption_site.guesses import WRONG_SECRETS
from tests.redemption_site import visits
from tests.redemption_site.shops import HOME, Shop, error_of, site

pytestmark = pytest.mark.django_db


# --- What is told ---


def test_a_member_signs_in_to_a_shop_which_learns_number_address_and_language(
    shop: Shop, client: Client, known: User
) -> None:
    answer = shop.redeem(shop.code_for(client))
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    tokens = answer.json()
    assert set(tokens) == {"access_token", "expires_in", "id_token", "scope", "token_type"}  # none to refresh
    assert (tokens["expires_in"], tokens["token_type"]) == (600, "Bearer")
    assert sorted(tokens["scope"].split()) == ["email", "openid"]
    claims = shop.claims_of(tokens)
    assert claims["sub"] == str(member_of(known).public_id)
    assert (claims["email"], claims["email_verified"], claims["locale"]) == (known.email, True, "ja")
    assert claims["exp"] - claims["iat"] == 300
    assert abs(claims["auth_time"] - claims["iat"]) < 60
    told = shop.userinfo(tokens["access_token"])
    assert "no-store" in told["Cache-Control"]
    assert told.json() == {name: claims[name] for name in ("sub", "email", "email_verified", "locale")}


def test_a_shop_that_does_not_ask_for_the_address_does_not_learn_it(
    shop: Shop, client: Client, known: User
) -> None:
    tokens = shop.redeem(shop.code_for(client, scope="openid")).json()
    assert not {"email", "email_verified"} & shop.claims_of(tokens).keys()
    told = shop.userinfo(tokens["access_token"]).json()
    assert set(told) == {"sub", "locale"}


def test_an_address_that_no_code_went_to_is_not_called_verified(shop: Shop, client: Client) -> None:
    visits.member_in(client)
    claims = shop.claims_of(shop.tokens_of(client))
    assert claims["email_verified"] is False
    assert "auth_time" not in claims


def test_discovery_names_what_is_spoken_and_nothing_else(shop: Shop, settings: LazySettings) -> None:
    settings.SITE_URL = "https://points.example.com"
    answer = shop.http.get("/.well-known/openid-configuration", headers={"host": "localhost"})
    assert answer["Cache-Control"] == "public, max-age=3600"
    metadata = answer.json()
    assert metadata["issuer"] == "https://points.example.com"
    for name, value in metadata.items():
        if name.endswith(("_endpoint", "_uri")):
            assert value.startswith("https://points.example.com/"), name
    assert metadata["response_types_supported"] == ["code"]
    assert metadata["grant_types_supported"] == ["authorization_code"]
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    for absent in ("registration_endpoint", "device_authorization_endpoint", "introspection_endpoint"):
        assert absent not in metadata
    keys = shop.http.get("/sso/keys/")
    assert "max-age=3600" in keys["Cache-Control"]
    assert all("d" not in key and key["kty"] == "RSA" for key in keys.json()["keys"])


@pytest.mark.parametrize(
    "address",
    [
        "/.well-known/openid-configuration",
        "/sso/keys/",
        "/sso/userinfo/",
        "/sso/authorize/",
        "/sso/sign-out/",
    ],
)
def test_without_a_key_there_is_no_provider(client: Client, settings: LazySettings, address: str) -> None:
    assert client.get(address).status_code != 404
    settings.IDP_OIDC_PRIVATE_KEYS = []
    assert client.get(address).status_code == 404
    assert client.post("/sso/token/").status_code == 404


def test_keys_change_without_a_gap(shop: Shop, client: Client, known: User, settings: LazySettings) -> None:
    before = shop.tokens_of(client)
    old: dict[str, Any] = settings.IDP_OIDC_PRIVATE_KEYS[0]
    new = {
        "pem": read_signing_keys(make_secrets()["IDP_OIDC_PRIVATE_KEY"])[0],
        "issued_at": old["issued_at"] - timedelta(seconds=1),
    }
    settings.IDP_OIDC_PRIVATE_KEYS = [old, new]  # published, and does not sign yet
    assert len(shop.http.get("/sso/keys/").json()["keys"]) == 2
    shop.claims_of(before)
    settings.IDP_OIDC_PRIVATE_KEYS = [new | {"issued_at": old["issued_at"] + timedelta(seconds=1)}, old]
    after = shop.tokens_of(client)
    assert before["id_token"].split(".")[0] != after["id_token"].split(".")[0]
    shop.claims_of(before)
    shop.claims_of(after)


# --- Codes and tokens ---


def test_a_code_is_good_once_and_whoever_brings_it_again_puts_its_tokens_out(
    shop: Shop, client: Client, known: User
) -> None:
    code = shop.code_for(client)
    token = shop.redeem(code).json()["access_token"]
    assert shop.userinfo(token).status_code == 200
    again = shop.redeem(code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert shop.userinfo(token).status_code == 401


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"code_verifier": "x" * 43}, 400, "invalid_grant"),
        ({"code_verifier": None}, 400, "invalid_request"),
        ({"redirect_uri": HOME}, 400, "invalid_request"),
        ({"redirect_uri": None}, 400, "invalid_request"),
        ({"client_secret": "wrong", "client_id": "own"}, 401, "invalid_client"),
        ({"client_secret": None}, 401, "invalid_client"),
        ({"grant_type": "password", "username": "a", "password": "b"}, 400, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, 400, "unsupported_grant_type"),
        ({"grant_type": "refresh_token"}, 400, "unsupported_grant_type"),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:device_code"}, 400, "unsupported_grant_type"),
    ],
)
def test_a_code_in_wrong_company_is_worth_nothing(
    shop: Shop, client: Client, known: User, changes: dict[str, str | None], status: int, error: str
) -> None:
    if changes.get("client_id") == "own":
        changes = changes | {"client_id": shop.site.client_id}
    answer = shop.redeem(shop.code_for(client), **changes)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert "no-store" in answer["Cache-Control"]
    assert not Token.objects.exists()


def test_the_secret_may_come_in_the_body(shop: Shop, client: Client, known: User) -> None:
    ids = {"client_id": shop.site.client_id, "client_secret": shop.secret}
    assert shop.redeem(shop.code_for(client), **ids).status_code == 200


def test_another_shops_code_is_worth_nothing(shop: Shop, client: Client, known: User) -> None:
    other = Shop(site(name="Other"))
    other.verifier = shop.verifier
    code = shop.code_for(client)
    assert other.redeem(code).json()["error"] == "invalid_grant"
    assert shop.redeem(code).status_code == 200


def test_a_code_is_good_for_a_minute(shop: Shop, client: Client, known: User) -> None:
    code = shop.code_for(client)
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=61)):
        assert shop.redeem(code).json()["error"] == "invalid_grant"


def test_a_token_is_good_for_ten_minutes_and_then_leaves_the_table(
    shop: Shop, client: Client, known: User
) -> None:
    token = shop.tokens_of(client)["access_token"]
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=601)):
        assert shop.userinfo(token).status_code == 401
        shop.tokens_of(client)
        assert Token.objects.count() == 1


def test_a_token_in_an_address_opens_nothing(shop: Shop, client: Client, known: User) -> None:
    token = shop.tokens_of(client)["access_token"]
    assert shop.http.get(f"/sso/userinfo/?access_token={token}").status_code == 401
    refused = shop.http.get("/sso/userinfo/")
    assert refused.status_code == 401
    assert refused["WWW-Authenticate"].startswith("Bearer")


def test_a_shop_revokes_its_own_tokens_and_no_others(shop: Shop, client: Client, known: User) -> None:
    token = shop.tokens_of(client)["access_token"]
    other = Shop(site(name="Other"))
    assert other.revoke(token).status_code == 200  # as the standard wants it, whatever became of it
    assert shop.userinfo(token).status_code == 200
    assert shop.revoke(token).status_code == 200
    assert shop.userinfo(token).status_code == 401


# --- People and sites that have no part in it any more ---


def blocked(user: User, _site: BrandSite) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def became_staff(user: User, _site: BrandSite) -> None:
    User.objects.filter(pk=user.pk).update(is_staff=True)


def gone(user: User, _site: BrandSite) -> None:
    user.delete()


def disconnected(user: User, connected: BrandSite) -> None:
    site_services.withdraw_from_site(member=member_of(user), site=connected, at=datetime.now(UTC))


def closed(_user: User, connected: BrandSite) -> None:
    BrandSite.objects.filter(pk=connected.pk).update(is_open=False)


@pytest.mark.parametrize("happened", [blocked, became_staff, gone, disconnected, closed])
def test_tokens_and_codes_on_their_way_stop_working(
    shop: Shop, client: Client, known: User, happened: Callable[[User, BrandSite], None]
) -> None:
    token, code = shop.tokens_of(client)["access_token"], shop.code_for(client)
    assert shop.userinfo(token).status_code == 200
    happened(known, shop.site)
    assert shop.userinfo(token).status_code == 401
    assert shop.redeem(code).json()["error"] in ("invalid_grant", "invalid_client")
    silent = shop.ask(client, prompt="none")
    assert silent.status_code == 400 or error_of(silent) in ("login_required", "consent_required")


# --- Secrets ---


def test_a_new_secret_works_beside_the_old_one_for_a_day(shop: Shop, client: Client, known: User) -> None:
    old = shop.secret
    now = datetime.now(UTC)
    shop.secret = site_services.renew_secret(site_id=shop.site.pk, at=now)
    assert shop.redeem(shop.code_for(client)).status_code == 200
    new, shop.secret = shop.secret, old
    assert shop.redeem(shop.code_for(client)).status_code == 200
    with time_machine.travel(now + timedelta(days=1, seconds=1)):
        visits.sign_in(client)
        assert shop.redeem(shop.code_for(client)).status_code == 401
    shop.secret = new
    site_services.renew_secret(site_id=shop.site.pk, at=now)
    site_services.renew_secret(site_id=shop.site.pk, at=now)
    assert shop.redeem(shop.code_for(client)).status_code == 401


def test_a_site_without_a_secret_has_none_that_fits(shop: Shop) -> None:
    shop.site = site(name="New")
    for secret in ("", "!", "x"):
        answer = shop.http.post("/sso/token/", headers={"authorization": shop.basic(secret)})
        assert answer.status_code in (400, 401)
        assert not site_services.is_secret_of(shop.site, secret, at=datetime.now(UTC))


def test_wrong_secrets_are_counted_and_right_ones_are_not(shop: Shop, client: Client, known: User) -> None:
    right = shop.secret
    for _ in range(WRONG_SECRETS + 5):
        assert shop.revoke("x").status_code == 200
    shop.secret = "wrong"
    answers = [shop.revoke("x") for _ in range(WRONG_SECRETS + 1)]
    assert {answer.status_code for answer in answers[:-1]} == {401}
    assert (answers[-1].status_code, answers[-1]["Retry-After"]) == (429, "600")
    assert answers[0]["WWW-Authenticate"].startswith("Basic")
    shop.secret = right
    assert shop.revoke("x").status_code == 429
    shop.http.defaults["REMOTE_ADDR"] = "192.0.2.7"
    assert shop.revoke("x").status_code == 200  # whoever guesses elsewhere does not keep the shop out
