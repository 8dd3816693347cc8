"""Mails before points expire: to whom, when, once, with what, and how they are stopped."""

import base64
import re
from datetime import UTC, date, datetime, timedelta
from smtplib import SMTPRecipientsRefused
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client
from pytest_django.fixtures import Settings

from ledger import services as ledger
from ledger.expiry import JAPAN
from ledger.models import Account, Lot
from parties import consents
from parties import notices as queue
from parties.api_services import open_sandbox
from parties.models import Consent, Member, Purpose, User
from parties.notice_models import ExpiryNotice, NoticeState
from redemption_site import notices, tasks
from tests import make
from tests.make import NOON
from tests.tampering import past_the_guards

pytestmark = pytest.mark.django_db
LAST_DAY = NOON.astimezone(JAPAN).date() + timedelta(days=60)  # 2027-01-01


def morning(day: date, hour: int = 9, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=JAPAN)


THIRTY_BEFORE = morning(LAST_DAY - timedelta(days=30))


def agree(member: Member, *, granted: bool = True, at: datetime = NOON) -> None:
    consents.record_consents(
        member_id=member.pk,
        choices={Purpose.EXPIRY_NOTICE: granted},
        wording="1",
        language="ja",
        at=at,
    )


def holder(*lots: int, days: int = 60, language: str = "en", **brand: Any) -> Account:
    """The wallet of somebody who wants notices, with lots of so many points whose last day is LAST_DAY."""
    funder = make.brand(funds=sum(lots), **brand)
    wallet = make.wallet(make.member(), funder.program)
    for points in lots:
        make.lot(wallet, points, funder=funder, days=days)
    agree(member_of(wallet))
    User.objects.filter(member__wallets=wallet).update(language=language)
    return wallet


def member_of(wallet: Account) -> Member:
    return Member.objects.get(wallets=wallet)


def queue_all(at: datetime) -> None:
    for _step in notices.queue_steps(at=at):
        pass


def run(at: datetime) -> None:
    queue_all(at)
    while notices.send_step(at=at):
        pass


def states() -> list[str]:
    return list(ExpiryNotice.objects.order_by("pk").values_list("state", flat=True))


def test_a_notice_says_how_many_until_when_where_and_from_whom(settings: Settings) -> None:
    settings.NOTICE_SENDER_NAME, settings.NOTICE_SENDER_ADDRESS = "Points Inc.", "1-2-3 Chiyoda, Tokyo"
    settings.SUPPORT_EMAIL = "help@example.com"
    wallet = holder(300, 200, name="Bakery")
    make.store(brand=wallet.program.brands.get())
    make.brand(program=wallet.program, name="No shop")

    run(THIRTY_BEFORE)

    (told,) = mail.outbox
    body = str(told.body)
    assert told.to == [User.objects.get(member__wallets=wallet).email]
    assert "500 pt, usable until Fri 1 January 2027, 23:59 (Japan time)" in re.sub("  +", " ", body)
    assert "Bakery" in body
    assert "No shop" not in body
    for part in ("Points Inc.", "1-2-3 Chiyoda, Tokyo", "help@example.com", "/wallet/"):
        assert part in body
    assert "500" not in str(told.subject)
    link = f"{settings.SITE_URL}/notices/stop/"
    assert link in body
    headers = told.message()
    assert re.fullmatch(rf"<{link}[\w.-]+/>", headers["List-Unsubscribe"])
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert headers["Message-ID"].startswith("<notice-")
    assert not re.search(r"\b\d{16}\b", body)
    assert states() == [NoticeState.SENT]


def test_a_notice_comes_in_the_language_of_the_person() -> None:
    holder(300, language="ja")
    run(THIRTY_BEFORE)
    assert "2027年1月1日(金) 23:59" in str(mail.outbox[0].body)
    assert "失効" in str(mail.outbox[0].subject)


