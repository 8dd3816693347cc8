"""A page is taken offline while an order for its codes is approved: one of them sees the other."""

import threading
from functools import partial
from typing import Any

import pytest

from campaigns import services as campaigns
from campaigns.errors import PageInUse, PageNotPublished
from campaigns.models import Campaign, Order, OrderState
from giftcodes.models import Batch
from tests.campaigns import promos
from tests.concurrency.racing import race
from tests.make import NOON

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 6


def test_control_without_holding_the_campaign_codes_lead_to_a_page_that_is_gone() -> None:
    team = promos.team()
    order = promos.submitted(team)
    gate = threading.Barrier(2, timeout=30)

    def take_offline_by_reading() -> None:
        assert not Order.objects.filter(campaign=order.campaign_id, state=OrderState.APPROVED).exists()
        gate.wait()
        gate.wait()  # the approval has come through
        Campaign.objects.filter(pk=order.campaign_id).update(published_at=None)

    def approve() -> Batch:
        gate.wait()
        batch = promos.approve(order, team.approver)
        gate.wait()
        return batch

    race(take_offline_by_reading, approve)
    order.refresh_from_db()
    assert (order.state, order.campaign.published_at) == (OrderState.APPROVED, None)


def test_no_code_leads_to_a_page_that_was_taken_offline() -> None:
    team = promos.team()
    for number in range(ROUNDS):
        order = promos.submitted(team)
        take_offline = partial(
            campaigns.take_page_offline, campaign_id=order.campaign_id, user=team.marketer, at=NOON
        )
        approve = partial(promos.approve, order, team.approver)
        calls: list[Any] = [take_offline, approve]
        outcomes: list[Any] = race(*(calls if number % 2 else reversed(calls)))

        order.refresh_from_db()
        kinds = {type(outcome) for outcome in outcomes}
        if order.state == OrderState.APPROVED:
            assert kinds == {Batch, PageInUse}, outcomes
            assert order.campaign.published_at is not None
        else:
            assert kinds == {Campaign, PageNotPublished}, outcomes
            assert order.campaign.published_at is None
