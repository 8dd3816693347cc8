"""Partner systems in the admin: who sees them, who keeps them, and the life of a key."""

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from parties import access, api_services
from parties.api_forms import SCOPE_NOTES, WORTH_POINTS
from parties.api_models import ApiClient, ApiKey, Scope
from parties.errors import KeyNotValid
from parties.models import Brand, Role, User
from parties.moments import database_time
from tests import make
from tests.campaigns.pages import signed_in, told
from tests.factors import let_in

pytestmark = pytest.mark.django_db
LIST = "/admin/parties/apiclient/"


def superuser() -> User:
    return make.user(is_staff=True, is_superuser=True)


def door(client: ApiClient, name: str, *key: ApiKey) -> str:
    return reverse(f"admin:parties_apiclient_{name}", args=(client.pk, *(row.pk for row in key)))


def client_form(of: Brand, **changes: Any) -> dict[str, Any]:
    return {
        "brand": of.pk,
        "mode": "test",
        "name": "Online shop",
        "rate_per_second": "50",
        "burst": "80",
        "points_per_day": "90000",
    } | changes


def key_form(**changes: Any) -> dict[str, Any]:
    return {
        "scopes": ["gifts:issue", "gifts:read"],
        "addresses": "203.0.113.0/24\n2001:db8::7",
        "expires_at": "2036-11-28T23:59",
        "form_number": str(uuid.uuid4()),
    } | changes


def shown_key(answer: Any) -> str:
    found = re.search(r'class="tk-secret" tabindex="0">(tk_\w+)<', answer.content.decode())
    assert found, answer.content.decode()[-3000:]
    return found[1]


def opens(text: str, *, address: str = "203.0.113.9") -> bool:
    try:
        api_services.authenticate(text=text, address=lambda: address)
    except KeyNotValid:
        return False
    return True


def history_of(client: ApiClient) -> str:
    rows = LogEntry.objects.filter(object_id=str(client.pk), content_type__model="apiclient")
    return " | ".join(row.get_change_message() for row in rows.order_by("pk"))


def test_a_client_of_the_sandbox_opens_the_sandbox_and_takes_no_name_from_the_live_one() -> None:
    brand, person = make.brand(), superuser()
    browser = signed_in(person)
    for mode in ("live", "test"):
        answer = browser.post(f"{LIST}add/", client_form(brand, mode=mode))
        assert answer.status_code == 302, answer.context["adminform"].form.errors
    live, test = ApiClient.objects.order_by("pk")
    assert (live.brand, live.name, test.name) == (brand, "Online shop", "Online shop")
    assert (test.brand.sandbox_of, test.brand.program.is_sandbox) == (brand, True)
    assert (test.rate_per_second, test.burst, test.points_per_day) == (50, 80, 90_000)
    assert test.created_by == person
    for mode in ("live", "test"):
        answer = browser.post(f"{LIST}add/", client_form(brand, mode=mode))
        assert answer.status_code == 200, "the name is taken there"
    assert ApiClient.objects.count() == 2


@pytest.mark.both
@pytest.mark.parametrize(
    "wrong",
    [
        {"rate_per_second": "0"},
        {"burst": "100001"},
        {"points_per_day": "-1"},
        {"points_per_day": "1e9"},
        {"mode": "both"},
        {"name": "\u202e"},
        {"brand": ""},
    ],
)
def test_a_client_with_a_wrong_agreement_is_not_made(wrong: dict[str, str]) -> None:
    answer = signed_in(superuser()).post(f"{LIST}add/", client_form(make.brand(), **wrong))
    assert list(answer.context["adminform"].form.errors) == list(wrong)
    assert not ApiClient.objects.exists()
    assert not Brand.objects.filter(sandbox_of__isnull=False).exists()


def test_a_new_agreement_is_saved_and_the_brand_stays() -> None:
    client, other = make.api_client(), make.brand()
    form = client_form(other, burst="81", name="Tills")
    assert signed_in(superuser()).post(door(client, "change"), form).status_code == 302
    client.refresh_from_db()
    assert (client.burst, client.name) == (81, "Tills")
    assert client.brand != other


