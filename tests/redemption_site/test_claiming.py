"""From a code to points, through the pages."""

import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
import time_machine
from django.conf import LazySettings, settings
from django.db import OperationalError, connection
from django.test import Client
from django.utils.translation import gettext, override

from giftcodes import codec, directory, keys
from giftcodes import services as giftcodes
from giftcodes.codec import NotACodeReason
from giftcodes.models import Batch, Claim
from ledger import audit
from ledger.models import MAX_POINTS, Account
from redemption_site import texts
from tests import make, scanner
from tests.giftcodes.guarded import a_redis
from tests.redemption_site import visits

pytestmark = pytest.mark.django_db


def in_english(text: object) -> str:
    with override("en"):
        return str(text).replace("'", "&#x27;")


def test_a_code_becomes_points_and_a_page_says_so(hanako: Client) -> None:
    batch = visits.batch_now(size=1, face_points=1500, lot_life_days=180)
    answer = hanako.post("/claim/", {"code": codec.group(make.code_of(batch))})

    assert answer.status_code == 303
    assert answer["Location"] == f"/claimed/{batch.first_claim_id}/"
    page = hanako.get(answer["Location"]).content.decode()
    assert page.count("1,500 pt") == 2  # what the code brought, and the balance
    last_day = datetime.now(UTC) + timedelta(days=180, hours=9)
    assert f"{last_day:%-d %B %Y}, 23:59" in page
    assert batch.brand.name in page
    japanese = hanako.get(answer["Location"], headers={"accept-language": "ja"}).content.decode()
    assert re.search(r"<dd>[^<]+ 23:59 まで</dd>", japanese)
    assert not list(audit.differences())


@pytest.mark.parametrize("typed", ["{0}", " {1} ", "{2}", "{3}"])
def test_a_code_is_taken_as_people_write_it(hanako: Client, typed: str) -> None:
    code = visits.code_now()
    wide = code.translate({ord("0") + digit: ord("０") + digit for digit in range(10)})
    forms = [code, codec.group(code), "　".join(wide[at : at + 4] for at in range(0, 16, 4)), "ー".join(wide)]
    assert hanako.post("/claim/", {"code": typed.format(*forms)}).status_code == 303
    assert Claim.objects.count() == 1


def test_a_code_typed_before_the_sign_in_is_claimed_with_it(client: Client) -> None:
    batch = visits.batch_now(size=1)
    answer = client.post("/claim/", {"code": make.code_of(batch)})
    assert (answer.status_code, answer["Location"]) == (303, "/sign-in/")
    assert not Claim.objects.exists()

    claimed = visits.sign_in(client, "new@example.com")

    assert (claimed.status_code, claimed["Location"]) == (303, f"/claimed/{batch.first_claim_id}/")
    assert Claim.objects.get().member.user.email == "new@example.com"  # type: ignore[union-attr]
    assert client.cookies[settings.PENDING_COOKIE_NAME].value == ""


def test_the_sign_in_names_the_code_by_its_last_digits_only(client: Client) -> None:
    code = visits.code_now()
    client.post("/claim/", {"code": code})
    page = client.get("/sign-in/").content.decode()
    assert f"••••-••••-••••-{code[-4:]}" in page
    assert code not in re.sub(r"\D", "", page)


def test_looking_never_claims(hanako: Client) -> None:
    code = visits.code_now()
    campaign = visits.campaign()
    for address in (f"/?c={code}", f"/c/{campaign.slug}/?code={code}", f"/claim/?code={code}"):
        for look in (hanako.get, hanako.head, hanako.options):
            look(address)
    assert not Claim.objects.exists()


def test_a_code_that_waits_is_not_claimed_by_looking_either(client: Client) -> None:
    code = visits.code_now()
    client.post("/claim/", {"code": code})
    visits.member_in(client)
    page = client.get("/claim/").content.decode()
    assert code[-4:] in page
    assert not Claim.objects.exists()
    assert visits.receive_waiting(client).status_code == 303
    assert Claim.objects.count() == 1


