"""Mails about alerts: what waits for one person in one mail, nobody twice."""

import smtplib
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend

from campaigns import services as campaigns
from campaigns.alert_models import Alert, AlertMail, Level, MailState
from campaigns.services import alert_mails
from parties.models import Role, User
from tests import make
from tests.campaigns import promos
from tests.campaigns.alarmed import DAY, HOUR, look
from tests.make import NOON

pytestmark = pytest.mark.django_db


def two_alerts() -> promos.Team:
    team = promos.team()
    for days in (-1, 2):
        promos.submitted(team, claim_from=NOON + days * DAY)
    look()
    return team


def send(at: Any = NOON) -> int:
    """How many mails went out."""
    before = len(mail.outbox)
    while campaigns.mail_alerts(site_url="https://points.example.com", at=at):
        pass
    return len(mail.outbox) - before


def states() -> set[str]:
    return set(AlertMail.objects.values_list("state", flat=True))


@pytest.mark.parametrize(("language", "word"), [("ja", "ご確認ください"), ("en", "Please look")])
def test_one_mail_tells_all_that_waits_the_urgent_first_and_once(language: str, word: str) -> None:
    team = promos.team()
    team.marketer.language = language
    team.marketer.save()
    late, early = (promos.submitted(team, claim_from=NOON + days * DAY) for days in (2, -1))
    look()
    assert [send(), send(NOON + DAY)] == [1, 0]
    letter = mail.outbox[0]
    assert letter.to == [team.marketer.email]
    assert word in letter.subject
    places = [letter.body.index(f"/admin/campaigns/order/{order.pk}/change/") for order in (early, late)]
    assert places == sorted(places)
    assert states() == {MailState.SENT}


def test_who_was_told_is_told_once_more_when_it_becomes_urgent_though_somebody_saw_to_it() -> None:
    team = promos.team()
    promos.submitted(team, claim_from=NOON + DAY)
    look()
    assert send() == 1
    alert = Alert.objects.get()
    campaigns.acknowledge_alert(alert_id=alert.pk, note="on it", user=team.marketer, at=NOON)
    later = NOON + DAY + HOUR
    for at, mails in ((NOON + HOUR, 0), (later, 1), (later + HOUR, 0)):
        look(at)
        assert send(at) == mails, at
    alert.refresh_from_db()
    assert (alert.level, alert.acknowledged_by, alert.note) == (Level.URGENT, None, "")
    assert Alert.objects.count() == 1


@pytest.mark.parametrize(
    ("step", "failure"),
    [
        ("open", smtplib.SMTPServerDisconnected()),
        ("open", TimeoutError()),
        ("send_messages", smtplib.SMTPDataError(451, b"later")),
        ("send_messages", smtplib.SMTPRecipientsRefused({})),
    ],
)
def test_a_mail_server_that_is_away_or_refuses_is_tried_again_and_then_given_up(
    monkeypatch: pytest.MonkeyPatch, step: str, failure: Exception
) -> None:
    two_alerts()

    def refuse(*_: Any) -> None:
        raise failure

    with monkeypatch.context() as patch:
        patch.setattr(EmailBackend, step, refuse)
        send()
        assert states() == {MailState.WAITING}
        send(NOON + HOUR / 10)  # not due yet
        assert set(AlertMail.objects.values_list("tries", flat=True)) == {1}
        for tries in range(1, alert_mails.MOST_TRIES):
            send(NOON + tries * 2 * DAY)
    assert states() == {MailState.GIVEN_UP}
    assert send(NOON + 100 * DAY) == 0


@pytest.mark.parametrize("failure", [smtplib.SMTPServerDisconnected(), TimeoutError(), OSError()])
def test_a_mail_server_that_breaks_off_may_have_sent_it_and_is_not_asked_again(
    monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    two_alerts()

    def take_and_break_off(*_: Any) -> None:
        raise failure

    with monkeypatch.context() as patch:
        patch.setattr(EmailBackend, "send_messages", take_and_break_off)
        send()
    assert states() == {MailState.GIVEN_UP}
    assert send(NOON + DAY) == 0


def test_a_mail_server_that_fails_to_say_goodbye_has_sent_it(monkeypatch: pytest.MonkeyPatch) -> None:
    two_alerts()

    def fail(*_: Any) -> None:
        raise smtplib.SMTPServerDisconnected

    monkeypatch.setattr(EmailBackend, "close", fail)
    assert (send(), states()) == (1, {MailState.SENT})


def test_what_broke_off_while_it_was_sent_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    two_alerts()

    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(alert_mails, "send_mail", stop)
        with pytest.raises(KeyboardInterrupt):
            send()
    assert states() == {MailState.SENDING}
    assert send(NOON + HOUR) == 0
    assert states() == {MailState.GIVEN_UP}


@pytest.mark.parametrize("end", ["role", "work", "nothing"])
def test_who_has_left_the_brand_since_is_told_nothing(end: str) -> None:
    team = two_alerts()
    if end == "role":
        team.marketer.staff_roles.all().delete()
        make.staff(Role.MARKETER, make.brand())
    if end == "work":
        User.objects.filter(pk=team.marketer.pk).update(is_staff=False, email=None)
    assert send() == (1 if end == "nothing" else 0)
    assert states() == {MailState.SENT if end == "nothing" else MailState.NEEDLESS}


def test_what_is_over_or_not_wanted_any_more_is_not_sent() -> None:
    team = two_alerts()
    campaigns.wish_for_mails(user=team.marketer, is_wanted=False, at=NOON)
    assert (send(), states()) == (0, {MailState.NEEDLESS})
    campaigns.wish_for_mails(user=team.marketer, is_wanted=True, at=NOON)
    other = two_alerts()
    for order in other.marketer.requested_orders.all():
        campaigns.reopen_order(order_id=order.pk, user=other.marketer, at=NOON)
    look(NOON + HOUR / 60)
    assert (send(NOON + HOUR / 30), states()) == (0, {MailState.NEEDLESS})
