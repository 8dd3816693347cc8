"""Passkeys through the pages, with a passkey in software: what signs in, and what is refused."""

import html
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import LazySettings, settings
from django.core import mail
from django.test import Client, override_settings
from hypothesis import example, given
from hypothesis import strategies as st
from redis.exceptions import RedisError

from giftcodes.models import Claim
from parties.models import User
from redemption_site import passkeys
from tests import make
from tests.redemption_site import visits
from tests.redemption_site.round import is_signed_in
from tests.redemption_site.visits import Answer
from tests.soft_passkey import PRESENT, VERIFIED, SoftPasskey, text_of

pytestmark = pytest.mark.django_db
LANGUAGE = "en"

ENGLISH = {"accept-language": "en"}
ADD = "/account/passkeys/add/"


@pytest.fixture
def fresh(client: Client) -> Client:
    """A browser in which hanako has just signed in."""
    visits.sign_in(client, "hanako@example.com")
    return client


def options_in(page: Answer) -> str:
    found = re.search(r'data-options="([^"]+)"', page.content.decode())
    assert found, page
    return html.unescape(found[1])


def add(client: Client, passkey: SoftPasskey, *, name: str = "Phone", **changes: Any) -> Answer:
    credential = passkey.create(options_in(client.get(ADD)), **{"origin": settings.PASSKEY_ORIGIN} | changes)
    return client.post(ADD, {"name": name, "credential": credential})


def use(client: Client, passkey: SoftPasskey, *, page: Answer | None = None, **changes: Any) -> Answer:
    """Sign in with the passkey on the page (a fresh one), naming the code that it shows."""
    page = page or client.get("/sign-in/")
    answer = passkey.sign(options_in(page), **{"origin": settings.PASSKEY_ORIGIN} | changes)
    return client.post("/sign-in/passkey/", {"credential": answer, "shown": visits.shown_in(page)})


@pytest.fixture
def passkey(fresh: Client) -> SoftPasskey:
    """Hanako's passkey."""
    made = SoftPasskey()
    assert add(fresh, made)["Location"] == "/account/passkeys/"
    return made


def test_a_passkey_signs_its_owner_in(passkey: SoftPasskey) -> None:
    client = Client()
    assert use(client, passkey)["Location"] == "/wallet/"
    assert client.session["_auth_user_id"] == str(User.objects.get().pk)
    assert client.get("/wallet/").status_code == 200
    kept = Authenticator.objects.get()
    assert kept.last_used_at is not None
    assert (kept.type, kept.wrap().name) == ("webauthn", "Phone")


def test_the_owner_is_told_of_a_passkey_by_mail(fresh: Client, passkey: SoftPasskey) -> None:
    told = mail.outbox[-1]
    assert (told.to, "A passkey was added." in str(told.body)) == (["hanako@example.com"], True)
    fresh.post(f"/account/passkeys/{Authenticator.objects.get().pk}/remove/")
    assert "A passkey was removed." in str(mail.outbox[-1].body)


def test_a_passkey_is_added_while_no_mail_can_be_sent(fresh: Client) -> None:
    away = {"EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend", "EMAIL_PORT": 1}
    with override_settings(EMAIL_HOST="127.0.0.1", **away):
        assert add(fresh, SoftPasskey()).status_code == 303
    assert Authenticator.objects.exists()


def test_signing_in_with_a_passkey_changes_the_session_key(passkey: SoftPasskey) -> None:
    client = Client()
    visits.ask_to_sign_in(client, "somebody@example.com")
    before = client.session.session_key
    use(client, passkey)
    assert client.session.session_key != before


def test_the_mailbox_stays_a_way_in_by_itself(passkey: SoftPasskey) -> None:
    client = Client()
    assert visits.sign_in(client, "hanako@example.com")["Location"] == "/wallet/"
    assert is_signed_in(client)


def test_the_code_that_waits_is_claimed_in_the_same_step(passkey: SoftPasskey) -> None:
    client = Client(headers=ENGLISH)
    client.post("/claim/", {"code": visits.code_now()})
    page = client.get("/sign-in/")
    assert "Use a passkey and receive the points" in page.content.decode()
    assert use(client, passkey, page=page)["Location"].startswith("/claimed/")
    assert Claim.objects.get().member.user == User.objects.get(email="hanako@example.com")


