"""What an order may ask for, and what stops an approval: rules, funds, series. Nothing is reserved then."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from campaigns import errors
from campaigns import services as campaigns
from campaigns.models import Order, OrderChannel, OrderState
from giftcodes.models import MAX_CODES_PER_BATCH, MAX_LIVE_CODES, Batch, Series
from ledger import queries as ledger_queries
from tests.campaigns import promos
from tests.campaigns.promos import nothing_is_reserved
from tests.make import NOON

pytestmark = pytest.mark.django_db


def test_funds_that_are_short_are_told_with_both_numbers() -> None:
    team = promos.team(funds=4_999)
    order = promos.submitted(team)
    with pytest.raises(errors.FundsShort) as refusal:
        promos.approve(order, team.approver)
    assert (refusal.value.needed, refusal.value.available) == (5_000, 4_999)
    order.refresh_from_db()
    assert (order.state, order.decided_by, order.batch) == (OrderState.SUBMITTED, None, None)
    assert ledger_queries.funds_of(team.brand) == 4_999
    assert not Batch.objects.exists()
    assert Series.objects.get().next_serial == 0


def test_funds_to_the_last_point_are_enough() -> None:
    team = promos.team(funds=5_000)
    promos.approve(promos.submitted(team), team.approver)
    assert ledger_queries.funds_of(team.brand) == 0


def test_a_series_at_its_density_stop_takes_no_order() -> None:
    team = promos.team()
    order = promos.submitted(team)
    Series.objects.update(live_codes=MAX_LIVE_CODES - 49)
    with pytest.raises(errors.SeriesShort):
        promos.approve(order, team.approver)
    assert nothing_is_reserved(team)
    Series.objects.update(live_codes=MAX_LIVE_CODES - 50)
    assert promos.approve(order, team.approver).size == 50


DAY = timedelta(days=1)
UNFIT = {
    "no channel": ({"channels": {}}, errors.NoCodes),
    "one code too many": (
        {"channels": {"poster": MAX_CODES_PER_BATCH, "receipt": 1}, "face_points": 1},
        errors.TooManyCodes,
    ),
    "the same channel twice": ({"channels": {"A": 1, "Ａ": 1}}, errors.SameChannelTwice),
    "too many channels": ({"channels": {f"shop {n}": 1 for n in range(201)}}, errors.TooManyChannels),
    "more points than an account holds": (
        {"channels": {"poster": MAX_CODES_PER_BATCH}, "face_points": 100_001},
        errors.PointsOutOfRange,
    ),
    "points that live too long": ({"lot_life_days": 3_661}, errors.LotLifeOutOfRange),
    "a window that has ended": ({"claim_until": NOON}, errors.WindowPassed),
    "a window before the campaign": ({"claim_from": NOON - 11 * DAY}, errors.WindowOutsideCampaign),
    "a window after the campaign": ({"claim_until": NOON + 61 * DAY}, errors.WindowOutsideCampaign),
}


@pytest.mark.parametrize(("fields", "refusal"), UNFIT.values(), ids=UNFIT.keys())
def test_an_order_that_breaks_a_rule_is_not_submitted(
    fields: dict[str, Any], refusal: type[Exception]
) -> None:
    team = promos.team()
    order = promos.draft(team, **fields)
    with pytest.raises(refusal):
        campaigns.submit_order(order_id=order.pk, user=team.marketer, at=NOON)
    order.refresh_from_db()
    assert order.state == OrderState.DRAFT


FITTING = {
    "the most codes": {"channels": {"poster": MAX_CODES_PER_BATCH}, "face_points": 1},
    "the most points": {"channels": {"poster": MAX_CODES_PER_BATCH}, "face_points": 100_000},
    "one code": {"channels": {"poster": 1}},
    "the whole campaign": {"claim_from": NOON - 10 * DAY, "claim_until": NOON + 60 * DAY},
    "one minute": {"claim_until": NOON + timedelta(minutes=1)},
}


@pytest.mark.parametrize("fields", FITTING.values(), ids=FITTING.keys())
def test_an_order_at_the_edge_of_the_rules_is_submitted(fields: dict[str, Any]) -> None:
    assert promos.submitted(promos.team(), **fields).state == OrderState.SUBMITTED


def test_a_window_that_ended_since_the_submission_is_not_approved() -> None:
    team = promos.team()
    order = promos.submitted(team, claim_until=NOON + timedelta(hours=1))
    with pytest.raises(errors.WindowPassed):
        campaigns.approve_order(
            order_id=order.pk,
            approver=team.approver,
            submitted_hash=order.submitted_hash,
            site_url=promos.SITE,
            verified_at=NOON + timedelta(hours=1),
            at=NOON + timedelta(hours=1),
        )
    assert nothing_is_reserved(team)


def test_the_refusal_of_a_window_names_both_periods() -> None:
    team = promos.team()
    order = promos.draft(team, claim_until=NOON + 61 * DAY)
    with pytest.raises(errors.WindowOutsideCampaign) as refusal:
        campaigns.submit_order(order_id=order.pk, user=team.marketer, at=NOON)
    assert refusal.value.window == (order.claim_from, order.claim_until)
    assert refusal.value.period == (order.campaign.starts_at, order.campaign.ends_at)


@pytest.mark.parametrize("quantity", [0, MAX_CODES_PER_BATCH + 1])
def test_the_database_refuses_such_a_channel_too(quantity: int) -> None:
    order = promos.draft(promos.team())
    with pytest.raises(IntegrityError), transaction.atomic():
        OrderChannel.objects.create(order=order, name="mail", quantity=quantity)


def test_the_database_refuses_one_person_in_both_parts() -> None:
    team = promos.team()
    order = promos.submitted(team)
    with pytest.raises(IntegrityError), transaction.atomic():
        Order.objects.filter(pk=order.pk).update(decided_by=team.marketer)
