"""The admin's sign-in: a password opens nothing, a second factor does; set up once, asked for each time."""

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.conf import LazySettings, settings
from django.core import mail
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.urls import reverse

from config.sign_in import read_second_factor
from config.staff import stage
from ledger.statements import database_time
from parties import factor_sealing, factor_services
from parties.errors import FactorRefused, FactorsExhausted
from parties.models import User
from parties.staff_models import Act, AuditRecord
from tests import factors, make
from tests.campaigns.conftest import SetClock, set_database_clock
from tests.factors import code_at, let_in
from tests.make import NOON
from tests.redemption_site import visits
from tests.soft_passkey import SoftPasskey

pytestmark = pytest.mark.django_db
__all__ = ["set_database_clock"]

CHECK, SET_UP, MINE = "/admin/second-factor/", "/admin/second-factor/set-up/", "/admin/second-factor/mine/"
Answer = Any


@pytest.fixture(autouse=True)
def _nobody_has_signed_in_yet() -> None:
    cache.clear()  # it counts sign-ins, and remembers challenges that were answered


@pytest.fixture
def browser() -> Client:
    return Client(headers={"accept-language": "en"})


@pytest.fixture
def person() -> User:
    return make.user(password="correct horse", is_staff=True, is_superuser=True)


def type_password(browser: Client, person: User, password: str = "correct horse", page: str = "") -> Answer:
    return browser.post(f"/admin/login/{page}", {"username": person.email, "password": password})


def is_in(browser: Client) -> bool:
    return bool(browser.get("/admin/").status_code == 200)


def options_in(page: Answer) -> str:
    found = re.search(r'data-options="([^"]+)"', page.content.decode())
    assert found
    return html.unescape(found[1])


def secret_in(page: Answer) -> str:
    found = re.search(r'class="tk-secret">([A-Z2-7 ]+)<', page.content.decode())
    assert found
    return found[1].replace(" ", "")


def codes_in(page: Answer) -> list[str]:
    return re.findall(r"<li><code>([\d-]+)</code>", page.content.decode())


def now_code() -> str:
    return code_at(database_time())


@pytest.mark.both
def test_a_right_password_alone_opens_nothing(browser: Client, person: User) -> None:
    factors.app_of(person)
    assert type_password(browser, person)["Location"] == CHECK
    assert not is_in(browser)
    assert "_auth_user_id" not in browser.session
    browser.post(CHECK, {"code": "000000" if now_code() != "000000" else "000001"})
    assert not is_in(browser)
    assert browser.post(CHECK, {"code": now_code()})["Location"] == "/admin/"
    assert is_in(browser)


def test_it_leads_on_to_the_page_that_was_wanted_and_to_no_other_site(browser: Client, person: User) -> None:
    factors.app_of(person)
    type_password(browser, person, page="?next=/admin/parties/brand/")
    assert browser.post(CHECK, {"code": now_code()})["Location"] == "/admin/parties/brand/"
    other, colleague = Client(), make.user(password="correct horse", is_staff=True)
    factors.app_of(colleague)
    type_password(other, colleague, page="?next=//x.example/")
    assert other.post(CHECK, {"code": now_code()})["Location"] == "/admin/"


def test_the_session_key_changes_when_somebody_comes_in(browser: Client, person: User) -> None:
    factors.app_of(person)
    type_password(browser, person)
    before = browser.session.session_key
    browser.post(CHECK, {"code": now_code()})
    assert browser.session.session_key != before