def test_a_code_of_another_tab_is_named_before_it_is_claimed(passkey: SoftPasskey) -> None:
    first, second = [make.code_of(visits.batch_now(size=1)) for _ in range(2)]
    client = Client()
    client.post("/claim/", {"code": first})
    page = client.get("/sign-in/")
    client.post("/claim/", {"code": second})
    assert use(client, passkey, page=page)["Location"] == "/claim/"
    assert is_signed_in(client)
    assert not Claim.objects.exists()


CHANGES: dict[str, dict[str, Any]] = {
    "another site": {"origin": "https://evil.example"},
    "a site below ours": {"origin": f"https://evil.{settings.PASSKEY_HOST}"},
    "another port": {"origin": f"http://{settings.PASSKEY_HOST}:1"},
    "a passkey of another host": {"host": "evil.example"},
    "nobody was there": {"flags": VERIFIED},
    "nobody was verified": {"flags": PRESENT},
    "signed by another key": {"key": ec.generate_private_key(ec.SECP256R1())},
    "an answer of another kind": {"type": "webauthn.create"},
    "a challenge of theirs": {"challenge": text_of(bytes(40))},
    "an empty challenge": {"challenge": ""},
    "no such user": {"user_handle": text_of(b"zzzz")},
    "no user": {"user_handle": text_of(b"\xff")},
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_answer_that_is_not_right_signs_nobody_in(passkey: SoftPasskey, change: str) -> None:
    client = Client(headers=ENGLISH)
    answer = use(client, passkey, **CHANGES[change])
    assert (answer.status_code, answer["Location"]) == (303, "/sign-in/")
    assert "can&#x27;t be used here" in client.get("/sign-in/").content.decode()
    assert not is_signed_in(client)
    assert use(client, passkey)["Location"] == "/wallet/"


def test_an_answer_counts_once(passkey: SoftPasskey) -> None:
    client = Client()
    page = client.get("/sign-in/")
    answer = passkey.sign(options_in(page), origin=settings.PASSKEY_ORIGIN)
    assert client.post("/sign-in/passkey/", {"credential": answer})["Location"] == "/wallet/"
    other = Client()
    assert other.post("/sign-in/passkey/", {"credential": answer})["Location"] == "/sign-in/"
    assert not is_signed_in(other)


def test_without_the_cache_nobody_is_signed_in(passkey: SoftPasskey) -> None:
    client = Client(raise_request_exception=False)
    page = client.get("/sign-in/")
    nowhere = {"BACKEND": "config.cache.KeptRedisCache", "LOCATION": "redis://127.0.0.1:1/1"}
    with override_settings(CACHES={"default": nowhere}):
        assert use(client, passkey, page=page).status_code == 503
    assert not is_signed_in(client)
    answer = passkey.sign(options_in(page), origin=settings.PASSKEY_ORIGIN)
    with override_settings(CACHES={"default": nowhere}), pytest.raises(RedisError):
        passkeys.passkey_behind(answer)


def test_a_challenge_is_good_for_half_an_hour(passkey: SoftPasskey) -> None:
    client = Client()
    with time_machine.travel(datetime.now(UTC) - timedelta(minutes=31)):
        page = client.get("/sign-in/")
    assert use(client, passkey, page=page)["Location"] == "/sign-in/"


def test_a_challenge_to_add_a_passkey_is_for_one_person_and_no_sign_in(
    fresh: Client, passkey: SoftPasskey
) -> None:
    to_add = json.loads(options_in(fresh.get(ADD)))["publicKey"]["challenge"]
    other = Client()
    assert use(other, passkey, challenge=to_add)["Location"] == "/sign-in/"
    visits.sign_in(other, "taro@example.com")
    refused = add(other, SoftPasskey(), challenge=to_add)
    assert refused.status_code == 400
    assert not Authenticator.objects.filter(user__email="taro@example.com").exists()
    assert add(other, SoftPasskey()).status_code == 303


def test_a_passkey_of_somebody_else_does_not_become_ones_own(fresh: Client, passkey: SoftPasskey) -> None:
    """The same credential, added by a second person, still signs in whom its own handle names."""
    other = Client()
    visits.sign_in(other, "taro@example.com")
    handle = passkey.user_handle
    add(other, passkey)
    passkey.user_handle = handle
    client = Client()
    use(client, passkey)
    assert client.session["_auth_user_id"] == str(User.objects.get(email="hanako@example.com").pk)


@pytest.mark.parametrize("change", ["another site", "nobody was verified", "a passkey of another host"])
def test_a_passkey_is_made_for_this_site_and_a_verified_person_alone(fresh: Client, change: str) -> None:
    assert add(fresh, SoftPasskey(), **CHANGES[change]).status_code == 400
    assert not Authenticator.objects.exists()
    assert add(fresh, SoftPasskey()).status_code == 303


@pytest.mark.parametrize(
    "credential",
    [
        *("", "1", "[]", "{}", "null", "x", "[" * 10_000, "x" * 100_000),
        '{"response": 1}',
        '{"response": {"userHandle": 1}}',
        '{"id": "é", "rawId": "*", "response": {"clientDataJSON": "x"}}',
    ],
    ids=lambda text: str(text)[:20],
)
def test_what_is_no_answer_is_refused(fresh: Client, credential: str) -> None:
    assert fresh.post(ADD, {"name": "x", "credential": credential}).status_code == 400
    client = Client()
    assert client.post("/sign-in/passkey/", {"credential": credential})["Location"] == "/sign-in/"
    assert not is_signed_in(client)


@given(st.binary(max_size=200), st.sampled_from(["clientDataJSON", "authenticatorData", "signature", "id"]))
def test_bent_bytes_are_refused_without_an_error(data: bytes, part: str) -> None:
    passkey = SoftPasskey()
    options = passkeys.options_to_sign_in()
    answer = json.loads(passkey.sign(options, origin=settings.PASSKEY_ORIGIN, user_handle="MQ"))
    answer["response" if part != "id" else "rawId"] = (
        answer["response"] | {part: text_of(data)} if part != "id" else text_of(data)
    )
    with pytest.raises(passkeys.PasskeyRefused):
        passkeys.passkey_behind(json.dumps(answer))


@example(b"\x19")
@given(st.binary(max_size=300))
def test_a_bent_attestation_is_refused_without_an_error(data: bytes) -> None:
    user = User(pk=1, email="hanako@example.com")
    answer = json.loads(SoftPasskey().create(passkeys.options_to_add(user), origin=settings.PASSKEY_ORIGIN))
    answer["response"]["attestationObject"] = text_of(data)
    with pytest.raises(passkeys.PasskeyRefused):
        passkeys.add_passkey(user=user, name="x", credential=json.dumps(answer))


def test_staff_cannot_sign_in_with_a_passkey(passkey: SoftPasskey) -> None:
    User.objects.update(is_staff=True, is_superuser=True)
    client = Client()
    assert use(client, passkey)["Location"] == "/sign-in/refused/"
    assert not is_signed_in(client)
    assert client.get("/admin/")["Location"].startswith("/admin/login/")
    assert Authenticator.objects.get().last_used_at is None


def test_somebody_who_was_shut_out_stays_out(passkey: SoftPasskey) -> None:
    User.objects.update(is_active=False)
    client = Client()
    assert use(client, passkey)["Location"] == "/sign-in/refused/"
    assert not is_signed_in(client)


@pytest.mark.parametrize("address", ["", "add/", "1/", "1/remove/"])
def test_staff_have_no_passkeys(client: Client, address: str) -> None:
    visits.staff_in(client)
    assert "/account/passkeys/" not in client.get("/account/").content.decode()
    page = f"/account/passkeys/{address}"
    assert client.get(page).status_code in (404, 405)
    assert client.post(page).status_code in (404, 405)


def test_a_session_that_was_left_open_adds_and_removes_nothing(fresh: Client, passkey: SoftPasskey) -> None:
    kept = Authenticator.objects.get()
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=11)):
        page = fresh.get(ADD).content.decode()
        assert "Please sign in once more" in page
        assert "data-options" not in page
        for address in (ADD, f"/account/passkeys/{kept.pk}/", f"/account/passkeys/{kept.pk}/remove/"):
            assert fresh.post(address, {"name": "x"}).status_code == 403
        assert fresh.get("/account/passkeys/").status_code == 200
    assert Authenticator.objects.get().wrap().name == "Phone"


