"""The way of an order: submitted by one person, approved by another, on one fingerprint."""

from datetime import timedelta
from typing import Any

import pytest

from campaigns import errors, queries
from campaigns import services as campaigns
from campaigns.models import Campaign, Order, OrderChannel, OrderState
from giftcodes import tasks
from giftcodes.models import Batch, BatchState
from ledger import queries as ledger_queries
from ledger.models import Transfer
from parties.errors import NotReachable
from parties.models import Role
from tests import make
from tests.campaigns import promos
from tests.campaigns.promos import nothing_is_reserved
from tests.make import NOON

pytestmark = pytest.mark.django_db

SOME_HASH = "0" * 64


def test_an_approved_order_has_a_batch_with_its_terms_and_its_money() -> None:
    team = promos.team()
    order = promos.submitted(team)
    batch = promos.approve(order, team.approver)
    order.refresh_from_db()
    assert (order.state, order.batch, order.decided_by) == (OrderState.APPROVED, batch, team.approver)
    assert (batch.size, batch.face_points, batch.limit_per_member) == (50, 100, 3)
    assert (batch.claim_from, batch.claim_until) == (order.claim_from, order.claim_until)
    assert batch.limit_group == f"campaign:{order.campaign_id}"
    assert batch.claim_url_base == f"{promos.SITE}/c/{order.campaign.slug}/"
    assert list(batch.channels.order_by("first_serial").values_list("name", "size")) == [
        ("poster", 30),
        ("receipt", 20),
    ]
    assert ledger_queries.funds_of(team.brand) == 100_000 - 5_000
    assert ledger_queries.balance_of(batch.unclaimed) == 5_000


def test_the_file_is_made_for_the_requester() -> None:
    team = promos.team()
    batch = promos.approve(promos.submitted(team), team.approver)
    assert batch.delivery.recipient == team.marketer


