"""Sign-in through a provider: a real one, run by the tests, at the other end of real requests."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import jwt
import pytest
import time_machine
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.conf import LazySettings
from django.test import Client, override_settings

from giftcodes.models import Claim
from ledger import audit
from parties.models import Member, Role, User
from tests import make, scanner
from tests.oidc_provider import CLIENT_ID, CLIENT_SECRET, Claims, OidcProvider, oidc_provider
from tests.redemption_site import visits
from tests.redemption_site.round import (
    come_back,
    go_on,
    is_signed_in,
    know,
    leave,
    query_of,
    sign_in,
    sign_in_elsewhere,
)
from tests.scanner import Source

pytestmark = pytest.mark.django_db
NOWHERE = "redis://127.0.0.1:1/1"
UNUSABLE = "1906827340667143"  # well-formed, of no batch here


@pytest.fixture
def provider(settings: LazySettings) -> Iterator[OidcProvider]:
    """A provider that the site knows."""
    with oidc_provider() as running:
        know(settings, running)
        yield running


@pytest.fixture
def client() -> Client:
    return Client(headers={"accept-language": "en"})


@pytest.fixture
def second() -> Client:
    """Another browser of the same person."""
    return Client(headers={"accept-language": "en"})


def newcomers() -> list[User]:
    """People without an address: those who came through the provider."""
    return list(User.objects.filter(email=None))


def test_a_newcomer_becomes_a_user_without_an_address(client: Client, provider: OidcProvider) -> None:
    provider.tells = {"name": "花子", "email": "hanako@example.com", "email_verified": True}
    assert sign_in(client, provider)["Location"] == "/wallet/"
    user = User.objects.get()
    assert (user.email, user.name, user.is_staff, user.has_usable_password()) == (None, "花子", False, False)
    for address in ("/wallet/", "/account/"):
        assert "花子" in client.get(address).content.decode()
    assert "Example ID (花子)" in client.get("/account/").content.decode()


def test_a_known_person_is_the_same_user_again(
    client: Client, second: Client, provider: OidcProvider
) -> None:
    sign_in(client, provider)
    provider.tells = {"name": "another name"}
    sign_in(second, provider)
    assert User.objects.count() == SocialAccount.objects.count() == 1
    provider.sub = "person-2"
    sign_in(Client(), provider)
    assert User.objects.count() == 2


def test_nothing_but_a_name_is_kept_of_what_the_provider_says(client: Client, provider: OidcProvider) -> None:
    provider.tells = {"name": "花子", "email": "hanako@example.com", "picture": "https://x.example/1.png"}
    sign_in(client, provider)
    assert SocialAccount.objects.get().extra_data == {"name": "花子"}
    assert not SocialToken.objects.exists()


def test_the_name_may_come_from_the_userinfo(client: Client, provider: OidcProvider) -> None:
    provider.tells, provider.has_userinfo, provider.told_besides = {}, True, {"name": "太郎"}
    sign_in(client, provider)
    assert User.objects.get().name == "太郎"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("  \u202eevil\u200b \n name ", "evil name"),
        ("x" * 500, "x" * 80),
        ("", "Example ID"),
        ("\u200b", "Example ID"),
        (7, "Example ID"),
        ({"a": 1}, "Example ID"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
    ],
)
def test_a_name_is_one_plain_line(client: Client, provider: OidcProvider, said: object, kept: str) -> None:
    provider.tells = {"name": said}
    sign_in(client, provider)
    assert User.objects.get().name == kept
    assert "<script>alert" not in client.get("/account/").content.decode()


def test_line_signs_in_with_its_shared_secret(
    client: Client, provider: OidcProvider, settings: LazySettings
) -> None:
    provider.is_line = True
    know(settings, provider)
    assert "Sign in with LINE" in client.get("/sign-in/").content.decode()
    sign_in(client, provider)
    assert SocialAccount.objects.get().provider == "line"
    assert provider.queries[-1]["scope"] == "openid profile"


# --- The code that waits --------------------------------------------------------------------------


def test_the_code_waits_through_the_sign_in(client: Client, provider: OidcProvider) -> None:
    client.post("/claim/", {"code": visits.code_now()})
    answer = sign_in(client, provider)
    assert (answer.status_code, answer["Location"]) == (303, "/claim/")
    assert not Claim.objects.exists()  # the way back is a GET
    assert "花子" in client.get("/claim/").content.decode()
    assert visits.receive_waiting(client)["Location"].startswith("/claimed/")
    assert not list(audit.differences())


def test_the_code_comes_along_into_another_browser(
    client: Client, second: Client, provider: OidcProvider
) -> None:
    code = visits.code_now()
    client.post("/claim/", {"code": code})
    page = sign_in_elsewhere(client, second, provider).content.decode()
    assert "花子" in page
    assert f"••••-••••-••••-{code[-4:]}" in page
    assert not is_signed_in(second)
    assert not newcomers()
    assert go_on(second)["Location"].startswith("/claimed/")
    assert is_signed_in(second)
    assert not is_signed_in(client)
    assert [Claim.objects.get().member.user] == newcomers()
    assert not list(audit.differences())


def test_a_code_that_cannot_be_used_is_told_in_the_other_browser(
    client: Client, second: Client, provider: OidcProvider
) -> None:
    client.post("/claim/", {"code": UNUSABLE})
    sign_in_elsewhere(client, second, provider)
    assert go_on(second)["Location"] == "/claim/"
    assert second.get("/claim/").status_code == 422


def test_without_a_code_the_other_browser_is_asked_all_the_same(
    client: Client, second: Client, provider: OidcProvider
) -> None:
    page = sign_in_elsewhere(client, second, provider).content.decode()
    assert "began in another browser" in page
    assert go_on(second)["Location"] == "/wallet/"


def test_a_page_that_is_asked_for_is_reached(client: Client, provider: OidcProvider) -> None:
    assert sign_in(client, provider, next="/account/")["Location"] == "/account/"
    assert sign_in(Client(), provider, next="https://evil.example/")["Location"] == "/wallet/"
    assert sign_in(Client(), provider, next="/" + "x" * 10_000)["Location"] == "/wallet/"


def test_a_newer_code_of_this_browser_is_not_replaced(client: Client, provider: OidcProvider) -> None:
    older, newer = [make.code_of(visits.batch_now(size=1)) for _ in range(2)]
    client.post("/claim/", {"code": older})
    allow, _deny = provider.ways_back(leave(client))
    client.post("/claim/", {"code": newer})  # in another tab
    come_back(client, allow)
    assert f"••••-••••-••••-{newer[-4:]}" in client.get("/claim/").content.decode()


def test_no_code_stands_in_an_address_or_a_session(
    client: Client, second: Client, provider: OidcProvider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    batch = visits.batch_now(size=1)
    code = make.code_of(batch)
    client.post("/claim/", {"code": code})
    address = leave(client)
    allow, _deny = provider.ways_back(address)
    come_back(second, allow)
    seen = [Source("address", (address + allow).encode()), Source("log", caplog.text.encode())]
    codes = scanner.codes_to_look_for(batch)
    assert scanner.scan(codes, [*seen, *scanner.session_sources()]).found == []
    assert scanner.scan(codes, [Source("control", f"{address}{code}".encode())]).found


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


# --- Whom it signs in -----------------------------------------------------------------------------

ADDRESS = {"email": "Hanako@example.com"}


@pytest.mark.parametrize(
    ("is_trusted", "told", "is_linked"),
    [
        (True, ADDRESS | {"email_verified": True}, True),
        (True, ADDRESS | {"email_verified": False}, False),
        (True, ADDRESS | {"email_verified": "true"}, False),
        (True, ADDRESS, False),
        (False, ADDRESS | {"email_verified": True}, False),
    ],
)
def test_only_a_verified_address_of_a_trusted_provider_leads_to_a_known_user(
    client: Client,
    provider: OidcProvider,
    settings: LazySettings,
    is_trusted: bool,
    told: Claims,
    is_linked: bool,
) -> None:
    know(settings, provider, is_email_trusted=is_trusted)
    hanako = make.user(email="hanako@example.com")
    provider.tells = told
    sign_in(client, provider)
    assert (client.session["_auth_user_id"] == str(hanako.pk)) == is_linked
    assert [user.email for user in User.objects.exclude(pk=hanako.pk)] == ([] if is_linked else [None])


def test_a_trusted_address_is_the_newcomers_own(
    client: Client, provider: OidcProvider, settings: LazySettings
) -> None:
    know(settings, provider, is_email_trusted=True)
    provider.tells = ADDRESS | {"email_verified": True}
    sign_in(client, provider)
    assert User.objects.get().email == "hanako@example.com"
    visits.sign_in(Client(), "hanako@example.com")
    assert User.objects.count() == 1


def test_staff_cannot_sign_in_through_a_provider(
    client: Client, second: Client, provider: OidcProvider, settings: LazySettings
) -> None:
    know(settings, provider, is_email_trusted=True)
    make.staff(Role.FINANCE, None, email="hanako@example.com")
    provider.tells = ADDRESS | {"email_verified": True}
    assert sign_in(client, provider)["Location"] == "/sign-in/refused/"
    sign_in_elsewhere(client, second, provider)
    assert go_on(second)["Location"] == "/sign-in/refused/"
    for browser in (client, second):
        assert not is_signed_in(browser)
        assert browser.get("/admin/")["Location"].startswith("/admin/login/")
    assert not SocialAccount.objects.exists()


def test_becoming_staff_closes_the_way_through_the_provider(client: Client, provider: OidcProvider) -> None:
    sign_in(client, provider)
    User.objects.update(is_staff=True, is_superuser=True, email="staff@example.com")
    assert client.get("/wallet/").status_code == 302
    assert sign_in(Client(), provider)["Location"] == "/sign-in/refused/"
    assert client.get("/admin/")["Location"].startswith("/admin/login/")


def test_somebody_who_was_shut_out_stays_out(client: Client, provider: OidcProvider) -> None:
    sign_in(client, provider)
    User.objects.update(is_active=False)
    assert sign_in(Client(), provider)["Location"] == "/sign-in/refused/"


def test_a_member_without_an_address_can_claim(client: Client, provider: OidcProvider) -> None:
    sign_in(client, provider)
    assert client.post("/claim/", {"code": visits.code_now()})["Location"].startswith("/claimed/")
    assert [Member.objects.get().user] == newcomers()
