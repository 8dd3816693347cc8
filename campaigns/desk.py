"""What lies on a person's desk: the home page of the admin."""

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Sum
from django.http import HttpRequest

from campaigns import access, queries
from campaigns.approval_models import OrderApproval
from campaigns.dispute_models import Dispute, DisputeNotice, DisputeState, NoticeState
from campaigns.extension_models import ExtensionRequest, ExtensionState
from campaigns.models import Deposit, DepositState, Order, OrderState
from giftcodes import access as giftcodes_access
from giftcodes import queries as giftcodes_queries
from giftcodes.access import reachable_batches
from giftcodes.delivery_models import DeliveryState, FurtherDelivery
from giftcodes.models import BatchState
from giftcodes.void_models import VoidRequest, VoidState
from ledger import access as ledger_access
from ledger import queries as ledger_queries
from ledger.models import Adjustment, AdjustmentState, Settlement, SettlementState
from parties import second_factor
from parties.access import is_operator, reachable_brands
from parties.models import Role

_SHOWN = 5
_SEE_FUNDS = (Role.MARKETER, Role.APPROVER, Role.FINANCE, Role.AUDITOR)


def orders_to_decide(request: HttpRequest) -> QuerySet[Order]:
    """Submitted orders that the person may approve or reject."""
    reached = access.reachable_orders(request.user, Role.APPROVER).filter(state=OrderState.SUBMITTED)
    mine = OrderApproval.objects.filter(
        order=OuterRef("pk"), submission=OuterRef("submissions"), approver=request.user.pk
    )
    return reached.exclude(requested_by=request.user.pk).exclude(Exists(mine))


def deposits_to_decide(request: HttpRequest) -> QuerySet[Deposit]:
    """Recorded deposits that the person may confirm."""
    reached = access.reachable_deposits(request.user, Role.FINANCE).filter(state=DepositState.REQUESTED)
    return reached.exclude(requested_by=request.user.pk)


def adjustments_to_decide(request: HttpRequest) -> QuerySet[Adjustment]:
    """Acts by hand that the person may confirm: a correction, if they are finance of both brands."""
    reached = ledger_access.reachable_adjustments(request.user, Role.FINANCE)
    acceptors = Q(acceptor=None) | Q(acceptor__in=reachable_brands(request.user, Role.FINANCE))
    waiting = reached.filter(acceptors, state=AdjustmentState.REQUESTED)
    return waiting.exclude(requested_by=request.user.pk)


def settlements_to_decide(request: HttpRequest) -> QuerySet[Settlement]:
    """Prepared statements that the person may close: the operator's finance alone."""
    if not is_operator(request.user, Role.FINANCE):
        return Settlement.objects.none()
    waiting = Settlement.objects.filter(state=SettlementState.PREPARED)
    return waiting.exclude(prepared_by=request.user.pk)


def voids_to_decide(request: HttpRequest) -> QuerySet[VoidRequest]:
    """Withdrawals of codes that the person may approve or reject."""
    reached = giftcodes_access.reachable_void_requests(request.user, Role.APPROVER)
    return reached.filter(state=VoidState.REQUESTED).exclude(requested_by=request.user.pk)


def extensions_to_decide(request: HttpRequest) -> QuerySet[ExtensionRequest]:
    """Later ends of claim windows that the person may approve or reject."""
    reached = access.reachable_extensions(request.user, Role.APPROVER)
    return reached.filter(state=ExtensionState.REQUESTED).exclude(requested_by=request.user.pk)


def disputes_to_answer(request: HttpRequest) -> QuerySet[Dispute]:
    """Tickets that wait for the person's answer, as support of their brand or of the operator."""
    return access.reachable_disputes(request.user, Role.SUPPORT).filter(state=DisputeState.OPEN)


def mails_given_up(request: HttpRequest) -> QuerySet[DisputeNotice]:
    """Mails about answers of the person's tickets that did not go out, while the ticket waits for its
    member.
    """
    reached = access.reachable_disputes(request.user, Role.SUPPORT).filter(state=DisputeState.ANSWERED)
    given_up = DisputeNotice.objects.filter(state=NoticeState.GIVEN_UP)
    return given_up.filter(message__dispute__in=reached.values("pk"))


def deliveries_to_decide(request: HttpRequest) -> QuerySet[FurtherDelivery]:
    """Further files of orders that the person may approve or reject."""
    reached = reachable_batches(request.user, Role.APPROVER)
    waiting = FurtherDelivery.objects.filter(batch__in=reached, state=DeliveryState.REQUESTED)
    return waiting.exclude(requested_by=request.user.pk).select_related("batch__order__campaign")


def deliveries_to_take(request: HttpRequest) -> QuerySet[FurtherDelivery]:
    """Further files that are ready for the person."""
    reached = reachable_batches(request.user, Role.MARKETER)
    ready = FurtherDelivery.objects.filter(batch__in=reached, state=DeliveryState.SEALED, downloaded_at=None)
    return ready.filter(recipient=request.user.pk).select_related("batch__order__campaign")


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
        "adjustments_to_decide": adjustments_to_decide(request).select_related("brand", "requested_by")[
            :_SHOWN
        ],
        "settlements_to_decide": settlements_to_decide(request).select_related("prepared_by")[:_SHOWN],
        "voids_to_decide": voids_to_decide(request).select_related("batch__order__campaign", "requested_by")[
            :_SHOWN
        ],
        "extensions_to_decide": extensions_to_decide(request).select_related(
            "order__campaign", "requested_by"
        )[:_SHOWN],
        "disputes_to_answer": disputes_to_answer(request).order_by("waiting_since")[:_SHOWN],
        "mails_given_up": mails_given_up(request).select_related("message__dispute")[:_SHOWN],
        "unfinished": _with_codes(own.filter(state__in=[OrderState.DRAFT, OrderState.REJECTED]))[:_SHOWN],
        "files_to_take": to_take[:_SHOWN],
        "deliveries_to_decide": deliveries_to_decide(request).order_by("pk")[:_SHOWN],
        "deliveries_to_take": deliveries_to_take(request).order_by("-pk")[:_SHOWN],
        "funds": _funds(request),
        "live": _live(with_codes),
        "is_without_second_factor": not second_factor.is_required(),
    }


def _with_codes(orders: QuerySet[Order]) -> QuerySet[Order]:
    counted = orders.annotate(codes=Sum("channels__quantity")).order_by("-pk")
    return counted.select_related("campaign__brand", "requested_by", "batch")


def _funds(request: HttpRequest) -> list[dict[str, Any]]:
    reached = reachable_brands(request.user, *_SEE_FUNDS).select_related("program")
    brands = reached.order_by("program__is_sandbox", "name")[:_SHOWN]
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
