"""What lies on a person's desk: the home page of the admin."""

from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from campaigns import access
from campaigns.alert_findings import waiting_by_brand
from campaigns.alert_queries import calling, is_asleep, last_look
from campaigns.alert_wording import alert_row
from campaigns.approval_models import OrderApproval
from campaigns.dispute_models import Dispute, DisputeNotice, DisputeState, NoticeState
from campaigns.extension_models import ExtensionRequest, ExtensionState
from campaigns.first_steps import starts
from campaigns.legal_models import LegalCheck
from campaigns.mailing_queries import mailings_to_decide
from campaigns.models import Deposit, DepositState, Order, OrderChannel, OrderState
from campaigns.running import DAYS_SHOWN, Running, running_campaigns
from giftcodes import access as giftcodes_access
from giftcodes.access import reachable_batches
from giftcodes.delivery_models import CustodyAct, CustodyEntry, DeliveryState, FurtherDelivery
from giftcodes.models import Activation, BatchState
from giftcodes.void_models import VoidRequest, VoidState
from ledger import access as ledger_access
from ledger.charts import Chart, line_chart
from ledger.models import Account, AccountKind, Adjustment, AdjustmentState, Settlement, SettlementState
from ledger.statements import database_time
from parties import second_factor
from parties.access import is_operator, reachable_brands
from parties.invitation_queries import invitations_to_confirm
from parties.models import Role

_SHOWN, _BRANDS_SHOWN = 5, 8
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


def receipts_to_confirm(request: HttpRequest) -> QuerySet[Order]:
    """Orders whose codes wait until the person says that the file, which they downloaded, has arrived."""
    confirmed = CustodyEntry.objects.filter(file_id=OuterRef("batch__delivery__public_id"))
    downloaded = access.reachable_orders(request.user, *Role).filter(
        batch__delivery__recipient=request.user.pk,
        batch__delivery__downloaded_at__isnull=False,
        batch__activation=Activation.ON_RECEIPT,
        batch__state=BatchState.MINTED,
    )
    return downloaded.exclude(Exists(confirmed.filter(act=CustodyAct.RECEIVED)))


def codes_to_activate(request: HttpRequest) -> QuerySet[Order]:
    """Orders whose file is handed over and whose codes wait for an approver, as the person is."""
    reached = access.reachable_orders(request.user, Role.APPROVER).exclude(requested_by=request.user.pk)
    return reached.filter(
        batch__activation=Activation.BY_HAND,
        batch__state=BatchState.MINTED,
        batch__delivery__downloaded_at__isnull=False,
    )


def sign_offs_to_give(request: HttpRequest) -> QuerySet[Order]:
    """Submitted orders that counsel has to be asked about, which the person may sign."""
    reached = access.reachable_orders(request.user, Role.APPROVER).filter(state=OrderState.SUBMITTED)
    latest = LegalCheck.objects.filter(order=OuterRef("pk")).order_by("-pk")
    asked = reached.exclude(requested_by=request.user.pk).annotate(
        asks=Subquery(latest.values("asks_counsel")[:1]), signed=Subquery(latest.values("sign_off")[:1])
    )
    return asked.filter(asks=True, signed=None)


def files_to_take(request: HttpRequest) -> QuerySet[Order]:
    """Orders whose sealed file is ready for the person."""
    return access.reachable_orders(request.user, *Role).filter(
        batch__delivery__recipient=request.user.pk,
        batch__delivery__sealed_at__isnull=False,
        batch__delivery__downloaded_at=None,
    )