def test_nobody_is_told_who_did_not_ask() -> None:
    never, stopped, left, inactive = holder(1), holder(2), holder(3), holder(4)
    Consent.objects.filter(member__wallets=never).delete()
    agree(member_of(stopped), granted=False, at=NOON + timedelta(hours=1))
    ledger.close_membership(member_id=member_of(left).pk, at=NOON)
    User.objects.filter(member__wallets=inactive).update(is_active=False)
    run(THIRTY_BEFORE)
    assert mail.outbox == []
    assert states() == [NoticeState.NOT_WANTED]  # of the one who is blocked


@pytest.mark.parametrize(
    ("at", "told"),
    [
        (THIRTY_BEFORE - timedelta(microseconds=1), []),
        (THIRTY_BEFORE, [30]),
        (morning(LAST_DAY - timedelta(days=30), 0), []),  # nobody is woken at midnight
        (THIRTY_BEFORE + timedelta(days=3) - timedelta(microseconds=1), [30]),
        (THIRTY_BEFORE + timedelta(days=3), []),  # "30 days before" would be untrue
        (morning(LAST_DAY - timedelta(days=7), 8, 59), []),
        (morning(LAST_DAY - timedelta(days=7)), [7]),
    ],
)
def test_it_is_sent_from_nine_in_japan_so_many_days_before_the_last_day(
    at: datetime, told: list[int]
) -> None:
    holder(300)
    run(at)
    assert list(ExpiryNotice.objects.values_list("days_before", flat=True)) == told
    assert len(mail.outbox) == len(told)


def test_days_are_those_of_japan_and_ends_are_exclusive() -> None:
    """A lot that ends at midnight in Japan belongs to the day before; UTC's midnight is another moment."""
    wallet = holder(300)
    assert Lot.objects.get().expires_at == datetime(2027, 1, 1, 15, tzinfo=UTC)
    for last_day in (LAST_DAY - timedelta(days=1), LAST_DAY + timedelta(days=1)):
        assert ledger.queue_notices(last_day=last_day, days_before=30, at=NOON) is None
    assert not ExpiryNotice.objects.exists()
    assert ledger.queue_notices(last_day=LAST_DAY, days_before=30, at=NOON) is not None
    assert ExpiryNotice.objects.get().program_id == wallet.program_id


def test_all_lots_of_a_day_are_one_mail_and_each_program_has_its_own() -> None:
    wallet = holder(300, 200, 100)
    make.lot(wallet, 50, funder=make.brand(funds=50, program=wallet.program), days=61)  # the day after
    other = make.brand(funds=70)
    make.lot(make.wallet(member_of(wallet), other.program), 70, funder=other, days=60)
    run(THIRTY_BEFORE)
    assert sorted(re.findall(r"(\d+) pt,", "".join(str(told.body) for told in mail.outbox))) == ["600", "70"]
    run(THIRTY_BEFORE + timedelta(days=1))
    assert "50 pt," in str(mail.outbox[2].body)


def test_nobody_is_told_of_points_of_a_sandbox() -> None:
    wallet = holder(300)
    sandbox = open_sandbox(brand=wallet.program.brands.get(), at=NOON)
    make.deposit(sandbox, 200)
    make.lot(make.wallet(member_of(wallet), sandbox.program), 200, funder=sandbox, days=60)
    run(THIRTY_BEFORE)
    (told,) = mail.outbox
    assert "300 pt" in str(told.body)


def test_nobody_is_told_twice() -> None:
    holder(300)
    for hours in (0, 1, 24, 47):
        run(THIRTY_BEFORE + timedelta(hours=hours))
    assert len(mail.outbox) == 1
    run(morning(LAST_DAY - timedelta(days=7)))
    assert len(mail.outbox) == 2


def test_what_was_spent_meanwhile_is_not_told() -> None:
    some, all_of_it = holder(300), holder(40)
    queue_all(THIRTY_BEFORE)
    for wallet, points in ((some, 100), (all_of_it, 40)):
        store = make.store(brand=wallet.program.brands.get())
        ledger.spend_points(
            wallet_id=wallet.pk, store_id=store.pk, points=points, key=f"{wallet.pk}", at=NOON
        )
    run(THIRTY_BEFORE)
    (told,) = mail.outbox
    assert "200 pt," in str(told.body)
    assert sorted(states()) == [NoticeState.NOTHING_LEFT, NoticeState.SENT]


