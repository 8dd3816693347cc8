"""Headers and cookies, line by line (`session and headers` of the list of bad input)."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import brotli  # type: ignore[import-untyped]
import pytest
from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from django.test import Client, override_settings
from django.urls import URLPattern, URLResolver, get_resolver

from config.api.auth import BearerKey
from config.api.urls import nothing_here
from tests.redemption_site import visits

CODE = "1906827340667143"  # well-formed, of no batch here

# A process of its own: the names of cookies are decided when the settings are read.
OVER_HTTPS = f"""
import json, django
django.setup()
from django.conf import settings
from django.test import Client
client = Client(headers={{"host": "points.example.com", "accept-language": "en"}})
page = client.get("/", secure=True)
client.post("/claim/", {{"code": "{CODE}"}}, secure=True)
client.post("/language/", {{"language": "en", "next": "/"}}, secure=True)
client.get("/sign-in/code/", secure=True)
print(json.dumps({{
    "headers": dict(page.headers),
    "cookies": {{name: dict(morsel) for name, morsel in client.cookies.items()}},
    "session": [
        getattr(settings, "SESSION_COOKIE_" + part) for part in "NAME SECURE HTTPONLY DOMAIN PATH".split()
    ],
    "plain": [client.get("/c/spring/").status_code, client.get("/c/spring/")["Location"]],
}}))
"""


@pytest.fixture(scope="module")
def over_https(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a browser gets from a site that is reached by https."""
    environment = {
        name: os.environ[name]
        for name in ("PATH", "SECRET_KEY", "CODE_MASTER_KEYS", "LEDGER_SEAL_KEYS", "TOKUTEN_ENV")
    } | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SITE_URL": "https://points.example.com",
        "ALLOWED_HOSTS": "points.example.com",
        "VAR_DIR": str(tmp_path_factory.mktemp("var")),
    }
    run = subprocess.run(
        [sys.executable, "-c", OVER_HTTPS], env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    answer: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return answer


def test_browsers_are_told_to_come_by_https_for_a_year(over_https: dict[str, Any]) -> None:
    assert over_https["headers"]["Strict-Transport-Security"] == "max-age=31536000"
    assert over_https["plain"] == [301, "https://points.example.com/c/spring/"]


def test_every_cookie_is_of_this_host_alone(over_https: dict[str, Any]) -> None:
    cookies = over_https["cookies"]
    names = {"__Host-csrf", "__Host-pending", "__Host-language", "__Host-messages"}
    assert set(cookies) == names
    for name, cookie in cookies.items():
        assert (cookie["secure"], cookie["path"], cookie["domain"]) == (True, "/", ""), name
        assert cookie["samesite"] == "Lax", name
        # The script of the admin's forms may read the CSRF token; nothing reads the others.
        assert cookie["httponly"] == ("" if name == "__Host-csrf" else True), name
    assert over_https["session"] == ["__Host-session", True, True, None, "/"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "camera"), [("/", "(self)"), ("/c/nowhere/", "(self)"), ("/admin/login/", "()")]
)
def test_pages_may_ask_for_the_camera_and_nothing_else(client: Client, address: str, camera: str) -> None:
    allowed = dict(part.split("=") for part in client.get(address)["Permissions-Policy"].split(", "))
    assert allowed.pop("camera") == camera
    assert set(allowed) >= {"microphone", "geolocation", "payment", "usb"}
    assert set(allowed.values()) == {"()"}


@pytest.mark.django_db
def test_no_page_can_be_framed_and_none_tells_another_host_where_it_came_from(client: Client) -> None:
    for address in ("/", "/c/nowhere/", "/admin/login/", "/sign-in/"):
        headers = client.get(address).headers
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], address
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.django_db
def test_no_page_runs_an_inline_script_the_admin_included(client: Client) -> None:
    for address in ("/", "/admin/login/"):
        answer = client.get(address)
        parts = [part.split() for part in answer["Content-Security-Policy"].split(";")]
        policy = {name: values for name, *values in parts}
        allowed = policy.get("script-src", policy["default-src"])
        assert "'self'" in allowed
        assert "'unsafe-inline'" not in allowed  # no nonce is needed where nothing inline may run
    visits.staff_in(client)
    index = client.get("/admin/").content.decode()
    inline = re.findall(
        r"<script(?![^>]*\b(?:src=|type=\"(?:application/json|text/template)\"))[^>]*>", index
    )
    assert inline == []


@pytest.mark.django_db
def test_a_code_or_a_balance_is_never_kept(client: Client) -> None:
    visits.member_in(client)
    client.post("/claim/", {"code": visits.code_now()})
    for answer in (
        client.get("/wallet/"),
        client.get("/"),
        client.post("/claim/", {"code": "1"}),
        client.post("/claim/", {"code": CODE}),
        client.get("/claim/"),
    ):
        assert "no-store" in answer["Cache-Control"], answer


def views() -> Iterator[tuple[str, Any]]:
    def within(patterns: list[Any], prefix: str) -> Iterator[tuple[str, Any]]:
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                yield from within(pattern.url_patterns, prefix + str(pattern.pattern))
            elif isinstance(pattern, URLPattern):
                yield prefix + str(pattern.pattern), pattern.callback

    return within(get_resolver().url_patterns, "")


