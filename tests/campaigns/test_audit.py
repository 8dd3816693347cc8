"""Every line of the audit of orders and deposits is shown to find what it is there for."""

import uuid
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command

from campaigns import audit, queries
from campaigns import services as campaigns
from campaigns.models import Campaign, Order
from ledger import services as ledger
from tests import make
from tests.campaigns import promos
from tests.make import NOON
from tests.tampering import each_past_the_guards

pytestmark = pytest.mark.django_db

# The scene below has an approved order, a rejected one and a draft; beside the deposits of the funds, one of
# 700 points that is confirmed and one of 800 that waits.
_OF_APPROVED = "state = 'approved' AND id = (SELECT MIN(id) FROM campaigns_order)"
_OF_THE_APPROVAL = "transfer_id IN (SELECT id FROM ledger_transfer WHERE reason = 'approve')"
_OF_THE_DEPOSIT = "(SELECT transfer_id FROM ledger_posting WHERE points = 700)"
_POSTING = "transfer_id, source_id, target_id, points, posted_at"
_OTHER_FUNDS = "(SELECT MAX(id) FROM ledger_account WHERE kind = 'funds')"
_WAITS = "state = 'requested'"
_ANYBODY_ELSE = "(SELECT MAX(id) FROM parties_user)"
TAMPERING = {
    "an approved order has its own batch": [
        "UPDATE giftcodes_batch SET order_key = 'another' WHERE id = (SELECT MIN(id) FROM giftcodes_batch)",
        "UPDATE campaigns_order SET state = 'draft' WHERE " + _OF_APPROVED,
        "UPDATE campaigns_order SET batch_id = NULL WHERE " + _OF_APPROVED,
    ],
    "a batch has the terms of its order": [
        "UPDATE giftcodes_batch SET face_points = face_points + 1",
        "UPDATE giftcodes_batch SET claim_from = '2026-11-01 03:00:01+00:00'",
        "UPDATE giftcodes_batch SET claim_until = '2026-12-31 03:00:00+00:00'",
        "UPDATE giftcodes_batch SET lot_life_days = 181",
        "UPDATE giftcodes_batch SET most_points = 2000",
        "UPDATE giftcodes_batch SET activation = 'by_hand'",
        "UPDATE giftcodes_batch SET limit_group = 'campaign:0'",
        "UPDATE giftcodes_batch SET brand_id = (SELECT MAX(id) FROM parties_brand)",
        "UPDATE campaigns_order SET face_points = 1 WHERE state = 'approved'",
    ],
    "a batch has as many codes as its order": [
        "UPDATE giftcodes_batch SET size = size + 1",
        "UPDATE campaigns_orderchannel SET quantity = quantity + 1",
    ],
    "the channels of a batch are those of its order": [
        "UPDATE giftcodes_channel SET name = 'mail' WHERE name = 'poster'",
        "UPDATE giftcodes_channel SET size = size + 1 WHERE name = 'poster'",
        "DELETE FROM campaigns_orderchannel WHERE name = 'receipt'",
    ],
    "the file of a batch is for the requester of its order": [
        f"UPDATE giftcodes_delivery SET recipient_id = {_ANYBODY_ELSE}",
        "DELETE FROM giftcodes_delivery",
    ],
    "the points of an order are from the funds of its brand": [
        f"UPDATE ledger_posting SET points = points + 1 WHERE {_OF_THE_APPROVAL}",
        f"UPDATE ledger_posting SET source_id = {_OTHER_FUNDS} WHERE {_OF_THE_APPROVAL}",
        "UPDATE ledger_transfer SET reason = 'void' WHERE reason = 'approve'",
    ],
    "an approved order has the approvals that it took": [
        "DELETE FROM campaigns_orderapproval",
        "UPDATE campaigns_orderapproval SET needed = 2",
        "UPDATE campaigns_orderapproval SET fingerprint = 'another'",
        "UPDATE campaigns_order SET submissions = 2 WHERE state = 'approved'",
    ],
    "an order was decided by another person than its requester": [
        "UPDATE campaigns_order SET decided_by_id = requested_by_id WHERE state = 'approved'",
        "UPDATE campaigns_order SET decided_by_id = NULL WHERE state = 'rejected'",
    ],
    "a deposit was decided by another person than its recorder": [
        "UPDATE campaigns_deposit SET decided_by_id = requested_by_id",
        "UPDATE campaigns_deposit SET decided_by_id = NULL",
    ],
    "a confirmed deposit is in the funds of its brand, once": [
        "UPDATE campaigns_deposit SET points = points + 1",
        f"UPDATE campaigns_deposit SET state = 'confirmed', decided_by_id = {_ANYBODY_ELSE} WHERE {_WAITS}",
        "UPDATE campaigns_deposit SET brand_id = (SELECT MAX(id) FROM parties_brand) WHERE points = 700",
        f"INSERT INTO ledger_posting ({_POSTING}) SELECT {_POSTING} FROM ledger_posting WHERE points = 700",
        f"UPDATE ledger_posting SET source_id = {_OTHER_FUNDS} WHERE points = 700",
    ],
    "what came into funds from outside has its confirmed deposit": [
        "DELETE FROM campaigns_deposit WHERE points = 700",
        "UPDATE campaigns_deposit SET state = 'rejected' WHERE points = 700",
        f"UPDATE ledger_transfer SET key = 'deposit:another' WHERE id = {_OF_THE_DEPOSIT}",
    ],
    audit.AS_SUBMITTED: [
        "UPDATE campaigns_order SET submitted_hash = 'another' WHERE state = 'approved'",
        "UPDATE campaigns_order SET lot_life_days = 181 WHERE state = 'approved'",
        f"UPDATE campaigns_order SET requested_by_id = {_ANYBODY_ELSE} WHERE state = 'approved'",
        "UPDATE campaigns_orderchannel SET name = 'mail' WHERE name = 'poster'",
        "UPDATE giftcodes_batch SET limit_per_member = 4",
        "UPDATE giftcodes_batch SET limit_per_member = NULL",
        "UPDATE giftcodes_batch SET claim_url_base = 'https://points.example.com/c/another/'",
        "UPDATE giftcodes_batch SET claim_until = '2027-12-31 03:00:00+00:00'",
    ],
}


