"""One approver or two, by the rules of the brand; each approval is a row, and a change voids them all."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import Error, IntegrityError, connection, transaction
from django.urls import reverse

from campaigns import approval_queries, audit, errors
from campaigns import services as campaigns
from campaigns.approval_models import ApprovalReminder, ApprovalRule, OrderApproval
from campaigns.models import Order, OrderState
from giftcodes.models import Batch
from parties.errors import FactorStale, NotReachable
from parties.models import Role, User
from tests import make
from tests.campaigns import promos
from tests.campaigns.pages import act, page, signed_in, told
from tests.make import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]

DAY = timedelta(days=1)


def rule(team: promos.Team, **fields: Any) -> ApprovalRule:
    asked: dict[str, Any] = {"issuing": "", "from_points": 0, "month_points": None} | fields
    return campaigns.add_rule(brand_id=team.brand.pk, user=team.approver, at=NOON, **asked)


def second_approver(team: promos.Team) -> User:
    return make.staff(Role.APPROVER, team.brand)


def needed(order: Order) -> int:
    return approval_queries.approvers_needed(order, at=NOON)


def test_without_a_rule_one_approver_is_enough_and_the_approval_is_kept() -> None:
    team = promos.team()
    order = promos.submitted(team)
    promos.approve(order, team.approver)
    approval = OrderApproval.objects.get()
    assert (approval.approver, approval.fingerprint) == (team.approver, order.submitted_hash)
    assert (approval.needed, approval.verified_at, approval.approved_at) == (1, NOON, NOON)


def test_two_people_approve_what_a_rule_fits_and_nothing_is_reserved_before() -> None:
    team = promos.team()
    rule(team)
    order = promos.submitted(team)
    assert promos.approve_once(order, team.approver) == (None, 1)
    assert promos.nothing_is_reserved(team)
    order.refresh_from_db()
    assert (order.state, order.decided_by) == (OrderState.SUBMITTED, None)
    other = second_approver(team)
    assert promos.approve_once(order, other).batch == Batch.objects.get()
    order.refresh_from_db()
    assert (order.state, order.decided_by) == (OrderState.APPROVED, other)
    assert not list(audit.differences())


def test_nobody_approves_twice_and_the_requester_not_at_all() -> None:
    team = promos.team()
    rule(team)
    order = promos.submitted(team)
    promos.approve_once(order, team.approver)
    with pytest.raises(errors.ApprovedBefore):
        promos.approve_once(order, team.approver)
    team.marketer.staff_roles.create(brand=team.brand, role=Role.APPROVER)
    with pytest.raises(errors.OwnOrder):
        promos.approve_once(order, team.marketer)
    assert OrderApproval.objects.count() == 1
    assert promos.nothing_is_reserved(team)


def test_the_database_refuses_a_second_row_of_a_person_and_one_of_the_requester() -> None:
    team = promos.team()
    rule(team)
    order = promos.submitted(team)
    promos.approve_once(order, team.approver)
    first: dict[str, Any] = {**OrderApproval.objects.values().get(), "id": None}
    for changes in ({}, {"approver_id": team.marketer.pk}):
        with pytest.raises(IntegrityError), transaction.atomic():
            OrderApproval.objects.create(**first | changes)
    OrderApproval.objects.create(**first | {"approver_id": second_approver(team).pk})


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_postgresql_refuses_to_change_or_delete_an_approval() -> None:
    team = promos.team()
    promos.approve(promos.submitted(team), team.approver)
    for statement in (
        "UPDATE campaigns_orderapproval SET needed = 2",
        "DELETE FROM campaigns_orderapproval",
        "TRUNCATE campaigns_orderapproval",
    ):
        with pytest.raises(Error, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


@pytest.mark.parametrize("is_edited", [True, False])
def test_a_change_voids_all_approvals_so_far(is_edited: bool) -> None:
    team = promos.team()
    rule(team)
    order = promos.submitted(team)
    promos.approve_once(order, team.approver)
    campaigns.reopen_order(order_id=order.pk, user=team.marketer, at=NOON)
    if is_edited:
        Order.objects.filter(pk=order.pk).update(face_points=200)
    order = campaigns.submit_order(order_id=order.pk, user=team.marketer, at=NOON)
    assert promos.approve_once(order, second_approver(team)) == (None, 1)
    assert promos.nothing_is_reserved(team)
    assert promos.approve_once(order, team.approver).batch is not None  # anew, of what it says now


def test_a_changed_campaign_voids_them_too() -> None:
    team = promos.team()
    rule(team)
    order = promos.submitted(team)
    promos.approve_once(order, team.approver)
    order.campaign.limit_per_member = 1
    order.campaign.save()
    with pytest.raises(errors.OrderChanged):
        promos.approve_once(order, second_approver(team))
    campaigns.reopen_stale_orders(campaign_id=order.campaign_id, user=team.marketer, at=NOON)
    order = campaigns.submit_order(order_id=order.pk, user=team.marketer, at=NOON)
    assert not approval_queries.approvals_that_count(order).exists()


def test_a_draft_that_was_approved_once_stays() -> None:
    team = promos.team()
    rule(team)
    order = promos.submitted(team)
    promos.approve_once(order, team.approver)
    campaigns.reopen_order(order_id=order.pk, user=team.marketer, at=NOON)
    with pytest.raises(errors.ApprovalKept):
        campaigns.discard_order(order_id=order.pk, user=team.marketer)
    delete = reverse("admin:campaigns_order_delete", args=(order.pk,))
    signed_in(team.marketer).post(delete, {"post": "yes"}, follow=True)
    assert Order.objects.filter(pk=order.pk).exists()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, 2),
        ({"from_points": 5_000}, 2),  # an order of 50 codes of 100 points
        ({"from_points": 5_001}, 1),
        ({"issuing": "file"}, 2),
        ({"issuing": "api"}, 1),
        ({"month_points": 4_999}, 2),
        ({"month_points": 5_000}, 1),
        ({"month_points": 4_999, "from_points": 5_001}, 1),
    ],
)
def test_a_rule_fits_by_points_kind_and_month(fields: dict[str, Any], expected: int) -> None:
    team = promos.team()
    rule(team, **fields)
    assert needed(promos.submitted(team)) == expected


def test_the_month_counts_what_was_approved_in_it_in_japan_for_the_brand() -> None:
    team, other = promos.team(), promos.team()
    rule(team, month_points=9_999)
    promos.approve(promos.submitted(other), other.approver)
    order = promos.submitted(team)
    assert needed(order) == 1
    promos.approve(promos.submitted(team), team.approver)
    assert needed(order) == 2
    next_month = NOON.replace(month=11, day=30, hour=15)  # midnight in Japan
    assert approval_queries.approvers_needed(order, at=next_month) == 1
    assert approval_queries.approvers_needed(order, at=next_month - timedelta(seconds=1)) == 2


def test_rules_of_another_brand_and_ended_ones_do_not_count() -> None:
    team, other = promos.team(), promos.team()
    rule(other)
    ended = rule(team)
    campaigns.ask_to_retire_rule(rule_id=ended.pk, user=team.approver, at=NOON)
    order = promos.submitted(team)
    assert needed(order) == 2
    campaigns.retire_rule(rule_id=ended.pk, user=team.finance, verified_at=NOON, at=NOON)
    assert needed(order) == 1


def test_a_rule_ends_by_two_people_the_second_with_a_fresh_factor() -> None:
    team = promos.team()
    row = rule(team)
    with pytest.raises(errors.RuleNotOpen):
        campaigns.retire_rule(rule_id=row.pk, user=team.finance, verified_at=NOON, at=NOON)
    campaigns.ask_to_retire_rule(rule_id=row.pk, user=team.approver, at=NOON)
    with pytest.raises(errors.OwnOrder):
        campaigns.retire_rule(rule_id=row.pk, user=team.approver, verified_at=NOON, at=NOON)
    with pytest.raises(FactorStale):
        campaigns.retire_rule(rule_id=row.pk, user=team.finance, verified_at=None, at=NOON)
    with pytest.raises(IntegrityError), transaction.atomic():
        ApprovalRule.objects.update(retired_by=team.approver, retired_at=NOON)
    campaigns.keep_rule(rule_id=row.pk, user=team.finance)
    row.refresh_from_db()
    assert (row.retire_asked_by, row.retired_by) == (None, None)


@pytest.mark.parametrize("role", [Role.MARKETER, Role.SUPPORT, Role.AUDITOR])
def test_other_roles_other_brands_and_superusers_keep_no_rules(role: Role) -> None:
    team, other = promos.team(), promos.team()
    row = rule(team)
    strangers = [make.staff(role, team.brand), other.approver, make.user(is_staff=True, is_superuser=True)]
    for person in strangers:
        with pytest.raises(NotReachable):
            campaigns.add_rule(
                brand_id=team.brand.pk, issuing="", from_points=0, month_points=None, user=person, at=NOON
            )
        with pytest.raises(NotReachable):
            campaigns.ask_to_retire_rule(rule_id=row.pk, user=person, at=NOON)
        with pytest.raises(NotReachable):
            campaigns.keep_rule(rule_id=row.pk, user=person)


@pytest.mark.parametrize(
    "fields", [{"from_points": -1}, {"month_points": -1}, {"from_points": 10**12 + 1}, {"issuing": "fax"}]
)
def test_a_rule_out_of_bounds_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(errors.RuleRefused):
        rule(promos.team(), **fields)


def test_the_page_tells_who_approved_and_what_waits() -> None:
    team = promos.team()
    rule(team)
    order = promos.submitted(team)
    client = signed_in(team.approver)
    assert "Approve as the first of two" in page(client, order)
    answer = act(client, order, "approve", submitted_hash=order.submitted_hash)
    assert "Your approval is noted" in told(answer)
    shown = page(client, order)
    assert "waits for a second approver" in shown
    assert "1 of 2 approvers" in shown
    assert "Approve and make the codes" not in shown
    assert "Approve and make the codes" in page(signed_in(second_approver(team)), order)
    assert "You have approved it already" in told(
        act(client, order, "approve", submitted_hash=order.submitted_hash)
    )
    waiting = signed_in(team.approver).get(reverse("admin:index")).context["orders_to_decide"]
    assert list(waiting) == []
    campaigns.reopen_order(order_id=order.pk, user=team.marketer, at=NOON)
    assert "void: the order was changed" in page(client, order)


def test_rules_are_kept_in_the_admin() -> None:
    team = promos.team()
    client, other = signed_in(team.approver), signed_in(team.finance)
    data = {"brand": team.brand.pk, "issuing": "", "from_points": "1000", "month_points": ""}
    added = client.post(reverse("admin:campaigns_approvalrule_add"), data, follow=True)
    assert "The rule is in force." in told(added)
    row = ApprovalRule.objects.get()
    assert (row.added_by, row.from_points, row.month_points) == (team.approver, 1000, None)

    def press(who: Any, what: str) -> str:
        answer = who.post(reverse(f"admin:campaigns_approvalrule_{what}", args=(row.pk,)), follow=True)
        return told(answer)

    assert "stays in force until another person" in press(client, "ask")
    assert "Another person has to decide" in press(client, "retire")
    assert "has ended" in press(other, "retire")
    assert "faster" in press(other, "keep")
    listed = client.get(reverse("admin:campaigns_approvalrule_changelist"))
    assert "no longer in force" in listed.content.decode()


def remind(at: Any, limit: int = 10) -> int:
    return campaigns.remind_approvers(site_url=promos.SITE, at=at, limit=limit)


def test_approvers_are_reminded_once_a_day_as_long_as_an_order_waits_for_them() -> None:
    team = promos.team()
    order = promos.submitted(team)
    other = second_approver(team)
    assert remind(NOON + DAY - timedelta(seconds=1)) == 0
    assert (remind(NOON + DAY, limit=1), remind(NOON + DAY), remind(NOON + DAY)) == (1, 1, 0)
    assert sorted(mail.outbox[0].to + mail.outbox[1].to) == sorted(
        [str(team.approver.email), str(other.email)]
    )
    assert f"/admin/campaigns/order/{order.pk}/change/" in str(mail.outbox[0].body)
    assert ApprovalReminder.objects.filter(sent_at=NOON + DAY).count() == 2
    assert remind(NOON + 2 * DAY) == 2
    promos.approve(order, other)
    assert remind(NOON + 3 * DAY) == 0


def test_whoever_approved_or_asked_or_left_is_not_reminded() -> None:
    team = promos.team()
    rule(team)
    team.marketer.staff_roles.create(brand=team.brand, role=Role.APPROVER)
    gone, left = second_approver(team), second_approver(team)
    User.objects.filter(pk=gone.pk).update(is_active=False)
    order = promos.submitted(team)
    promos.approve_once(order, team.approver)
    assert remind(NOON + DAY) == 1
    assert mail.outbox[0].to == [left.email]


def test_the_operators_approvers_are_asked_where_a_brand_has_none() -> None:
    team = promos.team()
    operator = make.staff(Role.APPROVER, None)
    promos.submitted(team)
    remind(NOON + DAY)
    assert [message.to for message in mail.outbox] == [[team.approver.email]]
    team.approver.staff_roles.all().delete()
    remind(NOON + DAY)
    assert mail.outbox[-1].to == [operator.email]


def test_a_mail_that_can_not_be_sent_is_left_until_the_next_day(settings: Any) -> None:
    promos.submitted(promos.team())
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    assert (remind(NOON + DAY), remind(NOON + DAY)) == (1, 0)
    assert ApprovalReminder.objects.get().sent_at is None


def test_an_approval_that_is_missing_is_named_by_the_audit() -> None:
    team = promos.team()
    order = promos.submitted(team)
    promos.approve(order, team.approver)
    assert not list(audit.differences())
    Order.objects.filter(pk=order.pk).update(submissions=2)
    names = {difference.check for difference in audit.differences()}
    assert names == {"an approved order has the approvals that it took"}
