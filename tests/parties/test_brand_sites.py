"""Brand sites in the admin: who sees them, who keeps them, which addresses are good, and the secret."""

import re
from datetime import UTC, datetime

import pytest
from allauth.idp.oidc.models import Client, Token
from django.conf import LazySettings
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client as Browser
from django.urls import reverse

from parties import site_queries, site_services
from parties.errors import MemberHasLeft
from parties.leaving import erase_person
from parties.models import Role, User
from parties.site_forms import check_address
from parties.site_models import BrandSite, SiteConsent
from tests import make
from tests.campaigns.pages import signed_in
from tests.redemption_site.shops import CALLBACK, HOME, site

LIST = "/admin/parties/brandsite/"
pytestmark = pytest.mark.django_db


def page_of(row: BrandSite, *, door: str = "change") -> str:
    return reverse(f"admin:parties_brandsite_{door}", args=(row.pk,))


def superuser() -> User:
    return make.user(is_staff=True, is_superuser=True)


def added(browser: Browser, brand_id: int, **changes: object) -> BrandSite | None:
    form = {
        "brand": brand_id,
        "name": "Aozora Shop",
        "redirect_uris": CALLBACK,
        "sign_out_uris": HOME,
        "learns_email": "on",
    } | changes
    browser.post(f"{LIST}add/", form)
    return BrandSite.objects.order_by("-pk").first()


def test_a_superuser_adds_a_site_that_speaks_the_code_flow_alone() -> None:
    brand = make.brand()
    made = added(signed_in(superuser()), brand.pk)
    assert made is not None
    assert (made.brand, made.name, made.is_open, made.secret_digest) == (brand, "Aozora Shop", True, "")
    client = made.client
    assert client.get_redirect_uris() == [CALLBACK]
    assert client.get_post_logout_redirect_uris() == [HOME]
    assert client.get_scopes() == ["openid", "email"]
    assert (client.get_grant_types(), client.get_response_types()) == (["authorization_code"], ["code"])
    assert client.type == Client.Type.CONFIDENTIAL
    assert not client.skip_consent
    assert not client.allow_uri_wildcards


def test_a_site_is_changed_where_it_stands() -> None:
    made = site()
    browser = signed_in(superuser())
    page = browser.get(page_of(made)).content.decode()
    assert CALLBACK in page
    assert made.client_id in page
    form = {"name": "New name", "redirect_uris": "https://new.example/cb\nhttps://new.example/cb"}
    browser.post(page_of(made), form)
    made = BrandSite.objects.select_related("client").get(pk=made.pk)
    assert (made.name, made.is_open) == ("New name", False)
    assert made.client.get_redirect_uris() == ["https://new.example/cb"]
    assert made.client.get_post_logout_redirect_uris() == []
    assert made.client.get_scopes() == ["openid"]


def test_the_secret_is_shown_once_and_stored_as_a_digest() -> None:
    made = site()
    browser = signed_in(superuser())
    asked = browser.get(page_of(made, door="secret"))
    made.refresh_from_db()
    assert made.secret_digest == ""  # looking changes nothing
    shown = browser.post(page_of(made, door="secret"))
    assert "no-store" in shown["Cache-Control"]
    assert "no-store" in asked["Cache-Control"]
    found = re.search(r'class="tk-secret">([\w-]{64})<', shown.content.decode())
    assert found
    made.refresh_from_db()
    assert site_services.is_secret_of(made, found[1], at=datetime.now(UTC))
    assert found[1] not in str(BrandSite.objects.values()) + str(Client.objects.values())
    for address in (page_of(made), page_of(made, door="secret"), LIST):
        assert found[1] not in browser.get(address).content.decode()


def test_people_of_a_brand_see_its_sites_and_keep_none() -> None:
    mine, foreign = site(), site()
    for role in Role:
        browser = signed_in(make.staff(role, mine.brand))
        listed = browser.get(LIST).content.decode()
        assert mine.client_id in listed, role
        assert foreign.client_id not in listed, role
        assert browser.get(page_of(mine)).status_code == 200
        assert browser.post(page_of(mine), {"name": "x", "redirect_uris": HOME}).status_code == 403
        assert browser.get(f"{LIST}add/").status_code == 403
        assert browser.post(page_of(mine, door="secret")).status_code == 404
        for door in ("change", "secret"):  # another brand's is not there
            assert browser.get(page_of(foreign, door=door)).status_code == 404
            assert browser.post(page_of(foreign, door=door)).status_code == 404
    mine.refresh_from_db()
    assert mine.secret_digest == ""


