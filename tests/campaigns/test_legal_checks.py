"""The legal check on the way of an order: what fails is not submitted, what asks for counsel is signed for,
and what was found stays as it was.
"""

import importlib
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.utils import translation

from campaigns import audit, errors, legal_facts, queries
from campaigns import services as campaigns
from campaigns.legal import LegalForm, Tie, UsedAt, table
from campaigns.legal_models import LegalCheck
from campaigns.models import Campaign, Order, OrderState
from campaigns.wording import words_of
from tests.campaigns import promos
from tests.campaigns.promos import nothing_is_reserved
from tests.make import NOON

pytestmark = pytest.mark.django_db

LOTTERY = {"legal_form": LegalForm.LOTTERY, "tie": Tie.PURCHASE, "tied_price_yen": 500}


def to_all(team: promos.Team, price: int = 500, **fields: Any) -> Campaign:
    """総付, whose codes of 100 yen are within every limit but for a price that says otherwise."""
    stated = {"legal_form": LegalForm.TO_ALL, "tie": Tie.PURCHASE, "tied_price_yen": price}
    return promos.campaign(team, **stated | fields)


def asks_counsel(team: promos.Team) -> Campaign:
    return promos.campaign(team, legal_form=LegalForm.OPEN, tie=Tie.NONE)


def check_of(order: Order) -> LegalCheck:
    check = legal_facts.latest_check(order)
    assert check is not None
    return check


def answers(order: Order) -> dict[str, str]:
    return {row["rule"]: row["answer"] for row in check_of(order).content["findings"]}


def test_what_passes_is_kept_with_its_version_and_numbers() -> None:
    team = promos.team()
    order = promos.submitted(team, promotion=to_all(team))
    check = check_of(order)
    assert (check.version, check.requested_by, check.checked_at) == ("2023-10-01", team.marketer, NOON)
    row = next(row for row in check.content["findings"] if row["rule"] == "to_all_each")
    assert row["formula"] == "100 ≤ (500 < 1,000) = 200"
    assert (row["answer"], row["valid_from"]) == ("pass", "2023-06-01")
    assert "総付" in row["source"]
    assert check.content["facts"]["code_yen"] == 100
    assert check.sha256 == legal_facts.sha256_of(check.content)
    assert promos.approve(order, team.approver).size == 50


@pytest.mark.parametrize(
    ("face_points", "most_points", "is_within"),
    [(200, None, True), (201, None, False), (100, 200, True), (100, 201, False)],
)
def test_the_most_that_one_code_can_be_worth_counts(
    face_points: int, most_points: int | None, is_within: bool
) -> None:
    team = promos.team()
    gifts = {} if most_points is None else {"issuing": "api", "most_points": most_points}
    order = promos.draft(team, promotion=to_all(team), face_points=face_points, channels={"API": 10}, **gifts)
    if is_within:
        campaigns.submit_order(order_id=order.pk, user=team.marketer, at=NOON)
        return
    with pytest.raises(errors.LegalFailed) as refusal:
        campaigns.submit_order(order_id=order.pk, user=team.marketer, at=NOON)
    assert refusal.value.rules == ["to_all_each"]


def test_points_count_in_yen() -> None:
    team = promos.team()
    team.brand.program.yen_per_point = 3
    team.brand.program.save()
    order = promos.draft(team, promotion=to_all(team))
    with pytest.raises(errors.LegalFailed):
        campaigns.submit_order(order_id=order.pk, user=team.marketer, at=NOON)
    Campaign.objects.update(tied_price_yen=1_500)
    campaigns.submit_order(order_id=order.pk, user=team.marketer, at=NOON)


def test_what_fails_is_not_submitted_and_nothing_is_kept() -> None:
    team = promos.team()
    order = promos.draft(team, promotion=to_all(team, asks_for_posts=True))
    with pytest.raises(errors.LegalFailed) as refusal:
        campaigns.submit_order(order_id=order.pk, user=team.marketer, at=NOON)
    order.refresh_from_db()
    assert (order.state, refusal.value.rules) == (OrderState.DRAFT, ["stealth_marketing"])
    assert not LegalCheck.objects.exists()
    with translation.override("en"):
        assert "hidden advertising" in words_of(refusal.value)
    with translation.override("ja"):
        assert "ステルスマーケティング" in words_of(refusal.value)


def test_a_campaign_without_a_form_takes_no_order_until_one_is_stated() -> None:
    team = promos.team()
    promotion = promos.campaign(team, legal_form="")
    order = promos.draft(team, promotion=promotion)
    with pytest.raises(errors.LegalFormMissing):
        campaigns.submit_order(order_id=order.pk, user=team.marketer, at=NOON)
    Campaign.objects.filter(pk=promotion.pk).update(legal_form=LegalForm.DISCOUNT)
    campaigns.submit_order(order_id=order.pk, user=team.marketer, at=NOON)


