"""The single sign-on as a person meets it: there and back, agreeing, declining, signing out; and the bad
ways, which lead nowhere.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from parties.leaving import erase_person
from parties.models import Member, User
from parties.site_models import SiteConsent
from tests import make
from tests.redemption_site import visits
from tests.redemption_site.shops import (
    CALLBACK,
    HOME,
    Shop,
    act_on,
    agreed,
    error_of,
    follow,
    leads_to,
    parameters_of,
    site,
)

pytestmark = pytest.mark.django_db


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


def test_a_code_that_waits_does_not_keep_anybody_from_the_shop_and_is_offered_afterwards(
    shop: Shop, client: Client
) -> None:
    visits.campaign()
    client.post("/claim/", {"code": visits.code_now()})
    answer = shop.ask(client)
    assert visits.shown_in(client.get("/sign-in/"))
    assert not visits.shown_in(client.get(answer["Location"]))  # its button signs in, and claims nothing
    sent = client.post(answer["Location"], {"email": "new@example.com", "next": next_of(answer)})
    assert not visits.shown_in(client.get(sent["Location"]))
    signed_in = client.post(sent["Location"], {"code": visits.sign_in_code(), "next": next_of(sent)})
    assert "code=" in agreed(client, follow(client, signed_in))["Location"]

    for address in ("/", "/c/spring/", "/wallet/"):
        page = client.get(address, headers={"accept-language": "en"}).content.decode()
        assert "A code waits in this browser" in page, address
    assert visits.receive_waiting(client)["Location"].startswith("/claimed/")
    page = client.get("/", headers={"accept-language": "en"}).content.decode()
    assert "A code waits" not in page


def next_of(answer: Any) -> str:
    return parameters_of(answer["Location"])["next"]


def test_no_form_leads_straight_out_of_the_site(shop: Shop, client: Client, known: User) -> None:
    # Browsers hold redirects after a form to the content policy, which allows this host alone.
    page = shop.ask(client)
    for act in ("agree", "decline", "again"):
        answer = act_on(client, page, act)
        assert answer.status_code in (302, 303)
        assert answer["Location"].startswith("/"), act


def test_who_agreed_is_not_asked_again(shop: Shop, client: Client, known: User) -> None:
    shop.code_for(client)
    assert shop.ask(client).status_code == 302
    assert shop.ask(client, scope="openid").status_code == 302  # less than was agreed
    assert shop.ask(client, prompt="consent").status_code == 200
    other = Shop(site(name="Other"))
    assert other.ask(client).status_code == 200


def test_more_than_was_agreed_is_asked_for(shop: Shop, client: Client, known: User) -> None:
    shop.code_for(client, scope="openid")
    assert shop.ask(client, scope="openid email").status_code == 200
    assert error_of(shop.ask(client, prompt="none")) == "consent_required"
    shop.code_for(client, scope="openid email")
    assert shop.ask(client, scope="openid email").status_code == 302


def test_prompt_consent_ends_when_the_person_has_answered(shop: Shop, client: Client, known: User) -> None:
    shop.code_for(client)
    assert shop.code_for(client, prompt="consent")


def test_who_leaves_while_the_button_is_pressed_is_led_to_the_sign_in(
    shop: Shop, client: Client, known: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = Member.objects.create(user=known)

    def now_after_leaving() -> datetime:
        erase_person(member_id=member.pk, at=make.NOON)
        return make.NOON

    monkeypatch.setattr("redemption_site.views.single_sign_on.database_time", now_after_leaving)
    page = follow(client, act_on(client, shop.ask(client), "agree"))
    assert page.request["PATH_INFO"] == "/sign-in/"
    assert not SiteConsent.objects.exists()


def test_who_declines_goes_back_and_the_shop_is_told_nothing_else(
    shop: Shop, client: Client, known: User
) -> None:
    page = follow(client, act_on(client, shop.ask(client), "decline"))
    target = leads_to(page)
    assert target is not None
    assert target.startswith(CALLBACK)
    told = parameters_of(target)
    assert (told["error"], told["state"]) == ("access_denied", shop.state)
    assert "code" not in told
    assert error_of(shop.ask(client, prompt="none")) == "consent_required"


def test_a_question_answered_by_another_site_changes_nothing(shop: Shop, known: User) -> None:
    victim = Client(enforce_csrf_checks=True)
    victim.force_login(known, backend="redemption_site.access.MemberBackend")
    page = shop.ask(victim)
    assert act_on(victim, page, "agree").status_code == 403
    assert error_of(shop.ask(victim, prompt="none")) == "consent_required"


@pytest.mark.parametrize("prompt", ["login", "select_account", "login consent"])
def test_a_shop_can_have_somebody_sign_in_once_more(
    shop: Shop, client: Client, known: User, prompt: str
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


def test_a_sign_in_older_than_the_shop_allows_does_not_count(shop: Shop, client: Client, known: User) -> None:
    shop.code_for(client)
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=5)):
        assert shop.ask(client, max_age="600").status_code == 302
        assert "もう一度ログイン" in shop.ask(client, max_age="60").content.decode()
        assert error_of(shop.ask(client, max_age="60", prompt="none")) == "login_required"
        assert shop.ask(client, max_age="600", prompt="none").status_code == 302


def test_a_hint_at_somebody_else_is_answered_with_an_error(shop: Shop, client: Client, known: User) -> None:
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
    shop: Shop, client: Client, known: User, changes: dict[str, str | None]
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
    shop: Shop, client: Client, known: User, changes: dict[str, str | None], error: str
) -> None:
    answer = shop.ask(client, **changes)
    assert error_of(answer) == error
    assert parameters_of(answer["Location"])["state"] == shop.state
    assert error_of(shop.ask(Client(), **changes)) == error  # also before anybody signs in


def test_a_site_that_may_not_ask_for_the_address_is_refused(client: Client, known: User) -> None:
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
def test_authorize_is_read_by_get_alone(shop: Shop, client: Client, known: User, method: str) -> None:
    assert getattr(client, method)(shop.asking()).status_code == 405


def test_what_can_not_be_read_is_no_crash(client: Client, known: User) -> None:
    assert client.get("/sso/authorize/?client_id=%zz").status_code == 400
    assert client.get("/sso/authorize/?client_id=a&client_id=b").status_code == 400
    assert client.post("/sso/decide/", {"query": "%zz=%"}).status_code == 400
    for address in ("/sso/token/", "/sso/revoke/"):
        for body, kind in (("{", "application/json"), ("a=%zz", "application/x-www-form-urlencoded")):
            assert client.post(address, body, content_type=kind).status_code in (400, 401)


# --- Signing out ---


def test_signing_out_at_a_shop_asks_and_leads_back(shop: Shop, client: Client, known: User) -> None:
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
    shop: Shop, client: Client, known: User, changes: dict[str, str]
) -> None:
    token = shop.tokens_of(client)["id_token"]
    asked = {"id_token_hint": token, "post_logout_redirect_uri": HOME} | changes
    assert client.get("/sso/signed-out/", asked)["Location"] == "/"
    page = client.get("/sso/sign-out/", asked)
    left = client.post("/sso/sign-out/", {"query": page.context["query"], "act": "leave"})
    assert follow(client, left).request["PATH_INFO"] == "/"


# --- Connected sites ---


def test_a_member_sees_connected_sites_and_takes_one_back(shop: Shop, client: Client, known: User) -> None:
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


def test_a_site_that_one_is_not_connected_to_is_not_found(shop: Shop, client: Client, known: User) -> None:
    taro = Client()
    visits.member_in(taro)
    shop.code_for(taro)
    assert client.post(f"/account/connected-sites/{shop.site.pk}/withdraw/").status_code == 404
    assert shop.ask(taro).status_code == 302
    assert Client().get("/account/connected-sites/").status_code == 302
