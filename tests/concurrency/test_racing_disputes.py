"""Tickets under double clicks, fifty windows, two supporters and many senders of mail, with real threads."""

import threading
import uuid
from functools import partial

import pytest
from django.core import mail
from django.db import connections

from campaigns import services as campaigns
from campaigns.dispute_models import (
    Dispute,
    DisputeMessage,
    DisputeNotice,
    DisputeState,
    NoticeState,
    Resolution,
)
from campaigns.errors import DisputeChanged, DisputeLimit, DisputeNotOpen
from campaigns.services import dispute_notices
from tests import make
from tests.campaigns import tickets
from tests.concurrency.racing import race
from tests.make import NOON

pytestmark = pytest.mark.django_db(transaction=True)
SITE = "https://points.example.com"


def test_a_double_click_makes_one_ticket() -> None:
    member, form_number = make.member(), uuid.uuid4()
    outcomes = race(*[partial(tickets.opened, member, form_number=form_number)] * 8)
    assert len({dispute.pk for dispute in outcomes if isinstance(dispute, Dispute)}) == 1
    assert [type(outcome) for outcome in outcomes] == [Dispute] * 8
    assert (Dispute.objects.count(), DisputeMessage.objects.count()) == (1, 1)


def test_of_twelve_windows_at_once_three_tickets_come() -> None:
    member = make.member()
    outcomes = race(*[partial(tickets.opened, member)] * 12)
    assert [type(outcome) for outcome in outcomes].count(DisputeLimit) == 9
    assert Dispute.objects.count() == 3


def test_control_counting_without_holding_the_member_lets_more_in() -> None:
    member, gate = make.member(), threading.Barrier(8, timeout=30)

    def read_then_write() -> None:
        is_room = Dispute.objects.filter(member=member).count() < 3
        gate.wait()
        if is_room:
            Dispute.objects.create(
                number=uuid.uuid4().hex[:10],
                form_number=uuid.uuid4(),
                member=member,
                kind="other",
                language="ja",
                opened_at=NOON,
                waiting_since=NOON,
            )
        connections.close_all()

    race(*[read_then_write] * 8)
    assert Dispute.objects.count() > 3


def test_of_two_supporters_at_once_one_answers() -> None:
    dispute = tickets.opened()
    people, seen = [tickets.supporter() for _ in range(6)], tickets.newest(dispute)
    answer = partial(campaigns.answer_dispute, dispute_id=dispute.pk, text="x", seen=seen, at=NOON)
    outcomes = race(*(partial(answer, form_number=uuid.uuid4(), user=person) for person in people))
    assert [type(outcome) for outcome in outcomes].count(DisputeChanged) == 5
    assert dispute.messages.count() == 2


def test_a_resolution_and_a_message_see_each_other() -> None:
    for _ in range(5):
        dispute = tickets.opened()
        resolve = partial(
            campaigns.resolve_dispute,
            dispute_id=dispute.pk,
            form_number=uuid.uuid4(),
            user=tickets.supporter(),
            resolution=Resolution.NOT_FOR_MEMBER,
            text="x",
            seen=tickets.newest(dispute),
            at=NOON,
        )
        withdraw = partial(
            campaigns.withdraw_dispute,
            number=dispute.number,
            form_number=uuid.uuid4(),
            member=dispute.member,
            at=NOON,
        )
        outcomes = race(resolve, withdraw)
        assert [type(outcome) for outcome in outcomes].count(DisputeNotOpen) == 1
        dispute.refresh_from_db()
        assert (dispute.state, dispute.messages.count()) == (DisputeState.RESOLVED, 2)


def answered_tickets(number: int) -> None:
    for _ in range(number):
        tickets.answered(tickets.opened())


def send() -> int:
    return campaigns.tell_answers(site_url=SITE, at=NOON, limit=10)


def test_many_senders_at_once_send_each_mail_once() -> None:
    answered_tickets(4)
    race(*[send] * 8)
    assert sorted(message.subject for message in mail.outbox) == sorted(
        f"Your question {number}" for number in Dispute.objects.values_list("number", flat=True)
    )
    assert set(DisputeNotice.objects.values_list("state", "tries")) == {(NoticeState.TOLD, 1)}


def test_control_looking_before_sending_sends_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    answered_tickets(1)
    gate = threading.Barrier(4, timeout=30)

    def look(notice_id: int, _at: object) -> bool:
        waits = DisputeNotice.objects.filter(pk=notice_id, state=NoticeState.WAITING).exists()
        gate.wait()
        return waits

    monkeypatch.setattr(dispute_notices, "_take", look)
    race(*[send] * 4)
    assert len(mail.outbox) == 4