def test_a_key_is_shown_once_and_works() -> None:
    client = make.api_client()
    browser = signed_in(superuser())
    assert not ApiKey.objects.exists()
    asked = browser.get(door(client, "key_add"))
    assert not ApiKey.objects.exists()  # looking changes nothing
    answer = browser.post(door(client, "key_add"), key_form())
    text = shown_key(answer)
    assert "no-store" in answer["Cache-Control"]
    assert "no-store" in asked["Cache-Control"]
    assert text.startswith("tk_live_")
    assert opens(text)
    key = client.keys.get()
    assert key.scopes == ["gifts:issue", "gifts:read"]
    assert key.addresses == ["203.0.113.0/24", "2001:db8::7/128"]
    assert key.expires_at is not None
    assert timezone.localtime(key.expires_at).strftime("%Y-%m-%d %H:%M") == "2036-11-29 00:00"
    secret = text.removeprefix(key.prefix)
    kept = str(list(ApiKey.objects.values())) + history_of(client)
    assert secret not in kept
    assert key.prefix in history_of(client)
    for address in (door(client, "change"), door(client, "key_add"), LIST, door(client, "history")):
        assert secret not in browser.get(address).content.decode()


def test_reloading_the_page_that_shows_a_key_makes_no_other_one() -> None:
    client, form = make.api_client(), key_form()
    browser = signed_in(superuser())
    browser.post(door(client, "key_add"), form)
    answer = browser.post(door(client, "key_add"), form, follow=True)
    assert "sent already" in told(answer)
    assert client.keys.count() == 1
    assert browser.post(door(client, "key_add"), key_form()).status_code == 200
    assert client.keys.count() == 2


def test_a_key_of_the_sandbox_says_so() -> None:
    brand = make.brand()
    client = make.api_client(brand=api_services.open_sandbox(brand=brand, at=make.NOON))
    page = signed_in(superuser()).get(door(client, "change")).content.decode()
    assert "nothing that it issues, gives or spends is worth anything" in page
    answer = signed_in(superuser()).post(door(client, "key_add"), key_form())
    assert shown_key(answer).startswith("tk_test_")
    what_can_be_tried = 'href="/api/docs/sandbox/"'
    assert what_can_be_tried in page
    assert what_can_be_tried in answer.content.decode()
    live = signed_in(superuser()).post(door(make.api_client(brand=brand), "key_add"), key_form())
    assert what_can_be_tried not in live.content.decode()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"scopes": []}, "Choose at least one"),
        ({"scopes": ["gifts:everything"]}, "gifts:everything"),
        ({"addresses": "203.0.113.5/24"}, "did you mean 203.0.113.0/24?"),
        ({"addresses": "shop.example"}, "is no address or network"),
        ({"addresses": "0.0.0.0/0"}, "leave the field empty"),
        ({"addresses": " ".join(f"203.0.113.{number}" for number in range(51))}, "At most 50"),
        ({"expires_at": "2026-01-01T00:00"}, "has passed already"),
        ({"expires_at": "soon"}, "valid date/time"),
        ({"form_number": "1"}, ""),
    ],
)
def test_a_key_that_is_asked_for_wrongly_is_not_made(wrong: dict[str, Any], words: str) -> None:
    client = make.api_client()
    answer = signed_in(superuser()).post(door(client, "key_add"), key_form(**wrong))
    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert not ApiKey.objects.exists()


def test_a_key_that_was_refused_can_be_asked_for_again_on_the_same_page() -> None:
    client, form = make.api_client(), key_form()
    browser = signed_in(superuser())
    browser.post(door(client, "key_add"), form | {"scopes": []})
    assert opens(shown_key(browser.post(door(client, "key_add"), form)))