def test_who_stopped_them_since_gets_none() -> None:
    wallet = holder(300)
    queue_all(THIRTY_BEFORE)
    agree(member_of(wallet), granted=False, at=THIRTY_BEFORE)
    run(THIRTY_BEFORE)
    assert mail.outbox == []
    assert states() == [NoticeState.NOT_WANTED]


class Refusing(EmailBackend):
    """A mail server that takes nothing for the addresses in `refused`."""

    refused: set[str] = set()

    def send_messages(self, email_messages: Any) -> int:
        if addresses := self.refused.intersection(email_messages[0].to):
            raise SMTPRecipientsRefused(dict.fromkeys(addresses, (550, b"no")))
        return super().send_messages(email_messages)


def test_a_mail_that_fails_is_tried_again_ever_later_and_then_given_up(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EMAIL_BACKEND = "tests.redemption_site.test_notices.Refusing"
    unlucky, lucky = holder(300), holder(200)
    address = str(User.objects.get(member__wallets=unlucky).email)
    Refusing.refused = {address}
    at = THIRTY_BEFORE
    run(at)
    assert len(mail.outbox) == 1  # nobody else waits for it
    for tries in range(1, queue.MOST_TRIES):
        notice = ExpiryNotice.objects.get(member__wallets=unlucky)
        assert (notice.state, notice.tries) == (NoticeState.WAITING, tries)
        assert notice.next_try_at - at == timedelta(minutes=10) * 2 ** (tries - 1)
        run(notice.next_try_at - timedelta(microseconds=1))
        notice.refresh_from_db()
        assert notice.tries == tries
        at = notice.next_try_at
        run(at)
    assert sorted(states()) == [NoticeState.GIVEN_UP, NoticeState.SENT]
    assert "is given up after 8 tries: SMTPRecipientsRefused" in caplog.text
    assert address not in caplog.text
    assert member_of(lucky).pk


def test_a_worker_that_dies_after_sending_costs_a_copy_with_the_same_name_and_no_mail_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    holder(300)
    queue_all(THIRTY_BEFORE)

    def die(*args: object, **kwargs: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(queue, "end_notice", die)
        with pytest.raises(SystemExit):
            notices.send_step(at=THIRTY_BEFORE)
    assert len(mail.outbox) == 1
    assert notices.send_step(at=THIRTY_BEFORE) == 0  # it is in hand
    run(THIRTY_BEFORE + queue.FIRST_WAIT)
    assert len({told.message()["Message-ID"] for told in mail.outbox}) == 1
    assert len(mail.outbox) == 2
    assert states() == [NoticeState.SENT]


def test_a_worker_that_dies_before_sending_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    holder(300)
    queue_all(THIRTY_BEFORE)

    def die(*args: object, **kwargs: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(notices, "_mail", die)
        with pytest.raises(SystemExit):
            notices.send_step(at=THIRTY_BEFORE)
    run(THIRTY_BEFORE + queue.FIRST_WAIT)
    assert len(mail.outbox) == 1


def test_steps_are_bounded() -> None:
    for _ in range(3):
        holder(10)
    odd = Lot.objects.latest("pk").pk  # not all ends need to be midnights
    past_the_guards(f"UPDATE ledger_lot SET expires_at = '2027-01-01 12:00:00' WHERE id = {odd}")
    queued = [ExpiryNotice.objects.count() for _ in notices.queue_steps(at=THIRTY_BEFORE, limit=1)]
    assert queued == [1, 2, 3]
    assert [notices.send_step(at=THIRTY_BEFORE, limit=2) for _ in range(3)] == [2, 1, 0]


def test_the_task_does_both_by_the_clock_of_the_database(settings: Settings) -> None:
    now = datetime.now(UTC)
    wallet = holder(300)
    settings.NOTICE_DAYS = [90, 30]
    open_day = (now - timedelta(hours=9)).astimezone(JAPAN).date()
    brand = wallet.program.brands.get()
    make.deposit(brand, 70)
    make.lot(wallet, 70, funder=brand, days=(open_day - NOON.astimezone(JAPAN).date()).days + 30)
    tasks.send_notices()
    assert ["70 pt," in str(told.body) for told in mail.outbox] == [True]
    settings.NOTICE_DAYS = []
    tasks.send_notices()
    assert len(mail.outbox) == 1


def test_the_link_stops_them_with_one_press_and_opening_it_does_not(client: Client) -> None:
    wallet = holder(300)
    run(THIRTY_BEFORE)
    path = re.search(r"/notices/stop/[\w.-]+/", str(mail.outbox[0].body))
    assert path
    page = client.get(path[0], headers={"accept-language": "en"})
    assert "Stop these e-mails" in page.content.decode()
    client.head(path[0])
    assert consents.standing_consents(member_of(wallet).pk) == {Purpose.EXPIRY_NOTICE}

    answer = client.post(path[0])
    assert (answer.status_code, answer["Location"]) == (303, path[0])
    assert consents.standing_consents(member_of(wallet).pk) == set()
    assert "You get no e-mails" in client.get(path[0], headers={"accept-language": "en"}).content.decode()


def test_one_click_of_a_mail_program_needs_neither_session_nor_form_token() -> None:
    wallet = holder(300)
    run(THIRTY_BEFORE)
    address = mail.outbox[0].message()["List-Unsubscribe"].strip("<>")
    program = Client(enforce_csrf_checks=True)
    for _ in range(2):  # once more is harmless
        answer = program.post(
            address,
            "List-Unsubscribe=One-Click",
            content_type="application/x-www-form-urlencoded",
        )
        assert answer.status_code == 200
    assert "session" not in program.cookies
    assert consents.standing_consents(member_of(wallet).pk) == set()
    assert Consent.objects.filter(granted=False).count() == 1
    run(morning(LAST_DAY - timedelta(days=7)))
    assert len(mail.outbox) == 1


def swapped(text: str, place: int) -> str:
    """The text with another character in that place: at the end of a text in base64, the nearest, which means
    the same bytes wherever the last bits are not read.
    """
    signs = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    letters = list(text)
    letters[place] = signs[signs.index(text[place]) ^ 1]
    return "".join(letters)


def same_bytes(*texts: str) -> bool:
    return len({base64.urlsafe_b64decode(text + "=") for text in texts}) == 1


def test_a_link_that_was_not_signed_here_is_no_page(client: Client) -> None:
    wallet = holder(300)
    run(THIRTY_BEFORE)
    path = re.search(r"/notices/stop/([\w.-]+)/", str(mail.outbox[0].body))
    assert path
    number, mark = path[1].split(".")
    others = swapped(number, 0), swapped(mark, 0), swapped(mark, -1)
    assert same_bytes(mark, others[2])
    tokens = f"{others[0]}.{mark}", f"{number}.{others[1]}", f"{number}.{others[2]}", path[1][:-1]
    for token in (number, f"{number}.", "x.y", "%00", *tokens):
        assert client.post(f"/notices/stop/{token}/").status_code == 404, token
    assert consents.standing_consents(member_of(wallet).pk) == {Purpose.EXPIRY_NOTICE}


def test_the_link_of_somebody_who_has_left_says_the_same_as_one_that_was_used(client: Client) -> None:
    wallet = holder(300)
    run(THIRTY_BEFORE)
    path = re.search(r"/notices/stop/[\w.-]+/", str(mail.outbox[0].body))
    assert path
    ledger.close_membership(member_id=member_of(wallet).pk, at=NOON)
    assert client.get(path[0], headers={"accept-language": "en"}).status_code == 200
    assert client.post(path[0]).status_code == 303


def test_the_demo_keeps_a_notice_for_its_page() -> None:
    """What the demo's post keeps is subject and text; headers are for mail servers."""
    holder(300)
    run(THIRTY_BEFORE)
    assert "To stop these e-mails" in str(mail.outbox[0].body)
