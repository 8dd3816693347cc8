"""How many approvers an order takes, and who has approved it."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from django.db.models import F, Q, QuerySet, Sum

from campaigns.approval_models import ApprovalRule, OrderApproval
from campaigns.models import Order, OrderState
from campaigns.queries import codes_of
from giftcodes.models import Batch
from ledger.expiry import JAPAN
from parties.models import Brand, Role, User


class Line(NamedTuple):
    """An approval, and whether it counts for what the order says now."""

    approval: OrderApproval
    counts: bool


def approvers_needed(order: Order, *, at: datetime) -> int:
    """One, or two if a rule of the brand fits the order now: by its kind, its points, or what the brand's
    orders of the month (in Japan) come to together with it.
    """
    brand, points = order.campaign.brand, order.face_points * codes_of(order)
    rules = ApprovalRule.objects.filter(brand=brand, retired_at=None, from_points__lte=points)
    rules = rules.filter(issuing__in=["", order.issuing])
    by_month = Q(month_points=None) | Q(month_points__lt=points + points_of_month(brand, at=at))
    return 2 if rules.filter(by_month).exists() else 1


def points_of_month(brand: Brand, *, at: datetime) -> int:
    """Points of the orders that were approved for the brand in this month so far."""
    begins = at.astimezone(JAPAN).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    found = Batch.objects.filter(brand=brand, approved_at__gte=begins)
    return found.aggregate(points=Sum(F("size") * F("face_points")))["points"] or 0


def approvals_that_count(order: Order) -> QuerySet[OrderApproval]:
    """Those of what was submitted last, as long as it is what was approved."""
    return OrderApproval.objects.filter(
        order=order, submission=order.submissions, fingerprint=order.submitted_hash
    )


def approvals_shown(order: Order) -> Iterator[Line]:
    """Every approval of the order, oldest first."""
    is_open = order.state in (OrderState.SUBMITTED, OrderState.APPROVED)
    for approval in order.approvals.select_related("approver").order_by("pk"):
        now = (order.submissions, order.submitted_hash)
        yield Line(approval, is_open and (approval.submission, approval.fingerprint) == now)


def people_to_approve(order: Order) -> QuerySet[User]:
    """Who can still approve a submitted order: approvers of its brand, those of the operator if it has none;
    never its requester, and nobody twice.
    """
    active = User.objects.filter(is_active=True, is_staff=True).exclude(pk=order.requested_by_id)
    others = active.exclude(pk__in=approvals_that_count(order).values("approver"))
    roles = {"staff_roles__role": Role.APPROVER}
    own = others.filter(**roles, staff_roles__brand=order.campaign.brand_id)
    return (own if own.exists() else others.filter(**roles, staff_roles__brand=None)).distinct()
