"""Sign-in by e-mail: alike for new and known people, and closed to guessing."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.conf import LazySettings
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage
from django.test import Client
from django.utils import timezone

from parties.models import Member, Role, User
from redemption_site.demo_mail import EmailBackend, mail_to
from redemption_site.tasks import drop_ended_sessions
from tests import make
from tests.redemption_site import visits

pytestmark = pytest.mark.django_db

WRONG = "0000-0000"


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_a_newcomer_becomes_a_user_when_the_code_comes_back(client: Client) -> None:
    visits.ask_to_sign_in(client, "New@Example.com")
    assert not User.objects.exists()
    answer = client.post("/sign-in/code/", {"code": visits.sign_in_code()})
    assert answer["Location"] == "/wallet/"
    user = User.objects.get()
    assert (user.email, user.is_staff, user.has_usable_password()) == ("new@example.com", False, False)
    assert client.get("/wallet/").status_code == 200
    assert Member.objects.get().user == user


def test_a_known_person_is_the_same_user_again(client: Client) -> None:
    user = make.user(email="hanako@example.com")
    visits.sign_in(client, "HANAKO@example.com")
    assert client.session["_auth_user_id"] == str(user.pk)
    assert User.objects.count() == 1


def test_known_and_unknown_addresses_look_alike() -> None:
    make.user(email="known@example.com")
    make.user(email="gone@example.com", is_active=False)
    make.staff(Role.MARKETER, None, email="staff@example.com")
    seen: set[tuple[object, ...]] = set()
    for email in ("known@example.com", "never@example.com", "gone@example.com", "staff@example.com"):
        client = Client()
        asked = visits.ask_to_sign_in(client, email)
        shown = visits.text_of(client.get("/sign-in/code/")).replace(email, "")
        text = str(mail.outbox[-1].body).replace(visits.sign_in_code(), "")
        wrong = client.post("/sign-in/code/", {"code": WRONG})
        seen.add((asked.status_code, asked["Location"], shown, text, str(mail.outbox[-1].subject)))
        seen.add((wrong.status_code, visits.text_of(wrong).replace(email, "")))
    assert len(seen) == 2
    assert len(mail.outbox) == 4


@pytest.mark.parametrize("typed", ["{0}-{1}", "{0}{1}", " {0} {1} ", "{2}ー{3}", "{2}　{3}"])
def test_the_sign_in_code_is_taken_as_people_write_it(client: Client, typed: str) -> None:
    visits.ask_to_sign_in(client, "hanako@example.com")
    left, right = visits.sign_in_code().split("-")
    wide = [half.translate({ord("0") + n: ord("０") + n for n in range(10)}) for half in (left, right)]
    client.post("/sign-in/code/", {"code": typed.format(left, right, *wide)})
    assert is_signed_in(client)


def test_an_address_in_full_width_letters_is_the_same_address(client: Client) -> None:
    visits.ask_to_sign_in(client, "ｈａｎａｋｏ＠ｅｘａｍｐｌｅ．ｃｏｍ　")
    assert mail.outbox[-1].to == ["hanako@example.com"]


def test_after_three_wrong_codes_the_right_one_is_worth_nothing(client: Client) -> None:
    visits.ask_to_sign_in(client, "hanako@example.com")
    right = visits.sign_in_code()
    answers = [client.post("/sign-in/code/", {"code": WRONG}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 302]
    client.post("/sign-in/code/", {"code": right})
    assert not is_signed_in(client)
    assert "試行回数が上限に達しました" in client.get("/sign-in/").content.decode()


def test_a_code_from_a_mail_is_good_for_fifteen_minutes(client: Client) -> None:
    with time_machine.travel(datetime.now(UTC) - timedelta(minutes=16), tick=False):
        visits.ask_to_sign_in(client, "hanako@example.com")
    answer = client.post("/sign-in/code/", {"code": visits.sign_in_code()})
    assert (answer.status_code, answer["Location"]) == (302, "/sign-in/")
    assert not is_signed_in(client)
    assert "認証コードの有効期限が切れているか" in client.get("/sign-in/").content.decode()


def test_a_code_signs_in_the_browser_that_asked_for_it_and_no_other(client: Client) -> None:
    visits.ask_to_sign_in(client, "hanako@example.com")
    other = Client()
    visits.ask_to_sign_in(other, "taro@example.com")
    assert visits.sign_in_code() not in (mail.outbox[0].body, "")
    hanakos = str(mail.outbox[0].body)
    other.post("/sign-in/code/", {"code": hanakos[hanakos.index("-") - 4 : hanakos.index("-") + 5]})
    assert not is_signed_in(other)


def test_a_resent_code_replaces_the_first(client: Client) -> None:
    visits.ask_to_sign_in(client, "hanako@example.com")
    first = visits.sign_in_code()
    client.post("/sign-in/code/", {"action": "resend"})
    assert len(mail.outbox) == 2
    client.post("/sign-in/code/", {"code": first})
    assert not is_signed_in(client)
    client.post("/sign-in/code/", {"code": visits.sign_in_code()})
    assert is_signed_in(client)


def test_an_address_gets_three_mails_a_minute() -> None:
    answers = [visits.ask_to_sign_in(Client(), "hanako@example.com") for _ in range(5)]
    assert len(mail.outbox) == 3
    answer = answers[-1]
    assert answer.status_code == 200
    assert "1分ほど待ってから" in answer.content.decode()


def test_coming_back_lets_one_use_another_address(client: Client) -> None:
    visits.ask_to_sign_in(client, "hanaka@example.com")
    assert client.get("/sign-in/").status_code == 200
    visits.sign_in(client, "hanako@example.com")
    assert User.objects.get().email == "hanako@example.com"


@pytest.mark.parametrize(
    "email",
    ["", "x", "x@", "a@b\n.com", "x" * 300 + "@example.com", "a@exam\u2028ple.com", "a@\ue000\ue000.com"],
)
def test_what_is_no_address_is_told(client: Client, email: str) -> None:
    answer = visits.ask_to_sign_in(client, email)
    assert answer.status_code == 200
    assert "メールアドレスを入力してください" in answer.content.decode()
    assert not mail.outbox


@pytest.mark.parametrize("hidden", ["\u202e", "\u2066", "\u200b", "\ufeff", "\u00ad", "\U000e0041"])
def test_characters_that_nobody_sees_are_no_part_of_an_address(client: Client, hidden: str) -> None:
    visits.ask_to_sign_in(client, f"{hidden}taro@exam{hidden}ple.com{hidden}")
    assert mail.outbox[-1].to == ["taro@example.com"]
    assert hidden not in client.get("/sign-in/code/").content.decode()


def test_a_mailbox_alone_does_not_open_a_staff_session(client: Client) -> None:
    make.staff(Role.FINANCE, None, email="staff@example.com")
    answer = visits.sign_in(client, "staff@example.com")
    assert answer["Location"] == "/sign-in/refused/"
    assert not is_signed_in(client)
    page = client.get("/sign-in/refused/", headers={"accept-language": "en"}).content.decode()
    assert "can't sign in here" not in page
    assert "after that they can enter codes here as well" in page


def test_becoming_staff_ends_a_session_that_a_mailbox_opened(client: Client) -> None:
    visits.sign_in(client, "hanako@example.com")
    assert client.get("/wallet/").status_code == 200
    User.objects.update(is_staff=True, is_superuser=True)
    assert client.get("/admin/")["Location"] == "/admin/login/?next=/admin/"
    assert client.get("/wallet/")["Location"] == "/sign-in/?next=/wallet/"
    assert client.post("/claim/", {"code": visits.code_now()})["Location"] == "/sign-in/"


def test_somebody_who_was_shut_out_stays_out(client: Client) -> None:
    make.user(email="gone@example.com", is_active=False)
    assert visits.sign_in(client, "gone@example.com")["Location"] == "/sign-in/refused/"
    assert not is_signed_in(client)


def test_shutting_somebody_out_ends_their_sessions(hanako: Client) -> None:
    assert hanako.get("/wallet/").status_code == 200
    User.objects.update(is_active=False)
    assert hanako.get("/wallet/")["Location"] == "/sign-in/?next=/wallet/"


def test_staff_still_sign_in_by_password_at_the_admin(client: Client) -> None:
    answer = visits.staff_in(client)
    assert is_signed_in(client)
    assert answer["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200
    assert client.post("/claim/", {"code": visits.code_now()})["Location"].startswith("/claimed/")


def test_a_password_opens_nothing_on_the_site(client: Client) -> None:
    make.user(email="hanako@example.com", password="correct horse")
    client.post("/sign-in/", {"email": "hanako@example.com", "login": "x", "password": "correct horse"})
    assert not is_signed_in(client)


def test_signing_in_changes_the_session_key(client: Client) -> None:
    visits.ask_to_sign_in(client, "hanako@example.com")
    before = client.session.session_key
    client.post("/sign-in/code/", {"code": visits.sign_in_code()})
    assert is_signed_in(client)
    assert client.session.session_key != before


@pytest.mark.parametrize(
    ("wanted", "given"), [("/claimed/1/", "/claimed/1/"), ("https://evil.example/", "/wallet/")]
)
def test_the_sign_in_leads_back_within_the_site_alone(client: Client, wanted: str, given: str) -> None:
    answer = client.post("/sign-in/", {"email": "hanako@example.com", "next": wanted})
    answer = client.post(answer["Location"], {"code": visits.sign_in_code(), "next": wanted})
    assert answer["Location"] == given


def test_who_has_to_begin_anew_still_gets_where_they_wanted(client: Client) -> None:
    card = {"next": "/wallet/card/"}
    wrong = {"code": WRONG} | card
    again = "/sign-in/?next=%2Fwallet%2Fcard%2F"
    asked = client.post("/sign-in/", {"email": "hanako@example.com"} | card)
    assert f'href="{again}"' in client.get(asked["Location"]).content.decode()  # use another address
    assert client.post("/sign-in/code/", wrong).status_code == 200
    assert client.post("/sign-in/code/", wrong).status_code == 200
    for _ in ("enough wrong ones", "nothing left to compare with"):
        assert client.post("/sign-in/code/", wrong)["Location"] == again
    assert client.get("/sign-in/code/", card)["Location"] == again
    assert client.get("/sign-in/code/", {"next": "https://evil.example/"})["Location"] == "/sign-in/"
    asked = client.post(again, {"email": "hanako@example.com"} | card)
    assert client.post(asked["Location"], {"code": visits.sign_in_code()} | card)["Location"] == card["next"]


def test_signing_out_needs_a_post(hanako: Client) -> None:
    assert hanako.get("/sign-out/").status_code == 405
    assert hanako.post("/sign-out/")["Location"] == "/"
    assert not is_signed_in(hanako)


@pytest.mark.parametrize("address", ["/accounts/login/", "/sign-up/", "/sign-in/password/reset/", "/email/"])
def test_pages_of_the_package_that_nobody_needs_are_not_there(client: Client, address: str) -> None:
    assert client.get(address).status_code == 404


def test_the_demo_shows_its_mail_on_the_page_and_says_so(client: Client, settings: LazySettings) -> None:
    settings.EMAIL_BACKEND = "redemption_site.demo_mail.EmailBackend"
    settings.TOKUTEN_ENV = "demo"
    visits.ask_to_sign_in(client, "hanako@example.com")
    page = client.get("/sign-in/code/").content.decode()
    assert "デモ：メールは送信されません" in page
    shown = mail_to("hanako@example.com")
    assert shown is not None
    client.post("/sign-in/code/", {"code": shown[shown.index("-") - 4 : shown.index("-") + 5]})
    assert is_signed_in(client)


@pytest.mark.parametrize("environment", ["production", "test"])
def test_no_mail_is_shown_outside_the_demo(client: Client, settings: LazySettings, environment: str) -> None:
    settings.TOKUTEN_ENV = "demo"
    EmailBackend().send_messages([EmailMessage("x", "1234-5678", to=["hanako@example.com"])])
    assert mail_to("hanako@example.com")
    settings.TOKUTEN_ENV = environment
    assert mail_to("hanako@example.com") is None
    with pytest.raises(ImproperlyConfigured, match="EMAIL_URL"):
        EmailBackend()
    visits.ask_to_sign_in(client, "hanako@example.com")
    assert visits.sign_in_code() not in client.get("/sign-in/code/").content.decode()


def test_the_address_of_a_sign_in_that_was_never_finished_goes_when_its_session_has_ended() -> None:
    begun, other = Client(), Client()
    visits.ask_to_sign_in(begun, "hanako@example.com")
    visits.sign_in(other, "taro@example.com")
    assert "hanako@example.com" in str(begun.session.items())
    ended = timezone.now() - timedelta(seconds=1)
    Session.objects.filter(pk=begun.session.session_key).update(expire_date=ended)
    drop_ended_sessions()
    assert [session.pk for session in Session.objects.all()] == [other.session.session_key]
