"""Two workers at once tell everybody once."""

import threading
from collections import Counter
from datetime import timedelta
from functools import partial

import pytest
from django.core import mail

from parties import notices as queue
from parties.notice_models import ExpiryNotice, NoticeState
from redemption_site import notices
from tests.concurrency.racing import race
from tests.redemption_site.test_notices import THIRTY_BEFORE, holder, queue_all

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]


def test_without_taking_it_two_workers_send_the_same_notice() -> None:
    """The control: both read that it waits, then both send it."""
    holder(300)
    queue_all(THIRTY_BEFORE)
    gate, sent = threading.Barrier(2, timeout=30), []

    def send_by_reading() -> None:
        (notice,) = queue.due_notices(at=THIRTY_BEFORE, limit=1)
        gate.wait()
        sent.append(notice.pk)
        queue.end_notice(notice, NoticeState.SENT, at=THIRTY_BEFORE)

    race(*[send_by_reading] * 2)
    assert len(sent) == 2


def test_of_eight_who_take_a_notice_one_has_it() -> None:
    holder(300)
    queue_all(THIRTY_BEFORE)
    (found,) = queue.due_notices(at=THIRTY_BEFORE, limit=1)
    copies = [ExpiryNotice.objects.get(pk=found.pk) for _ in range(8)]
    outcomes = race(*(partial(queue.take_notice, copy, at=THIRTY_BEFORE) for copy in copies))
    assert Counter(outcomes) == {True: 1, False: 7}
    assert ExpiryNotice.objects.get().next_try_at == THIRTY_BEFORE + timedelta(minutes=10)


def test_four_workers_queue_and_send_each_notice_once() -> None:
    for points in range(1, 13):
        holder(points)
    queued = race(*[partial(queue_all, THIRTY_BEFORE)] * 4)
    assert queued == [None] * 4
    assert ExpiryNotice.objects.count() == 12
    outcomes = race(*[partial(notices.send_step, at=THIRTY_BEFORE)] * 4)
    assert all(isinstance(number, int) for number in outcomes), outcomes
    assert Counter(told.to[0] for told in mail.outbox).most_common(1)[0][1] == 1
    assert len(mail.outbox) == 12
    assert set(ExpiryNotice.objects.values_list("state", "tries")) == {(NoticeState.SENT, 1)}
