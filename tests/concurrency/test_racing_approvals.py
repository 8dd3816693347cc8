"""Two approvers under racers: at once, twice by one, against a change, and two orders against one month."""

import threading
from collections import Counter
from functools import partial
from typing import Any

import pytest

from campaigns import approval_queries, audit, errors
from campaigns import services as campaigns
from campaigns.approval_models import OrderApproval
from campaigns.models import Order, OrderState
from campaigns.services import Approved
from giftcodes.models import Batch
from ledger import audit as ledger_audit
from ledger import queries as ledger_queries
from parties.models import Role
from tests import make
from tests.campaigns import promos
from tests.concurrency.racing import race
from tests.make import NOON

pytestmark = pytest.mark.django_db(transaction=True)


def two_needed(team: promos.Team, **fields: Any) -> None:
    asked: dict[str, Any] = {"issuing": "", "from_points": 0, "month_points": None} | fields
    campaigns.add_rule(brand_id=team.brand.pk, user=team.approver, at=NOON, **asked)


def kinds(outcomes: list[Any]) -> Counter[str]:
    """How many of each: an approval that was enough, one that was not, each refusal by its name."""

    def kind(outcome: Any) -> str:
        if isinstance(outcome, Approved):
            return "enough" if outcome.batch else "not enough"
        return type(outcome).__name__

    return Counter(kind(outcome) for outcome in outcomes)


def nothing_differs() -> bool:
    return not [*audit.differences(), *ledger_audit.differences()]


def test_control_counting_before_approving_lets_two_think_that_they_are_the_first() -> None:
    team = promos.team()
    two_needed(team)
    order = promos.submitted(team)
    gate = threading.Barrier(2, timeout=30)

    def count_first() -> int:
        found = approval_queries.approvals_that_count(order).count()
        gate.wait()
        return found

    assert race(*[count_first] * 2) == [0, 0]


@pytest.mark.parametrize("_round", range(3))
def test_of_eight_approvers_at_once_two_approve_and_the_second_makes_the_batch(_round: int) -> None:
    team = promos.team()
    two_needed(team)
    order = promos.submitted(team)
    people = [make.staff(Role.APPROVER, team.brand) for _ in range(8)]

    outcomes: list[Any] = race(*(partial(promos.approve_once, order, person) for person in people))

    assert kinds(outcomes) == {"not enough": 1, "enough": 1, "OrderNotOpen": 6}, outcomes
    assert OrderApproval.objects.values("approver").distinct().count() == 2
    assert ledger_queries.funds_of(team.brand) == 95_000
    assert nothing_differs()


def test_one_person_eight_times_at_once_is_one_approver() -> None:
    team = promos.team()
    two_needed(team)
    order = promos.submitted(team)

    outcomes: list[Any] = race(*[partial(promos.approve_once, order, team.approver)] * 8)

    assert kinds(outcomes) == {"not enough": 1, errors.ApprovedBefore.__name__: 7}, outcomes
    assert OrderApproval.objects.count() == 1
    assert not Batch.objects.exists()


@pytest.mark.parametrize("_round", range(4))
def test_a_second_approval_meets_the_order_taken_back_and_counts_for_what_it_saw_or_not_at_all(
    _round: int,
) -> None:
    team = promos.team()
    two_needed(team)
    order = promos.submitted(team)
    promos.approve_once(order, team.approver)
    other = make.staff(Role.APPROVER, team.brand)

    def change() -> Order:
        campaigns.reopen_order(order_id=order.pk, user=team.marketer, at=NOON)
        return campaigns.submit_order(order_id=order.pk, user=team.marketer, at=NOON)

    outcomes: list[Any] = race(partial(promos.approve_once, order, other), change)

    order.refresh_from_db()
    counted = approval_queries.approvals_that_count(order).count()
    if order.state == OrderState.APPROVED:
        assert (kinds(outcomes)["enough"], counted) == (1, 2), outcomes
    else:  # the first one's approval is void; the other one's was of the new submission, or refused
        assert (kinds(outcomes)["enough"], counted < 2) == (0, True), outcomes
        assert not Batch.objects.exists()
    assert nothing_differs()


def test_control_judging_the_month_without_holding_the_brand_lets_both_orders_by() -> None:
    team = promos.team()
    two_needed(team, month_points=9_999)
    orders = [promos.submitted(team), promos.submitted(team)]
    gate = threading.Barrier(2, timeout=30)

    def judge(order: Order) -> int:
        found = approval_queries.approvers_needed(order, at=NOON)
        gate.wait()
        return found

    assert race(*(partial(judge, order) for order in orders)) == [1, 1]


@pytest.mark.parametrize("_round", range(3))
def test_of_two_orders_that_exceed_the_month_together_one_takes_a_second_approver(_round: int) -> None:
    team = promos.team()
    two_needed(team, month_points=9_999)
    orders = [promos.submitted(team), promos.submitted(team)]

    outcomes: list[Any] = race(*(partial(promos.approve_once, order, team.approver) for order in orders))

    assert kinds(outcomes) == {"enough": 1, "not enough": 1}, outcomes
    assert nothing_differs()
