"""Who may call, from where, until when, and what a refusal looks like."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from parties import api_services
from parties.api_keys import make_key_text, prefix_of
from parties.api_models import ApiKey, Scope
from parties.errors import KeyMadeWrong
from tests import make
from tests.api.partner import Partner, api_client

pytestmark = pytest.mark.django_db


def refused(answer: Any, status: int, code: str) -> dict[str, Any]:
    """The problem, after a look at its shape."""
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["status"], body["code"]) == (status, status, code)
    assert answer["Content-Type"] == "application/problem+json"
    assert body["type"].endswith(f"/api/docs/errors/#{code}")
    assert body["title"]
    assert body["detail"]
    assert answer["Cache-Control"] == "no-store"
    return body


def test_a_key_says_what_it_may_do_and_for_whom() -> None:
    client = api_client(rate_per_second=7, burst=9, points_per_day=500)
    partner = Partner(client, scopes=[Scope.GIFTS_READ, Scope.EVENTS_READ])
    answer = partner.get("me")
    assert answer.status_code == 200
    assert answer.json() == {
        "client": {"id": str(client.public_id), "name": "Shop"},
        "brand": {"slug": client.brand.slug, "name": client.brand.name},
        "program": {
            "slug": client.brand.program.slug,
            "name": client.brand.program.name,
            "unit_label": "pt",
            "yen_per_point": 1,
        },
        "mode": "live",
        "key": partner.key.prefix,
        "scopes": ["gifts:read", "events:read"],
        "expires_at": None,
        "limits": {"calls_per_second": 7, "calls_at_once": 9, "points_per_day": 500},
    }


def test_the_key_is_nowhere_but_with_its_owner() -> None:
    partner = Partner()
    row = ApiKey.objects.values().get(pk=partner.key.pk)
    assert partner.text not in repr(row)
    assert partner.text.rpartition("_")[2] not in repr(row)
    assert partner.text.startswith(row["prefix"])


def test_without_a_key_the_answer_says_how_to_send_one() -> None:
    answer = Client().get("/api/v1/me")
    refused(answer, 401, "key_missing")
    assert answer["WWW-Authenticate"].startswith("Bearer")
    text = Partner().text
    for header in (text, f"Basic {text}", f"Token {text}"):  # the key, but not as it is sent here
        refused(Client().get("/api/v1/me", headers={"authorization": header}), 401, "key_missing")


@pytest.mark.parametrize("how", ["unknown", "wrong", "typo", "revoked", "ended", "disabled", "empty", "long"])
def test_a_key_that_opens_nothing_gets_one_answer(how: str) -> None:
    partner = Partner()
    assert partner.get("me").status_code == 200  # so that it is this that matters
    now = timezone.now()
    if how == "unknown":
        partner.text = make_key_text(is_test=False).text
    elif how == "wrong":  # the name of a key, with another secret
        other = Partner(partner.client)
        ApiKey.objects.filter(pk=other.key.pk).update(prefix="tk_live_000000000000")
        ApiKey.objects.filter(pk=partner.key.pk).update(prefix=other.key.prefix)
        partner.text = other.text
    elif how == "typo":
        partner.text = partner.text[:-1] + ("a" if partner.text[-1] != "a" else "b")
    elif how == "revoked":
        api_services.revoke_key(key_id=partner.key.pk, by=make.user(), at=now)
    elif how == "ended":
        ApiKey.objects.filter(pk=partner.key.pk).update(
            created_at=now - timedelta(days=2), expires_at=now - timedelta(seconds=1)
        )
    elif how == "disabled":
        api_services.disable_client(client_id=partner.client.pk, at=now)
    texts = {"empty": "Bearer ", "long": f"Bearer {'9' * 10_000}"}
    header = texts.get(how, f"Bearer {partner.text}")
    body = refused(Client().get("/api/v1/me", headers={"authorization": header}), 401, "key_not_valid")
    assert partner.text not in str(body)


def test_a_key_is_used_from_its_addresses_alone() -> None:
    partner = Partner(addresses=["203.0.113.0/24", "2001:db8::/32"])
    for address, status in [
        ("203.0.113.9", 200),
        ("2001:db8::7", 200),
        ("::ffff:203.0.113.9", 200),
        ("198.51.100.1", 403),
        ("", 403),
    ]:
        headers = {"authorization": f"Bearer {partner.text}"}
        answer = Client(REMOTE_ADDR=address).get("/api/v1/me", headers=headers)
        assert answer.status_code == status, address
        if status == 403:
            refused(answer, 403, "address_not_allowed")


def test_a_session_of_the_site_opens_nothing() -> None:
    http = Client()
    http.force_login(make.user(is_staff=True, is_superuser=True))
    refused(http.get("/api/v1/me"), 401, "key_missing")


def test_a_replaced_key_overlaps_with_its_successor_and_then_ends() -> None:
    old = Partner()
    now = timezone.now()
    api_services.end_key(key_id=old.key.pk, ends_at=now + timedelta(days=7), at=now)
    assert old.get("me").status_code == 200
    api_services.end_key(key_id=old.key.pk, ends_at=now + timedelta(days=30), at=now)  # never later again
    assert ApiKey.objects.get(pk=old.key.pk).expires_at == now + timedelta(days=7)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("scopes", {"scopes": []}),
        ("scopes", {"scopes": ["everything"]}),
        ("addresses", {"addresses": ["203.0.113.1/24"]}),
        ("addresses", {"addresses": ["office"]}),
        ("addresses", {"addresses": ["10.0.0.1"] * 51}),
        ("expires_at", {"expires_at": timezone.now() - timedelta(days=1)}),
    ],
)
def test_a_key_is_not_made_wrong(field: str, wrong: dict[str, Any]) -> None:
    right: dict[str, Any] = {"scopes": [Scope.GIFTS_READ], "addresses": [], "expires_at": None}
    with pytest.raises(KeyMadeWrong) as refusal:
        api_services.make_key(client=api_client(), by=make.user(), at=timezone.now(), **right | wrong)
    assert refusal.value.field == field
    assert not ApiKey.objects.exists()


def test_the_last_use_is_noted_once_a_minute() -> None:
    partner = Partner()
    partner.get("me")
    first = ApiKey.objects.get(pk=partner.key.pk).last_used_at
    assert first is not None
    partner.get("me")
    assert ApiKey.objects.get(pk=partner.key.pk).last_used_at == first
    ApiKey.objects.filter(pk=partner.key.pk).update(last_used_at=first - timedelta(minutes=2))
    partner.get("me")
    assert ApiKey.objects.get(pk=partner.key.pk).last_used_at != first


def test_a_test_key_looks_like_one() -> None:
    assert make_key_text(is_test=True).prefix.startswith("tk_test_")
    made = make_key_text(is_test=False)
    assert prefix_of(made.text) == made.prefix
    assert made.text not in repr(made)


@pytest.mark.parametrize("path", ["nothing", "gifts/../me", "", "me/", "%00"])
def test_addresses_that_do_not_exist_say_so_as_json(path: str) -> None:
    refused(Partner().get(path), 404, "not_found")


def test_other_methods_are_refused_with_those_that_there_are() -> None:
    answer = Partner().post("me")
    refused(answer, 405, "method_not_allowed")
    assert "GET" in answer["Allow"]


def test_the_answer_speaks_the_language_that_was_asked_for() -> None:
    http = Client()
    english = refused(http.get("/api/v1/me"), 401, "key_missing")
    japanese = refused(http.get("/api/v1/me", headers={"accept-language": "ja"}), 401, "key_missing")
    assert english["title"] == "A key is missing."
    assert japanese["title"] != english["title"]


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("ja", "ja"),
        ("JA-JP", "ja"),
        ("fr, ja;q=0.5, en;q=0.4", "ja"),
        ("en-GB, ja;q=0.5", "en"),
        ("fr", "en"),
        ("*", "en"),
        ("", "en"),
        ("en\x01,,;q=x", "en"),
    ],
)
def test_who_asks_for_none_of_our_languages_is_answered_in_english(accepted: str, language: str) -> None:
    http = Client(headers={"accept-language": accepted})
    assert http.get("/api/v1/me").headers["Content-Language"] == language
    title = http.get("/api/docs/openapi.json").json()["info"]["description"]
    assert title.startswith("Issue gifts") == (language == "en")
