"""Closing the account: told first, proved, done once and wholly, and nobody can do it for somebody else."""

import time
from datetime import UTC, datetime, timedelta
from smtplib import SMTPServerDisconnected
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.db.utils import IntegrityError
from django.test import Client
from pytest_django.fixtures import Settings

from giftcodes import audit as giftcodes_audit
from giftcodes.errors import CodeNotUsable
from giftcodes.models import Batch, Delivery
from giftcodes.services import claim_code
from ledger import audit, queries
from ledger import services as ledger
from ledger.errors import MoveRefused
from ledger.expiry import ExpiryPolicy
from ledger.models import Account, AccountKind, Lot, Posting, Transfer
from ledger.statements import database_time
from parties.models import Consent, Member, MemberProfile, Purpose, Role, StaffRole, User
from tests import make
from tests.factors import let_in
from tests.redemption_site import visits

pytestmark = pytest.mark.django_db
EMAIL = "hanako@example.com"


class BrokenMailServer(EmailBackend):
    """Lets nothing through."""

    def send_messages(self, email_messages: Any) -> int:  # noqa: ARG002
        raise SMTPServerDisconnected


@pytest.fixture
def signed_in(client: Client) -> Client:
    """Hanako, who has just proved her mailbox and has 500 points from a code."""
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    visits.sign_in(client, EMAIL)
    client.post("/claim/", {"code": visits.code_now()})
    return client


def hanako_of(client: Client) -> Member:
    return Member.objects.get(user__email=EMAIL)


def close(client: Client, **form: str) -> Any:
    return client.post("/account/close/confirm/", {"sure": "yes"} | form)


def let_time_pass(client: Client, seconds: float) -> None:
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] -= seconds
    session.save()


def nothing_differs() -> bool:
    return not [*audit.differences(), *giftcodes_audit.differences()]


def test_the_page_says_what_is_lost_and_changes_nothing(signed_in: Client) -> None:
    page = signed_in.get("/account/close/").content.decode()
    assert "You give up 500 pt" in page
    assert "would be usable until" in page
    assert 'href="/wallet/"' in page
    assert 'href="/account/close/confirm/"' in page
    assert "kept without your name" in page
    assert "its points return to the closed account" in page
    assert "no-store" in signed_in.get("/account/close/")["Cache-Control"]
    for address in ("/account/close/", "/account/close/confirm/", "/closed/"):
        signed_in.get(address)
    assert queries.wallet_balance(hanako_of(signed_in), Account.objects.get(kind="wallet").program_id) == 500


def test_a_code_that_waits_in_the_browser_is_named(client: Client) -> None:
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    code = visits.code_now()
    client.post("/claim/", {"code": code})
    visits.member_in(client)
    page = client.get("/account/close/").content.decode()
    assert f"••••-••••-••••-{code[-4:]}" in page
    assert "You have no points" in page


def test_it_is_done_wholly_and_the_books_stay_right(signed_in: Client) -> None:
    member = hanako_of(signed_in)
    MemberProfile.objects.create(member=member, birth_year=1990)
    wallet = Account.objects.get(kind=AccountKind.WALLET, member=member)
    before = (Posting.objects.count(), Transfer.objects.count())

    answer = close(signed_in)

    assert (answer.status_code, answer["Location"]) == (303, "/closed/")
    assert "Your account is closed" in signed_in.get("/closed/").content.decode()
    assert (queries.balance_of(wallet), Lot.objects.get(wallet=wallet).remaining_points) == (0, 0)
    assert (Posting.objects.count(), Transfer.objects.count()) == (before[0] + 1, before[1] + 1)
    assert not User.objects.filter(email=EMAIL).exists()
    assert not MemberProfile.objects.exists()
    member.refresh_from_db()
    assert member.user_id is None
    assert member.closed_at is not None
    assert nothing_differs()


def test_no_row_of_the_database_names_the_person_afterwards(signed_in: Client) -> None:
    visits.sign_in(Client(), EMAIL)  # on another device, whose session stays behind
    assert EMAIL in _whole_database()
    close(signed_in)
    assert EMAIL not in _whole_database()


def test_what_the_admin_noted_of_the_person_names_them_no_more(signed_in: Client) -> None:
    user, admin = User.objects.get(email=EMAIL), Client()
    superuser = make.user(is_staff=True, is_superuser=True)
    let_in(admin, superuser)
    page = f"/admin/parties/user/{user.pk}/change/"
    admin.post(page, {"email": EMAIL, "name": "", "is_active": "on"})
    assert LogEntry.objects.get().object_repr == EMAIL
    close(signed_in)
    assert EMAIL not in _whole_database()
    assert LogEntry.objects.get().object_id == str(user.pk)