def test_allauths_own_tables_are_not_in_the_admin() -> None:
    assert not admin.site.is_registered(Client)
    assert not admin.site.is_registered(Token)


@pytest.mark.both
@pytest.mark.parametrize(
    "address",
    [
        "http://shop.example/callback",
        "https://*.shop.example/callback",
        "https://shop.example/callback#end",
        "https://shop.example@evil.example/",
        "https://user:password@shop.example/",
        "https://shop.example\\@evil.example/",
        "https:///callback",
        "https://",
        "https:shop.example",
        "//shop.example/callback",
        "/callback",
        "javascript:alert(1)",
        "data:text/html,x",
        "com.shop.app:/callback",
        "https://shop.example:port/",
        "https://[::1/",
        'https://shop.example/"onload',
        "https://shop.example/<x>",
        "https://shöp.example/",
        "https://shop.example/\u202ecallback",
        "https://shop.example/\0",
        "https://shop.example/" + "x" * 500,
    ],
)
def test_an_address_that_reads_in_two_ways_is_refused(address: str) -> None:
    with pytest.raises(ValidationError):
        check_address(address)


@pytest.mark.parametrize(
    "address", ["https://shop.example/callback", "https://shop.example:8443/a/b?c=d&e=%20", CALLBACK, HOME]
)
def test_a_whole_https_address_is_good(address: str) -> None:
    check_address(address)


def test_http_is_for_this_machine_where_the_site_itself_is_reached_by_http(
    settings: LazySettings,
) -> None:
    check_address("http://127.0.0.1:5000/callback")
    settings.SITE_URL = "https://points.example.com"
    with pytest.raises(ValidationError):
        check_address("http://127.0.0.1:5000/callback")


@pytest.mark.both
@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uris": "http://shop.example/"},
        {"redirect_uris": ""},
        {"sign_out_uris": "https://x.example/#"},
        {"redirect_uris": "\n".join(f"https://shop.example/{n}" for n in range(11))},
        {"name": "\u202e"},
    ],
)
def test_a_site_with_a_bad_address_is_not_made(changes: dict[str, str]) -> None:
    assert added(signed_in(superuser()), make.brand().pk, **changes) is None
    assert not Client.objects.exists()


def test_the_newest_consent_counts_and_none_is_lost() -> None:
    member, connected = make.member(), site()

    def agreed() -> frozenset[str]:
        return site_queries.scopes_agreed(member=member, site=connected)

    assert agreed() == frozenset()
    for scopes in (["openid"], ["openid", "email"], ["openid"]):
        site_services.agree_to_site(member=member, site=connected, scopes=scopes, at=make.NOON)
    assert agreed() == {"openid", "email"}  # who asks for less goes on knowing what was agreed
    assert [row.site for row in site_queries.connected_sites(member)] == [connected]
    site_services.withdraw_from_site(member=member, site=connected, at=make.NOON)
    site_services.withdraw_from_site(member=member, site=connected, at=make.NOON)
    assert agreed() == frozenset()
    assert not site_queries.connected_sites(member).exists()
    assert [row.scopes for row in SiteConsent.objects.order_by("pk")] == [
        "openid", "openid email", "openid email", "",
    ]  # fmt: skip


def test_who_has_left_agrees_to_nothing() -> None:
    member, connected = make.member(), site()
    erase_person(member_id=member.pk, at=make.NOON)
    with pytest.raises(MemberHasLeft):
        site_services.agree_to_site(member=member, site=connected, scopes=["openid"], at=make.NOON)
    assert not SiteConsent.objects.exists()


def test_the_tables_refuse_what_makes_no_sense() -> None:
    connected = site()
    with pytest.raises(IntegrityError), transaction.atomic():
        SiteConsent.objects.create(member=make.member(), site=connected, scopes="points", given_at=make.NOON)
    with pytest.raises(IntegrityError), transaction.atomic():
        BrandSite.objects.filter(pk=connected.pk).update(old_secret_digest="x", old_secret_until=None)
    with pytest.raises(IntegrityError), transaction.atomic():
        site(connected.brand)
