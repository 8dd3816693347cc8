"""The mail that says there is an answer: what it says, that it comes once, and what happens when it can't."""

import smtplib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend

from campaigns import services as campaigns
from campaigns import tasks
from campaigns.dispute_models import Dispute, DisputeNotice, NoticeFailure, NoticeState
from campaigns.services.dispute_notices import MAX_TRIES
from tests import make
from tests.campaigns import tickets
from tests.make import NOON

pytestmark = pytest.mark.django_db
SITE = "https://points.example.com"
MINUTE = timedelta(minutes=1)


class BrokenServer(EmailBackend):
    """A mail server that is away, or, once it is told to, one that a power cut hits while it sends."""

    failure: BaseException = smtplib.SMTPServerDisconnected("away")

    def send_messages(self, _messages: Any) -> int:
        raise self.failure


@pytest.fixture
def away(settings: Any) -> Iterator[type[BrokenServer]]:
    working = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = f"{__name__}.BrokenServer"
    yield BrokenServer
    settings.EMAIL_BACKEND = working
    BrokenServer.failure = smtplib.SMTPServerDisconnected("away")


def tell(at: datetime = NOON) -> int:
    return campaigns.tell_answers(site_url=SITE, at=at, limit=10)


def notice_of(dispute: Dispute) -> DisputeNotice:
    return DisputeNotice.objects.get(message__dispute=dispute)


@pytest.mark.parametrize(
    ("language", "subject", "words"),
    [("en", "Your question", "Support has answered"), ("ja", "お問い合わせ", "回答しました")],
)
def test_it_says_that_there_is_an_answer_and_where_and_no_more(
    language: str, subject: str, words: str
) -> None:
    dispute = tickets.opened(language=language, text="My secret story")
    tickets.answered(dispute, text="Our private answer")
    assert tell() == 1
    sent = mail.outbox[-1]
    assert dispute.member.user is not None
    assert sent.to == [dispute.member.user.email]
    assert sent.subject in (f"{subject} {dispute.number}", f"{subject}（{dispute.number}）")
    assert f"{SITE}/help/disputes/{dispute.number}/" in sent.body
    assert words in sent.body
    assert "private" not in sent.body
    assert "secret" not in sent.body


def test_each_answer_is_told_once() -> None:
    dispute = tickets.opened()
    tickets.answered(dispute)
    tickets.resolved(dispute)
    assert [tell(), tell(), len(mail.outbox)] == [2, 0, 2]
    assert set(DisputeNotice.objects.values_list("state", "ended_at")) == {(NoticeState.TOLD, NOON)}


def test_what_the_member_writes_is_told_to_nobody_by_mail() -> None:
    dispute = tickets.opened()
    tickets.added(dispute)
    tickets.withdrawn(dispute)
    assert (tell(), mail.outbox) == (0, [])


def test_the_sweep_sends_what_is_due() -> None:
    dispute = tickets.opened()
    tickets.answered(dispute)
    tasks.tell_answers()
    assert f"{settings.SITE_URL}/help/disputes/{dispute.number}/" in mail.outbox[-1].body
    scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert {"campaigns.tasks.tell_answers", "campaigns.tasks.prune_dispute_texts"} <= scheduled


def test_a_server_that_is_away_is_tried_again_later_each_time(
    away: type[BrokenServer], settings: Any
) -> None:
    dispute = tickets.opened()
    tickets.answered(dispute)
    at, waits = NOON, []
    for _ in range(MAX_TRIES - 1):
        assert tell(at) == 1
        notice = notice_of(dispute)
        assert notice.state == NoticeState.WAITING
        assert tell(notice.due_at - MINUTE) == 0
        waits.append(int((notice.due_at - at) / MINUTE))
        at = notice.due_at
    assert waits == [10, 20, 40, 80, 160, 320, 640]
    assert tell(at) == 1
    given_up = notice_of(dispute)
    assert (given_up.state, given_up.failure, given_up.tries) == ("given_up", NoticeFailure.SERVER, 8)
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert (tell(at + timedelta(days=9)), mail.outbox) == (0, [])


def test_a_server_that_comes_back_gets_it(away: type[BrokenServer], settings: Any) -> None:
    dispute = tickets.opened()
    tickets.answered(dispute)
    tell()
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert tell(NOON + 10 * MINUTE) == 1
    assert (len(mail.outbox), notice_of(dispute).state) == (1, NoticeState.TOLD)


def test_what_broke_off_in_the_middle_is_not_sent_again(away: type[BrokenServer], settings: Any) -> None:
    dispute = tickets.opened()
    tickets.answered(dispute)
    away.failure = SystemExit("killed")
    with pytest.raises(SystemExit):
        tell()
    assert notice_of(dispute).state == NoticeState.SENDING
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert tell(NOON + 9 * MINUTE) == 0
    assert notice_of(dispute).state == NoticeState.SENDING
    assert (tell(NOON + 10 * MINUTE), mail.outbox) == (0, [])
    assert notice_of(dispute).failure == NoticeFailure.UNKNOWN


@pytest.mark.parametrize("how", ["erased", "blocked"])
def test_somebody_without_an_address_is_not_written_to(how: str) -> None:
    dispute = tickets.opened()
    tickets.answered(dispute)
    user = dispute.member.user
    assert user is not None
    if how == "erased":
        user.delete()
    else:
        user.is_active = False
        user.save()
    assert (tell(), mail.outbox) == (1, [])
    assert notice_of(dispute).failure == NoticeFailure.NO_ADDRESS


def test_the_subject_is_one_line_and_holds_the_number_alone() -> None:
    dispute = make_answered_with_hostile_text()
    tell()
    assert mail.outbox[-1].subject == f"Your question {dispute.number}"


def make_answered_with_hostile_text() -> Dispute:
    dispute = tickets.opened(make.member(), text="x\nBcc: everybody@example.com")
    tickets.answered(dispute, text="x\r\nBcc: everybody@example.com")
    return dispute
