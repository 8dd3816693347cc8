"""Several watches at once: one opens an alert, one ends it, one mail tells of it, each claim counts once."""

import threading
from collections import Counter
from datetime import timedelta
from functools import partial

import pytest
from django.core import mail

from campaigns import services as campaigns
from campaigns.alert_findings import Settings
from campaigns.alert_models import Alert, AlertMail, ClaimCount, MailState, Watch
from campaigns.services import alerts
from parties.event_models import Event
from tests.api.partner import api_client
from tests.campaigns import promos
from tests.campaigns.test_claim_counts import claim, live_order
from tests.concurrency.racing import race
from tests.make import NOON

pytestmark = pytest.mark.django_db(transaction=True)
SOON = NOON + timedelta(days=1)


def test_control_looking_before_opening_lets_each_think_that_it_is_the_first() -> None:
    promos.submitted(promos.team(), claim_from=SOON)
    gate = threading.Barrier(2, timeout=30)

    def look_first() -> int:
        found = Alert.objects.filter(ended_at=None).count()
        gate.wait()
        return found

    assert race(*[look_first] * 2) == [0, 0]


@pytest.mark.parametrize("_round", range(3))
def test_of_six_watches_at_once_one_opens_and_one_ends(_round: int) -> None:
    team = promos.team()
    api_client(team.brand)
    order = promos.submitted(team, claim_from=SOON)
    watch = partial(campaigns.look_for_alerts, at=NOON)
    opened = race(*[watch] * 6)
    assert Counter(opened) == {(1, 0): 1, (0, 0): 5}, opened
    assert AlertMail.objects.count() == 1
    campaigns.reopen_order(order_id=order.pk, user=team.marketer, at=NOON)
    ended = race(*[watch] * 6)
    assert Counter(ended) == {(0, 1): 1, (0, 0): 5}, ended
    events = Event.objects.filter(type__startswith="alert.").order_by("sequence")
    assert [(event.type, event.sequence) for event in events] == [("alert.opened", 1), ("alert.ended", 2)]


@pytest.mark.parametrize("_round", range(3))
def test_of_six_postmen_at_once_each_alert_is_told_once(_round: int) -> None:
    team = promos.team()
    for _ in range(5):
        promos.submitted(team, claim_from=SOON)
    campaigns.look_for_alerts(at=NOON)
    outcomes = race(*[partial(campaigns.mail_alerts, site_url=promos.SITE, at=NOON)] * 6)
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)], outcomes
    told = "".join(str(letter.body) for letter in mail.outbox)
    for alert in Alert.objects.all():
        assert told.count(f"/admin/campaigns/order/{alert.subject.removeprefix('order:')}/change/") == 1
    assert set(AlertMail.objects.values_list("state", flat=True)) == {MailState.SENT}


def test_control_counting_what_was_read_before_counts_twice() -> None:
    batch = live_order()
    claim(batch, range(3))
    gate = threading.Barrier(2, timeout=30)
    Watch.objects.create(pk=1)

    def seen_first() -> int:
        seen = Watch.objects.get().counted_until
        gate.wait()
        return seen

    assert race(*[seen_first] * 2) == [0, 0]


@pytest.mark.parametrize("_round", range(3))
def test_of_six_counters_at_once_each_claim_is_counted_once(_round: int) -> None:
    batch = live_order()
    claim(batch, range(7))
    outcomes = race(*[campaigns.count_claims] * 6)
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)], outcomes
    while campaigns.count_claims():
        pass
    assert list(ClaimCount.objects.values_list("claims", flat=True)) == [7]
    assert ClaimCount.objects.get().hour == NOON


def test_of_six_watches_that_saw_it_calm_one_calls_people_again(monkeypatch: pytest.MonkeyPatch) -> None:
    promos.submitted(promos.team(), claim_from=SOON)
    campaigns.look_for_alerts(at=NOON)
    seen = [Alert.objects.get() for _ in range(6)]
    later, called = SOON + timedelta(hours=1), list[int]()
    finding = alerts._found(later)[seen[0].kind, seen[0].subject]
    assert [finding.level > alert.level for alert in seen] == [True] * 6  # each of them would call
    monkeypatch.setattr(alerts, "_queue_mails", lambda alert, *_: called.append(alert.pk))
    race(*[partial(alerts._rise, alert, finding, Settings(), later) for alert in seen])
    assert len(called) == 1
    assert Alert.objects.get().level == finding.level
