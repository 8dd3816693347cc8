"""Sign-in through a provider: a real one, run by the tests, at the other end of real requests."""

import pytest
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.conf import LazySettings
from django.test import Client

from giftcodes.models import Claim
from ledger import audit
from parties.models import Member, Role, User
from tests import make, scanner
from tests.oidc_provider import Claims, OidcProvider
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
from tests.redemption_site.shops import Shop, agreed, follow
from tests.scanner import Source

pytestmark = pytest.mark.django_db
LANGUAGE = "en"


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
    client.post("/claim/", {"code": visits.UNUSABLE})
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


def test_the_longest_way_back_and_a_code_fit_into_one_state(client: Client, provider: OidcProvider) -> None:
    campaign = visits.campaign(slug="s" * 40)
    version = visits.conditions(campaign)
    client.post(
        "/claim/", {"code": visits.code_now(), "campaign": campaign.slug, "accept": f"{version.pk}-ja"}
    )
    page = "/sso/continue/?state=" + "x" * 1_979
    allow, _deny = provider.ways_back(leave(client, next=page))
    assert come_back(client, allow)["Location"] == page
    assert visits.shown_in(client.get("/claim/"))


def test_who_came_from_a_shop_goes_back_there_and_the_code_goes_on_waiting(
    client: Client, second: Client, provider: OidcProvider, shop: Shop
) -> None:
    client.post("/claim/", {"code": visits.code_now()})
    to_shop = query_of(shop.ask(client)["Location"])["next"]
    assert sign_in(client, provider, next=to_shop)["Location"] == to_shop
    client.post("/sign-out/")

    client.post("/claim/", {"code": visits.code_now()})
    allow, _deny = provider.ways_back(leave(client, next=to_shop))
    assert come_back(second, allow)["Location"] == "/sign-in/go-on/"
    assert go_on(second)["Location"] == to_shop
    assert not Claim.objects.exists()
    assert "A code waits in this browser" in second.get("/wallet/").content.decode()


def test_a_brand_site_with_a_long_request_is_answered_after_the_sign_in(
    client: Client, provider: OidcProvider, shop: Shop
) -> None:
    shop.state = "s" * 300
    to_sign_in = shop.ask(client)["Location"]
    answer = sign_in(client, provider, next=query_of(to_sign_in)["next"])
    page = follow(client, answer)
    assert page.context["site"] == shop.site
    assert agreed(client, page)["Location"].endswith(f"&state={shop.state}")


def test_a_newer_code_of_this_browser_is_not_replaced(client: Client, provider: OidcProvider) -> None:
    older, newer = [make.code_of(visits.batch_now(size=1)) for _ in range(2)]
    client.post("/claim/", {"code": older})
    allow, _deny = provider.ways_back(leave(client))
    client.post("/claim/", {"code": newer})  # in another tab
    come_back(client, allow)
    assert f"••••-••••-••••-{newer[-4:]}" in client.get("/claim/").content.decode()


def test_no_link_displaces_a_code_that_waits_in_the_other_browser(
    client: Client, second: Client, provider: OidcProvider
) -> None:
    sent, own = [make.code_of(visits.batch_now(size=1)) for _ in range(2)]
    client.post("/claim/", {"code": sent})
    second.post("/claim/", {"code": own})
    page = sign_in_elsewhere(client, second, provider).content.decode()
    assert f"••••-••••-••••-{own[-4:]}" in page
    assert f"••••-••••-••••-{sent[-4:]}" not in page


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