def test_minting_is_asked_for_after_the_commit(
    django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[int] = []

    def breaks(batch_id: int) -> None:
        asked.append(batch_id)
        raise RuntimeError("the queue")

    monkeypatch.setattr(tasks, "nudge_minting", breaks)
    team = promos.team()
    order = promos.submitted(team)
    with django_capture_on_commit_callbacks(execute=True):
        promos.approve(order, team.approver)
        assert asked == []
    assert asked == [Batch.objects.get().pk]
    assert "the queue" in caplog.text  # and nothing else has happened: the order is approved


def test_submitting_reserves_nothing() -> None:
    team = promos.team()
    order = promos.submitted(team)
    assert (order.state, order.requested_by, order.submitted_at) == (
        OrderState.SUBMITTED,
        team.marketer,
        NOON,
    )
    assert order.submitted_hash == queries.fingerprint_of(order)
    assert nothing_is_reserved(team)


def test_whoever_submits_is_the_requester() -> None:
    team = promos.team()
    colleague = make.staff(Role.MARKETER, team.brand)
    order = promos.draft(team)
    campaigns.submit_order(order_id=order.pk, user=colleague, at=NOON)
    order.refresh_from_db()
    assert order.requested_by == colleague


def test_the_requester_can_not_approve_even_with_the_role() -> None:
    team = promos.team()
    order = promos.submitted(team)
    team.marketer.staff_roles.create(brand=team.brand, role=Role.APPROVER)
    for act in (promos.approve, reject):
        with pytest.raises(errors.OwnOrder):
            act(order, team.marketer)
    assert nothing_is_reserved(team)


def reject(order: Order, by: Any, note: str = "too many") -> Order:
    return campaigns.reject_order(order_id=order.pk, approver=by, note=note, at=NOON)


@pytest.mark.parametrize("role", [role for role in Role if role != Role.APPROVER])
def test_no_other_role_approves(role: Role) -> None:
    team = promos.team()
    order = promos.submitted(team)
    with pytest.raises(NotReachable):
        promos.approve(order, make.staff(role, team.brand))
    assert nothing_is_reserved(team)


@pytest.mark.parametrize("role", [role for role in Role if role != Role.MARKETER])
def test_no_other_role_submits_takes_back_or_discards(role: Role) -> None:
    team = promos.team()
    person = make.staff(role, team.brand)
    draft, waiting = promos.draft(team), promos.submitted(team)
    with pytest.raises(NotReachable):
        campaigns.submit_order(order_id=draft.pk, user=person, at=NOON)
    with pytest.raises(NotReachable):
        campaigns.discard_order(order_id=draft.pk, user=person)
    with pytest.raises(NotReachable):
        campaigns.reopen_order(order_id=waiting.pk, user=person, at=NOON)


def test_approvers_of_another_brand_and_superusers_without_a_role_do_not_reach_an_order() -> None:
    team, other = promos.team(), promos.team()
    order = promos.submitted(team)
    superuser = make.user(is_staff=True, is_superuser=True)
    for person in (other.approver, superuser):
        with pytest.raises(NotReachable):
            promos.approve(order, person)
    assert not Batch.objects.exists()


def test_the_operators_approver_approves() -> None:
    team = promos.team()
    batch = promos.approve(promos.submitted(team), make.staff(Role.APPROVER, None))
    assert batch.size == 50


def test_an_old_fingerprint_approves_nothing() -> None:
    team = promos.team()
    order = promos.submitted(team)
    seen = order.submitted_hash
    campaigns.reopen_order(order_id=order.pk, user=team.marketer, at=NOON)
    order.channels.filter(name="poster").update(quantity=500)
    order = campaigns.submit_order(order_id=order.pk, user=team.marketer, at=NOON)
    with pytest.raises(errors.OrderChanged):
        promos.approve(order, team.approver, submitted_hash=seen)
    assert nothing_is_reserved(team)
    assert promos.approve(order, team.approver).size == 520


@pytest.mark.parametrize("submitted_hash", ["", SOME_HASH, "ü"])
def test_a_made_up_fingerprint_approves_nothing(submitted_hash: str) -> None:
    team = promos.team()
    with pytest.raises(errors.OrderChanged):
        promos.approve(promos.submitted(team), team.approver, submitted_hash=submitted_hash)
    assert nothing_is_reserved(team)


CHANGES = {
    "more points": lambda order: Order.objects.filter(pk=order.pk).update(face_points=101),
    "a longer window": lambda order: Order.objects.filter(pk=order.pk).update(
        claim_until=order.claim_until + timedelta(minutes=1)
    ),
    "longer lives": lambda order: Order.objects.filter(pk=order.pk).update(lot_life_days=181),
    "another activation": lambda order: Order.objects.filter(pk=order.pk).update(activation="by_hand"),
    "more codes": lambda order: OrderChannel.objects.filter(order=order, name="poster").update(quantity=31),
    "another channel name": lambda order: OrderChannel.objects.filter(order=order, name="poster").update(
        name="flyer"
    ),
    "one more channel": lambda order: OrderChannel.objects.create(order=order, name="mail", quantity=1),
    "another limit": lambda order: Campaign.objects.filter(pk=order.campaign_id).update(limit_per_member=4),
    "another page": lambda order: Campaign.objects.filter(pk=order.campaign_id).update(slug="autumn"),
    "another period": lambda order: Campaign.objects.filter(pk=order.campaign_id).update(
        ends_at=order.campaign.ends_at + timedelta(days=1)
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_what_was_changed_behind_the_form_can_not_be_approved(change: Any) -> None:
    team = promos.team()
    order = promos.submitted(team)
    change(order)
    with pytest.raises(errors.OrderChanged):
        promos.approve(order, team.approver)
    assert nothing_is_reserved(team)


def test_the_texts_of_the_page_are_not_part_of_what_is_approved() -> None:
    team = promos.team()
    order = promos.submitted(team)
    Campaign.objects.filter(pk=order.campaign_id).update(title_ja="夏の特典", colour="#000000")
    assert promos.approve(order, team.approver).size == 50


def test_an_edit_of_the_campaign_reopens_what_it_touches_and_nothing_else() -> None:
    team = promos.team()
    touched, untouched = promos.submitted(team), promos.submitted(team)
    Campaign.objects.filter(pk=touched.campaign_id).update(limit_per_member=9)
    for order in (touched, untouched):
        campaigns.reopen_stale_orders(campaign_id=order.campaign_id, user=team.marketer, at=NOON)
        order.refresh_from_db()
    assert (touched.state, untouched.state) == (OrderState.DRAFT, OrderState.SUBMITTED)


def test_approving_twice_makes_one_batch() -> None:
    team = promos.team()
    order = promos.submitted(team)
    batch = promos.approve(order, team.approver)
    assert promos.approve(order, team.approver) == batch
    with pytest.raises(errors.OrderNotOpen):
        promos.approve(order, make.staff(Role.APPROVER, team.brand))
    assert Batch.objects.count() == 1
    assert Transfer.objects.filter(reason="approve").count() == 1


def test_a_draft_and_a_rejected_order_can_not_be_approved() -> None:
    team = promos.team()
    draft, rejected = promos.draft(team), promos.submitted(team)
    reject(rejected, team.approver)
    for order in (draft, rejected):
        with pytest.raises(errors.OrderNotOpen):
            promos.approve(order, team.approver)
    assert nothing_is_reserved(team)


def test_a_rejection_says_why_and_the_order_can_be_mended() -> None:
    team = promos.team()
    order = promos.submitted(team)
    with pytest.raises(errors.NoteMissing):
        reject(order, team.approver, note="  ")
    rejected = reject(order, team.approver, note="20 posters are enough")
    assert (rejected.state, rejected.decision_note) == (OrderState.REJECTED, "20 posters are enough")
    draft = campaigns.reopen_order(order_id=order.pk, user=team.marketer, at=NOON)
    assert (draft.state, draft.decided_by, draft.submitted_hash) == (OrderState.DRAFT, None, "")
    again = campaigns.submit_order(order_id=order.pk, user=team.marketer, at=NOON)
    assert promos.approve(again, team.approver).size == 50


def test_whoever_rejected_an_order_may_submit_it_and_then_not_approve_it() -> None:
    team = promos.team()
    order = promos.submitted(team)
    reject(order, team.approver)
    team.approver.staff_roles.create(brand=team.brand, role=Role.MARKETER)
    campaigns.reopen_order(order_id=order.pk, user=team.approver, at=NOON)
    again = campaigns.submit_order(order_id=order.pk, user=team.approver, at=NOON)
    with pytest.raises(errors.OwnOrder):
        promos.approve(again, team.approver)


def test_an_approved_order_stays_as_it_is() -> None:
    team = promos.team()
    order = promos.submitted(team)
    promos.approve(order, team.approver)
    with pytest.raises(errors.OrderNotOpen):
        campaigns.reopen_order(order_id=order.pk, user=team.marketer, at=NOON)
    with pytest.raises(errors.OrderNotOpen):
        campaigns.discard_order(order_id=order.pk, user=team.marketer)
    with pytest.raises(errors.OrderNotOpen):
        campaigns.hold_draft(order_id=order.pk)
    with pytest.raises(errors.OrderNotOpen):
        reject(order, team.approver)


def test_a_draft_can_be_discarded_and_a_submitted_order_can_not() -> None:
    team = promos.team()
    draft, waiting = promos.draft(team), promos.submitted(team)
    campaigns.discard_order(order_id=draft.pk, user=team.marketer)
    with pytest.raises(errors.OrderNotOpen):
        campaigns.discard_order(order_id=waiting.pk, user=team.marketer)
    assert list(Order.objects.all()) == [waiting]


def test_a_reorder_for_the_same_time_is_fine_and_is_shown_to_the_approver() -> None:
    team = promos.team()
    promotion = promos.campaign(team)
    first = promos.submitted(team, promotion=promotion)
    second = promos.submitted(team, promotion=promotion)
    later = promos.submitted(
        team,
        promotion=promotion,
        claim_from=first.claim_until,
        claim_until=first.claim_until + timedelta(days=1),
    )
    promos.approve(first, team.approver)
    assert list(queries.neighbours_of(second)) == [first]
    assert list(queries.neighbours_of(later)) == []
    assert promos.approve(second, team.approver).size == 50


def test_codes_are_activated_by_an_approver_who_did_not_ask_for_them() -> None:
    team = promos.team()
    order = promos.submitted(team, activation="by_hand")
    with pytest.raises(errors.OrderNotOpen):
        campaigns.activate_codes(order_id=order.pk, user=team.approver, verified_at=NOON, at=NOON)
    batch = promos.approve(order, team.approver)
    with pytest.raises(errors.TermsRefused):
        campaigns.activate_codes(order_id=order.pk, user=team.approver, verified_at=NOON, at=NOON)
    Batch.objects.update(state=BatchState.MINTED, minted_codes=50, minted_at=NOON)
    with pytest.raises(NotReachable):
        campaigns.activate_codes(order_id=order.pk, user=team.marketer, verified_at=NOON, at=NOON)
    team.marketer.staff_roles.create(brand=team.brand, role=Role.APPROVER)
    with pytest.raises(errors.OwnOrder):
        campaigns.activate_codes(order_id=order.pk, user=team.marketer, verified_at=NOON, at=NOON)
    campaigns.activate_codes(order_id=order.pk, user=team.approver, verified_at=NOON, at=NOON)
    batch.refresh_from_db()
    assert batch.state == BatchState.ACTIVE


def test_each_step_leaves_a_line_of_history_with_its_person() -> None:
    team = promos.team()
    order = promos.submitted(team)
    promos.approve(order, team.approver)
    steps = order.history.filter(history_change_reason__isnull=False).order_by("history_id")
    assert [(step.state, step.history_user, step.history_date) for step in steps] == [
        (OrderState.SUBMITTED, team.marketer, NOON),
        (OrderState.APPROVED, team.approver, NOON),
    ]


def test_the_cost_counts_other_waiting_orders_but_not_the_order_itself() -> None:
    team = promos.team()
    order, other = promos.submitted(team), promos.submitted(team, channels={"mail": 7})
    promos.submitted(promos.team())
    cost = queries.cost_of_order(order)
    assert (cost.codes, cost.points, cost.yen) == (50, 5_000, 5_000)
    assert (cost.funds_before, cost.funds_after, cost.short_by) == (100_000, 95_000, 0)
    assert cost.waiting_points == 700 == queries.cost_of_order(other).points