@pytest.fixture
def _scene() -> None:
    team = promos.team()
    promos.approve(promos.submitted(team), team.approver)
    rejected = promos.submitted(team)
    campaigns.reject_order(order_id=rejected.pk, approver=team.approver, note="no", at=NOON)
    promos.draft(team)
    for points, reference in ((700, "T-1"), (800, "T-2")):
        deposit = campaigns.request_deposit(
            public_id=uuid.uuid4(),
            brand_id=team.brand.pk,
            points=points,
            reference=reference,
            user=team.finance,
            at=NOON,
        )
        if points == 700:
            campaigns.confirm_deposit(
                deposit_id=deposit.pk, user=team.other_finance, verified_at=NOON, at=NOON
            )
    make.brand(funds=1, program=team.brand.program)
    make.user()
    assert names_of_differences() == set()


def names_of_differences() -> set[str]:
    return {found.check for found in audit.differences()}


@pytest.mark.usefixtures("_scene")
def test_what_was_tampered_with_is_named() -> None:
    for check, statements in TAMPERING.items():
        for sql in each_past_the_guards(statements):
            assert check in names_of_differences(), sql


def test_every_check_is_shown_to_find_something() -> None:
    assert set(TAMPERING) == {*audit._CHECKS, audit.AS_SUBMITTED}


def test_a_campaign_edited_after_the_approval_is_no_difference() -> None:
    team = promos.team()
    order = promos.submitted(team)
    promos.approve(order, team.approver)
    campaign = Campaign.objects.get(pk=order.campaign_id)
    for limit, days in ((None, 90), (1, 31)):
        campaign.limit_per_member, campaign.ends_at = limit, NOON + timedelta(days=days)
        campaign.save()
    assert queries.fingerprint_of(Order.objects.get()) != order.submitted_hash
    assert names_of_differences() == set()


def test_points_without_a_deposit_are_named_by_the_command() -> None:
    ledger.deposit_funds(brand=make.brand(), points=5, key="by the back door", at=NOON)
    said = StringIO()
    with pytest.raises(SystemExit):
        call_command("audit", stdout=said, stderr=StringIO())
    assert said.getvalue() == (
        "what came into funds from outside has its confirmed deposit: transfer deposit:by the back door: "
        "expected a confirmed deposit, found none\n"
    )
