"""A later end of a claim window: who asks, who decides, what it changes and what it leaves as it was."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.urls import reverse

from campaigns import audit as campaigns_audit
from campaigns import desk, legal_facts, queries
from campaigns import services as campaigns
from campaigns.errors import ExtensionRefused, LegalFailed, OwnOrder, WindowOutsideCampaign
from campaigns.extension_checks import REQUESTS
from campaigns.extension_models import ExtensionRequest, ExtensionState
from campaigns.legal import LegalForm, Tie
from campaigns.models import Campaign, Order
from giftcodes import audit as giftcodes_audit
from giftcodes import services as giftcodes
from giftcodes.errors import BatchRefused, CodeNotUsable
from giftcodes.extension_checks import EXTENSIONS
from giftcodes.extension_models import BatchExtension
from giftcodes.models import Batch
from giftcodes.services.minting import layout_of
from parties.errors import NotReachable
from parties.models import Role
from tests import make
from tests.campaigns import promos
from tests.campaigns.pages import act as act_on_order
from tests.campaigns.pages import page, signed_in, told
from tests.make import NOON
from tests.tampering import past_the_guards

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]
BEFORE, AFTER = NOON + timedelta(days=30), NOON + timedelta(days=45)
BETWEEN = NOON + timedelta(days=31)
ADD = "/admin/campaigns/extensionrequest/add/"


@pytest.fixture
def team() -> promos.Team:
    return promos.team()


@pytest.fixture
def order(team: promos.Team) -> Order:
    order = promos.submitted(team)
    make.activate(promos.approve(order, team.approver))
    order.refresh_from_db()
    return order


def batch_of(order: Order) -> Batch:
    assert order.batch_id is not None
    return Batch.objects.get(pk=order.batch_id)


def ask(team: promos.Team, order: Order, **changes: Any) -> ExtensionRequest:
    asked: dict[str, Any] = {
        "public_id": uuid.uuid4(),
        "order_id": order.pk,
        "until": AFTER,
        "reason": "the posters came late",
        "user": team.marketer,
        "at": NOON,
    }
    return campaigns.request_extension(**asked | changes)


def approve(team: promos.Team, asked: ExtensionRequest, **changes: Any) -> ExtensionRequest:
    said = {"request_id": asked.pk, "fingerprint": asked.fingerprint, "user": team.approver, "at": NOON}
    said |= changes
    return campaigns.approve_extension(**said | {"verified_at": said["at"]})  # type: ignore[arg-type]


def refused(rule: str, act: Any, *args: Any, **changes: Any) -> None:
    with pytest.raises(ExtensionRefused) as refusal:
        act(*args, **changes)
    assert refusal.value.rule == rule


def no_differences() -> bool:
    return not [*campaigns_audit.differences(), *giftcodes_audit.differences()]


def test_after_two_people_said_so_a_code_can_be_claimed_later(team: promos.Team, order: Order) -> None:
    batch, member = batch_of(order), make.member()
    asked = ask(team, order)
    with pytest.raises(CodeNotUsable):
        giftcodes.claim_code(text=make.code_of(batch), member=member, at=BETWEEN)
    printed = layout_of(batch, batch.channels.all()[0])

    done = approve(team, asked)

    assert (done.state, done.decided_by) == (ExtensionState.APPROVED, team.approver)
    amendment = BatchExtension.objects.get()
    assert (amendment.until_before, amendment.until_after) == (BEFORE, AFTER)
    assert (amendment.requested_by, amendment.approved_by) == (team.marketer, team.approver)
    assert giftcodes.claim_code(text=make.code_of(batch), member=member, at=BETWEEN).points == 100
    with pytest.raises(CodeNotUsable):
        giftcodes.claim_code(text=make.code_of(batch, 1), member=member, at=AFTER)
    with pytest.raises(BatchRefused):
        giftcodes.close_batch(batch_id=batch.pk, at=BETWEEN)
    again = batch_of(order)
    assert again.claim_until == AFTER
    assert layout_of(again, again.channels.all()[0]) == printed  # the file says what it said
    assert Order.objects.get(pk=order.pk).claim_until == BEFORE
    assert no_differences()


def test_a_window_is_extended_again_from_where_it_ended(team: promos.Team, order: Order) -> None:
    approve(team, ask(team, order))
    approve(team, ask(team, order, until=AFTER + timedelta(days=5)))
    assert giftcodes.printed_until(batch_of(order)) == BEFORE
    assert batch_of(order).claim_until == AFTER + timedelta(days=5)
    assert no_differences()


def test_a_window_only_gets_longer_within_the_period_and_while_it_runs(
    team: promos.Team, order: Order
) -> None:
    for until in (BEFORE, BEFORE - timedelta(minutes=1)):
        refused("later", ask, team, order, until=until)
    with pytest.raises(WindowOutsideCampaign):
        ask(team, order, until=order.campaign.ends_at + timedelta(minutes=1))
    refused("window_passed", ask, team, order, at=BEFORE)
    refused("reason", ask, team, order, reason=" ")
    asked = ask(team, order)
    refused("waits", ask, team, order, until=AFTER + timedelta(days=1))
    refused("window_passed", approve, team, asked, at=BEFORE)
    Campaign.objects.filter(pk=order.campaign_id).update(ends_at=AFTER - timedelta(days=1))
    with pytest.raises(WindowOutsideCampaign):
        approve(team, asked)
    giftcodes.close_batch(batch_id=batch_of(order).pk, at=BEFORE)
    refused("state", approve, team, asked)
    assert not BatchExtension.objects.exists()


def test_codes_that_are_not_made_yet_and_gifts_are_not_extended(team: promos.Team) -> None:
    unminted = promos.submitted(team)
    promos.approve(unminted, team.approver)
    refused("state", ask, team, unminted)
    gifts = make.gift_batch()
    said: dict[str, Any] = {"until": gifts.claim_until + timedelta(days=1), "reason": "x", "at": NOON}
    with pytest.raises(BatchRefused) as refusal:
        giftcodes.extend_batch(
            batch_id=gifts.pk,
            until_before=gifts.claim_until,
            requested_by=make.user(),
            approved_by=make.user(),
            **said,
        )
    assert refusal.value.rule == "gifts"


def test_who_asked_does_not_decide_and_nobody_without_the_role_does(team: promos.Team, order: Order) -> None:
    team.marketer.staff_roles.create(brand=team.brand, role=Role.APPROVER)
    asked, other = ask(team, order), promos.team()
    with pytest.raises(OwnOrder):
        approve(team, asked, user=team.marketer)
    strangers = [make.staff(role, team.brand) for role in set(Role) - {Role.APPROVER}]
    for user in (other.approver, *strangers):
        with pytest.raises(NotReachable):
            approve(team, asked, user=user)
    for user in (other.marketer, team.approver):
        with pytest.raises(NotReachable):
            ask(team, order, user=user)
        with pytest.raises(NotReachable):
            campaigns.take_back_extension(request_id=asked.pk, user=user, at=NOON)
    assert batch_of(order).claim_until == BEFORE


def test_approval_is_for_what_was_seen_and_decided_once(team: promos.Team, order: Order) -> None:
    asked = ask(team, order)
    refused("changed", approve, team, asked, fingerprint="")
    assert ask(team, order, public_id=asked.public_id) == asked
    refused("number", ask, team, order, public_id=asked.public_id, until=AFTER + timedelta(days=1))
    approve(team, asked)
    assert approve(team, asked).state == ExtensionState.APPROVED  # sent twice
    assert ask(team, order, public_id=asked.public_id) == asked
    refused("decided", approve, team, asked, user=make.staff(Role.APPROVER, team.brand))
    said = {"request_id": asked.pk, "user": team.approver, "at": NOON}
    refused("decided", campaigns.reject_extension, note="no", **said)
    second = ask(team, order, until=AFTER + timedelta(days=1))
    refused("note", campaigns.reject_extension, **said | {"request_id": second.pk}, note="")
    rejected = campaigns.reject_extension(**said | {"request_id": second.pk}, note="no")  # type: ignore[arg-type]
    assert rejected.state == ExtensionState.REJECTED
    third = ask(team, order, until=AFTER + timedelta(days=1))
    taken_back = campaigns.take_back_extension(request_id=third.pk, user=team.marketer, at=NOON)
    assert taken_back.state == ExtensionState.TAKEN_BACK
    assert BatchExtension.objects.count() == 1


def test_the_database_holds_the_rules(team: promos.Team, order: Order) -> None:
    good: dict[str, Any] = {
        "batch": batch_of(order),
        "until_before": BEFORE,
        "until_after": AFTER,
        "reason": "x",
        "requested_by": team.marketer,
        "approved_by": team.approver,
        "extended_at": NOON,
    }
    bad = {
        "until_after": BEFORE,
        "reason": "",
        "approved_by": team.marketer,
        "extended_at": BEFORE,
    }
    for name, value in bad.items():
        with pytest.raises(IntegrityError), transaction.atomic():
            BatchExtension.objects.create(**good | {name: value})
    asked = ask(team, order)
    for fields in (
        {"state": "approved", "decided_by": team.approver, "decided_at": NOON},
        {"state": "rejected", "decided_by": team.marketer, "decided_at": NOON, "decision_note": "x"},
        {"state": "taken_back", "decided_by": team.approver, "decided_at": NOON},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            ExtensionRequest.objects.filter(pk=asked.pk).update(**fields)


@pytest.mark.postgresql
def test_postgresql_moves_an_end_only_with_its_extension(team: promos.Team, order: Order) -> None:
    batch = batch_of(order)
    for until in (AFTER, BEFORE - timedelta(days=1)):
        with pytest.raises(DatabaseError, match="frozen"), transaction.atomic():
            Batch.objects.filter(pk=batch.pk).update(claim_until=until)
    approve(team, ask(team, order))
    with pytest.raises(DatabaseError, match="frozen"), transaction.atomic():
        Batch.objects.filter(pk=batch.pk).update(claim_until=BEFORE)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in ("giftcodes_batchextension", "campaigns_extensionrequest"):
            for change in ("UPDATE {0} SET reason = 'x'", "DELETE FROM {0}", "TRUNCATE {0} CASCADE"):
                with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
                    cursor.execute(change.format(table))


TAMPERING = {
    "a batch ends when its last extension says": "UPDATE giftcodes_batch SET claim_until = claim_from",
    "an extension begins where the window ended": "UPDATE giftcodes_batchextension"
    " SET until_before = '2026-12-10 00:00:00+00:00'"
    " WHERE id = (SELECT MAX(id) FROM giftcodes_batchextension)",
    "a claim window was extended as it was asked for, by two people": "UPDATE giftcodes_batchextension"
    " SET approved_by_id = requested_by_id",
    "a claim window is extended by a request alone": "DELETE FROM campaigns_extensionrequest",
    "a batch has the terms of its order": "UPDATE campaigns_order SET claim_until ="
    " '2026-12-10 00:00:00+00:00'",
}


def test_every_check_is_shown_to_find_something() -> None:
    assert {*REQUESTS, *EXTENSIONS} <= set(TAMPERING)


@pytest.mark.parametrize("check", TAMPERING)
def test_what_was_tampered_with_is_named(check: str, team: promos.Team, order: Order) -> None:
    approve(team, ask(team, order))
    approve(team, ask(team, order, until=AFTER + timedelta(days=5)))
    assert no_differences()
    past_the_guards(TAMPERING[check])
    found = [*campaigns_audit.differences(), *giftcodes_audit.differences()]
    assert check in {difference.check for difference in found}


def door(asked: ExtensionRequest, what: str) -> str:
    return reverse(f"admin:campaigns_extensionrequest_{what}", args=(asked.pk,))


@pytest.mark.both
def test_the_pages_say_what_an_extension_costs_and_do_it(team: promos.Team, order: Order, rf: Any) -> None:
    marketer, approver = signed_in(team.marketer), signed_in(team.approver)
    assert order in marketer.get(ADD).context["orders"]
    form = marketer.get(ADD, {"order": order.pk})
    assert "art. 4 no. 2" in form.content.decode()
    data = {"form_number": str(uuid.uuid4()), "until": "2026-12-16T23:59", "reason": "posters came late"}
    early = marketer.post(f"{ADD}?order={order.pk}", data | {"until": "2026-11-20T23:59"})
    assert "only gets longer" in early.content.decode()
    shown = marketer.post(f"{ADD}?order={order.pk}", data, follow=True)
    assert "until an approver has said yes" in told(shown)
    asked = ExtensionRequest.objects.get()
    request = rf.get("/admin/")
    request.user = team.approver
    assert list(desk.extensions_to_decide(request)) == [asked]
    assert "posters came late" in approver.get("/admin/").content.decode()
    assert "art. 4 no. 2" in approver.get(door(asked, "change")).content.decode()
    done = approver.post(door(asked, "approve"), {"fingerprint": asked.fingerprint}, follow=True)
    assert "The claim window is extended." in told(done)
    assert "extended: until 16 December 2026, 23:59" in page(marketer, order)
    assert act_on_order(marketer, order, "pause", reason="x").status_code == 200


def test_no_door_is_open_to_others(team: promos.Team, order: Order) -> None:
    asked, other = ask(team, order), promos.team()
    data = {"fingerprint": asked.fingerprint, "note": "no"}
    for what in ("approve", "reject", "take_back"):
        roles = [make.staff(role, team.brand) for role in set(Role) - {Role.APPROVER}]
        for user in (other.approver, other.marketer, *roles):
            assert signed_in(user).post(door(asked, what), data).status_code == 404, (what, user)
    for typed in (str(order.pk), "x", "9" * 30):
        assert signed_in(other.marketer).get(ADD, {"order": typed}).status_code == 404
    assert signed_in(team.approver).get(ADD).status_code == 403
    assert "Another person has to decide it" not in told(
        signed_in(team.marketer).post(door(asked, "take_back"), follow=True)
    )
    asked.refresh_from_db()
    assert asked.state == ExtensionState.TAKEN_BACK


def sold(team: promos.Team, face_points: int = 100, codes: int = 50, **stated: Any) -> Order:
    """A live order of codes for money, which end in a month, in a campaign of more than a year."""
    form = {"legal_form": LegalForm.SOLD, "tie": Tie.PURCHASE, "tied_price_yen": 100}
    promotion = promos.campaign(team, ends_at=NOON + timedelta(days=400), **form | stated)
    asked = {"channels": {"shop": codes}, "face_points": face_points, "lot_life_days": 10}
    order = promos.submitted(team, promotion=promotion, **asked)
    make.activate(promos.approve(order, team.approver))
    return order


def test_no_window_gets_longer_than_the_law_lets_an_order_have() -> None:
    team = promos.team()
    order = sold(team, is_six_months_stated=True)
    with pytest.raises(LegalFailed) as refusal:
        ask(team, order, until=NOON + timedelta(days=200))
    assert refusal.value.rules == ["six_months"]
    asked = ask(team, order, until=NOON + timedelta(days=100))
    assert approve(team, asked).state == ExtensionState.APPROVED


def test_what_counsel_was_not_asked_about_needs_another_order() -> None:
    """More than ten million yen would be unused on 31 March, on which the order had ended."""
    team = promos.team(funds=20_000_000)
    order = sold(team, face_points=50_000, codes=250)
    refused("counsel", ask, team, order, until=NOON + timedelta(days=200))
    assert ask(team, order, until=NOON + timedelta(days=100)).state == ExtensionState.REQUESTED


def test_a_longer_window_is_what_the_campaign_promises_and_what_is_sold() -> None:
    team = promos.team()
    order = sold(team, is_six_months_stated=True)
    until = NOON + timedelta(days=100)
    approve(team, ask(team, order, until=until))
    promised = queries.promised_until(order.campaign_id)
    assert promised is not None
    assert promised[1] == until
    other = promos.submitted(team, promotion=sold(team, is_six_months_stated=True).campaign, lot_life_days=10)
    facts = legal_facts.facts_of(other, codes=1, at=NOON + timedelta(days=90))
    assert facts is not None
    points = order.face_points * queries.codes_of(order)
    assert facts.sold_elsewhere_yen == points  # the other ones have ended by then


def test_what_was_sold_stays_sold_whatever_its_campaign_says_later() -> None:
    team = promos.team()
    order, other = sold(team, is_six_months_stated=True), sold(team, is_six_months_stated=True)
    before = legal_facts.facts_of(other, codes=1, at=NOON)
    Campaign.objects.filter(pk=order.campaign_id).update(
        legal_form=LegalForm.DISCOUNT, is_six_months_stated=False
    )
    after = legal_facts.facts_of(other, codes=1, at=NOON)
    assert before is not None
    assert after is not None
    assert after.sold_elsewhere_yen == before.sold_elsewhere_yen > 0