# Other sites' servers post to these, and a session changes nothing about their answers.
OF_MACHINES = ["sso/token/", "sso/userinfo/", "sso/revoke/"]
# Mail programs post to these by themselves (RFC 8058); the address is what proves whose mails end.
OF_MAIL_PROGRAMS = ["notices/stop/<str:token>/", "mail/stop/<str:number>/"]
# Asks for the token itself, once it has said that the file stays in memory: campaigns/test_check_page.py.
BEHIND_THE_UPLOAD = ["admin/campaigns/order/<int:order_id>/files/check/"]


def test_no_view_is_excused_from_the_csrf_check_but_those_that_read_no_session() -> None:
    found = list(views())
    assert len(found) > 50
    excused = {address: view for address, view in found if getattr(view, "csrf_exempt", False)}
    of_partners = [address for address in excused if address.startswith("api/")]
    known = [*BEHIND_THE_UPLOAD, *OF_MAIL_PROGRAMS, *OF_MACHINES]
    assert [address for address in excused if address not in of_partners] == known
    # A key, which no browser sends by itself, is all that the API asks who is calling by. What stands at none
    # of its addresses says so to everybody.
    for address in of_partners:
        if excused[address] is nothing_here:
            continue
        known_by = excused[address].view_class.authentication_classes
        assert set(known_by) <= {BearerKey}, address
    assert "django.middleware.csrf.CsrfViewMiddleware" in settings.MIDDLEWARE


@pytest.mark.django_db
@pytest.mark.parametrize("address", OF_MACHINES)
def test_what_is_excused_answers_alike_whoever_is_signed_in(client: Client, address: str) -> None:
    visits.member_in(client)
    answers = [visitor.post(f"/{address}", {"token": "x", "code": "x"}) for visitor in (client, Client())]
    with_session, without = [(answer.status_code, answer.content, answer.cookies) for answer in answers]
    assert with_session == without
    assert "no-store" in answers[0]["Cache-Control"]
    assert "Cookie" not in answers[0].get("Vary", "")  # the session was not even looked at


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address",
    [
        *(
            "/claim/",
            "/sign-in/",
            "/sign-in/code/",
            "/sign-out/",
            "/language/",
            "/admin/login/",
            "/admin/logout/",
        ),
        *("/sign-in/passkey/", "/sign-in/again/", "/sign-in/go-on/", "/account/passkeys/add/"),
        *("/sso/decide/", "/sso/sign-out/", "/account/connected-sites/1/withdraw/"),
    ],
)
def test_a_form_without_its_token_does_nothing(address: str) -> None:
    client = Client(enforce_csrf_checks=True)
    visits.member_in(client)
    before = client.session.session_key
    assert client.post(address, {"code": CODE, "language": "en"}).status_code == 403
    assert client.session.session_key == before


@pytest.mark.django_db
def test_a_session_that_was_planted_does_not_become_the_members(client: Client) -> None:
    visits.ask_to_sign_in(client, "hanako@example.com")  # makes a session, which somebody else may know
    planted = client.cookies[settings.SESSION_COOKIE_NAME].value
    visits.sign_in(client, "hanako@example.com")
    assert client.get("/wallet/").status_code == 200
    assert client.cookies[settings.SESSION_COOKIE_NAME].value != planted
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = planted
    assert thief.get("/wallet/").status_code == 302


@pytest.mark.django_db
def test_the_token_of_forms_changes_with_the_sign_in(client: Client) -> None:
    client.get("/")
    before = client.cookies[settings.CSRF_COOKIE_NAME].value
    visits.sign_in(client)
    assert client.cookies[settings.CSRF_COOKIE_NAME].value != before


def test_static_files_are_named_by_their_content_and_compressed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As deployed, Brotli tries as hard as it can: forty seconds for what the admin and the API's pages bring.
    monkeypatch.setattr(brotli, "compress", partial(brotli.compress, quality=4))
    storage = {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}
    with override_settings(STATIC_ROOT=tmp_path, STORAGES=settings.STORAGES | {"staticfiles": storage}):
        call_command("collectstatic", verbosity=0, interactive=False)
        name = staticfiles_storage.stored_name("redemption_site/scan.js")  # type: ignore[attr-defined]
        assert re.fullmatch(r"redemption_site/scan\.[0-9a-f]{12}\.js", name)
        for kind in ("", ".br", ".gz"):
            assert (tmp_path / f"{name}{kind}").stat().st_size > 0
        assert (tmp_path / f"{name}.br").stat().st_size < (tmp_path / name).stat().st_size / 2
        with override_settings(WHITENOISE_USE_FINDERS=False):
            served = Client().get(f"/static/{name}", headers={"accept-encoding": "br"})
            assert b"".join(served.streaming_content) == (tmp_path / f"{name}.br").read_bytes()  # type: ignore[attr-defined]
        assert served["Content-Encoding"] == "br"
        assert served["Cache-Control"] == "max-age=315360000, public, immutable"


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/api/v1/healthz", "/api/v1/nothing", "/api/v1/a%0Ab"])
def test_every_answer_of_the_api_says_that_it_is_no_page(address: str, client: Client) -> None:
    answer = client.get(address)
    assert answer["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answer["X-Frame-Options"] == "DENY"
    assert int(answer["Content-Length"]) == len(answer.content)


@pytest.mark.django_db
def test_so_does_one_that_crashes(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("config.api.urls.HealthView.get", lambda *_given: 1 // 0)
    client.raise_request_exception = False
    answer = client.get("/api/v1/healthz", headers={"accept-language": "ja"})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert answer["X-Frame-Options"] == "DENY"
    assert "\u3000" not in answer.json()["title"]
    assert not answer.json()["title"].isascii()
