"""Deposits: recorded by one person of finance, confirmed by another, once."""

import uuid
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from campaigns import errors
from campaigns import services as campaigns
from campaigns.models import Deposit, DepositState
from ledger import queries as ledger_queries
from ledger.models import MAX_POINTS
from parties.errors import NotReachable
from parties.models import Role, User
from tests import make
from tests.campaigns import promos
from tests.campaigns.pages import signed_in, told
from tests.make import NOON

pytestmark = pytest.mark.django_db


def recorded(team: promos.Team, *, user: User | None = None, **changes: Any) -> Deposit:
    asked: dict[str, Any] = {"brand_id": team.brand.pk, "points": 700, "reference": "T-1"}
    asked |= {"public_id": uuid.uuid4()} | changes
    return campaigns.request_deposit(**asked, user=user or team.finance, at=NOON)


def confirm(deposit: Deposit, user: User) -> Deposit:
    return campaigns.confirm_deposit(deposit_id=deposit.pk, user=user, verified_at=NOON, at=NOON)


def test_points_are_in_the_funds_when_another_person_has_confirmed_them() -> None:
    team = promos.team(funds=0)
    deposit = recorded(team)
    assert ledger_queries.funds_of(team.brand) == 0
    confirmed = confirm(deposit, team.other_finance)
    assert (confirmed.state, confirmed.decided_by) == (DepositState.CONFIRMED, team.other_finance)
    assert ledger_queries.funds_of(team.brand) == 700


def test_whoever_recorded_a_deposit_can_not_decide_it() -> None:
    team = promos.team(funds=0)
    deposit = recorded(team)
    for act in (partial(campaigns.confirm_deposit, verified_at=NOON), campaigns.reject_deposit):
        with pytest.raises(errors.OwnOrder):
            act(deposit_id=deposit.pk, user=team.finance, at=NOON)
    assert ledger_queries.funds_of(team.brand) == 0


def test_confirming_twice_moves_the_points_once() -> None:
    team = promos.team(funds=0)
    deposit = recorded(team)
    confirm(deposit, team.other_finance)
    with pytest.raises(errors.DepositNotOpen):
        confirm(deposit, team.other_finance)
    assert ledger_queries.funds_of(team.brand) == 700


def test_one_form_sent_twice_records_one_deposit() -> None:
    team = promos.team(funds=0)
    number = uuid.uuid4()
    first = recorded(team, public_id=number)
    assert recorded(team, public_id=number) == first
    with pytest.raises(errors.DepositRefused):
        recorded(team, public_id=number, points=701)
    assert Deposit.objects.count() == 1


def test_a_reference_counts_once_per_brand_unless_it_was_rejected() -> None:
    team, other = promos.team(funds=0), promos.team(funds=0)
    deposit = recorded(team)
    with pytest.raises(errors.DepositRefused):
        recorded(team)
    recorded(other)
    campaigns.reject_deposit(deposit_id=deposit.pk, user=team.other_finance, at=NOON)
    again = recorded(team)
    confirm(again, team.other_finance)
    assert ledger_queries.funds_of(team.brand) == 700


def test_a_rejected_deposit_stays_rejected() -> None:
    team = promos.team(funds=0)
    deposit = recorded(team)
    campaigns.reject_deposit(deposit_id=deposit.pk, user=team.other_finance, at=NOON)
    with pytest.raises(errors.DepositNotOpen):
        confirm(deposit, team.other_finance)
    assert ledger_queries.funds_of(team.brand) == 0


@pytest.mark.parametrize("role", [role for role in Role if role != Role.FINANCE])
def test_no_other_role_records_or_decides(role: Role) -> None:
    team = promos.team(funds=0)
    person = make.staff(role, team.brand)
    deposit = recorded(team)
    with pytest.raises(NotReachable):
        recorded(team, user=person, reference="T-2")
    for act in (partial(campaigns.confirm_deposit, verified_at=NOON), campaigns.reject_deposit):
        with pytest.raises(NotReachable):
            act(deposit_id=deposit.pk, user=person, at=NOON)


def test_finance_of_another_brand_and_superusers_do_not_reach_a_deposit() -> None:
    team, other = promos.team(funds=0), promos.team(funds=0)
    deposit = recorded(team)
    for person in (other.finance, make.user(is_staff=True, is_superuser=True)):
        with pytest.raises(NotReachable):
            confirm(deposit, person)
        with pytest.raises(NotReachable):
            recorded(team, user=person, reference="T-2")


def test_the_operators_finance_confirms() -> None:
    team = promos.team(funds=0)
    confirm(recorded(team), make.staff(Role.FINANCE, None))
    assert ledger_queries.funds_of(team.brand) == 700


@pytest.mark.parametrize("points", [0, -1, MAX_POINTS + 1])
def test_impossible_points_are_refused(points: int) -> None:
    team = promos.team(funds=0)
    with pytest.raises(errors.DepositRefused):
        recorded(team, points=points)
    with pytest.raises(errors.DepositRefused):
        recorded(team, reference=" ")
    assert not Deposit.objects.exists()


def test_the_database_refuses_one_person_in_both_parts() -> None:
    team = promos.team(funds=0)
    deposit = recorded(team)
    with pytest.raises(IntegrityError), transaction.atomic():
        Deposit.objects.filter(pk=deposit.pk).update(
            state=DepositState.CONFIRMED, decided_by=team.finance, decided_at=NOON
        )


def test_more_than_the_funds_can_hold_is_refused_and_can_be_rejected() -> None:
    team = promos.team(funds=MAX_POINTS - 10)
    deposit = recorded(team, points=11)
    with pytest.raises(errors.FundsFull) as refusal:
        confirm(deposit, team.other_finance)
    assert (refusal.value.points, refusal.value.room) == (11, 10)
    deposit.refresh_from_db()
    assert (deposit.state, deposit.decided_by) == (DepositState.REQUESTED, None)
    assert ledger_queries.funds_of(team.brand) == MAX_POINTS - 10
    rejected = campaigns.reject_deposit(deposit_id=deposit.pk, user=team.other_finance, at=NOON)
    assert rejected.state == DepositState.REJECTED
    confirm(recorded(team, points=10), team.other_finance)
    assert ledger_queries.funds_of(team.brand) == MAX_POINTS


def test_the_page_says_how_much_room_the_funds_have() -> None:
    team = promos.team(funds=MAX_POINTS - 10)
    deposit = recorded(team, points=MAX_POINTS)
    client = signed_in(team.other_finance)
    answer = client.post(reverse("admin:campaigns_deposit_confirm", args=(deposit.pk,)), follow=True)
    assert "room for 10 more" in told(answer)
    answer = client.post(reverse("admin:campaigns_deposit_reject", args=(deposit.pk,)), follow=True)
    assert "was rejected" in told(answer)


def test_an_order_is_approved_out_of_full_funds() -> None:
    team = promos.team(funds=MAX_POINTS)
    promos.approve(promos.submitted(team), team.approver)
    assert ledger_queries.funds_of(team.brand) == MAX_POINTS - 5_000
