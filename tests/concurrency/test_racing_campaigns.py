"""Approvals, edits and deposits under racers, with controls that show the race without its guard."""

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse

from campaigns import audit, errors, queries
from campaigns import services as campaigns
from campaigns.models import Campaign, Deposit, DepositState, Order, OrderState
from giftcodes.models import Batch
from ledger import audit as ledger_audit
from ledger import queries as ledger_queries
from parties.models import Role, User
from tests import make
from tests.campaigns import promos
from tests.campaigns.pages import order_data, signed_in
from tests.concurrency.racing import race
from tests.make import NOON

pytestmark = pytest.mark.django_db(transaction=True)

Outcome = Any
SHORTENED = {"ends_at": "2026-11-15T23:59"}  # the order's window ends on 2 December
LIMITED = {"limit_per_member": "1"}
RENAMED = {"slug": "another"}


def reopen(order: Order, user: User) -> Order:
    return campaigns.reopen_order(order_id=order.pk, user=user, at=NOON)


def edit(order: Order, user: User, **changes: str) -> Callable[[], Any]:
    """The campaign's form, typed and about to be sent."""
    client = signed_in(user)
    data = {
        "name": order.campaign.name,
        "slug": order.campaign.slug,
        "starts_at": "2026-10-23T12:00",
        "ends_at": "2027-01-01T11:59",
        "limit_per_member": "3",
        "title_ja": "春の特典",
        "colour": "#1a5f7a",
    } | changes
    return partial(client.post, reverse("admin:campaigns_campaign_change", args=(order.campaign_id,)), data)


def kinds(outcomes: list[Outcome]) -> Counter[type]:
    return Counter(type(outcome) for outcome in outcomes)


def nothing_differs() -> bool:
    return not [*audit.differences(), *ledger_audit.differences()]


def promises_are_kept(order: Order) -> bool:
    """Whether what was approved, if anything was, lies in the campaign's period and at its address."""
    campaign = Campaign.objects.get(pk=order.campaign_id)
    batch = Batch.objects.filter(order=order).first()
    return batch is None or (
        campaign.starts_at <= batch.claim_from
        and batch.claim_until <= campaign.ends_at
        and batch.claim_url_base == queries.page_address(campaign, site_url=promos.SITE)
    )


def test_control_reading_the_state_first_lets_everybody_approve() -> None:
    order = promos.submitted(promos.team())
    gate = threading.Barrier(8, timeout=30)

    def approve_by_reading() -> bool:
        is_open = Order.objects.get(pk=order.pk).state == OrderState.SUBMITTED
        gate.wait()
        return is_open

    assert race(*[approve_by_reading] * 8) == [True] * 8


def test_of_eight_approvers_one_wins() -> None:
    team = promos.team()
    order = promos.submitted(team)
    approvers = [make.staff(Role.APPROVER, team.brand) for _ in range(8)]

    outcomes: list[Outcome] = race(*(partial(promos.approve, order, person) for person in approvers))

    assert kinds(outcomes) == {Batch: 1, errors.OrderNotOpen: 7}, outcomes
    assert ledger_queries.funds_of(team.brand) == 95_000
    assert nothing_differs()


def test_one_approval_sent_eight_times_at_once_gives_one_batch_to_all() -> None:
    team = promos.team()
    order = promos.submitted(team)

    outcomes: list[Outcome] = race(*[partial(promos.approve, order, team.approver)] * 8)

    assert outcomes == [Batch.objects.get()] * 8
    assert ledger_queries.funds_of(team.brand) == 95_000
    assert nothing_differs()


def recorded(team: promos.Team) -> Deposit:
    return campaigns.request_deposit(
        public_id=uuid.uuid4(),
        brand_id=team.brand.pk,
        points=700,
        reference="T-1",
        user=team.finance,
        at=NOON,
    )