def made_with_another_key(batch: Batch, place: int) -> str:
    """A well-formed code of that place of the series, which nobody issued."""
    series_key = keys.series_key(batch.series)
    serial = batch.first_serial + place
    return codec.encode_one(serial, series=batch.series_id, series_key=series_key, batch_key=bytes(32))


def guessed(batch: Batch) -> str:
    return made_with_another_key(batch, 0)


def used(batch: Batch) -> str:
    giftcodes.claim_code(text=make.code_of(batch), member=make.member())
    return make.code_of(batch)


def void(batch: Batch) -> str:
    giftcodes.void_codes(
        batch_id=batch.pk,
        first_serial=batch.first_serial,
        last_serial=batch.first_serial,
        reason="leaked",
        requested_by=make.user(),
        approved_by=make.user(),
        at=datetime.now(UTC),
    )
    return make.code_of(batch)


def expired(_batch: Batch) -> str:
    now = datetime.now(UTC)
    return visits.code_now(claim_from=now - timedelta(days=9), claim_until=now - timedelta(minutes=1))


def not_begun(_batch: Batch) -> str:
    now = datetime.now(UTC)
    return visits.code_now(claim_from=now + timedelta(minutes=5), claim_until=now + timedelta(days=9))


def not_active(batch: Batch) -> str:
    Batch.objects.filter(pk=batch.pk).update(state="minted")
    return make.code_of(batch)


def headers_of(answer: visits.Answer) -> dict[str, str]:
    """All but the moment of the answer, to the second."""
    return {name: value for name, value in answer.headers.items() if name != "Expires"}


@pytest.mark.parametrize("spoil", [guessed, used, void, expired, not_begun, not_active])
def test_every_refusal_is_the_same_answer(hanako: Client, spoil: Callable[[Batch], str]) -> None:
    batch = visits.batch_now(size=2)
    assert hanako.post("/claim/", {"code": make.code_of(batch, 1)}).status_code == 303
    never_issued, spoilt = made_with_another_key(batch, 5000), spoil(batch)

    answer, expected = [hanako.post("/claim/", {"code": code}) for code in (spoilt, never_issued)]

    assert answer.status_code == expected.status_code == 422
    assert headers_of(answer) == headers_of(expected)
    page = visits.text_of(answer).replace(codec.group(spoilt), "")
    assert page == visits.text_of(expected).replace(codec.group(never_issued), "")
    assert in_english(texts.CODE_NOT_USABLE) in page


def test_the_limit_per_member_is_the_same_answer_too(hanako: Client) -> None:
    batch = visits.batch_now(size=2, limit_per_member=1)
    assert hanako.post("/claim/", {"code": make.code_of(batch, 0)}).status_code == 303
    answer = hanako.post("/claim/", {"code": make.code_of(batch, 1)})
    assert answer.status_code == 422
    assert in_english(texts.CODE_NOT_USABLE) in answer.content.decode()


def test_a_wallet_that_is_full_gets_the_same_answer_too(hanako: Client) -> None:
    batch = visits.batch_now(size=2)
    hanako.post("/claim/", {"code": make.code_of(batch, 0)})
    Account.objects.filter(kind="wallet").update(balance=MAX_POINTS)
    answer = hanako.post("/claim/", {"code": make.code_of(batch, 1)})
    assert answer.status_code == 422
    assert in_english(texts.CODE_NOT_USABLE) in answer.content.decode()


def test_who_claimed_a_code_is_told_so_when_asking_again(hanako: Client) -> None:
    batch = visits.batch_now(size=1)
    hanako.post("/claim/", {"code": make.code_of(batch)})
    answer = hanako.post("/claim/", {"code": make.code_of(batch)})
    assert answer["Location"] == f"/claimed/{batch.first_claim_id}/?again=1"
    page = hanako.get(answer["Location"]).content.decode()
    assert "You already received these points" in page
    assert Account.objects.get(kind="wallet").balance == 500