def waiting_for(request: HttpRequest) -> dict[str, Any]:
    """What waits for the person, the first few of each."""
    own = access.reachable_orders(request.user, Role.MARKETER).filter(requested_by=request.user.pk)
    people = ("brand", "requested_by")
    waiting = {
        "orders_to_decide": _with_codes(orders_to_decide(request)),
        "sign_offs_to_give": _with_codes(sign_offs_to_give(request)),
        "codes_to_activate": _with_codes(codes_to_activate(request)),
        "deposits_to_decide": deposits_to_decide(request).select_related(*people),
        "adjustments_to_decide": adjustments_to_decide(request).select_related(*people),
        "settlements_to_decide": settlements_to_decide(request).select_related("prepared_by"),
        "voids_to_decide": voids_to_decide(request).select_related("batch__order__campaign", "requested_by"),
        "extensions_to_decide": extensions_to_decide(request).select_related(
            "order__campaign", "requested_by"
        ),
        "mailings_to_decide": mailings_to_decide(request.user).select_related("campaign", "requested_by"),
        "invitations_to_confirm": invitations_to_confirm(request.user).select_related(
            "brand", "requested_by"
        ),
        "disputes_to_answer": disputes_to_answer(request).order_by("waiting_since"),
        "mails_given_up": mails_given_up(request).select_related("message__dispute"),
        "unfinished": _with_codes(own.filter(state__in=[OrderState.DRAFT, OrderState.REJECTED])),
        "files_to_take": _with_codes(files_to_take(request)),
        "receipts_to_confirm": _with_codes(receipts_to_confirm(request)),
        "deliveries_to_decide": deliveries_to_decide(request).order_by("pk"),
        "deliveries_to_take": deliveries_to_take(request).order_by("-pk"),
    }
    return {name: list(rows[:_SHOWN]) for name, rows in waiting.items()}


def lay_out(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The admin's home page, for django-unfold: what calls, what waits, how campaigns go, what is left.

    A fixed number of queries, none of which reads claims: see `running`.
    """
    at = database_time()
    waiting = waiting_for(request)
    alerts = list(calling(request.user)[: _SHOWN + 1])
    running, running_count = running_campaigns(access.reachable_campaigns(request.user), at=at)
    looked_at = last_look()
    return (
        context
        | waiting
        | {
            "anything_waits": any(waiting.values()),
            "alerts": [alert_row(alert) for alert in alerts[:_SHOWN]],
            "has_more_alerts": len(alerts) > _SHOWN,
            "starts": starts(request),
            "funds": _funds(request),
            "running": [(one, _curve(one) if one.lately else None) for one in running],
            "running_left_out": running_count - len(running),
            "days_shown": DAYS_SHOWN,
            "looked_at": looked_at,
            "is_watch_asleep": is_asleep(looked_at, at=at),
            "is_without_second_factor": not second_factor.is_required(),
        }
    )


def _curve(one: Running) -> Chart:
    written = pgettext("format of a day of this month or the last", "j M")
    days = [date_format(day, written, use_l10n=False) for day, _claims in one.by_day]
    lines = [(_("Claimed on the day"), [claims for _day, claims in one.by_day])]
    title = _("%(campaign)s: codes claimed by day") % {"campaign": one.campaign.name}
    return line_chart(title, days, lines)


def _with_codes(orders: QuerySet[Order]) -> QuerySet[Order]:
    """With how many codes each is for; asked for the rows that are shown alone."""
    channels = OrderChannel.objects.filter(order=OuterRef("pk")).order_by().values("order")
    codes = Subquery(channels.values(found=Sum("quantity")))
    return (
        orders.annotate(codes=codes)
        .order_by("-pk")
        .select_related("campaign__brand", "requested_by", "batch")
    )


def _funds(request: HttpRequest) -> list[dict[str, Any]]:
    """Of the brands, live ones first: what is left, what waits to be approved, how much of the last deposit
    that is.
    """
    account = Account.objects.filter(
        brand=OuterRef("pk"), program=OuterRef("program"), kind=AccountKind.FUNDS
    )
    deposits = Deposit.objects.filter(brand=OuterRef("pk"), state=DepositState.CONFIRMED)
    reached = reachable_brands(request.user, *_SEE_FUNDS).annotate(
        left=Subquery(account.values(left=F("balance") - F("floor"))[:1]),
        last_deposit=Subquery(deposits.order_by("-decided_at", "-pk").values("points")[:1]),
    )
    brands = list(reached.select_related("program").order_by("program__is_sandbox", "name")[:_BRANDS_SHOWN])
    waiting = waiting_by_brand([brand.pk for brand in brands])
    return [
        {
            "brand": brand,
            "points": vars(brand)["left"] or 0,
            "waiting": waiting.get(brand.pk, 0),
            "last_deposit": vars(brand)["last_deposit"],
        }
        for brand in brands
    ]
