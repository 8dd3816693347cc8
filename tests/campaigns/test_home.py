"""The home page by role: what waits, what calls, how campaigns go; as many queries whatever there is."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns import services as campaigns
from campaigns.alert_models import ClaimCount
from campaigns.models import Campaign
from campaigns.running import MOST_SHOWN
from giftcodes.models import Activation, Batch, BatchState, Delivery
from parties.models import Role
from tests import make
from tests.campaigns import promos
from tests.campaigns.alarmed import DAY, HOUR, THIS_HOUR, look, past
from tests.campaigns.pages import signed_in
from tests.make import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]
HOME = reverse("admin:index")


def home(client: Client) -> Any:
    answer = client.get(HOME)
    assert answer.status_code == 200
    return answer


def approved(team: promos.Team, **fields: Any) -> Batch:
    return promos.approve(promos.submitted(team, channels={"poster": 5}, **fields), team.approver)


def handed_over(team: promos.Team, activation: Activation) -> Batch:
    """A batch whose file was downloaded and whose codes wait."""
    batch = make.activate(approved(team, activation=activation))
    Batch.objects.filter(pk=batch.pk).update(state=BatchState.MINTED, activated_at=None)
    Delivery.objects.filter(batch=batch).update(downloaded_at=NOON)
    return batch


def test_files_receipts_and_activations_wait_for_those_whose_they_are() -> None:
    team = promos.team()
    ready = make.activate(approved(team))
    receipt = handed_over(team, Activation.ON_RECEIPT)
    by_hand = handed_over(team, Activation.BY_HAND)
    marketer, approver = (home(signed_in(who)).context for who in (team.marketer, team.approver))
    assert [order.batch for order in marketer["files_to_take"]] == [ready]
    assert [order.batch for order in marketer["receipts_to_confirm"]] == [receipt]
    assert marketer["codes_to_activate"] == []
    assert [order.batch for order in approver["codes_to_activate"]] == [by_hand]
    assert approver["files_to_take"] == approver["receipts_to_confirm"] == []
    other = home(signed_in(promos.team().approver)).context
    assert not other["anything_waits"]


def test_running_campaigns_come_busiest_first_with_their_days() -> None:
    team = promos.team()
    quiet, busy = (make.activate(approved(team)).order.campaign for _ in range(2))
    past(busy, [4, 3])
    past(quiet, [0, 2])
    approved(team)  # not live yet
    context = home(signed_in(team.marketer)).context
    shown = [one for one, _chart in context["running"]]
    assert [one.campaign for one in shown] == [busy, quiet]
    assert [(one.today, one.lately, one.claimed, one.codes) for one in shown] == [(4, 7, 7, 5), (0, 2, 2, 5)]
    assert shown[0].by_day[-2:] == [((NOON - DAY).date(), 3), (NOON.date(), 4)]


def test_a_day_of_a_curve_is_a_day_in_japan() -> None:
    team = promos.team()
    campaign = make.activate(approved(team)).order.campaign
    midnight = THIS_HOUR.replace(hour=0)
    for hour, claims in [(midnight, 1), (midnight - HOUR, 20)]:
        ClaimCount.objects.create(campaign=campaign, hour=hour, claims=claims, points=claims)
    [(one, _chart)] = home(signed_in(team.marketer)).context["running"]
    assert [claims for _day, claims in one.by_day[-2:]] == [20, 1]


def test_alerts_are_shown_to_whom_they_concern_until_somebody_sees_to_them() -> None:
    team = promos.team()
    promos.submitted(team, claim_from=NOON - DAY)
    look()
    clients = {role: signed_in(make.staff(role, team.brand)) for role in Role}
    for role, client in clients.items():
        assert len(home(client).context["alerts"]) == 1, role
    assert home(signed_in(promos.team().marketer)).context["alerts"] == []
    [row] = home(clients[Role.MARKETER]).context["alerts"]
    campaigns.acknowledge_alert(alert_id=row["alert"].pk, note="on it", user=team.marketer, at=NOON)
    assert home(clients[Role.MARKETER]).context["alerts"] == []


def test_a_watch_that_stands_still_is_told_on_the_page() -> None:
    client = signed_in(promos.team().marketer)
    assert "has not been seen yet" in home(client).content.decode()
    campaigns.note_look(at=NOON - timedelta(minutes=11))
    assert "it was last seen on" in home(client).content.decode()
    assert home(client).context["is_watch_asleep"]
    campaigns.note_look(at=NOON - timedelta(minutes=9))
    assert not home(client).context["is_watch_asleep"]


def fill(team: promos.Team, number: int) -> None:
    """So much more of everything that the page shows."""
    for _ in range(number):
        campaign: Campaign = make.activate(approved(team)).order.campaign
        past(campaign, [3, 2, 1])
        promos.submitted(team, claim_from=NOON - DAY)
        promos.draft(team)
        handed_over(team, Activation.ON_RECEIPT)
        handed_over(team, Activation.BY_HAND)
    look(NOON + timedelta(seconds=number))


@pytest.mark.parametrize("role", [*Role, None])
def test_the_page_takes_as_many_queries_however_much_there_is(role: Role | None) -> None:
    team = promos.team(funds=10**9)
    person = make.staff(role, team.brand) if role else make.staff(Role.MARKETER, None)
    client = signed_in(person)
    fill(team, 1)
    home(client)  # what a process looks up once
    asked = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            home(client)
        asked.append(len(queries))
        fill(team, MOST_SHOWN + 1)
    assert asked[0] == asked[1] <= 80, asked


def test_the_page_reads_no_claim() -> None:
    team = promos.team()
    fill(team, 1)
    client = signed_in(team.marketer)
    with CaptureQueriesContext(connection) as queries:
        home(client)
    assert not [query for query in queries if 'giftcodes_claim"' in query["sql"]]