@pytest.mark.both
def test_the_first_sign_in_sets_up_an_app_and_shows_recovery_codes(browser: Client, person: User) -> None:
    type_password(browser, person)
    assert browser.get(CHECK)["Location"] == SET_UP
    page = browser.get(SET_UP)
    secret = secret_in(page)
    assert secret_in(browser.get(SET_UP)) == secret
    assert browser.post(SET_UP, {"code": "12345"}).status_code == 400
    assert not is_in(browser)
    shown = browser.post(SET_UP, {"code": code_at(database_time(), secret=secret)})
    assert is_in(browser)
    codes = codes_in(shown)
    assert len(set(codes)) == 10

    # Each recovery code comes in once.
    other = Client()
    type_password(other, person)
    assert other.post(CHECK, {"code": codes[3]})["Location"] == "/admin/"
    third = Client()
    type_password(third, person)
    assert third.post(CHECK, {"code": codes[3]}).status_code == 400
    assert not is_in(third)


def test_whoever_has_a_factor_adds_none_by_the_password_alone(browser: Client, person: User) -> None:
    factors.app_of(person)
    type_password(browser, person)
    assert browser.get(SET_UP)["Location"] == CHECK
    assert browser.post(SET_UP, {"code": now_code()})["Location"] == CHECK
    assert Authenticator.objects.count() == 1


@pytest.mark.both
def test_a_passkey_is_a_second_factor(browser: Client, person: User) -> None:
    device = SoftPasskey()
    type_password(browser, person)
    credential = device.create(options_in(browser.get(SET_UP)), origin=settings.PASSKEY_ORIGIN)
    assert len(codes_in(browser.post(SET_UP, {"name": "Laptop", "credential": credential}))) == 10
    assert is_in(browser)

    other = Client()
    type_password(other, person)
    options = options_in(other.get(CHECK))
    answer = device.sign(options, origin=settings.PASSKEY_ORIGIN)
    assert other.post(CHECK, {"credential": answer})["Location"] == "/admin/"
    assert is_in(other)
    again = Client()
    type_password(again, person)
    assert again.post(CHECK, {"credential": answer}).status_code == 400  # a challenge is answered once
    assert not is_in(again)


def test_somebody_elses_passkey_and_one_for_the_members_page_are_refused(
    browser: Client, person: User
) -> None:
    device, strangers = SoftPasskey(), SoftPasskey()
    for owner, made in ((person, device), (make.user(password="correct horse", is_staff=True), strangers)):
        first = Client()
        type_password(first, owner)
        credential = made.create(options_in(first.get(SET_UP)), origin=settings.PASSKEY_ORIGIN)
        first.post(SET_UP, {"name": "x", "credential": credential})
    type_password(browser, person)
    mine = options_in(browser.get(CHECK))
    members = options_in(Client().get("/sign-in/"))
    for made, options in ((strangers, mine), (device, members)):
        answer = made.sign(options, origin=settings.PASSKEY_ORIGIN)
        assert browser.post(CHECK, {"credential": answer}).status_code == 400
    assert not is_in(browser)


def test_a_session_without_a_factor_is_nobodys_anywhere(browser: Client, person: User) -> None:
    browser.force_login(person, backend=stage.BACKEND)
    assert not is_in(browser)
    let_in(browser, person)
    assert is_in(browser)


def test_a_factor_that_is_taken_away_ends_what_it_opened(browser: Client, person: User) -> None:
    let_in(browser, person)
    assert is_in(browser)
    assert factor_services.reset_factors(user=person) == 1
    assert not is_in(browser)


def test_the_wait_between_the_pages_ends_after_ten_minutes_and_with_the_password(
    browser: Client, person: User, set_database_clock: SetClock
) -> None:
    factors.app_of(person)
    set_database_clock(NOON)
    type_password(browser, person)
    set_database_clock(NOON + stage.OPEN_FOR + timedelta(seconds=1))
    assert browser.post(CHECK, {"code": now_code()})["Location"] == reverse("admin:login")
    type_password(browser, person)
    person.set_password("another horse")
    person.save()
    assert browser.post(CHECK, {"code": now_code()})["Location"] == reverse("admin:login")
    assert not is_in(browser)


