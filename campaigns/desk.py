"""What lies on a person's desk: the home page of the admin."""

from typing import Any

from django.db.models import QuerySet, Sum
from django.http import HttpRequest

from campaigns import access, queries
from campaigns.models import Deposit, DepositState, Order, OrderState
from giftcodes import queries as giftcodes_queries
from giftcodes.models import BatchState
from ledger import queries as ledger_queries
from parties.access import reachable_brands
from parties.models import Role

_SHOWN = 5
_SEE_FUNDS = (Role.MARKETER, Role.APPROVER, Role.FINANCE, Role.AUDITOR)


def orders_to_decide(request: HttpRequest) -> QuerySet[Order]:
    """Submitted orders that the person may approve or reject."""
    reached = access.reachable_orders(request.user, Role.APPROVER).filter(state=OrderState.SUBMITTED)
    return reached.exclude(requested_by=request.user.pk)


def deposits_to_decide(request: HttpRequest) -> QuerySet[Deposit]:
    """Recorded deposits that the person may confirm."""
    reached = access.reachable_deposits(request.user, Role.FINANCE).filter(state=DepositState.REQUESTED)
    return reached.exclude(requested_by=request.user.pk)


def lay_out(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The admin's home page, for django-unfold: what waits, what is left, how codes are doing."""
    own = access.reachable_orders(request.user, Role.MARKETER).filter(requested_by=request.user.pk)
    with_codes = _with_codes(access.reachable_orders(request.user, *Role))
    to_take = with_codes.filter(
        batch__delivery__recipient=request.user.pk,
        batch__delivery__sealed_at__isnull=False,
        batch__delivery__downloaded_at=None,
    )
    return context | {
        "orders_to_decide": _with_codes(orders_to_decide(request))[:_SHOWN],
        "deposits_to_decide": deposits_to_decide(request).select_related("brand", "requested_by")[:_SHOWN],
        "unfinished": _with_codes(own.filter(state__in=[OrderState.DRAFT, OrderState.REJECTED]))[:_SHOWN],
        "files_to_take": to_take[:_SHOWN],
        "funds": _funds(request),
        "live": _live(with_codes),
    }


def _with_codes(orders: QuerySet[Order]) -> QuerySet[Order]:
    counted = orders.annotate(codes=Sum("channels__quantity")).order_by("-pk")
    return counted.select_related("campaign__brand", "requested_by", "batch")


def _funds(request: HttpRequest) -> list[dict[str, Any]]:
    brands = reachable_brands(request.user, *_SEE_FUNDS).select_related("program").order_by("name")[:_SHOWN]
    return [
        {
            "brand": brand,
            "points": ledger_queries.funds_of(brand),
            "waiting": queries.waiting_points(brand),
        }
        for brand in brands
    ]


def _live(orders: QuerySet[Order]) -> list[dict[str, Any]]:
    active = orders.filter(batch__state=BatchState.ACTIVE)[:_SHOWN]
    return [
        {"order": order, "counts": giftcodes_queries.counts_of(order.batch)}
        for order in active
        if order.batch
    ]