def test_control_reading_the_state_first_decides_a_deposit_both_ways() -> None:
    deposit = recorded(promos.team(funds=0))
    gate = threading.Barrier(2, timeout=30)

    def decide_by_reading() -> bool:
        is_open = Deposit.objects.get(pk=deposit.pk).state == DepositState.REQUESTED
        gate.wait()
        return is_open

    assert race(*[decide_by_reading] * 2) == [True, True]


@pytest.mark.parametrize("_round", range(3))
def test_a_deposit_is_confirmed_or_rejected_and_never_both(_round: int) -> None:
    team = promos.team(funds=0)
    deposit = recorded(team)
    others = [make.staff(Role.FINANCE, team.brand) for _ in range(6)]
    confirm = partial(campaigns.confirm_deposit, verified_at=NOON)
    acts: list[Callable[..., Any]] = [confirm, campaigns.reject_deposit] * 3
    calls = [
        partial(act, deposit_id=deposit.pk, user=user, at=NOON)
        for act, user in zip(acts, others, strict=True)
    ]

    outcomes: list[Outcome] = race(*calls)

    assert kinds(outcomes) == {Deposit: 1, errors.DepositNotOpen: 5}, outcomes
    deposit.refresh_from_db()
    assert ledger_queries.funds_of(team.brand) == (700 if deposit.state == DepositState.CONFIRMED else 0)
    assert nothing_differs()


@pytest.mark.parametrize("_round", range(3))
def test_an_order_is_taken_back_or_approved_and_never_both(_round: int) -> None:
    team = promos.team()
    order = promos.submitted(team)
    back = partial(reopen, order, team.marketer)
    approve = partial(promos.approve, order, team.approver)

    outcomes: list[Outcome] = race(back, approve, back, approve)

    order.refresh_from_db()
    won = {OrderState.APPROVED: Batch, OrderState.DRAFT: Order}[OrderState(order.state)]
    assert set(kinds(outcomes)) <= {won, errors.OrderNotOpen}, outcomes
    assert won in kinds(outcomes)
    assert Batch.objects.exists() == (order.state == OrderState.APPROVED)
    assert nothing_differs()


def test_control_a_period_judged_before_it_is_held_is_cut_below_a_promise() -> None:
    team = promos.team()
    order = promos.submitted(team)
    assert queries.promised_until(order.campaign_id) is None
    promos.approve(order, team.approver)
    Campaign.objects.filter(pk=order.campaign_id).update(ends_at=NOON + timedelta(days=13))
    assert not promises_are_kept(order)


@pytest.mark.parametrize("changes", [SHORTENED, LIMITED, RENAMED], ids=["period", "limit", "address"])
@pytest.mark.parametrize("_round", range(3))
def test_an_edit_of_a_campaign_and_an_approval_at_once_both_end_well(
    changes: dict[str, str], _round: int
) -> None:
    team = promos.team()
    order = promos.submitted(team)

    edited, approved = race(
        edit(order, team.marketer, **changes), partial(promos.approve, order, team.approver)
    )

    both_ended_well(order, edited, approved)


def both_ended_well(order: Order, edited: Outcome, approved: Outcome) -> None:
    """The edit was judged by what was approved, the approval by what was edited; neither broke down."""
    assert isinstance(edited, HttpResponse), edited
    assert isinstance(approved, Batch | errors.OrderNotOpen | errors.OrderChanged), approved
    order.refresh_from_db()
    assert order.state == (OrderState.APPROVED if isinstance(approved, Batch) else OrderState.DRAFT)
    assert promises_are_kept(order)
    assert nothing_differs()


def meet(row: "QuerySet[Any]", *calls: Callable[[], Outcome]) -> list[Outcome]:
    """Start one call after the other while another transaction holds the row, each until it waits for a lock
    or is done; then let go. Results and refusals, in the order of the calls.
    """

    def run(call: Callable[[], Outcome]) -> Outcome:
        try:
            return call()
        except Exception as refusal:  # noqa: BLE001  # as in `race`
            return refusal
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        with transaction.atomic():
            row.select_for_update(no_key=True).get()
            runs = []
            for call in calls:
                runs.append(pool.submit(run, call))
                while _waiting() < sum(not started.done() for started in runs):
                    time.sleep(0.01)
        return [started.result() for started in runs]


