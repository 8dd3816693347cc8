"""The provider, asked by a shop that believes nothing: who comes, what is told, and what is refused."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from allauth.idp.oidc.models import Token
from django.conf import LazySettings
from django.core.cache import cache
from django.test import Client

from config.secrets import make_secrets, read_signing_keys
from parties import site_services
from parties.access import member_of
from parties.models import Member, User
from parties.site_models import BrandSite
from redemption_site.guesses import WRONG_SECRETS
from tests.redemption_site import visits
from tests.redemption_site.shops import (
    CALLBACK,
    HOME,
    Shop,
    act_on,
    agreed,
    follow,
    leads_to,
    parameters_of,
    site,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_counted_yet() -> None:
    cache.clear()


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def hanako(client: Client) -> User:
    """Signed in by the pages, in `client`."""
    visits.sign_in(client)
    return User.objects.get(email="hanako@example.com")


def error_of(answer: Any) -> str:
    """The error that a shop is told, at its own address."""
    assert answer.status_code == 302
    assert answer["Location"].startswith(CALLBACK)
    return parameters_of(answer["Location"])["error"]


# --- What is told ---


def test_a_member_signs_in_to_a_shop_which_learns_number_address_and_language(
    shop: Shop, client: Client, hanako: User
) -> None:
    answer = shop.redeem(shop.code_for(client))
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    tokens = answer.json()
    assert set(tokens) == {"access_token", "expires_in", "id_token", "scope", "token_type"}  # none to refresh
    assert (tokens["expires_in"], tokens["token_type"]) == (600, "Bearer")
    assert sorted(tokens["scope"].split()) == ["email", "openid"]
    claims = shop.claims_of(tokens)
    assert claims["sub"] == str(member_of(hanako).public_id)
    assert (claims["email"], claims["email_verified"], claims["locale"]) == (hanako.email, True, "ja")
    assert claims["exp"] - claims["iat"] == 300
    assert abs(claims["auth_time"] - claims["iat"]) < 60
    told = shop.userinfo(tokens["access_token"])
    assert "no-store" in told["Cache-Control"]
    assert told.json() == {name: claims[name] for name in ("sub", "email", "email_verified", "locale")}


def test_a_shop_that_does_not_ask_for_the_address_does_not_learn_it(
    shop: Shop, client: Client, hanako: User
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


def test_keys_change_without_a_gap(shop: Shop, client: Client, hanako: User, settings: LazySettings) -> None:
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


# --- The way there and back ---


def test_a_newcomer_comes_back_from_the_sign_in_to_the_question_and_to_the_shop(
    shop: Shop, client: Client
) -> None:
    answer = shop.ask(client)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/sign-in/?next=/sso/continue/")
    sent = client.post(answer["Location"], {"email": "new@example.com"} | {"next": next_of(answer)})
    assert not User.objects.filter(email="new@example.com").exists()
    signed_in = client.post(sent["Location"], {"code": visits.sign_in_code(), "next": next_of(sent)})
    page = follow(client, signed_in)
    assert "Aozora Shop" in page.content.decode()
    back = agreed(client, page)
    claims = shop.claims_of(shop.redeem(parameters_of(back["Location"])["code"]).json())
    assert claims["sub"] == str(Member.objects.get(user__email="new@example.com").public_id)


def next_of(answer: Any) -> str:
    return parameters_of(answer["Location"])["next"]


def test_no_form_leads_straight_out_of_the_site(shop: Shop, client: Client, hanako: User) -> None:
    # Browsers hold redirects after a form to the content policy, which allows this host alone.
    page = shop.ask(client)
    for act in ("agree", "decline", "again"):
        answer = act_on(client, page, act)
        assert answer.status_code in (302, 303)
        assert answer["Location"].startswith("/"), act


def test_who_agreed_is_not_asked_again(shop: Shop, client: Client, hanako: User) -> None:
    shop.code_for(client)
    assert shop.ask(client).status_code == 302
    assert shop.ask(client, scope="openid").status_code == 302  # less than was agreed
    assert shop.ask(client, prompt="consent").status_code == 200
    other = Shop(site(name="Other"))
    assert other.ask(client).status_code == 200


def test_more_than_was_agreed_is_asked_for(shop: Shop, client: Client, hanako: User) -> None:
    shop.code_for(client, scope="openid")
    assert shop.ask(client, scope="openid email").status_code == 200
    assert error_of(shop.ask(client, prompt="none")) == "consent_required"
    shop.code_for(client, scope="openid email")
    assert shop.ask(client, scope="openid email").status_code == 302


def test_prompt_consent_ends_when_the_person_has_answered(shop: Shop, client: Client, hanako: User) -> None:
    shop.code_for(client)
    assert shop.code_for(client, prompt="consent")


def test_who_declines_goes_back_and_the_shop_is_told_nothing_else(
    shop: Shop, client: Client, hanako: User
) -> None:
    page = follow(client, act_on(client, shop.ask(client), "decline"))
    target = leads_to(page)
    assert target is not None
    assert target.startswith(CALLBACK)
    told = parameters_of(target)
    assert (told["error"], told["state"]) == ("access_denied", shop.state)
    assert "code" not in told
    assert error_of(shop.ask(client, prompt="none")) == "consent_required"


def test_a_question_answered_by_another_site_changes_nothing(shop: Shop, hanako: User) -> None:
    victim = Client(enforce_csrf_checks=True)
    victim.force_login(hanako, backend="redemption_site.access.MemberBackend")
    page = shop.ask(victim)
    assert act_on(victim, page, "agree").status_code == 403
    assert error_of(shop.ask(victim, prompt="none")) == "consent_required"


@pytest.mark.parametrize("prompt", ["login", "select_account", "login consent"])
def test_a_shop_can_have_somebody_sign_in_once_more(
    shop: Shop, client: Client, hanako: User, prompt: str
) -> None:
    shop.code_for(client)
    page = shop.ask(client, prompt=prompt)
    assert page.status_code == 200
    assert "_auth_user_id" in client.session  # looking at the page changes nothing
    to_sign_in = act_on(client, page, "again")
    assert "_auth_user_id" not in client.session
    client.post(to_sign_in["Location"], {"email": "hanako@example.com"})
    signed_in = client.post("/sign-in/code/", {"code": visits.sign_in_code(), "next": next_of(to_sign_in)})
    answer = follow(client, signed_in)
    if "consent" in prompt:
        answer = agreed(client, answer)
    assert "code" in parameters_of(answer["Location"])


@pytest.mark.parametrize("changes", [{"prompt": "login"}, {"max_age": "0"}, {"prompt": "select_account"}])
def test_nobody_signs_in_twice_for_one_visit(shop: Shop, client: Client, changes: dict[str, str]) -> None:
    to_sign_in = shop.ask(client, **changes)
    client.post(to_sign_in["Location"], {"email": "hanako@example.com"})
    signed_in = client.post("/sign-in/code/", {"code": visits.sign_in_code(), "next": next_of(to_sign_in)})
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=20)):
        assert "同意してログインする" in follow(client, signed_in).content.decode()


def test_a_sign_in_older_than_the_shop_allows_does_not_count(
    shop: Shop, client: Client, hanako: User
) -> None:
    shop.code_for(client)
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=5)):
        assert shop.ask(client, max_age="600").status_code == 302
        assert "もう一度ログイン" in shop.ask(client, max_age="60").content.decode()
        assert error_of(shop.ask(client, max_age="60", prompt="none")) == "login_required"
        assert shop.ask(client, max_age="600", prompt="none").status_code == 302


def test_a_hint_at_somebody_else_is_answered_with_an_error(shop: Shop, client: Client, hanako: User) -> None:
    token = shop.tokens_of(client)["id_token"]
    assert "code" in parameters_of(shop.ask(client, prompt="none", id_token_hint=token)["Location"])
    taro = Client()
    visits.member_in(taro)
    shop.code_for(taro)
    assert error_of(shop.ask(taro, prompt="none", id_token_hint=token)) == "login_required"


# --- Bad cases ---


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": None},
        {"redirect_uri": "https://evil.example/"},
        {"redirect_uri": CALLBACK + "&more=1"},
        {"redirect_uri": CALLBACK.replace("callback", "callback/")},
        {"redirect_uri": "https://shop.example/callback"},
        {"redirect_uri": CALLBACK.replace("shop.example", "SHOP.example")},
        {"redirect_uri": CALLBACK.replace("shop.example", "shop.example@evil.example")},
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": "//shop.example/callback?shop=1"},
        {"client_id": None},
        {"client_id": "unknown"},
        {"client_id": "0" * 32},
        {"client_id": "\0"},
    ],
)
def test_whoever_can_not_be_known_is_told_nothing_and_nobody_is_sent_there(
    shop: Shop, client: Client, hanako: User, changes: dict[str, str | None]
) -> None:
    assert shop.ask(client).status_code == 200
    for address in (shop.asking(**changes), shop.asking(**changes, prompt="none")):
        for door in ("authorize", "declined"):
            answer = client.get(address.replace("authorize", door))
            assert (answer.status_code, answer.has_header("Location")) == (400, False)
            assert "evil" not in answer.content.decode()
            assert "このログインは続けられません" in answer.content.decode()
    query = shop.asking(**changes).partition("?")[2]
    assert client.post("/sso/decide/", {"query": query, "act": "agree"}).status_code == 400


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "id_token"}, "unsupported_response_type"),
        ({"response_type": "code token"}, "unauthorized_client"),
        ({"response_type": None}, "invalid_request"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),  # the standard reads this as plain
        ({"scope": "openid points"}, "invalid_scope"),
        ({"scope": "email"}, "invalid_scope"),
        ({"scope": None}, "invalid_scope"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"request": "e30."}, "request_not_supported"),
        ({"request_uri": "https://shop.example/request"}, "request_uri_not_supported"),
        ({"registration": "{}"}, "registration_not_supported"),
    ],
)
def test_a_shop_that_asks_for_what_is_not_spoken_is_told(
    shop: Shop, client: Client, hanako: User, changes: dict[str, str | None], error: str
) -> None:
    answer = shop.ask(client, **changes)
    assert error_of(answer) == error
    assert parameters_of(answer["Location"])["state"] == shop.state
    assert error_of(shop.ask(Client(), **changes)) == error  # also before anybody signs in


def test_a_site_that_may_not_ask_for_the_address_is_refused(client: Client, hanako: User) -> None:
    shop = Shop(site(learns_email=False))
    assert error_of(shop.ask(client, scope="openid email")) == "invalid_scope"
    assert shop.code_for(client, scope="openid")


def test_nobody_signed_in_is_not_asked_with_prompt_none(shop: Shop, client: Client) -> None:
    assert error_of(shop.ask(client, prompt="none")) == "login_required"


def test_staff_are_nobody(shop: Shop, client: Client) -> None:
    visits.staff_in(client)
    page = shop.ask(client)
    assert page.status_code == 403
    assert "スタッフ" in page.content.decode()
    assert error_of(shop.ask(client, prompt="none")) == "login_required"
    query = shop.asking().partition("?")[2]
    client.post("/sso/decide/", {"query": query, "act": "agree"})
    assert not Member.objects.exists()
    assert shop.ask(client).status_code == 403


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_authorize_is_read_by_get_alone(shop: Shop, client: Client, hanako: User, method: str) -> None:
    assert getattr(client, method)(shop.asking()).status_code == 405


def test_what_can_not_be_read_is_no_crash(client: Client, hanako: User) -> None:
    assert client.get("/sso/authorize/?client_id=%zz").status_code == 400
    assert client.get("/sso/authorize/?client_id=a&client_id=b").status_code == 400
    assert client.post("/sso/decide/", {"query": "%zz=%"}).status_code == 400
    for address in ("/sso/token/", "/sso/revoke/"):
        for body, kind in (("{", "application/json"), ("a=%zz", "application/x-www-form-urlencoded")):
            assert client.post(address, body, content_type=kind).status_code in (400, 401)


def test_a_code_is_good_once_and_whoever_brings_it_again_puts_its_tokens_out(
    shop: Shop, client: Client, hanako: User
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
    shop: Shop, client: Client, hanako: User, changes: dict[str, str | None], status: int, error: str
) -> None:
    if changes.get("client_id") == "own":
        changes = changes | {"client_id": shop.site.client_id}
    answer = shop.redeem(shop.code_for(client), **changes)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert "no-store" in answer["Cache-Control"]
    assert not Token.objects.exists()


def test_the_secret_may_come_in_the_body(shop: Shop, client: Client, hanako: User) -> None:
    ids = {"client_id": shop.site.client_id, "client_secret": shop.secret}
    assert shop.redeem(shop.code_for(client), **ids).status_code == 200


def test_another_shops_code_is_worth_nothing(shop: Shop, client: Client, hanako: User) -> None:
    other = Shop(site(name="Other"))
    other.verifier = shop.verifier
    code = shop.code_for(client)
    assert other.redeem(code).json()["error"] == "invalid_grant"
    assert shop.redeem(code).status_code == 200


def test_a_code_is_good_for_a_minute(shop: Shop, client: Client, hanako: User) -> None:
    code = shop.code_for(client)
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=61)):
        assert shop.redeem(code).json()["error"] == "invalid_grant"


def test_a_token_is_good_for_ten_minutes_and_then_leaves_the_table(
    shop: Shop, client: Client, hanako: User
) -> None:
    token = shop.tokens_of(client)["access_token"]
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=601)):
        assert shop.userinfo(token).status_code == 401
        shop.tokens_of(client)
        assert Token.objects.count() == 1


def test_a_token_in_an_address_opens_nothing(shop: Shop, client: Client, hanako: User) -> None:
    token = shop.tokens_of(client)["access_token"]
    assert shop.http.get(f"/sso/userinfo/?access_token={token}").status_code == 401
    refused = shop.http.get("/sso/userinfo/")
    assert refused.status_code == 401
    assert refused["WWW-Authenticate"].startswith("Bearer")


def test_a_shop_revokes_its_own_tokens_and_no_others(shop: Shop, client: Client, hanako: User) -> None:
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
    shop: Shop, client: Client, hanako: User, happened: Callable[[User, BrandSite], None]
) -> None:
    token, code = shop.tokens_of(client)["access_token"], shop.code_for(client)
    assert shop.userinfo(token).status_code == 200
    happened(hanako, shop.site)
    assert shop.userinfo(token).status_code == 401
    assert shop.redeem(code).json()["error"] in ("invalid_grant", "invalid_client")
    silent = shop.ask(client, prompt="none")
    assert silent.status_code == 400 or error_of(silent) in ("login_required", "consent_required")


# --- Secrets ---


def test_a_new_secret_works_beside_the_old_one_for_a_day(shop: Shop, client: Client, hanako: User) -> None:
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


def test_wrong_secrets_are_counted_and_right_ones_are_not(shop: Shop, client: Client, hanako: User) -> None:
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


# --- Signing out ---


def test_signing_out_at_a_shop_asks_and_leads_back(shop: Shop, client: Client, hanako: User) -> None:
    tokens = shop.tokens_of(client)
    asked = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": HOME, "state": "s&<"}
    page = client.get("/sso/sign-out/", asked)
    assert page.status_code == 200
    assert "_auth_user_id" in client.session  # looking at it changes nothing
    query = page.context["query"]
    stayed = client.post("/sso/sign-out/", {"query": query, "act": "stay"})
    assert "_auth_user_id" in client.session
    assert shop.userinfo(tokens["access_token"]).status_code == 401  # over there they did sign out
    assert leads_to(client.get(stayed["Location"])) == f"{HOME}?state=s%26%3C"
    left = client.post("/sso/sign-out/", {"query": query, "act": "leave"})
    assert "_auth_user_id" not in client.session
    assert left.status_code == 303
    assert leads_to(client.get(left["Location"])) == f"{HOME}?state=s%26%3C"
    assert client.get("/sso/sign-out/", asked)["Location"] == f"{HOME}?state=s%26%3C"  # nothing to ask


@pytest.mark.parametrize(
    "changes",
    [
        {"post_logout_redirect_uri": "https://evil.example/"},
        {"post_logout_redirect_uri": HOME + "more"},
        {"id_token_hint": "e30.e30.e30", "client_id": ""},
        {"client_id": "0" * 32},
    ],
)
def test_signing_out_leads_to_no_address_that_is_not_registered(
    shop: Shop, client: Client, hanako: User, changes: dict[str, str]
) -> None:
    token = shop.tokens_of(client)["id_token"]
    asked = {"id_token_hint": token, "post_logout_redirect_uri": HOME} | changes
    assert client.get("/sso/signed-out/", asked)["Location"] == "/"
    page = client.get("/sso/sign-out/", asked)
    left = client.post("/sso/sign-out/", {"query": page.context["query"], "act": "leave"})
    assert follow(client, left).request["PATH_INFO"] == "/"


# --- Connected sites ---


def test_a_member_sees_connected_sites_and_takes_one_back(shop: Shop, client: Client, hanako: User) -> None:
    assert "/account/connected-sites/" in client.get("/account/").content.decode()
    token = shop.tokens_of(client)["access_token"]
    other = Shop(site(name="Other"))
    other.code_for(client)
    page = client.get("/account/connected-sites/")
    assert "no-store" in page["Cache-Control"]
    assert [consent.site for consent in page.context["consents"]] == [other.site, shop.site]
    answer = client.post(f"/account/connected-sites/{shop.site.pk}/withdraw/")
    assert answer.status_code == 303
    assert shop.userinfo(token).status_code == 401
    page = client.get(answer["Location"])
    assert [consent.site for consent in page.context["consents"]] == [other.site]
    assert shop.ask(client).status_code == 200  # asked anew


def test_a_site_that_one_is_not_connected_to_is_not_found(shop: Shop, client: Client, hanako: User) -> None:
    taro = Client()
    visits.member_in(taro)
    shop.code_for(taro)
    assert client.post(f"/account/connected-sites/{shop.site.pk}/withdraw/").status_code == 404
    assert shop.ask(taro).status_code == 302
    assert Client().get("/account/connected-sites/").status_code == 302