def test_a_code_counts_once_and_near_its_half_minute_alone(person: User) -> None:
    factors.app_of(person)
    with pytest.raises(FactorRefused):
        factor_services.check_code(user=person, code=code_at(NOON - timedelta(minutes=2)), at=NOON)
    factor_services.check_code(user=person, code=code_at(NOON - timedelta(seconds=30)), at=NOON)
    factor_services.check_code(user=person, code=code_at(NOON), at=NOON)
    for old in (NOON, NOON - timedelta(seconds=30)):
        with pytest.raises(FactorRefused):
            factor_services.check_code(user=person, code=code_at(old), at=NOON)


def test_after_ten_wrong_codes_a_right_one_waits_for_a_quarter_of_an_hour(person: User) -> None:
    factors.app_of(person)
    for _ in range(factor_services.MOST_TRIES):
        with pytest.raises(FactorRefused):
            factor_services.check_code(user=person, code="1", at=NOON)
    with pytest.raises(FactorsExhausted):
        factor_services.check_code(user=person, code=code_at(NOON), at=NOON)
    later = NOON + factor_services.WINDOW
    assert factor_services.check_code(user=person, code=code_at(later), at=later)


def test_the_database_shows_no_secret(browser: Client, person: User) -> None:
    type_password(browser, person)
    secret = secret_in(browser.get(SET_UP))
    assert secret not in str(dict(browser.session))
    browser.post(SET_UP, {"code": code_at(database_time(), secret=secret)})
    kept = Authenticator.objects.get(type="totp").data["secret"]
    assert secret not in str(Authenticator.objects.values_list("data"))
    assert factor_sealing.unseal(kept) == secret


@pytest.mark.both
def test_the_own_factors_can_be_added_renewed_and_removed_but_the_last(browser: Client, person: User) -> None:
    let_in(browser, person)
    app, device = factors.app_of(person), SoftPasskey()
    remove = f"{MINE}{app.pk}/remove/"
    browser.post(remove)
    assert factor_services.factors_of(person).count() == 1
    credential = device.create(options_in(browser.get(SET_UP)), origin=settings.PASSKEY_ORIGIN)
    assert browser.post(SET_UP, {"name": "Laptop", "credential": credential})["Location"] == MINE
    assert "Laptop" in browser.get(MINE).content.decode()
    assert len(codes_in(browser.post("/admin/second-factor/recovery-codes/"))) == 10
    browser.post(remove)
    assert [str(kept.wrap().name) for kept in factor_services.factors_of(person)] == ["Laptop"]
    told = [(message.to, "第二要素を" in str(message.body)) for message in mail.outbox]
    assert told == [([person.email], True)] * 2  # one was added, one removed


@pytest.mark.parametrize("door", [SET_UP, "/admin/second-factor/recovery-codes/"])
def test_changing_them_asks_for_a_fresh_factor(browser: Client, person: User, door: str) -> None:
    let_in(browser, person, verified_at=database_time() - timedelta(minutes=6))
    answer = browser.post(door)
    assert answer["Location"].startswith(f"{CHECK}?next=")
    assert not Authenticator.objects.filter(type="recovery_codes").exists()


def test_passwords_are_tried_ten_times_a_minute(browser: Client, person: User) -> None:
    for _ in range(10):
        assert type_password(browser, person, "wrong horse").status_code == 200
    answer = type_password(browser, person)
    assert answer.status_code == 429
    assert "Too many attempts" in answer.content.decode()
    assert "staff_sign_in" not in browser.session


