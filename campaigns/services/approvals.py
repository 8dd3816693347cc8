"""Approvals as rows, the rules of two approvers, and reminders of what waits."""

import logging
import smtplib
from datetime import datetime, timedelta

from django.core.mail import send_mail
from django.db import IntegrityError, transaction
from django.template.loader import render_to_string
from django.utils import translation

from campaigns import approval_queries as queries
from campaigns.approval_models import ApprovalReminder, ApprovalRule, OrderApproval
from campaigns.errors import ApprovedBefore, OwnOrder, RuleNotOpen, RuleRefused
from campaigns.models import Issuing, Order, OrderState
from ledger.expiry import JAPAN
from ledger.models import MAX_POINTS
from parties import audit_log, second_factor
from parties.access import access_brand
from parties.errors import NotReachable
from parties.models import Brand, Role, User
from parties.staff_models import Act

RULE_KEEPERS = (Role.APPROVER, Role.FINANCE)
REMINDED_AFTER = timedelta(days=1)

logger = logging.getLogger(__name__)


def record_approval(*, order: Order, approver: User, verified_at: datetime | None, at: datetime) -> int:
    """Note the approval of a submitted order that the caller holds; how many further approvers it takes.

    The brand is held to the end of the transaction: orders of one month are judged one after the other.
    ApprovedBefore for whoever has approved this submission.
    """
    Brand.objects.select_for_update(no_key=True).get(pk=order.campaign.brand_id)
    needed = queries.approvers_needed(order, at=at)
    try:
        with transaction.atomic():
            OrderApproval.objects.create(
                order=order,
                submission=order.submissions,
                fingerprint=order.submitted_hash,
                requested_by=order.requested_by,
                approver=approver,
                needed=needed,
                approved_at=at,
                verified_at=min(verified_at, at) if verified_at else None,
            )
    except IntegrityError as taken:
        if queries.approvals_that_count(order).filter(approver=approver).exists():
            raise ApprovedBefore from taken
        raise
    return max(0, needed - queries.approvals_that_count(order).count())


@transaction.atomic
def add_rule(
    *,
    brand_id: int,
    issuing: str,
    from_points: int,
    month_points: int | None,
    user: User,
    at: datetime,
) -> ApprovalRule:
    """From now on orders of the brand that it fits take two approvers: of this kind ("" for all), from so
    many points, and, if `month_points` is given, once the month's orders exceed them.

    NotReachable for anybody but an approver or finance of the brand; RuleRefused for points outside 0..10^12
    or another kind.
    """
    brand = access_brand(user, brand_id, *RULE_KEEPERS)
    amounts = [from_points, *([] if month_points is None else [month_points])]
    if issuing not in ("", *Issuing.values) or any(not 0 <= points <= MAX_POINTS for points in amounts):
        raise RuleRefused
    rule = ApprovalRule.objects.create(
        brand=brand,
        issuing=issuing,
        from_points=from_points,
        month_points=month_points,
        added_by=user,
        added_at=at,
    )
    audit_log.record(Act.ADDED, by=user, subject=rule)
    return rule


@transaction.atomic
def ask_to_retire_rule(*, rule_id: int, user: User, at: datetime) -> ApprovalRule:
    """Ask for the end of a rule, which stays in force until another person agrees. NotReachable, RuleNotOpen
    if its end has been asked for.
    """
    _access(rule_id, user)
    waiting = ApprovalRule.objects.filter(pk=rule_id, retire_asked_by=None)
    if not waiting.update(retire_asked_by=user, retire_asked_at=at):
        raise RuleNotOpen
    return _recorded(rule_id, Act.REQUESTED, user)


@transaction.atomic
def retire_rule(*, rule_id: int, user: User, verified_at: datetime | None, at: datetime) -> ApprovalRule:
    """Take a rule out of force, as another person asked for. NotReachable, OwnOrder for that person,
    FactorStale unless the second factor was shown at most five minutes before, RuleNotOpen if nobody asked or
    it has ended.
    """
    rule = _access(rule_id, user)
    if rule.retire_asked_by_id == user.pk:
        raise OwnOrder
    second_factor.refuse_stale(verified_at=verified_at, at=at)
    asked = ApprovalRule.objects.filter(pk=rule_id, retire_asked_by__isnull=False, retired_by=None)
    if not asked.exclude(retire_asked_by=user).update(retired_by=user, retired_at=at):
        raise RuleNotOpen
    return _recorded(rule_id, Act.CONFIRMED, user)


@transaction.atomic
def keep_rule(*, rule_id: int, user: User) -> ApprovalRule:
    """Turn down that a rule ends, or take back one's own wish. NotReachable, RuleNotOpen."""
    _access(rule_id, user)
    asked = ApprovalRule.objects.filter(pk=rule_id, retire_asked_by__isnull=False, retired_by=None)
    if not asked.update(retire_asked_by=None, retire_asked_at=None):
        raise RuleNotOpen
    return _recorded(rule_id, Act.REJECTED, user)


def _recorded(rule_id: int, act: Act, user: User) -> ApprovalRule:
    rule = ApprovalRule.objects.select_related("brand").get(pk=rule_id)
    audit_log.record(act, by=user, subject=rule)
    return rule


def _access(rule_id: int, user: User) -> ApprovalRule:
    rule = ApprovalRule.objects.filter(pk=rule_id).first()
    if rule is None:
        raise NotReachable
    access_brand(user, rule.brand_id, *RULE_KEEPERS)
    return rule


def remind_approvers(*, site_url: str, at: datetime, limit: int) -> int:
    """Tell those who can approve of orders that have waited for a day or longer, each at most once a day (in
    Japan) per order; how many mails were due, at most `limit`.

    Each is won by its row before it is sent, outside of any transaction. One that can't be sent is not
    repeated before the next day.
    """
    day, due = at.astimezone(JAPAN).date(), 0
    waiting = Order.objects.filter(state=OrderState.SUBMITTED, submitted_at__lte=at - REMINDED_AFTER)
    live = waiting.filter(campaign__brand__program__is_sandbox=False)
    for order in live.select_related("campaign__brand", "requested_by").order_by("submitted_at", "pk"):
        told = ApprovalReminder.objects.filter(order=order, day=day).values("recipient")
        for person in queries.people_to_approve(order).exclude(pk__in=told).order_by("pk"):
            if due == limit:
                return due
            due += 1
            reminder, is_new = ApprovalReminder.objects.get_or_create(order=order, recipient=person, day=day)
            if is_new and _send(order, person, site_url):
                ApprovalReminder.objects.filter(pk=reminder.pk).update(sent_at=at)
    return due


def _send(order: Order, person: User, site_url: str) -> bool:
    number = order.public_id.hex[:8]
    address = f"{site_url}/admin/campaigns/order/{order.pk}/change/"
    context = {"number": number, "order": order, "brand": order.campaign.brand, "address": address}
    with translation.override(person.language or "ja"):
        subject = render_to_string("campaigns/mail/approval_subject.txt", context).strip()
        text = render_to_string("campaigns/mail/approval_message.txt", context)
    try:
        send_mail(subject, text, None, [str(person.email)])
    except (smtplib.SMTPException, OSError) as failure:
        logger.warning("No reminder of order %s: %s.", number, type(failure).__name__)
        return False
    return True
