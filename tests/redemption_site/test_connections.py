"""Accounts at providers, as their owner sees them: connected, removed, and never the last way in lost."""

import pytest
from allauth.socialaccount.models import SocialAccount
from django.conf import LazySettings
from django.core import mail
from django.test import Client

from parties.models import User
from tests.oidc_provider import OidcProvider
from tests.redemption_site import visits
from tests.redemption_site.round import address_in, come_back, is_signed_in, sign_in
from tests.redemption_site.visits import Answer

pytestmark = pytest.mark.django_db

PAGE, CONNECT = "/account/connections/", "/account/connections/example/connect/"


@pytest.fixture
def fresh() -> Client:
    """A browser in which hanako has just signed in by mail."""
    client = Client(headers={"accept-language": "en"})
    visits.sign_in(client, "hanako@example.com")
    return client


def connect(client: Client, provider: OidcProvider, *, in_browser: Client | None = None) -> Answer:
    allow, _deny = provider.ways_back(address_in(client.post(CONNECT)))
    return come_back(in_browser or client, allow)


def test_a_connected_account_signs_the_same_person_in(fresh: Client, provider: OidcProvider) -> None:
    assert "Connect Example ID" in fresh.get(PAGE).content.decode()
    assert connect(fresh, provider)["Location"] == PAGE
    page = fresh.get(PAGE).content.decode()
    assert "花子" in page
    assert "Connect Example ID" not in page
    assert "Example ID (花子)" in fresh.get("/account/").content.decode()
    assert "An account of another service was connected." in str(mail.outbox[-1].body)
    client = Client()
    sign_in(client, provider)
    assert client.session["_auth_user_id"] == fresh.session["_auth_user_id"]
    assert User.objects.count() == 1


def test_connecting_twice_is_harmless(fresh: Client, provider: OidcProvider) -> None:
    for _ in range(2):
        assert connect(fresh, provider)["Location"] == PAGE
    assert SocialAccount.objects.count() == 1


def test_an_account_of_somebody_else_is_not_taken_over(fresh: Client, provider: OidcProvider) -> None:
    sign_in(Client(), provider)
    connect(fresh, provider)
    assert "already signs in to another wallet" in fresh.get(PAGE).content.decode()
    assert SocialAccount.objects.get().user.email is None


def test_a_link_of_somebody_else_connects_nothing(fresh: Client, provider: OidcProvider) -> None:
    """An attacker who begins to connect their own account and sends the way back to a member gets nowhere."""
    attacker = Client()
    visits.sign_in(attacker, "mallory@example.com")
    answer = connect(attacker, provider, in_browser=fresh)
    assert answer.status_code == 400
    assert "only be added in the browser" in answer.content.decode()
    assert not SocialAccount.objects.exists()
    anonymous = Client()
    assert connect(attacker, provider, in_browser=anonymous).status_code == 400
    assert not is_signed_in(anonymous)
    assert not SocialAccount.objects.exists()


def test_the_way_back_connects_to_whoever_began_it_or_nobody(fresh: Client, provider: OidcProvider) -> None:
    allow, _deny = provider.ways_back(address_in(fresh.post(CONNECT)))
    fresh.post("/sign-out/")
    visits.sign_in(fresh, "taro@example.com")
    assert come_back(fresh, allow).status_code == 400
    assert not SocialAccount.objects.exists()


def test_an_account_is_removed(fresh: Client, provider: OidcProvider) -> None:
    connect(fresh, provider)
    account = SocialAccount.objects.get()
    assert fresh.post(f"{PAGE}{account.pk}/remove/")["Location"] == PAGE
    assert not SocialAccount.objects.exists()
    assert "was removed." in str(mail.outbox[-1].body)
    sign_in(Client(), provider)
    assert User.objects.count() == 2


def test_the_last_way_in_stays(provider: OidcProvider) -> None:
    client = Client(headers={"accept-language": "en"})
    sign_in(client, provider)
    account = SocialAccount.objects.get()
    assert "Remove" not in client.get(PAGE).content.decode().partition("<main")[2]
    assert client.post(f"{PAGE}{account.pk}/remove/")["Location"] == PAGE
    assert "your only way to sign in" in client.get(PAGE).content.decode()
    assert SocialAccount.objects.exists()


def test_an_account_of_a_provider_that_is_gone_is_no_way_in(
    provider: OidcProvider, settings: LazySettings
) -> None:
    client = Client(headers={"accept-language": "en"})
    sign_in(client, provider)
    SocialAccount.objects.create(user=User.objects.get(), provider="gone", uid="1")
    account = SocialAccount.objects.get(provider="example")
    client.post(f"{PAGE}{account.pk}/remove/")
    assert SocialAccount.objects.count() == 2
    settings.SIGN_IN_PROVIDERS = {}
    assert "example" in client.get(PAGE).content.decode()


def test_the_account_of_somebody_else_stays(fresh: Client, provider: OidcProvider) -> None:
    sign_in(Client(), provider)
    account = SocialAccount.objects.get()
    fresh.post(f"{PAGE}{account.pk}/remove/")
    assert SocialAccount.objects.exists()


def test_a_session_that_was_left_open_changes_nothing(hanako: Client, provider: OidcProvider) -> None:
    for address in (CONNECT, f"{PAGE}1/remove/"):
        answer = hanako.post(address)
        assert answer.status_code == 403
        assert "Please sign in once more" in answer.content.decode()
    assert provider.asked == {}


def test_a_get_changes_nothing(fresh: Client, provider: OidcProvider) -> None:
    connect(fresh, provider)
    account = SocialAccount.objects.get()
    for address in (CONNECT, f"{PAGE}{account.pk}/remove/"):
        assert fresh.get(address).status_code == 405
    assert SocialAccount.objects.exists()
    assert "no-store" in fresh.get(PAGE)["Cache-Control"]


def test_staff_have_no_such_page(client: Client, provider: OidcProvider) -> None:
    visits.staff_in(client)
    assert client.get(PAGE).status_code == 404
    assert client.post(CONNECT).status_code == 404
    assert PAGE not in client.get("/account/").content.decode()