def _waiting() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT COUNT(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return int(cursor.fetchone()[0])


@pytest.mark.postgresql
@pytest.mark.parametrize("changes", [SHORTENED, LIMITED, RENAMED], ids=["period", "limit", "address"])
def test_an_edit_that_began_before_an_approval_is_what_the_approval_sees(changes: dict[str, str]) -> None:
    team = promos.team()
    order = promos.submitted(team)
    row = Campaign.objects.filter(pk=order.campaign_id)

    edited, approved = meet(
        row, edit(order, team.marketer, **changes), partial(promos.approve, order, team.approver)
    )

    both_ended_well(order, edited, approved)
    assert not Batch.objects.exists()


@pytest.mark.postgresql
@pytest.mark.parametrize("changes", [SHORTENED, LIMITED, RENAMED], ids=["period", "limit", "address"])
def test_an_approval_that_began_before_an_edit_is_what_the_edit_sees(changes: dict[str, str]) -> None:
    team = promos.team()
    order = promos.submitted(team)
    row = Order.objects.filter(pk=order.pk)

    approved, edited = meet(
        row, partial(promos.approve, order, team.approver), edit(order, team.marketer, **changes)
    )

    both_ended_well(order, edited, approved)
    campaign = Campaign.objects.get(pk=order.campaign_id)
    assert isinstance(approved, Batch)
    assert campaign.limit_per_member == (1 if changes == LIMITED else 3)
    assert edited.status_code == (200 if changes == SHORTENED else 302)  # shown again, with what was promised


@pytest.mark.postgresql
def test_a_rejection_that_began_before_an_edit_of_the_address_ends_well() -> None:
    team = promos.team()
    order = promos.submitted(team)
    reject = partial(
        campaigns.reject_order, order_id=order.pk, approver=team.approver, note="too many", at=NOON
    )

    rejected, edited = meet(Order.objects.filter(pk=order.pk), reject, edit(order, team.marketer, **RENAMED))

    assert (rejected.state, edited.status_code) == (OrderState.REJECTED, 302)
    assert Campaign.objects.get(pk=order.campaign_id).slug == "another"


@pytest.mark.postgresql
def test_a_draft_saved_and_submitted_while_its_campaign_is_edited_ends_well() -> None:
    team = promos.team()
    draft = promos.draft(team)

    def save_and_submit() -> Order:
        with transaction.atomic():  # as the form of a draft does
            campaigns.hold_draft(order_id=draft.pk)
            Order.objects.filter(pk=draft.pk).update(face_points=200)
            return campaigns.submit_order(order_id=draft.pk, user=team.marketer, at=NOON)

    submitted, edited = meet(
        Order.objects.filter(pk=draft.pk), save_and_submit, edit(draft, team.marketer, **RENAMED)
    )

    assert submitted.face_points == 200
    assert edited.status_code == 302
    draft.refresh_from_db()
    assert draft.state == OrderState.DRAFT  # the edit took it back


@pytest.mark.postgresql
def test_a_draft_that_is_discarded_while_somebody_saves_it_is_not_there_any_more() -> None:
    team = promos.team()
    promotion = promos.campaign(team, ends_at=NOON + timedelta(days=365 * 60))
    draft = promos.draft(team, promotion=promotion)
    names = {"channels-0-name": "mail", "channels-1-name": "letter"}
    typed = order_data(promotion, claim_until="2085-12-31T23:59", **names)
    save = partial(
        signed_in(team.marketer).post, reverse("admin:campaigns_order_change", args=(draft.pk,)), typed
    )
    discard = partial(campaigns.discard_order, order_id=draft.pk, user=team.marketer)

    _, saved = meet(Order.objects.filter(pk=draft.pk), discard, save)

    assert saved.status_code == 404
    assert not Order.objects.exists()
