"""A code that waits for the sign-in: claimed where its page named it, refused where one can reload."""

from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.test import Client

from giftcodes import codec, directory
from giftcodes.models import Claim
from parties.models import Member
from redemption_site import texts
from redemption_site.pending import mark_of
from tests import make
from tests.redemption_site import visits

pytestmark = pytest.mark.django_db
LANGUAGE = "en"

ENGLISH = {"accept-language": "en"}


def unknown() -> str:
    return visits.UNUSABLE


def expired() -> str:
    now = datetime.now(UTC)
    return visits.code_now(claim_from=now - timedelta(days=9), claim_until=now - timedelta(minutes=1))


def says_it_is_refused(page: str) -> bool:
    return str(texts.CODE_NOT_USABLE).replace("'", "&#x27;") in page


def test_a_refusal_at_the_sign_in_can_be_reloaded(client: Client) -> None:
    campaign = visits.campaign()
    client.post("/claim/", {"code": visits.UNUSABLE, "campaign": campaign.slug})
    answer = visits.sign_in(client)
    assert (answer.status_code, answer["Location"]) == (303, "/claim/")
    pages = [client.get("/claim/") for _ in range(2)]
    assert [page.status_code for page in pages] == [422, 422]
    assert visits.text_of(pages[0]) == visits.text_of(pages[1])
    page = pages[0].content.decode()
    assert codec.group(visits.UNUSABLE) in page
    assert campaign.title_en in page
    assert not Claim.objects.exists()


def test_a_refusal_at_the_sign_in_is_the_one_refusal() -> None:
    seen = set()
    for find in (unknown, expired):
        client, code = Client(), find()
        client.post("/claim/", {"code": code})
        to_sign_in = visits.sign_in(client)
        page = client.get("/claim/")
        shown = visits.text_of(page).replace(codec.group(code), "")
        direct = visits.text_of(client.post("/claim/", {"code": code})).replace(codec.group(code), "")
        seen.add((to_sign_in.status_code, to_sign_in["Location"], page.status_code, shown, direct))
    assert len(seen) == 1


def test_a_refused_code_waits_for_nothing_more(client: Client) -> None:
    client.post("/claim/", {"code": visits.UNUSABLE})
    visits.sign_in(client)
    assert client.post("/claim/", {"shown": mark_of(visits.UNUSABLE)}).status_code == 400
    session = client.session
    session.flush()  # the sign-in ends; the browser still carries the code
    assert client.get("/claim/")["Location"] == "/"
    assert visits.UNUSABLE[-4:] not in client.get("/sign-in/").content.decode()
    assert visits.sign_in(client)["Location"] == "/wallet/"


def test_a_new_code_takes_the_place_of_a_refused_one(client: Client) -> None:
    client.post("/claim/", {"code": visits.UNUSABLE})
    visits.sign_in(client)
    assert client.post("/claim/", {"code": visits.code_now()})["Location"].startswith("/claimed/")
    assert client.get("/claim/")["Location"] == "/"


def test_a_code_from_another_tab_is_named_before_it_is_claimed(client: Client) -> None:
    first, second = [make.code_of(visits.batch_now(size=1)) for _ in range(2)]
    client.post("/claim/", {"code": first})
    visits.ask_to_sign_in(client, "hanako@example.com")
    shown = visits.shown_in(client.get("/sign-in/code/"))
    client.post("/claim/", {"code": second})  # in another tab

    answer = client.post("/sign-in/code/", {"code": visits.sign_in_code(), "shown": shown})

    assert (answer.status_code, answer["Location"]) == (303, "/claim/")
    assert not Claim.objects.exists()
    assert f"••••-••••-••••-{second[-4:]}" in client.get("/claim/").content.decode()
    assert visits.receive_waiting(client)["Location"].startswith("/claimed/")


@pytest.mark.parametrize("shown", ["", "0" * 32, "é", "x" * 10_000])
def test_a_sign_in_that_named_no_code_claims_none(client: Client, shown: str) -> None:
    visits.ask_to_sign_in(client, "hanako@example.com")
    client.post("/claim/", {"code": visits.code_now()})
    answer = client.post("/sign-in/code/", {"code": visits.sign_in_code(), "shown": shown})
    assert answer["Location"] == "/claim/"
    assert not Claim.objects.exists()
    assert Member.objects.count() == 0


def test_the_button_of_the_waiting_page_claims_the_code_that_it_names(client: Client) -> None:
    first, second = [make.code_of(visits.batch_now(size=1)) for _ in range(2)]
    client.post("/claim/", {"code": first})
    stranger = Client()
    stranger.post("/claim/", {"code": second})
    visits.member_in(client)
    shown = visits.shown_in(client.get("/claim/"))
    client.cookies[settings.PENDING_COOKIE_NAME] = stranger.cookies[settings.PENDING_COOKIE_NAME].value
    answer = client.post("/claim/", {"shown": shown})
    assert (answer.status_code, answer["Location"]) == (303, "/claim/")
    assert not Claim.objects.exists()


def test_the_mark_of_a_code_tells_nothing_about_it() -> None:
    marks = {mark_of(str(code)) for code in range(10**15, 10**15 + 100)}
    assert len(marks) == 100
    assert {len(mark) for mark in marks} == {32}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "SECRET_KEY", "another" * 10)
        assert mark_of(str(10**15)) not in marks


@pytest.mark.parametrize(("waits", "link"), [(True, 'href="/claim/"'), (False, 'href="/"')])
def test_a_form_from_before_the_sign_in_leads_on(waits: bool, link: str) -> None:
    client = Client(enforce_csrf_checks=True, headers=ENGLISH)
    if waits:
        other = Client()
        other.post("/claim/", {"code": visits.UNUSABLE})
        client.cookies[settings.PENDING_COOKIE_NAME] = other.cookies[settings.PENDING_COOKIE_NAME].value
    answer = client.post("/sign-in/code/", {"code": "1234-5678"})
    page = answer.content.decode()
    assert answer.status_code == 403
    assert "in another tab" in page
    assert link in page.partition("<main")[2]
    assert ("Go on with your code" in page) == waits


def test_without_the_keys_a_sign_in_keeps_the_code(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.post("/claim/", {"code": visits.code_now()})
    with monkeypatch.context() as patch:
        patch.setattr(settings, "CODE_MASTER_KEYS", {})
        directory.forget()
        answer = visits.sign_in(client)
    assert (answer.status_code, answer["Location"]) == (303, "/claim/")
    assert "can&#x27;t reach our records" in client.get("/claim/").content.decode()
    directory.forget()
    assert visits.receive_waiting(client)["Location"].startswith("/claimed/")


@pytest.mark.parametrize(
    ("typed", "status"),
    [
        ("https://points.example.com/c/spring/#c={code}", 303),
        ("points.example.com/#c={code}&utm=1", 303),
        ("「https://points.example.com/c/spring/#c={grouped} 」", 303),
        ("#c=%31{rest}", 303),
        ("#c={code}1", 400),
        ("#c=", 400),
        ("#c=%E3%81", 400),
        ("https://points.example.com/?c={code}", 400),
        ("#c=" * 300_000, 400),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_whole_claim_link_is_understood(client: Client, typed: str, status: int) -> None:
    answer = client.post(
        "/claim/",
        {
            "code": typed.format(
                code=visits.UNUSABLE, grouped=codec.group(visits.UNUSABLE), rest=visits.UNUSABLE[1:]
            )
        },
    )
    assert answer.status_code == status
