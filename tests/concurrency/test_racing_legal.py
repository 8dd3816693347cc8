"""Orders of one campaign that are submitted at once count each other, and counsel is signed for once."""

import threading
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError

from campaigns import legal_facts
from campaigns import services as campaigns
from campaigns.errors import LegalFailed, SignedAlready
from campaigns.legal import Answer, LegalForm, Tie
from campaigns.legal_models import LegalCheck, LegalSignOff
from campaigns.models import Campaign, Order, OrderState
from parties.models import Role, User
from tests import make
from tests.campaigns import promos
from tests.concurrency.racing import race
from tests.make import NOON

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 6


def for_one_order(team: promos.Team) -> Campaign:
    """A lottery whose prizes may be worth 5,000 yen together: one order of 50 codes of 100 yen."""
    return promos.campaign(
        team, legal_form=LegalForm.LOTTERY, tie=Tie.VISIT, planned_sales_yen=250_000, is_by_chance=True
    )


def test_control_without_holding_the_campaign_both_orders_pass_the_limit_of_all() -> None:
    team = promos.team()
    promotion = for_one_order(team)
    orders = [promos.draft(team, promotion=promotion) for _ in range(2)]
    gate = threading.Barrier(2, timeout=30)

    def submit_by_reading(order: Order) -> bool:
        facts = legal_facts.facts_of(order, codes=50, at=NOON)
        assert facts is not None
        is_right = not legal_facts.check_of(facts, at=NOON).failed
        gate.wait()  # both have looked
        Order.objects.filter(pk=order.pk).update(
            state=OrderState.SUBMITTED, submitted_at=NOON, submitted_hash="0" * 64
        )
        return is_right

    assert race(*(partial(submit_by_reading, order) for order in orders)) == [True, True]
    assert Order.objects.filter(state=OrderState.SUBMITTED).count() == 2


def test_of_two_orders_at_once_that_are_too_much_together_one_is_refused() -> None:
    team = promos.team()
    for _round in range(ROUNDS):
        promotion = for_one_order(team)
        orders = [promos.draft(team, promotion=promotion) for _ in range(2)]
        outcomes: list[Any] = race(
            *(
                partial(campaigns.submit_order, order_id=order.pk, user=team.marketer, at=NOON)
                for order in orders
            )
        )
        assert {type(outcome) for outcome in outcomes} == {Order, LegalFailed}, outcomes
        assert Order.objects.filter(campaign=promotion, state=OrderState.SUBMITTED).count() == 1
    answers = [row["answer"] for check in LegalCheck.objects.all() for row in check.content["findings"]]
    assert set(answers) == {Answer.PASS}


def waiting_for_counsel(team: promos.Team) -> tuple[Order, list[User]]:
    order = promos.submitted(team, promotion=promos.campaign(team, legal_form=LegalForm.OPEN, tie=Tie.NONE))
    return order, [make.staff(Role.APPROVER, team.brand) for _ in range(3)]


def test_control_without_the_service_the_unique_key_alone_decides_who_signed() -> None:
    order, approvers = waiting_for_counsel(promos.team())
    check = legal_facts.latest_check(order)
    assert check is not None
    gate = threading.Barrier(len(approvers), timeout=30)

    def sign_by_reading(user: User) -> LegalSignOff:
        assert not LegalSignOff.objects.filter(legal_check=check).exists()
        gate.wait()  # nobody has signed, for all of them
        said = {"signed_at": NOON, "counsel": "A", "note": "B", "requested_by_id": order.requested_by_id}
        return LegalSignOff.objects.create(legal_check=check, signed_by=user, **said)

    outcomes: list[Any] = race(*(partial(sign_by_reading, user) for user in approvers))
    assert [type(outcome) for outcome in outcomes].count(IntegrityError) == len(approvers) - 1


def test_of_several_who_sign_at_once_one_has_signed_and_the_others_are_told() -> None:
    team = promos.team()
    for _round in range(ROUNDS):
        order, approvers = waiting_for_counsel(team)
        said: dict[str, Any] = {"order_id": order.pk, "note": "B", "verified_at": NOON, "at": NOON}
        calls = [
            partial(campaigns.sign_off, user=user, counsel=f"counsel of {user.pk}", **said)
            for user in approvers
        ]
        outcomes: list[Any] = race(*calls)
        kinds = [type(outcome) for outcome in outcomes]
        assert (kinds.count(LegalSignOff), kinds.count(SignedAlready)) == (1, 2), outcomes
        signed = LegalSignOff.objects.get(legal_check__order=order.pk)
        assert signed.counsel == f"counsel of {signed.signed_by_id}"