def test_an_order_from_before_the_check_has_its_fingerprint_and_is_submitted_anew() -> None:
    team = promos.team()
    order = promos.draft(team)
    Order.objects.filter(pk=order.pk).update(
        state=OrderState.SUBMITTED, submitted_at=NOON, submitted_hash=queries.fingerprint_of(order)
    )
    order.refresh_from_db()
    assert queries.is_as_submitted(order)
    with pytest.raises(errors.LegalFormMissing):
        promos.approve(order, team.approver)
    campaigns.reopen_order(order_id=order.pk, user=team.marketer, at=NOON)
    anew = campaigns.submit_order(order_id=order.pk, user=team.marketer, at=NOON)
    promos.approve(anew, team.approver)


def test_the_total_counts_the_other_orders_of_the_campaign() -> None:
    """50 codes of 100 yen each: 5,000 yen an order, and 10,000 yen are 2 % of 500,000."""
    team = promos.team()
    promotion = promos.campaign(team, **LOTTERY, planned_sales_yen=500_000)
    first, second = (promos.submitted(team, promotion=promotion) for _ in range(2))
    formulas = [
        row["formula"]
        for order in (first, second)
        for row in check_of(order).content["findings"]
        if row["rule"] == "lottery_total"
    ]
    assert formulas == [
        "5,000 ≤ 500,000 × 2 % = 10,000",
        "5,000 + 5,000 = 10,000 ≤ 500,000 × 2 % = 10,000",
    ]
    third = promos.draft(team, promotion=promotion, channels={"poster": 1})
    with pytest.raises(errors.LegalFailed) as refusal:
        campaigns.submit_order(order_id=third.pk, user=team.marketer, at=NOON)
    assert refusal.value.rules == ["lottery_total"]
    for order in (second, first):  # in whichever order they are approved
        promos.approve(order, team.approver)
    with pytest.raises(errors.LegalFailed):
        campaigns.submit_order(order_id=third.pk, user=team.marketer, at=NOON)


def test_what_falls_away_from_the_total_makes_room_and_voids_nothing() -> None:
    team = promos.team()
    promotion = promos.campaign(team, **LOTTERY, planned_sales_yen=500_000)
    first, second = (promos.submitted(team, promotion=promotion) for _ in range(2))
    campaigns.reopen_order(order_id=first.pk, user=team.marketer, at=NOON)
    promos.approve(second, team.approver)
    campaigns.submit_order(order_id=first.pk, user=team.marketer, at=NOON)
    assert not list(audit.differences())


def test_other_campaigns_do_not_count_for_the_total_but_for_what_is_sold() -> None:
    team = promos.team(funds=30_000_000)
    sold = {"legal_form": LegalForm.SOLD, "tie": Tie.NONE}
    one, other = (promos.campaign(team, **sold, limit_per_member=1) for _ in range(2))
    size: dict[str, Any] = {"face_points": 50_000, "channels": {"shop": 120}}
    first = promos.submitted(team, promotion=one, **size)
    assert answers(first)["threshold"] == "pass"
    second = promos.submitted(team, promotion=other, **size)
    assert answers(second)["threshold"] == "ask_counsel"
    assert check_of(second).content["facts"]["others_yen"] == 0


def test_a_check_that_asks_for_more_at_approval_wants_a_new_submission() -> None:
    """Two orders that did not see each other: what two submissions in the same instant can come to."""
    team = promos.team(funds=30_000_000)
    sold = {"legal_form": LegalForm.SOLD, "tie": Tie.NONE, "limit_per_member": 1}
    size: dict[str, Any] = {"face_points": 50_000, "channels": {"shop": 120}}
    unseen = promos.submitted(team, promotion=promos.campaign(team, **sold), **size)
    Order.objects.filter(pk=unseen.pk).update(state=OrderState.DRAFT)
    order = promos.submitted(team, promotion=promos.campaign(team, **sold), **size)
    assert answers(order)["threshold"] == "pass"
    Order.objects.filter(pk=unseen.pk).update(state=OrderState.SUBMITTED)
    with pytest.raises(errors.LegalChanged):
        promos.approve(order, team.approver)


def test_what_is_sold_elsewhere_and_has_ended_counts_no_more() -> None:
    team = promos.team(funds=30_000_000)
    sold = {"legal_form": LegalForm.SOLD, "tie": Tie.NONE, "limit_per_member": 1}
    size: dict[str, Any] = {"face_points": 50_000, "channels": {"shop": 120}}
    first = promos.submitted(team, promotion=promos.campaign(team, **sold), lot_life_days=1, **size)
    ended = legal_facts.last_day_of(claim_until=first.claim_until, lot_life_days=1)
    later = promos.campaign(team, **sold, starts_at=NOON, ends_at=NOON + timedelta(days=400))
    order = promos.draft(team, promotion=later, claim_until=NOON + timedelta(days=300), **size)
    facts = legal_facts.facts_of(order, codes=120, at=NOON + timedelta(days=31))
    assert facts is not None
    assert facts.issued_on == ended
    assert facts.sold_elsewhere_yen == 6_000_000
    facts = legal_facts.facts_of(order, codes=120, at=NOON + timedelta(days=32))
    assert facts is not None
    assert facts.sold_elsewhere_yen == 0