def test_a_replaced_key_overlaps_for_a_week_unless_another_end_is_chosen() -> None:
    client = make.api_client()
    old, text = make.api_key(client, Scope.EVENTS_READ, addresses=["203.0.113.0/24"])
    browser = signed_in(superuser())
    form = browser.get(door(client, "key_replace", old)).context["form"]
    assert form.initial["scopes"] == ["events:read"]
    assert form.initial["addresses"] == "203.0.113.0/24"
    week = form.initial["old_ends_at"] - timezone.now()
    assert timedelta(days=7) < week <= timedelta(days=8)
    answer = browser.post(door(client, "key_replace", old), key_form(old_ends_at="2030-01-31T23:59"))
    assert opens(shown_key(answer))
    assert opens(text)
    old.refresh_from_db()
    assert old.expires_at is not None
    assert timezone.localtime(old.expires_at).strftime("%Y-%m-%d %H:%M") == "2030-02-01 00:00"
    assert f"{old.prefix} works until" in history_of(client)


def test_replacing_never_lets_a_key_live_longer() -> None:
    client, ends = make.api_client(), timezone.now() + timedelta(days=2)
    old, _ = make.api_key(client, expires_at=ends)
    browser = signed_in(superuser())
    assert browser.get(door(client, "key_replace", old)).context["form"].initial["old_ends_at"] == ends
    browser.post(door(client, "key_replace", old), key_form(old_ends_at="2030-01-31T23:59"))
    old.refresh_from_db()
    assert old.expires_at == ends
    assert client.keys.count() == 2


def test_a_revoked_key_opens_nothing_at_once_and_the_log_says_why() -> None:
    client, person = make.api_client(), superuser()
    key, text = make.api_key(client)
    browser = signed_in(person)
    assert browser.get(door(client, "key_revoke", key)).status_code == 200
    assert browser.post(door(client, "key_revoke", key), {"reason": " "}).status_code == 200
    assert opens(text)
    browser.post(door(client, "key_revoke", key), {"reason": "seen in a public repository"})
    assert not opens(text)
    key.refresh_from_db()
    assert key.revoked_by == person
    assert "seen in a public repository" in history_of(client)
    for name in ("key_revoke", "key_replace"):  # what is over stays over
        assert browser.get(door(client, name, key)).status_code == 404
    assert "revoked" in browser.get(door(client, "change")).content.decode()


def test_a_disabled_client_is_shut_out_until_it_is_enabled_again() -> None:
    client = make.api_client()
    _, text = make.api_key(client)
    browser = signed_in(superuser())
    browser.post(door(client, "disable"), {"reason": "runs wild"})
    assert not opens(text)
    assert "The client is disabled" in browser.get(door(client, "change")).content.decode()
    refused = browser.post(door(client, "key_add"), key_form())
    assert "enable it first" in refused.content.decode()
    assert client.keys.count() == 1
    browser.post(door(client, "enable"), {"reason": "mended"})
    assert opens(text)
    assert "runs wild" in history_of(client)
    assert "mended" in history_of(client)


def test_people_of_a_brand_see_its_clients_and_those_of_its_sandbox_and_keep_none() -> None:
    brand = make.brand()
    live, foreign = make.api_client(brand=brand), make.api_client()
    test = make.api_client(brand=api_services.open_sandbox(brand=brand, at=make.NOON))
    key, _ = make.api_key(live)
    for role in Role:
        browser = signed_in(make.staff(role, brand))
        rows = browser.get(LIST).context["cl"].queryset
        assert set(rows) == {live, test}, role
        page = browser.get(door(live, "change"))
        assert page.status_code == 200
        assert key.prefix in page.content.decode()
        assert "Make a key" not in page.content.decode()
        keeps_nothing(browser, live, key, foreign)
    key.refresh_from_db()
    assert (key.revoked_at, live.keys.count()) == (None, 1)


def keeps_nothing(browser: Client, own: ApiClient, key: ApiKey, foreign: ApiClient) -> None:
    assert browser.get(f"{LIST}add/").status_code == 403
    assert browser.post(door(own, "change"), client_form(own.brand)).status_code == 403
    for client in (own, foreign):
        for name in ("key_add", "disable", "enable"):
            assert browser.get(door(client, name)).status_code == 404, name
            assert browser.post(door(client, name), key_form(reason="x")).status_code == 404, name
        for name in ("key_replace", "key_revoke"):
            assert browser.post(door(client, name, key), key_form(reason="x")).status_code == 404, name
    assert browser.get(door(foreign, "change")).status_code == 404