def _whole_database() -> str:
    with connection.cursor() as cursor:
        rows = []
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            rows.append(str(cursor.fetchall()))
    rows.extend(str(session.get_decoded()) for session in Session.objects.all())
    return "\n".join(rows)


def test_every_session_of_the_person_ends(signed_in: Client) -> None:
    phone = Client()
    visits.sign_in(phone, EMAIL)
    assert phone.get("/wallet/").status_code == 200
    close(signed_in)
    assert signed_in.get("/wallet/").status_code == 302
    assert phone.get("/wallet/").status_code == 302


def test_a_last_mail_goes_to_the_address_in_the_language_of_the_person(signed_in: Client) -> None:
    User.objects.filter(email=EMAIL).update(language="ja")
    close(signed_in)
    told = mail.outbox[-1]
    assert told.to == [EMAIL]
    assert "500 pt" in str(told.body)
    assert "500" not in str(told.subject)
    assert str(told.subject) == "退会が完了しました"


def test_whoever_never_chose_a_language_is_told_in_that_of_the_page(signed_in: Client) -> None:
    User.objects.filter(email=EMAIL).update(language="")
    close(signed_in)
    assert str(mail.outbox[-1].subject) == "Your account is closed"


def test_a_mail_that_fails_undoes_nothing_and_the_page_says_so(
    signed_in: Client, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EMAIL_BACKEND = "tests.redemption_site.test_leaving.BrokenMailServer"
    answer = close(signed_in)
    assert answer["Location"] == "/closed/?mail=failed"
    assert "could not be sent" in signed_in.get(answer["Location"]).content.decode()
    assert not User.objects.filter(email=EMAIL).exists()
    assert EMAIL not in caplog.text


def test_a_second_click_is_harmless(signed_in: Client) -> None:
    member = hanako_of(signed_in)
    close(signed_in)
    answer = close(signed_in)
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/sign-in/")
    assert ledger.close_membership(member_id=member.pk, at=database_time()) is None
    assert nothing_differs()


def test_without_the_tick_nothing_happens(signed_in: Client) -> None:
    answer = signed_in.post("/account/close/confirm/", {})
    assert answer.status_code == 400
    assert "Tick the box" in answer.content.decode()
    assert User.objects.filter(email=EMAIL).exists()


@pytest.mark.parametrize(("minutes", "is_fresh"), [(9, True), (10, False)])
def test_the_sign_in_has_to_be_fresh(signed_in: Client, minutes: int, is_fresh: bool) -> None:
    let_time_pass(signed_in, minutes * 60)
    page = signed_in.get("/account/close/confirm/").content.decode()
    assert ('name="sure"' in page) is is_fresh
    assert close(signed_in).status_code == (303 if is_fresh else 403)
    assert User.objects.filter(email=EMAIL).exists() is not is_fresh


def test_a_session_without_a_noted_proof_is_not_fresh(hanako: Client) -> None:
    assert close(hanako).status_code == 403
    session = hanako.session
    session["account_authentication_methods"] = [{"method": "code", "at": time.time()}]
    session["account_authentication_methods_user"] = "0"  # somebody else's
    session.save()
    assert close(hanako).status_code == 403


def test_signing_in_again_leads_back_to_the_confirmation(signed_in: Client) -> None:
    let_time_pass(signed_in, 3600)
    answer = signed_in.post("/account/close/sign-in/")
    assert (answer.status_code, answer["Location"]) == (303, "/sign-in/?next=%2Faccount%2Fclose%2Fconfirm%2F")
    asked = signed_in.post(answer["Location"], {"email": EMAIL, "next": "/account/close/confirm/"})
    confirmed = signed_in.post(
        asked["Location"], {"code": visits.sign_in_code(), "next": "/account/close/confirm/"}
    )
    assert confirmed["Location"] == "/account/close/confirm/"
    assert 'name="sure"' in signed_in.get(confirmed["Location"]).content.decode()


def test_while_a_purchase_is_under_way_it_waits(signed_in: Client) -> None:
    wallet = Account.objects.get(kind=AccountKind.WALLET)
    store = make.store(brand=wallet.program.brands.get())
    now = datetime.now(UTC)
    ledger.hold_points(
        wallet_id=wallet.pk,
        store_id=store.pk,
        points=30,
        key="cart",
        expires_at=now + timedelta(hours=1),
        at=now,
    )
    page = signed_in.get("/account/close/").content.decode()
    assert "30 pt are set aside for a purchase" in page
    assert "/account/close/confirm/" not in page
    answer = close(signed_in)
    assert answer.status_code == 409
    assert "Nothing has changed" in answer.content.decode()
    assert User.objects.filter(email=EMAIL).exists()
    assert queries.balance_of(wallet) == 470


def test_staff_are_refused_with_advice(client: Client) -> None:
    visits.staff_in(client)
    answer = client.get("/account/close/", headers={"accept-language": "en"})
    assert answer.status_code == 409
    assert "Ask an administrator" in answer.content.decode()


def test_whoever_was_staff_and_decided_something_is_refused_and_loses_nothing(signed_in: Client) -> None:
    user = User.objects.get(email=EMAIL)
    make.batch(brand=make.brand(funds=10_000))
    Delivery.objects.filter(batch=Batch.objects.latest("pk")).update(recipient=user)
    answer = close(signed_in)
    assert answer.status_code == 409
    assert User.objects.filter(email=EMAIL).exists()
    wallet = Account.objects.get(kind=AccountKind.WALLET)
    assert queries.balance_of(wallet) == 500  # given up, and undone with the rest
    StaffRole.objects.create(user=user, role=Role.SUPPORT)
    assert nothing_differs()


def test_the_same_address_begins_anew_with_nothing(signed_in: Client) -> None:
    old = hanako_of(signed_in)
    close(signed_in)
    visits.sign_in(signed_in, EMAIL)
    page = signed_in.get("/wallet/").content.decode()
    assert "No points yet" in page
    assert hanako_of(signed_in).pk != old.pk


def test_who_has_left_can_neither_claim_nor_be_given_nor_spend(signed_in: Client) -> None:
    member = hanako_of(signed_in)
    wallet = Account.objects.get(kind=AccountKind.WALLET)
    brand = wallet.program.brands.get()
    make.deposit(brand, 1_000)
    store = make.store(brand=brand)
    spent = ledger.spend_points(
        wallet_id=wallet.pk, store_id=store.pk, points=40, key="1", at=database_time()
    )
    close(signed_in)
    member.refresh_from_db()

    with pytest.raises(CodeNotUsable):
        claim_code(text=visits.code_now(), member=member)
    with pytest.raises(MoveRefused):
        ledger.open_wallet(member=member, program=make.program(), at=database_time())
    with pytest.raises(MoveRefused):
        ledger.grant_points(
            brand_id=brand.pk,
            wallet_id=wallet.pk,
            points=10,
            expires=ExpiryPolicy.after_days(10),
            key="g",
            at=database_time(),
        )
    # What comes back is there, but nobody's to spend: it stays until its own end.
    ledger.reverse_transfer(key="refund", original_id=spent.transfer_id, at=database_time())
    assert queries.balance_of(wallet) == 40
    with pytest.raises(MoveRefused):
        ledger.spend_points(wallet_id=wallet.pk, store_id=store.pk, points=40, key="2", at=database_time())
    ledger.expire_lots(at=Lot.objects.get(wallet=wallet).expires_at)
    assert queries.balance_of(wallet) == 0
    assert nothing_differs()


def test_the_database_lets_nobody_who_left_have_a_user() -> None:
    with pytest.raises(IntegrityError, match="parties_member_left_has_no_user"):
        make.member(closed_at=datetime.now(UTC))


def test_consents_end_with_a_no_and_stay_as_proof_without_a_person(signed_in: Client) -> None:
    member = hanako_of(signed_in)
    signed_in.post("/account/consents/", {"agree": ["expiry_notice", "statistics"]})
    close(signed_in)
    said = Consent.objects.filter(member=member).order_by("pk").values_list("purpose", "granted")
    assert sorted(said) == [
        (Purpose.EXPIRY_NOTICE, False),
        (Purpose.EXPIRY_NOTICE, True),
        (Purpose.STATISTICS, False),
        (Purpose.STATISTICS, True),
    ]


@pytest.mark.parametrize("address", ["/account/close/", "/account/close/confirm/"])
def test_strangers_are_led_to_the_sign_in(client: Client, address: str) -> None:
    assert client.get(address)["Location"] == f"/sign-in/?next={address}"
