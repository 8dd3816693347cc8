"""Who may pause an order and who may let it go on, and what everybody sees meanwhile."""

from functools import partial
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from campaigns import services as campaigns
from campaigns.errors import OrderNotOpen, OwnOrder, TermsRefused
from campaigns.models import Order
from giftcodes.models import BatchState, BatchSwitch
from parties.errors import NotReachable
from parties.models import Role
from tests import make
from tests.campaigns import promos
from tests.campaigns.conftest import SetClock, set_database_clock
from tests.campaigns.pages import act, page, signed_in
from tests.make import NOON

pytestmark = pytest.mark.django_db
__all__ = ["set_database_clock"]


RESUME = partial(campaigns.resume_codes, verified_at=NOON)


def running(team: promos.Team) -> Order:
    """An approved order whose codes can be claimed."""
    order = promos.submitted(team)
    batch = promos.approve(order, team.approver)
    make.activate(batch)
    order.refresh_from_db()
    return order


def state_of(order: Order) -> str:
    order.refresh_from_db()
    assert order.batch is not None
    return str(order.batch.state)


def switch(service: Any, order: Order, user: Any, reason: str = "printed twice") -> bool:
    done: bool = service(order_id=order.pk, user=user, reason=reason, at=NOON)
    return done


def test_who_asked_for_it_may_stop_it_and_somebody_else_lets_it_go_on() -> None:
    team = promos.team()
    order = running(team)
    assert switch(campaigns.pause_codes, order, team.marketer)
    Order.objects.filter(pk=order.pk).update(requested_by=team.approver, decided_by=team.marketer)
    with pytest.raises(OwnOrder):
        switch(RESUME, order, team.approver)
    with pytest.raises(NotReachable):
        switch(RESUME, order, team.marketer)
    assert switch(RESUME, order, make.staff(Role.APPROVER, team.brand))
    assert state_of(order) == BatchState.ACTIVE


@pytest.mark.parametrize("role", [Role.FINANCE, Role.SUPPORT, Role.AUDITOR])
def test_nobody_else_stops_it(role: Role) -> None:
    team, other = promos.team(), promos.team()
    order = running(team)
    for user in (make.staff(role, team.brand), other.marketer, other.approver):
        for service in (campaigns.pause_codes, RESUME):
            with pytest.raises(NotReachable):
                switch(service, order, user)


def test_an_order_without_codes_is_not_paused() -> None:
    team = promos.team()
    with pytest.raises(OrderNotOpen):
        switch(campaigns.pause_codes, promos.submitted(team), team.marketer)
    unminted = promos.submitted(team)
    promos.approve(unminted, team.approver)
    with pytest.raises(TermsRefused):
        switch(campaigns.pause_codes, unminted, team.marketer)


def test_the_page_of_the_order_says_what_a_pause_does_and_who_paused_it(set_database_clock: SetClock) -> None:
    set_database_clock(NOON)
    team = promos.team()
    order = running(team)
    marketer, approver = signed_in(team.marketer), signed_in(team.approver)
    assert "50 unclaimed codes can't be claimed from then on." in page(marketer, order)
    refused = act(marketer, order, "pause", reason=" ").content.decode()
    assert "Say why, in 1 to 200 characters" in refused
    assert state_of(order) == BatchState.ACTIVE
    paused = act(marketer, order, "pause", reason="printed twice").content.decode()
    assert f"Paused by {team.marketer}" in paused
    assert "printed twice" in paused
    assert "Let it go on" not in paused
    assert "Let it go on" in page(approver, order)
    act(approver, order, "resume", reason="it was the draft")
    assert state_of(order) == BatchState.ACTIVE
    assert [row.switched_by for row in BatchSwitch.objects.order_by("pk")] == [team.marketer, team.approver]


def test_a_page_without_a_post_changes_nothing() -> None:
    team = promos.team()
    order = running(team)
    for name in ("pause", "resume"):
        answer = signed_in(team.approver).get(reverse(f"admin:campaigns_order_{name}", args=(order.pk,)))
        assert answer.status_code == 405
    assert state_of(order) == BatchState.ACTIVE


@time_machine.travel(NOON)
def test_members_are_told_that_their_code_stays_good(client: Client) -> None:
    team = promos.team()
    order = running(team)
    address = reverse("campaign", args=(order.campaign.slug,))
    headers = {"accept-language": "en"}
    assert "taking a break" not in client.get(address, headers=headers).content.decode()
    switch(campaigns.pause_codes, order, team.marketer)
    shown = client.get(address, headers=headers).content.decode()
    assert "This campaign is taking a break" in shown
    assert 'name="code"' in shown  # of another campaign
    second = promos.submitted(team, promotion=order.campaign)
    make.activate(promos.approve(second, team.approver))
    assert "taking a break" not in client.get(address, headers=headers).content.decode()
