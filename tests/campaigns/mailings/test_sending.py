"""Gifts by e-mail: one gift each, one mail each, whatever the mail server says and whoever dies."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from email.utils import parseaddr
from smtplib import SMTPDataError, SMTPRecipientsRefused, SMTPServerDisconnected
from typing import Any

import pytest
from django.core.mail import EmailMessage

from campaigns import mailing_sealing as sealing
from campaigns.errors import MailingRefused
from campaigns.mailing_models import Mailing, MailOptOut, Recipient
from campaigns.services import mailing_answers, mailing_repairs, mailing_sending, mailings
from giftcodes import audit as giftcodes_audit
from giftcodes import services as giftcodes
from giftcodes.gift_models import Gift, GiftRequest
from giftcodes.models import Batch
from ledger import audit as ledger_audit
from ledger import queries as ledger_queries
from parties.api_models import ApiClient
from tests import make, scanner
from tests.api.partner import Partner, api_client
from tests.campaigns import promos
from tests.campaigns.mailings import lists, postbox
from tests.make import NOON

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both]

LATER = NOON + mailing_sending.LEASE + timedelta(minutes=1)
_LINK = re.compile(r"https://\S+/c/\S+/#c=(\d{16})")


@pytest.fixture
def team() -> promos.Team:
    return promos.team(funds=1_000_000)


def codes() -> list[str]:
    return [code for message in postbox.taken for code in _LINK.findall(str(message.body))]


def no_differences() -> None:
    assert [*ledger_audit.differences(), *giftcodes_audit.differences()] == []


def test_each_recipient_gets_one_mail_with_a_gift_of_their_own(team: promos.Team) -> None:
    mailing = lists.sent(team)
    assert (mailing.state, lists.states(mailing)) == ("sent", ["sent", "sent"])
    first, second = postbox.taken
    assert (first.subject, second.subject) == ("花子様へ", "For John")
    assert "500 ポイント" in first.body
    assert "100 points" in second.body
    assert [len(_LINK.findall(str(message.body))) for message in (first, second)] == [1, 1]
    gifts = Gift.objects.order_by("points")
    assert [gift.points for gift in gifts] == [100, 500]
    member = make.member()
    for code in codes():
        giftcodes.claim_code(text=code, member=member, at=NOON)
    assert ledger_queries.balance_of(make.wallet(member, mailing.campaign.brand.program)) == 600
    no_differences()


def test_an_order_approved_later_makes_no_gift_dearer_than_what_was_approved(team: promos.Team) -> None:
    mailing = lists.sending(team)
    lists.order_for(mailing, face_points=2_000, approved_at=NOON)
    lists.send_all()
    assert sorted(Gift.objects.values_list("points", flat=True)) == [100, 500]
    assert "100 points" in postbox.taken[1].body
    no_differences()


def test_a_mail_names_its_sender_and_how_to_have_no_more_of_them(team: promos.Team) -> None:
    mailing = lists.sent(team)
    message = postbox.taken[0]
    headers = message.message()
    number = sealing.number_of(lists.row(mailing).pk)
    for needed in ("Kissa Aoi", "1-2-3 Jingumae, Tokyo", "03-0000-0000", f"/mail/stop/{number}/"):
        assert needed in message.body
    assert parseaddr(str(headers["From"]))[0] == "Kissa Aoi"
    assert headers["List-Unsubscribe"] == f"<https://points.example.com/mail/stop/{number}/>"
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message.from_email == f"bounces+{number}@points.example.com"
    assert number in str(headers["Message-ID"])
    assert "hana" not in number


def test_neither_codes_nor_addresses_stand_anywhere(
    team: promos.Team, caplog: pytest.LogCaptureFixture
) -> None:
    def drop(_message: EmailMessage) -> None:
        raise SMTPServerDisconnected

    # In no other test: PostgreSQL's files and WAL still hold what those wrote and took back.
    address, name = "nowhere.else@example.jp", "此処のみ花江"
    mailing = lists.sending(team, rows=lists.LIST.replace("hana@example.jp", address).replace("花子", name))
    postbox.after.append(drop)
    lists.send_all()
    assert len(codes()) == 2
    looked_for = scanner.codes_to_look_for(Batch.objects.get())

    def places() -> Iterator[scanner.Source]:
        yield from scanner.database_sources()
        yield scanner.Source("log", caplog.text.encode())
        yield from (scanner.Source("subject", message.subject.encode()) for message in postbox.taken)

    assert scanner.scan(looked_for, places()).found == []
    names = (address.encode(), name.encode())
    assert not [
        place.name for place in places() for name in names if name in place.data and place.name != "subject"
    ]
    Mailing.objects.filter(pk=mailing.pk).update(decision_note=f"{codes()[0]} {address}")
    assert scanner.scan(looked_for, places()).found  # they would have been found
    assert any(names[0] in place.data for place in places())


ANSWERS: dict[str, tuple[Callable[[str], Exception], str]] = {
    "not now": (lambda to: SMTPRecipientsRefused({to: (450, b"greylisted")}), "waiting"),
    "never": (lambda to: SMTPRecipientsRefused({to: (550, b"no such user")}), "refused"),
    "not this text now": (lambda _to: SMTPDataError(451, b"try later"), "waiting"),
    "not this text": (lambda _to: SMTPDataError(554, b"spam"), "refused"),
    "silence": (lambda _to: SMTPServerDisconnected("gone"), "unsure"),
    "no answer in time": (lambda _to: TimeoutError(), "unsure"),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_what_the_mail_server_says_decides_whether_it_is_asked_again(team: promos.Team, answer: str) -> None:
    refusal, state = ANSWERS[answer]

    def refuse(message: EmailMessage) -> None:
        raise refusal(message.to[0])

    postbox.before.append(refuse)
    mailing = lists.sending(team)
    mailing_sending.send_step(at=NOON)
    assert lists.states(mailing) == [state, state]
    postbox.before.clear()
    lists.send_all(NOON + timedelta(days=1))
    is_asked_again = state == "waiting"
    assert len(postbox.taken) == (2 if is_asked_again else 0)
    assert GiftRequest.objects.count() == 2  # one gift each, asked again or not


def test_a_server_that_never_takes_it_is_given_up(team: promos.Team) -> None:
    def refuse(message: EmailMessage) -> None:
        raise SMTPRecipientsRefused({message.to[0]: (450, b"full")})

    postbox.before.append(refuse)
    mailing = lists.sending(team)
    for day in range(mailing_sending.MOST_REFUSALS):
        mailing_sending.send_step(at=NOON + timedelta(days=day))
    assert lists.states(mailing) == ["refused", "refused"]
    mailing.refresh_from_db()
    assert mailing.state == "sent"


def die_with_the_mail_in_the_servers_hands(team: promos.Team) -> Mailing:
    def die(_message: EmailMessage) -> None:
        raise postbox.Killed

    mailing = lists.sending(team)
    postbox.after.append(die)
    with pytest.raises(postbox.Killed):
        mailing_sending.send_step(at=NOON)
    postbox.after.clear()
    return mailing


def test_whoever_dies_while_the_server_has_the_mail_leaves_a_row_that_nobody_mails_again(
    team: promos.Team,
) -> None:
    mailing = die_with_the_mail_in_the_servers_hands(team)
    assert lists.states(mailing) == ["handing", "waiting"]
    lists.send_all(LATER)
    assert lists.states(mailing) == ["unsure", "sent"]
    assert postbox.recipients() == ["hana@example.jp", "john@example.com"]


def test_control_without_the_mark_before_the_mail_it_would_be_mailed_twice(
    team: promos.Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    def note_the_time_alone(recipient: Recipient, at: datetime) -> bool:
        return bool(Recipient.objects.filter(pk=recipient.pk).update(handed_at=at))

    monkeypatch.setattr(mailing_sending, "_hand", note_the_time_alone)
    die_with_the_mail_in_the_servers_hands(team)
    lists.send_all(LATER)
    assert postbox.recipients().count("hana@example.jp") == 2


def test_whoever_dies_before_that_leaves_a_row_that_is_tried_with_the_same_gift(
    team: promos.Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailing = lists.sending(team)

    def die(*_args: object) -> bool:
        raise postbox.Killed

    with monkeypatch.context() as patched:
        patched.setattr(mailing_sending, "_hand", die)
        with pytest.raises(postbox.Killed):
            mailing_sending.send_step(at=NOON)
    assert (lists.states(mailing)[0], postbox.taken) == ("taken", [])
    gift = Gift.objects.get()
    lists.send_all(LATER)
    assert lists.states(mailing) == ["sent", "sent"]
    assert lists.row(mailing).gift == gift
    assert Gift.objects.count() == 2
    no_differences()


def test_a_person_has_unsure_rows_mailed_again_with_the_same_code(team: promos.Team) -> None:
    def drop(_message: EmailMessage) -> None:
        raise TimeoutError

    postbox.after.append(drop)
    mailing = lists.sent(team)
    postbox.after.clear()
    assert (mailing.state, lists.states(mailing)) == ("sent", ["unsure", "unsure"])
    again: dict[str, Any] = {"mailing_id": mailing.pk, "recipient_id": lists.row(mailing).pk, "at": LATER}
    with pytest.raises(MailingRefused, match="reason"):
        mailing_repairs.send_again(reason=" ", user=team.marketer, **again)
    assert mailing_repairs.send_again(reason="server was down", user=team.marketer, **again) == 1
    lists.send_all(LATER)
    assert lists.states(mailing) == ["sent", "unsure"]
    first, _other, repeated = codes()
    assert first == repeated
    assert Gift.objects.count() == 2


def test_who_opted_out_or_bounced_after_the_upload_is_left_out(team: promos.Team) -> None:
    mailing = lists.sending(team)
    mailing_answers.opt_out(
        recipient=Recipient.objects.select_related("mailing__campaign").get(row=2), at=NOON
    )
    lists.send_all()
    assert lists.states(mailing) == ["opted_out", "sent"]
    assert postbox.recipients() == ["john@example.com"]
    assert Gift.objects.count() == 1  # none was issued for nobody
    # Control: another brand's wish is not this one's.
    assert sealing.digests_of(mailing.campaign.brand_id + 1, "hana@example.jp")[0] not in {
        out.digest for out in MailOptOut.objects.all()
    }


def test_without_points_the_rows_wait_and_say_so(team: promos.Team) -> None:
    mailing = lists.sending(team)
    ApiClient.objects.filter(pk=mailing.client_id).update(points_per_day=499)
    lists.send_all()
    assert lists.states(mailing) == ["waiting", "sent"]
    assert lists.row(mailing).note == "daily_points_exceeded"
    ApiClient.objects.filter(pk=mailing.client_id).update(points_per_day=10_000)
    lists.send_all(NOON + timedelta(hours=2))
    assert lists.states(mailing) == ["sent", "sent"]


def test_a_disabled_client_stops_mailings_of_the_brand(team: promos.Team) -> None:
    mailing = lists.sending(team)
    ApiClient.objects.filter(pk=mailing.client_id).update(disabled_at=NOON)
    lists.send_all()
    assert (lists.states(mailing), postbox.taken) == (["waiting", "waiting"], [])


def test_a_stopped_mailing_mails_nobody_more(team: promos.Team) -> None:
    def stop(_message: EmailMessage) -> None:
        Mailing.objects.get()
        postbox.after.clear()
        mailings.stop_mailing(
            mailing_id=Mailing.objects.get().pk, reason="wrong text", user=team.marketer, at=NOON
        )

    postbox.after.append(stop)
    mailing = lists.sent(team)
    assert (mailing.state, lists.states(mailing)) == ("stopped", ["sent", "waiting"])
    assert len(postbox.taken) == 1


def test_stopping_stops_the_mails_with_other_codes_too(team: promos.Team) -> None:
    mailing = lists.sending(team)
    mailing_sending.send_step(at=NOON, limit=1)
    row = lists.row(mailing)
    mailing_repairs.replace_code(recipient_id=row.pk, reason="lost", user=team.marketer, at=NOON)
    mailings.stop_mailing(mailing_id=mailing.pk, reason="wrong text", user=team.approver, at=NOON)
    lists.send_all()
    assert postbox.recipients() == ["hana@example.jp"]
    assert (lists.row(mailing).state, lists.row(mailing).note) == ("refused", "stopped")
    mailing_repairs.replace_code(recipient_id=row.pk, reason="asked for", user=team.marketer, at=NOON)
    lists.send_all()  # somebody wants this one to be mailed
    assert postbox.recipients() == ["hana@example.jp"] * 2
    no_differences()


def test_no_partner_system_of_the_brand_reveals_a_code_that_was_mailed(team: promos.Team) -> None:
    mailing = lists.sent(team)
    gift = lists.row(mailing).gift
    assert gift is not None
    till = Partner(api_client(team.brand))
    assert till.get(f"gifts/{gift.public_id}").status_code == 200
    refused = till.get(f"gifts/{gift.public_id}", {"reveal": "true"})
    assert refused.status_code == 404
    assert not [code for code in codes() if code in refused.content.decode()]
    own = make.gifts(Batch.objects.get(), client=till.client, at=NOON)[0]
    assert own.code in till.get(f"gifts/{own.public_id}", {"reveal": "true"}).content.decode()