def test_signing_in_once_more_leads_back(fresh: Client, passkey: SoftPasskey) -> None:
    answer = fresh.post("/sign-in/again/", {"next": ADD})
    assert (answer.status_code, answer["Location"]) == (303, "/sign-in/?next=%2Faccount%2Fpasskeys%2Fadd%2F")
    assert not is_signed_in(fresh)
    signed = passkey.sign(options_in(fresh.get(answer["Location"])), origin=settings.PASSKEY_ORIGIN)
    assert fresh.post("/sign-in/passkey/", {"credential": signed, "next": ADD})["Location"] == ADD
    assert "data-options" in fresh.get(ADD).content.decode()
    assert fresh.post("/sign-in/again/", {"next": "https://evil.example"})["Location"] == "/sign-in/"
    assert fresh.get("/sign-in/again/").status_code == 405


@pytest.mark.parametrize("limit", ["60/m/ip", "1/m/ip"])
def test_who_is_refused_still_gets_where_they_wanted(
    passkey: SoftPasskey, settings: LazySettings, limit: str
) -> None:
    client, form = Client(), {"credential": "no answer", "next": ADD}
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | {"other_sign_in": limit}
    client.post("/sign-in/passkey/", form)
    answer = client.post("/sign-in/passkey/", form)
    assert answer["Location"] == "/sign-in/?next=%2Faccount%2Fpasskeys%2Fadd%2F"
    assert f'name="next" value="{ADD}"' in client.get(answer["Location"]).content.decode()
    answer = client.post("/sign-in/passkey/", form | {"next": "https://evil.example"})
    assert answer["Location"] == "/sign-in/"