def test_what_a_code_brought_is_for_its_member_alone(hanako: Client, client: Client) -> None:
    batch = visits.batch_now(size=1)
    address = hanako.post("/claim/", {"code": make.code_of(batch)})["Location"]
    assert hanako.get(address).status_code == 200
    assert client.get(address)["Location"] == f"/sign-in/?next={address}"
    client.force_login(make.user())
    assert client.get(address).status_code == 404
    assert client.get("/claimed/99999999999999999999/").status_code == 404


def test_a_code_of_another_campaign_is_claimed_all_the_same(hanako: Client) -> None:
    campaign = visits.campaign()
    assert hanako.post("/claim/", {"code": visits.code_now(), "campaign": campaign.slug}).status_code == 303


CODE = "1906827340667143"  # well-formed, of no batch here


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        (CODE[:15], NotACodeReason.LENGTH),
        (CODE + "0", NotACodeReason.LENGTH),
        ("0" + CODE[1:], NotACodeReason.FIRST_DIGIT),
        (CODE[:-1] + "4", NotACodeReason.CHECK_DIGIT),
        (CODE[1] + CODE[0] + CODE[2:], NotACodeReason.CHECK_DIGIT),
        ("O" + CODE[1:], NotACodeReason.CHARACTERS),
        ("１２３４五六七八" + CODE[8:], NotACodeReason.CHARACTERS),
        ("٣" + CODE[1:], NotACodeReason.CHARACTERS),
        (CODE + "\0", NotACodeReason.CHARACTERS),
        ("\ud800" + CODE, NotACodeReason.CHARACTERS),
        ("1e15", NotACodeReason.CHARACTERS),
        ("<script>alert(1)</script>", NotACodeReason.CHARACTERS),
        ("1" * 10**6, NotACodeReason.TOO_LONG),
    ],
    ids=lambda value: str(value)[:24].encode("unicode_escape").decode(),
)
def test_a_typing_error_is_told_with_what_to_do(client: Client, typed: str, reason: NotACodeReason) -> None:
    body = f"code={quote(typed.encode('utf-8', 'surrogatepass'))}"
    answer = client.post(
        "/claim/", body, "application/x-www-form-urlencoded", headers={"accept-language": "en"}
    )
    assert answer.status_code == 400
    page = answer.content.decode()
    assert page.count(in_english(texts.NOT_A_CODE[reason])) >= 2  # in the summary and at the field
    assert "<title>Error:" in page
    assert "<script>alert" not in page
    assert len(page) < 20_000


@pytest.mark.parametrize("slug", ["\0", "../admin", "x" * 10_000, "<b>", "nowhere"])
def test_a_made_up_campaign_is_passed_over(client: Client, slug: str) -> None:
    assert client.post("/claim/", {"code": "12", "campaign": slug}).status_code == 400