@pytest.mark.both
@pytest.mark.parametrize("typed", ["\0", "1\02", "9" * 5_000, "\u202e１２３４５６", "１２３４５６", "-" * 20])
def test_nothing_that_is_typed_breaks_a_page(browser: Client, person: User, typed: str) -> None:
    assert type_password(browser, person, typed).status_code == 200
    answer = browser.post("/admin/login/", {"username": f"staff{typed}", "password": typed})
    assert answer.status_code == 200
    type_password(browser, person)
    for data in ({"code": typed}, {"credential": typed, "name": typed}):
        assert browser.post(SET_UP, data).status_code == 400, data
    factors.app_of(person)
    for data in ({"code": typed}, {"credential": typed}):
        assert browser.post(CHECK, data).status_code == 400, data
    inside = let_in(Client(), person)
    credential = SoftPasskey().create(options_in(inside.get(SET_UP)), origin=settings.PASSKEY_ORIGIN)
    assert inside.post(SET_UP, {"name": typed, "credential": credential})["Location"] == MINE
    assert inside.get(MINE).status_code == 200
    assert inside.post(CHECK, {"code": now_code(), "next": f"/{typed}"}).status_code == 303


def test_only_a_demo_may_do_without() -> None:
    assert read_second_factor("", where="demo") == "off"
    assert read_second_factor("required", where="demo") == "required"
    for where in ("production", "test"):
        assert read_second_factor("", where=where) == "required"
        with pytest.raises(ImproperlyConfigured, match="must be required"):
            read_second_factor("off", where=where)
    with pytest.raises(ImproperlyConfigured):
        read_second_factor("maybe", where="demo")


def test_a_demo_without_it_says_so_on_its_home_page(
    browser: Client, person: User, settings: LazySettings
) -> None:
    settings.STAFF_SECOND_FACTOR = "off"
    assert type_password(browser, person)["Location"] == "/admin/"
    assert "without a second factor" in browser.get("/admin/").content.decode()


def test_a_member_who_was_staff_signs_in_by_mail(browser: Client) -> None:
    user = make.user(email="hanako@example.com")
    factors.app_of(user)
    assert visits.sign_in(browser, "hanako@example.com")["Location"] == "/wallet/"


def test_a_secret_that_somebody_left_in_the_browser_does_not_go_over_to_the_next_person() -> None:
    first, second = (make.user(password="correct horse", is_staff=True) for _ in range(2))
    browser = Client(headers={"accept-language": "en"})
    type_password(browser, first)
    left = secret_in(browser.get(SET_UP))
    type_password(browser, second)
    assert secret_in(browser.get(SET_UP)) != left


def test_however_wide_its_letters_are_it_is_one_address() -> None:
    email = make.user(password="correct horse", is_staff=True).email or ""

    def wide(letters: int) -> str:
        return "".join(chr(ord(sign) + 0xFEE0) for sign in email[:letters]) + email[letters:]

    browser = Client()
    answers = [browser.post("/admin/login/", {"username": wide(n), "password": "wrong"}) for n in range(12)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429] * 2
    assert AuditRecord.objects.filter(act=Act.SIGN_IN_FAILED).count() == 10


def test_a_stranger_elsewhere_keeps_nobody_out() -> None:
    person = make.user(password="correct horse", is_staff=True)
    wrong = {"username": person.email, "password": "wrong"}
    stranger = Client(REMOTE_ADDR="203.0.113.9")
    assert [stranger.post("/admin/login/", wrong).status_code for _ in range(11)][-1] == 429
    assert type_password(Client(REMOTE_ADDR="198.51.100.7"), person).status_code == 302


def test_what_superusers_do_to_people_wants_a_fresh_factor() -> None:
    keeper = make.user(password="correct horse", is_staff=True, is_superuser=True)
    person = make.user(is_staff=True)
    factors.app_of(person)
    door = f"/admin/parties/user/{person.pk}/access/"
    stale = let_in(Client(), keeper, verified_at=database_time() - timedelta(minutes=6))
    for data in ({"reason": "lost"}, {"link": "1"}):
        assert "/second-factor/" in stale.post(door, data)["Location"]
    assert list(factor_services.factors_of(person))
    assert mail.outbox == []
    fresh = let_in(Client(), keeper)
    for data in ({"reason": "lost"}, {"link": "1"}):
        assert fresh.post(door, data)["Location"] == door
    assert not list(factor_services.factors_of(person))
    assert [letter.to for letter in mail.outbox] == [[person.email]] * 2