def test_a_key_of_another_client_is_not_reached_through_ones_own() -> None:
    mine, other = make.api_client(), make.api_client()
    key, text = make.api_key(other)
    browser = signed_in(superuser())
    for name in ("key_replace", "key_revoke"):
        assert browser.post(door(mine, name, key), key_form(reason="x")).status_code == 404
    assert opens(text)


def test_a_key_is_found_by_its_beginning() -> None:
    key, _ = make.api_key(make.api_client())
    make.api_key(make.api_client())
    browser = signed_in(superuser())
    answer = browser.get("/admin/parties/apikey/", {"q": key.prefix})
    assert list(answer.context["cl"].queryset) == [key]
    assert browser.get(f"/admin/parties/apikey/{key.pk}/change/").status_code == 200
    assert browser.post(f"/admin/parties/apikey/{key.pk}/change/", {}).status_code == 403
    assert browser.get("/admin/parties/apikey/add/").status_code == 403


def test_the_list_tells_live_from_sandbox_and_counts_keys_that_work() -> None:
    brand = make.brand()
    live = make.api_client(brand=brand)
    test = make.api_client(brand=api_services.open_sandbox(brand=brand, at=make.NOON))
    now = timezone.now()
    for ends in (None, now + timedelta(days=1), now - timedelta(days=1)):
        make.api_key(live, expires_at=ends)
    revoked, _ = make.api_key(live)
    api_services.revoke_key(key_id=revoked.pk, by=make.user(), at=now)
    browser = signed_in(superuser())
    assert {row: row.keys_open for row in browser.get(LIST).context["cl"].queryset} == {live: 2, test: 0}
    for environment, expected in (("live", live), ("sandbox", test)):
        found = browser.get(LIST, {"environment": environment}).context["cl"].queryset
        assert list(found) == [expected]
        keys = browser.get("/admin/parties/apikey/", {"environment": environment})
        assert len(keys.context["cl"].queryset) == (4 if environment == "live" else 0)


@pytest.mark.parametrize(
    ("days", "badge"), [(-1, "ended"), (3, "works, ends soon"), (30, "works"), (None, "works")]
)
def test_a_keys_badge_says_whether_it_works(days: int | None, badge: str) -> None:
    client, now = make.api_client(), timezone.now()
    make.api_key(client, expires_at=None if days is None else now + timedelta(days=days))
    rows = signed_in(superuser()).get(door(client, "change")).context["key_rows"]
    assert [row.badge[1] for row in rows] == [badge]
    assert rows[0].is_open == (badge != "ended")


def test_every_scope_is_explained() -> None:
    assert set(SCOPE_NOTES) == set(Scope)
    assert set(Scope) > WORTH_POINTS


def test_the_funnel_gives_foreign_clients_and_keys_to_nobody() -> None:
    own, foreign = make.brand(), make.api_client()
    make.api_key(foreign)
    for role in Role:
        person = make.staff(role, own)
        assert not access.reachable_api_clients(person, role).exists()
        assert not access.reachable_api_keys(person).exists()
    assert foreign in access.reachable_api_clients(make.staff(Role.AUDITOR, None), Role.AUDITOR)


def test_a_key_is_made_and_replaced_with_a_fresh_factor_alone() -> None:
    keeper, client = superuser(), make.api_client(brand=make.brand())
    old, _text = make.api_key(client)
    stale = let_in(Client(), keeper, verified_at=database_time() - timedelta(minutes=6))
    fresh = let_in(Client(), keeper)
    form = key_form(old_ends_at="2026-12-01T23:59")
    for where in (door(client, "key_add"), door(client, "key_replace", old)):
        asked = stale.post(where, form | {"form_number": str(uuid.uuid4())})
        assert "/second-factor/" in asked["Location"]
        assert client.keys.count() == 1
    assert fresh.post(door(client, "key_add"), form).status_code == 200
    assert client.keys.count() == 2