@pytest.mark.parametrize(("days", "is_kept"), [(150, True), (151, False)])
def test_six_months_run_from_the_submission_to_the_last_day_of_the_last_points(
    days: int, is_kept: bool
) -> None:
    """Submitted on 2 November; claimed on 2 December at the latest; 150 days later it is 1 May, and the
    sixth month ends on 2 May.
    """
    team = promos.team()
    promotion = promos.campaign(
        team, legal_form=LegalForm.SOLD, tie=Tie.NONE, is_six_months_stated=True, points_used_at=UsedAt.OTHERS
    )
    order = promos.draft(team, promotion=promotion, lot_life_days=days + 1)
    assert str(legal_facts.last_day_of(claim_until=order.claim_until, lot_life_days=151)) == "2027-05-02"
    if is_kept:
        campaigns.submit_order(order_id=order.pk, user=team.marketer, at=NOON)
        return
    with pytest.raises(errors.LegalFailed) as refusal:
        campaigns.submit_order(order_id=order.pk, user=team.marketer, at=NOON)
    assert refusal.value.rules == ["six_months"]


def test_an_edit_of_the_statement_takes_waiting_orders_back() -> None:
    team = promos.team()
    order = promos.submitted(team, promotion=to_all(team))
    Campaign.objects.filter(pk=order.campaign_id).update(least_age=20)
    with pytest.raises(errors.OrderChanged):
        promos.approve(order, team.approver)
    assert campaigns.reopen_stale_orders(campaign_id=order.campaign_id, user=team.marketer, at=NOON) == 1
    order.refresh_from_db()
    assert order.state == OrderState.DRAFT
    assert nothing_is_reserved(team)


def test_new_rules_between_submission_and_approval_want_a_new_submission(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    team = promos.team()
    order = promos.submitted(team, promotion=to_all(team))
    later = table.RULES[0]._replace(id="later", valid_from=NOON.date())
    monkeypatch.setattr(table, "RULES", (*table.RULES, later))
    with pytest.raises(errors.LegalChanged):
        promos.approve(order, team.approver)
    assert nothing_is_reserved(team)
    campaigns.reopen_order(order_id=order.pk, user=team.marketer, at=NOON)
    anew = campaigns.submit_order(order_id=order.pk, user=team.marketer, at=NOON)
    assert check_of(anew).version == str(NOON.date())
    promos.approve(anew, team.approver)


def test_approval_checks_again_by_itself() -> None:
    team = promos.team()
    order = promos.submitted(team, promotion=to_all(team))
    team.brand.program.yen_per_point = 3  # which the fingerprint does not hold
    team.brand.program.save()
    with pytest.raises(errors.LegalFailed):
        promos.approve(order, team.approver)
    assert nothing_is_reserved(team)


@pytest.mark.parametrize(
    "spoilt",
    [
        {"tie": Tie.PURCHASE, "tied_price_yen": None},
        {"tie": Tie.VISIT},
        {"tie": Tie.NONE, "tied_price_yen": None},
        {"planned_sales_yen": None},
        {"planned_sales_yen": 0},
        {"legal_form": "raffle"},
        {"legal_form": LegalForm.TO_ALL},
        {"legal_form": LegalForm.JOINT_LOTTERY},
        {"legal_form": LegalForm.JOINT_LOTTERY, "joint_kind": "street", "joint_parties": 1},
        {"joint_kind": "street"},
        {"least_age": 101},
    ],
)
def test_the_database_refuses_half_a_statement(spoilt: dict[str, Any]) -> None:
    promotion = promos.campaign(promos.team(), **LOTTERY, planned_sales_yen=1_000_000)
    with pytest.raises(IntegrityError), transaction.atomic():
        Campaign.objects.filter(pk=promotion.pk).update(**spoilt)


def test_a_draft_that_was_submitted_once_can_be_discarded_and_what_was_found_stays() -> None:
    team = promos.team()
    order = promos.submitted(team)
    campaigns.reopen_order(order_id=order.pk, user=team.marketer, at=NOON)
    campaigns.discard_order(order_id=order.pk, user=team.marketer)
    assert LegalCheck.objects.get().order_id == order.pk


def test_the_migration_states_a_form_for_sandboxes_alone() -> None:
    live = promos.campaign(promos.team(), legal_form="", slug="sandbox-of-nobody")
    team = promos.team()
    of_people = promos.campaign(team, legal_form="", slug="of-people")
    of_stock = promos.campaign(team, legal_form="", slug="sandbox-7", least_age=0)
    team.brand.program.is_sandbox = True
    team.brand.program.save()
    migration = importlib.import_module("campaigns.migrations.0013_legal_forms_of_sandboxes")
    migration.state(apps, connection.schema_editor())
    for row in (live, of_people, of_stock):
        row.refresh_from_db()
    assert [row.legal_form for row in (live, of_people, of_stock)] == ["", "", LegalForm.DISCOUNT]
    assert of_stock.least_age == 18
