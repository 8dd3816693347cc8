"""Providers from the environment: read as they are meant, or the start ends with what to set."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.sign_in import passkey_place, read_providers
from redemption_site.provider import Provider
from tests.config.starts import Start

SECRET = "a-secret-that-nobody-repeats"
GOOD = {
    "id": "example",
    "name": "Example ID",
    "issuer": "https://id.example.com",
    "client_id": "points",
    "client_secret": SECRET,
}


def read(
    oidc: str = "", *, channel: tuple[str, str] = ("", ""), is_strict: bool = True
) -> dict[str, Provider]:
    return read_providers(channel_id=channel[0], channel_secret=channel[1], oidc=oidc, needs_https=is_strict)


def test_without_a_setting_there_is_no_provider() -> None:
    assert read() == read("  ") == {}


def test_line_and_others_are_read_in_their_order() -> None:
    second = GOOD | {"id": "second", "email_is_trusted": True}
    found = read(json.dumps([GOOD, second]), channel=("123", SECRET))
    assert list(found) == ["line", "example", "second"]
    assert [one.is_email_trusted for one in found.values()] == [False, False, True]
    assert [one.signs_with_secret for one in found.values()] == [True, False, False]
    assert found["line"].issuer == "https://access.line.me"
    assert SECRET not in repr(found)


BROKEN: list[Any] = [
    "x",
    "{}",
    "[1]",
    "[{}]",
    [GOOD, GOOD],
    [GOOD | {"id": "line"}, GOOD | {"id": "line"}],
    [GOOD | {"id": f"p{number}"} for number in range(9)],
    [GOOD | {"id": "Example"}],
    [GOOD | {"id": "../x"}],
    [GOOD | {"id": "x" * 33}],
    [GOOD | {"name": ""}],
    [GOOD | {"name": "a\u202eb"}],
    [GOOD | {"client_secret": ""}],
    [GOOD | {"client_id": 7}],
    [GOOD | {"issuer": "http://id.example.com"}],
    [GOOD | {"issuer": "id.example.com"}],
    [GOOD | {"issuer": "https://"}],
    [GOOD | {"issuer": "https://user@id.example.com"}],
    [GOOD | {"issuer": "https://id.example.com?x=1"}],
    [GOOD | {"email_is_trusted": "no"}],
    [GOOD | {"email_trusted": True}],
]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda value: str(value)[:40])
def test_a_broken_list_is_refused_without_its_secret(broken: Any) -> None:
    text = broken if isinstance(broken, str) else json.dumps(broken)
    with pytest.raises(ImproperlyConfigured, match="OIDC_PROVIDERS") as refusal:
        read(text)
    assert SECRET not in str(refusal.value)


def test_line_takes_its_own_id() -> None:
    with pytest.raises(ImproperlyConfigured, match="an id of its own"):
        read(json.dumps([GOOD | {"id": "line"}]), channel=("123", SECRET))


@pytest.mark.parametrize("channel", [("123", ""), ("", SECRET)])
def test_half_a_line_channel_is_refused(channel: tuple[str, str]) -> None:
    with pytest.raises(ImproperlyConfigured, match="LINE_CHANNEL_SECRET"):
        read(channel=channel)


def test_outside_production_a_provider_may_be_on_this_machine() -> None:
    assert read(json.dumps([GOOD | {"issuer": "http://127.0.0.1:9000"}]), is_strict=False)


@pytest.mark.parametrize(
    ("site_url", "is_production", "place"),
    [
        ("https://points.example.com", True, ("points.example.com", "https://points.example.com")),
        ("https://points.example.com:8443", True, ("points.example.com", "https://points.example.com:8443")),
        ("http://127.0.0.1:8000", False, ("localhost", "http://localhost:8000")),
        ("http://[::1]:8000", False, ("localhost", "http://localhost:8000")),
        ("https://192.0.2.1", True, ("192.0.2.1", "https://192.0.2.1")),
    ],
)
def test_passkeys_belong_to_the_site(site_url: str, is_production: bool, place: tuple[str, str]) -> None:
    assert passkey_place(site_url, is_production=is_production) == place


def test_production_does_not_start_with_a_broken_value(start: Start, tmp_path: Path) -> None:
    outcome = start(tmp_path, OIDC_PROVIDERS=json.dumps([GOOD | {"issuer": "http://id.example.com"}]))
    assert outcome.returncode != 0
    sentence = outcome.stderr.strip().splitlines()[-1]
    assert sentence.startswith("django.core.exceptions.ImproperlyConfigured: OIDC_PROVIDERS")
    assert SECRET not in outcome.stderr
    good = start(tmp_path, OIDC_PROVIDERS=json.dumps([GOOD]), LINE_CHANNEL_ID="1", LINE_CHANNEL_SECRET=SECRET)
    assert good.returncode == 0, good.stderr