def test_a_session_of_another_making_is_not_fresh(hanako: Client) -> None:
    assert "Please sign in once more" in hanako.get(ADD).content.decode()


@pytest.mark.both
def test_names_are_one_plain_line(fresh: Client, passkey: SoftPasskey) -> None:
    kept = Authenticator.objects.get()
    page = f"/account/passkeys/{kept.pk}/"
    assert fresh.post(page, {"name": " my\u202e <b>phone</b> "})["Location"] == "/account/passkeys/"
    assert "my &lt;b&gt;phone&lt;/b&gt;" in fresh.get("/account/passkeys/").content.decode()
    for name in ("", "\u200b", "x" * 41):
        assert fresh.post(page, {"name": name}).status_code == 400


def test_a_passkey_of_somebody_else_is_not_there(passkey: SoftPasskey) -> None:
    kept = Authenticator.objects.get()
    other = Client()
    visits.sign_in(other, "taro@example.com")
    for address in ("", "remove/"):
        assert other.post(f"/account/passkeys/{kept.pk}/{address}", {"name": "x"}).status_code == 404
    assert Authenticator.objects.get().wrap().name == "Phone"


def test_the_last_way_in_stays(fresh: Client, passkey: SoftPasskey) -> None:
    kept = Authenticator.objects.get()
    User.objects.update(email=None, name="Hanako")
    page = f"/account/passkeys/{kept.pk}/"
    assert "Remove the passkey" not in fresh.get(page).content.decode()
    assert fresh.post(f"{page}remove/")["Location"] == page
    assert "your only way to sign in" in fresh.get(page).content.decode()
    assert Authenticator.objects.exists()
    User.objects.update(email="hanako@example.com")
    assert fresh.post(f"{page}remove/")["Location"] == "/account/passkeys/"
    assert not Authenticator.objects.exists()
    assert use(Client(), passkey)["Location"] == "/sign-in/"


def test_there_are_at_most_ten(fresh: Client) -> None:
    for _ in range(passkeys.MOST_PASSKEYS):
        assert add(fresh, SoftPasskey()).status_code == 303
    page = fresh.get(ADD).content.decode()
    assert "You have 10 passkeys already" in page
    assert "data-options" not in page
    assert fresh.post(ADD, {"name": "x", "credential": "{}"}).status_code == 400


def test_the_page_of_the_sign_in_makes_no_session(client: Client) -> None:
    client.get("/sign-in/")
    assert settings.SESSION_COOKIE_NAME not in client.cookies


def test_passkey_pages_are_kept_by_nobody(fresh: Client, passkey: SoftPasskey) -> None:
    for address in ("", "add/", f"{Authenticator.objects.get().pk}/"):
        assert "no-store" in fresh.get(f"/account/passkeys/{address}")["Cache-Control"]


@pytest.mark.parametrize("address", ["2fa/", "2fa/totp/activate/", "2fa/recovery-codes/", "3rdparty/"])
def test_pages_of_the_package_that_nobody_needs_are_not_there(client: Client, address: str) -> None:
    for prefix in ("/", "/account/", "/accounts/"):
        assert client.get(prefix + address).status_code == 404


def test_the_tables_of_ways_in_are_not_in_the_admin(client: Client) -> None:
    root = make.user(password="correct horse", is_staff=True, is_superuser=True)
    visits.through_admin(client, root)
    assert client.get("/admin/").status_code == 200
    for table in ("mfa/authenticator", "socialaccount/socialapp", "socialaccount/socialaccount"):
        assert client.get(f"/admin/{table}/").status_code == 404
