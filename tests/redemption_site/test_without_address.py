"""Members without an e-mail address, as LINE brings them: on every page of theirs, at a shop, and leaving."""

import pytest
from django.core import mail
from django.test import Client

from parties.models import User
from redemption_site.sign_in import SECONDS_FRESH
from tests.oidc_provider import OidcProvider
from tests.redemption_site import round as trip
from tests.redemption_site import visits
from tests.redemption_site.shops import Shop, agreed, parameters_of
from tests.redemption_site.test_leaving import let_time_pass

pytestmark = pytest.mark.django_db
PAGES = [
    "/wallet/",
    "/wallet/card/",
    "/account/",
    "/account/data/",
    "/account/profile/",
    "/account/passkeys/",
    "/account/passkeys/add/",
    "/account/connections/",
    "/account/connected-sites/",
    "/account/consents/",
    "/account/language/",
    "/account/close/",
    "/account/close/confirm/",
    "/help/dispute/",
    "/help/disputes/",
]


@pytest.fixture
def taro(client: Client, provider: OidcProvider) -> Client:
    """Somebody without an address, who has just signed in through a provider, in English."""
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    trip.sign_in(client, provider)
    User.objects.update(name="Taro")
    return client


@pytest.mark.both
@pytest.mark.parametrize("address", PAGES)
@pytest.mark.parametrize("is_fresh", [True, False])
def test_no_page_calls_them_by_an_address_that_they_do_not_have(
    taro: Client, address: str, is_fresh: bool
) -> None:
    if not is_fresh:
        let_time_pass(taro, SECONDS_FRESH + 60)
    page = taro.get(address)
    assert page.status_code == 200
    assert "None" not in page.content.decode()


def test_a_code_that_waits_names_them_by_their_name(taro: Client) -> None:
    other = Client()
    other.post("/claim/", {"code": visits.code_now()})
    taro.cookies["pending"] = other.cookies["pending"].value
    assert "The points go to the wallet of Taro." in taro.get("/claim/").content.decode()


def test_a_shop_that_asks_for_the_address_learns_of_none(taro: Client, shop: Shop) -> None:
    asked = shop.ask(taro)
    page = asked.content.decode()
    assert "You are signed in as Taro." in page
    assert "None" not in page
    assert "e-mail address" not in page
    answer = agreed(taro, asked)
    tokens = shop.redeem(parameters_of(answer["Location"])["code"]).json()
    claims = shop.claims_of(tokens)
    assert not {"email", "email_verified"} & claims.keys()
    assert set(shop.userinfo(tokens["access_token"]).json()) == {"sub", "locale"}
    assert "None" not in taro.get("/account/connected-sites/").content.decode()


def test_leaving_promises_no_mail(taro: Client) -> None:
    answer = taro.post("/account/close/confirm/", {"sure": "yes"})
    assert answer["Location"] == "/closed/?mail=none"
    assert not User.objects.exists()
    assert mail.outbox == []
    assert "A last e-mail" not in taro.get(answer["Location"]).content.decode()