def test_without_the_keys_nothing_is_granted_and_nothing_is_lost(
    hanako: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = visits.code_now()
    with monkeypatch.context() as patch:
        patch.setattr(settings, "CODE_MASTER_KEYS", {})
        answer = hanako.post("/claim/", {"code": code})
    assert answer.status_code == 503
    assert answer["Retry-After"]
    assert "no-store" in answer["Cache-Control"]
    assert "Nothing was lost" in answer.content.decode()
    assert not Claim.objects.exists()

    directory.forget()
    button = {"shown": visits.shown_in(answer)}  # on that page: the code has waited
    assert hanako.post("/claim/", button)["Location"].startswith("/claimed/")
    assert Claim.objects.count() == 1


@pytest.mark.parametrize("address", ["/claim/", "/wallet/", "/", "/c/spring/"])
def test_without_the_database_nothing_is_granted_and_the_page_says_to_wait(
    hanako: Client, address: str
) -> None:
    code = visits.code_now()
    hanako.raise_request_exception = False

    def away(*_: object) -> None:
        raise OperationalError("the server closed the connection")

    with connection.execute_wrapper(away):
        answer = hanako.post(address, {"code": code}) if address == "/claim/" else hanako.get(address)
    assert answer.status_code == 503
    assert "Nothing was lost" in answer.content.decode()
    assert not Claim.objects.exists()


def test_a_code_waits_for_half_an_hour_in_the_browser_that_typed_it(client: Client) -> None:
    code = visits.code_now()
    with time_machine.travel(datetime.now(UTC) - timedelta(minutes=31), tick=False):
        client.post("/claim/", {"code": code})
    cookie = client.cookies[settings.PENDING_COOKIE_NAME]
    assert (cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (True, "Lax", 1800)
    visits.member_in(client)
    answer = client.post("/claim/")
    assert answer.status_code == 400
    assert str(texts.NO_CODE_WAITING) in answer.content.decode()
    assert not Claim.objects.exists()


@pytest.mark.parametrize("value", ["", "x", "gAAAAA", "é", "A" * 4000])
def test_a_made_up_waiting_code_is_none(hanako: Client, value: str) -> None:
    hanako.cookies[settings.PENDING_COOKIE_NAME] = value
    assert hanako.post("/claim/").status_code == 400
    assert hanako.get("/claim/")["Location"] == "/"


def test_signing_out_forgets_a_waiting_code(client: Client) -> None:
    client.post("/claim/", {"code": visits.code_now()})
    visits.member_in(client)
    client.post("/sign-out/")
    visits.member_in(client)
    assert client.post("/claim/").status_code == 400


def test_no_code_stays_anywhere_but_in_the_ciphertext_of_its_cookie(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    batch = visits.batch_now(size=4)
    code = make.code_of(batch)
    answers = [client.post("/claim/", {"code": code}), client.get("/sign-in/")]
    waiting = client.cookies[settings.PENDING_COOKIE_NAME].value
    sessions_before = client.session.session_key
    answers.append(visits.sign_in(client))
    answers.append(client.get(answers[-1]["Location"]))
    answers.append(client.post("/claim/", {"code": code[:-1]}))
    sources = [
        scanner.Source("answers", repr([(a.headers, a.content) for a in answers[:4]]).encode()),
        scanner.Source("cookies", (waiting + client.cookies.output()).encode()),
        scanner.Source("session", repr([sessions_before, dict(client.session.items())]).encode()),
        scanner.Source("log", caplog.text.encode()),
        *scanner.database_sources(),
    ]
    looked_for = scanner.codes_to_look_for(batch)
    assert scanner.scan(looked_for, [scanner.Source("page", code.encode())]).found  # it would be seen
    assert scanner.scan(looked_for, sources).found == []


def test_a_claim_asks_the_database_no_more_than_it_must(
    hanako: Client, settings: LazySettings, django_assert_max_num_queries: Callable[..., object]
) -> None:
    settings.REDIS_URL = a_redis()  # as in production: the guard asks the database nothing
    batch = visits.batch_now(size=2)
    hanako.post("/claim/", {"code": make.code_of(batch, 0)})
    code = make.code_of(batch, 1)
    # The session (a cache in production), the user with the member, and the claim with its transaction; and
    # two more once the answer has left, which count the try.
    with django_assert_max_num_queries(13):  # type: ignore[attr-defined]
        assert hanako.post("/claim/", {"code": code}).status_code == 303


def test_a_form_from_elsewhere_is_refused_in_words() -> None:
    client = Client(enforce_csrf_checks=True, headers={"accept-language": "en"})
    answer = client.post("/claim/", {"code": CODE})
    assert answer.status_code == 403
    assert "This form has expired" in answer.content.decode()
    with override("ja"):
        assert gettext("This form has expired") != "This form has expired"
