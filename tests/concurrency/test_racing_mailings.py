"""Workers at once mail each recipient once; one that is killed leaves nobody who is mailed twice."""

import os
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from campaigns.errors import MailingRefused
from campaigns.mailing_models import Recipient, Replacement
from campaigns.services import giving, mailing_repairs, mailing_sending
from giftcodes import audit as giftcodes_audit
from giftcodes.gift_models import Gift, GiftState
from ledger import audit as ledger_audit
from tests.campaigns import promos
from tests.campaigns.mailings import lists, postbox
from tests.concurrency.racing import race
from tests.faults.workers import url_of_the_tests_database
from tests.make import NOON

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]

MANY = "email,name\n" + "".join(f"r{number}@example.jp,R{number}\n" for number in range(12))
LATER = NOON + mailing_sending.LEASE


@pytest.fixture(autouse=True)
def _postbox(settings: Any) -> None:
    giving._groups.clear()
    settings.EMAIL_BACKEND = postbox.BACKEND
    postbox.empty()


def no_differences() -> None:
    assert [*ledger_audit.differences(), *giftcodes_audit.differences()] == []


def test_without_the_filtered_update_two_workers_take_the_same_row() -> None:
    """The control: both found it waiting, and both take it."""
    mailing = lists.sending(promos.team(funds=1_000_000))

    def take_by_reading() -> bool:
        row = Recipient.objects.get(pk=lists.row(mailing).pk)
        return row.state == "waiting"

    assert race(take_by_reading, take_by_reading) == [True, True]


def test_of_workers_at_once_one_takes_a_row() -> None:
    mailing = lists.sending(promos.team(funds=1_000_000))
    found = [lists.row(mailing) for _worker in range(8)]  # all as it was
    outcomes = race(*(partial(mailing_sending._take, row, NOON) for row in found))
    assert Counter(outcomes) == Counter({False: 7, True: 1})


def test_four_workers_mail_everybody_once() -> None:
    mailing = lists.sending(promos.team(funds=1_000_000), rows=MANY)
    race(*[partial(lists.send_all, NOON)] * 4)
    lists.send_all()
    assert Counter(postbox.recipients()) == Counter({f"r{number}@example.jp": 1 for number in range(12)})
    assert (set(lists.states(mailing)), Gift.objects.count()) == ({"sent"}, 12)
    no_differences()


def test_of_two_who_replace_a_code_one_does() -> None:
    team = promos.team(funds=1_000_000)
    row = lists.row(lists.sent(team))
    replace = partial(mailing_repairs.replace_code, recipient_id=row.pk, reason="lost", at=NOON)
    outcomes = race(*[partial(replace, user=team.marketer)] * 4)
    assert sum(isinstance(outcome, Replacement) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, MailingRefused) for outcome in outcomes) == 3
    assert Gift.objects.filter(state=GiftState.VOIDED).count() == 1
    assert Gift.objects.filter(state=GiftState.ISSUED).count() == 2
    no_differences()


def killed_while_the_mail_server_has_a_mail() -> str:
    child = subprocess.run(
        [sys.executable, "-m", "tests.campaigns.mailings.mailing_child", NOON.isoformat()],
        cwd=Path(__file__).parents[2],
        env=os.environ
        | {"DATABASE_URL": url_of_the_tests_database(), "DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == -9, child.stderr
    return child.stdout.strip()


def test_a_worker_that_is_killed_in_the_middle_leaves_nobody_who_is_mailed_twice() -> None:
    mailing = lists.sending(promos.team(funds=1_000_000), rows=MANY)
    mailed = [killed_while_the_mail_server_has_a_mail() for _worker in range(2)]
    assert mailed == ["r0@example.jp", "r1@example.jp"]
    lists.send_all(LATER)
    assert Counter(mailed + postbox.recipients()) == Counter(
        {f"r{number}@example.jp": 1 for number in range(12)}
    )
    assert lists.states(mailing) == ["unsure", "unsure", *["sent"] * 10]
    assert Gift.objects.count() == 12
    no_differences()
