"""The order page and its doors. Each parses, calls one service, answers; the admin wraps them with its
sign-in.
"""

from collections.abc import Iterator
from typing import Any, TypeVar

from django.apps import apps
from django.conf import settings
from django.contrib import messages
from django.contrib.admin import site
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from campaigns import access, approval_queries, legal_pages, queries, rules, typed_orders
from campaigns import services as campaigns
from campaigns.acts import act
from campaigns.errors import CampaignsError
from campaigns.models import Campaign, Issuing, Order, OrderState
from campaigns.wording import words_of
from giftcodes import gift_queries, void_queries
from giftcodes import queries as giftcodes_queries
from giftcodes import services as giftcodes
from giftcodes.models import Activation, Batch, BatchState, BatchSwitch, Delivery
from ledger.statements import database_time
from parties.access import holds_role
from parties.client_addresses import client_address
from parties.errors import NotReachable
from parties.models import Role
from parties.second_factor import verified_at

BADGES = {
    OrderState.DRAFT: "quiet",
    OrderState.SUBMITTED: "waiting",
    OrderState.APPROVED: "good",
    OrderState.REJECTED: "bad",
}
Result = TypeVar("Result")
POLL_SECONDS = 1


def order_page(request: HttpRequest, order: Order) -> HttpResponse:
    """Everything about an order that is no draft of the person's own: what it says, costs and has become."""
    order = Order.objects.select_related(
        "campaign__brand__program", "requested_by", "decided_by", "batch"
    ).get(pk=order.pk)
    context = {
        **site.each_context(request),
        "title": order.campaign.name,
        "subtitle": order.public_id.hex[:8],
        "opts": Order._meta,
        "order": order,
        "badge": BADGES[OrderState(order.state)],
        "channels": order.channels.order_by("pk"),
        "cost": queries.cost_of_order(order),
        "brand": order.campaign.brand,
        "neighbours": queries.neighbours_of(order)[:5],
        "approvals": (lines := list(approval_queries.approvals_shown(order))),
        "approvals_counted": sum(line.counts for line in lines),
        "approvers_needed": approval_queries.approvers_needed(order, at=database_time()),
        "is_as_submitted": order.state == OrderState.DRAFT or queries.is_as_submitted(order),
        "needs_own_htmx": needs_own_htmx(),
        "extensions": order.extensions.order_by("-pk"),
        "withdrawals": void_queries.requests_of(order.batch),
        **_what_the_person_may_do(request, order),
        **_batch_context(request, order),
        **legal_pages.context_of(order, at=database_time()),
    }
    return TemplateResponse(request, "campaigns/order_page.html", context)


def needs_own_htmx() -> bool:
    """Whether the page has to bring htmx: django-unfold's pages have it, and twice is once too often."""
    return not apps.is_installed("unfold")


def _what_the_person_may_do(request: HttpRequest, order: Order) -> dict[str, Any]:
    brand_id = order.campaign.brand_id
    is_approver = holds_role(request.user, brand_id, Role.APPROVER)
    is_requester = order.requested_by_id == request.user.pk
    return {
        "is_requester": is_requester,
        "may_sign_off": order.state == OrderState.SUBMITTED and is_approver and not is_requester,
        "may_decide": order.state == OrderState.SUBMITTED and is_approver and not is_requester,
        "may_approve": not approval_queries.approvals_that_count(order).filter(approver=request.user.pk),
        "may_reopen": order.state in (OrderState.SUBMITTED, OrderState.REJECTED)
        and holds_role(request.user, brand_id, Role.MARKETER),
        "may_activate": order.batch is not None
        and order.activation != Activation.ON_RECEIPT
        and order.batch.state == BatchState.MINTED
        and is_approver
        and not is_requester,
        "may_pause": order.batch is not None
        and order.batch.state == BatchState.ACTIVE
        and (is_approver or holds_role(request.user, brand_id, Role.MARKETER)),
        "may_resume": order.batch is not None
        and order.batch.state == BatchState.PAUSED
        and is_approver
        and not is_requester,
        "last_pause": _last_pause(order.batch),
        "may_extend": order.batch is not None
        and not order.batch.issues_gifts
        and order.batch.state in (BatchState.MINTED, BatchState.ACTIVE, BatchState.PAUSED)
        and holds_role(request.user, brand_id, Role.MARKETER),
        "may_withdraw": order.batch is not None
        and not order.batch.issues_gifts
        and order.batch.state != BatchState.CLOSED
        and holds_role(request.user, brand_id, Role.MARKETER),
    }


def _last_pause(batch: Batch | None) -> BatchSwitch | None:
    if batch is None or batch.state != BatchState.PAUSED:
        return None
    return batch.switches.select_related("switched_by").order_by("-pk").first()


def _batch_context(request: HttpRequest, order: Order) -> dict[str, Any]:
    """What the part of the page that renews itself shows."""
    batch: Batch | None = order.batch
    if batch is not None and batch.issues_gifts:
        budget = gift_queries.budget_of(batch)
        return {"batch": batch, "budget": budget, "open_codes": _open_gifts(budget)}
    delivery = Delivery.objects.select_related("recipient").filter(batch=batch).first() if batch else None
    if batch is None or delivery is None:
        return {"batch": None}
    return {
        "batch": batch,
        "delivery": delivery,
        "percent": 100 * batch.minted_codes // batch.size,
        "is_working": delivery.sealed_at is None,
        "poll_seconds": POLL_SECONDS,
        "is_recipient": delivery.recipient_id == request.user.pk,
        "counts": (counts := giftcodes_queries.counts_of(batch)),
        "open_codes": counts.unclaimed,
    }


def _open_gifts(budget: gift_queries.Budget) -> int:
    """Those that were issued and can still be claimed."""
    ended = (budget.claimed, budget.voided, budget.expired)
    return budget.issued.gifts - sum(amount.gifts for amount in ended)


@never_cache
@require_GET
def show_progress(request: HttpRequest, order_id: int) -> HttpResponse:
    """The part of the page that renews itself until the file is there; what comes last asks no more."""
    order = _look_at(request, order_id)
    context = {"order": order, **_what_the_person_may_do(request, order), **_batch_context(request, order)}
    part = "gifts" if order.issuing == Issuing.API else "batch"
    return render(request, f"campaigns/parts/{part}.html", context)


def _look_at(request: HttpRequest, order_id: int) -> Order:
    roles = () if request.user.is_superuser else tuple(Role)
    try:
        return access.access_order(request.user, order_id, *roles)
    except NotReachable as refusal:
        raise Http404 from refusal


@never_cache
@require_POST
def show_cost(request: HttpRequest) -> HttpResponse:
    """What the numbers typed so far would cost and mean, and what the law says of them. Nothing is kept."""
    campaign_id = typed_orders.number_in(
        request.POST.get("campaign", "") or request.POST.get("of_campaign", "")
    )
    campaigns_of_user = access.reachable_campaigns(request.user, Role.MARKETER)
    campaign = campaigns_of_user.select_related("brand__program").filter(pk=campaign_id).first()
    context: dict[str, Any] = {"brand": None}
    if campaign is not None:
        context = _typed_cost(request, campaign)
    return render(request, "campaigns/parts/typed.html", context)


def _typed_cost(request: HttpRequest, campaign: Campaign) -> dict[str, Any]:
    codes = sum(_typed_quantities(request))
    order = typed_orders.typed_order(request.POST, campaign)
    face_points = order.face_points
    cost = queries.cost_of(brand=campaign.brand, face_points=face_points, codes=codes, apart_from=order.pk)
    refusal = ""
    try:
        if codes and face_points:
            rules.refuse_bad_quantities(face_points=face_points, quantities=[codes])
    except CampaignsError as error:
        refusal = words_of(error)
    shown = {"brand": campaign.brand, "cost": cost, "face_points": face_points, "refusal": refusal}
    return shown | legal_pages.preview_context(order, codes=codes, at=database_time())


def _typed_quantities(request: HttpRequest) -> Iterator[int]:
    for place in range(rules.MAX_CHANNELS):
        typed = request.POST.get(f"channels-{place}-quantity")
        if typed is not None and f"channels-{place}-DELETE" not in request.POST:
            yield typed_orders.number_in(typed)


@require_POST
def submit(request: HttpRequest, order_id: int) -> HttpResponse:
    """Ask for approval."""
    order = act(
        request,
        lambda user: campaigns.submit_order(order_id=order_id, user=user, at=database_time()),
        _("The order is waiting for approval. Nothing is reserved until another person has approved it."),
    )
    if isinstance(order, Order):
        _warn_of_shortage(request, order)
    return _to_page(order_id)


def _warn_of_shortage(request: HttpRequest, order: Order) -> None:
    cost = queries.cost_of_order(order)
    if cost.short_by:
        messages.warning(
            request,
            _("The funds are not enough for it yet: ask finance for a deposit before it can be approved."),
        )


@require_POST
def reopen(request: HttpRequest, order_id: int) -> HttpResponse:
    """Take a submitted or rejected order back for editing."""
    act(
        request,
        lambda user: campaigns.reopen_order(order_id=order_id, user=user, at=database_time()),
        _("The order is a draft again. After your changes, submit it anew."),
    )
    return _to_page(order_id)


@require_POST
def approve(request: HttpRequest, order_id: int) -> HttpResponse:
    """Approve what the person has seen: the fingerprint comes with the form."""
    approved = act(
        request,
        lambda user: campaigns.approve_order(
            order_id=order_id,
            approver=user,
            submitted_hash=request.POST.get("submitted_hash", ""),
            site_url=settings.SITE_URL,
            verified_at=verified_at(request),
            at=database_time(),
        ),
    )
    if approved is not None and approved.missing:
        messages.success(request, _("Your approval is noted. Nothing is reserved before a second approver."))
    elif approved is not None:
        text = _("Approved. The points are reserved, and the codes are being made or can be issued.")
        messages.success(request, text)
    return _to_page(order_id)


@require_POST
def reject(request: HttpRequest, order_id: int) -> HttpResponse:
    """Send it back with a reason."""
    act(
        request,
        lambda user: campaigns.reject_order(
            order_id=order_id, approver=user, note=request.POST.get("note", ""), at=database_time()
        ),
        _("The order was rejected. Its requester sees your reason."),
    )
    return _to_page(order_id)


@require_POST
def sign_off(request: HttpRequest, order_id: int) -> HttpResponse:
    """Sign that counsel was asked."""
    act(
        request,
        lambda user: campaigns.sign_off(
            order_id=order_id,
            user=user,
            counsel=request.POST.get("counsel", ""),
            note=request.POST.get("note", ""),
            verified_at=verified_at(request),
            at=database_time(),
        ),
        _("Signed. The order can be approved now."),
    )
    return _to_page(order_id)


@require_POST
def activate(request: HttpRequest, order_id: int) -> HttpResponse:
    """Open the codes for claiming."""
    act(
        request,
        lambda user: campaigns.activate_codes(
            order_id=order_id, user=user, verified_at=verified_at(request), at=database_time()
        ),
        _("The codes can be claimed from the beginning of their window."),
    )
    return _to_page(order_id)


@require_POST
def pause(request: HttpRequest, order_id: int) -> HttpResponse:
    """Stop the codes, at once."""
    act(
        request,
        lambda user: campaigns.pause_codes(
            order_id=order_id, user=user, reason=request.POST.get("reason", ""), at=database_time()
        ),
        _("Paused: no code can be claimed and no gift be issued until an approver lets the order go on."),
    )
    return _to_page(order_id)


@require_POST
def resume(request: HttpRequest, order_id: int) -> HttpResponse:
    """Let them go on."""
    act(
        request,
        lambda user: campaigns.resume_codes(
            order_id=order_id,
            user=user,
            reason=request.POST.get("reason", ""),
            verified_at=verified_at(request),
            at=database_time(),
        ),
        _("The codes can be claimed again, and gifts issued, within the claim window."),
    )
    return _to_page(order_id)


@never_cache
@require_POST
def download(request: HttpRequest, order_id: int) -> HttpResponseBase:
    """The sealed file, once, for its recipient."""
    order = _look_at(request, order_id)
    taken = act(
        request,
        lambda user: giftcodes.take_delivery(
            public_id=_delivery_of(order).public_id,
            user=user,
            at=database_time(),
            address=client_address(request),
        ),
    )
    if taken is None:
        return _to_page(order_id)
    answer = FileResponse(
        taken.file, as_attachment=True, filename=taken.name, content_type="application/octet-stream"
    )
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


@never_cache
@require_POST
def show_passphrase(request: HttpRequest, order_id: int) -> HttpResponse:
    """The passphrase of the sealed file, once, for its recipient."""
    order = _look_at(request, order_id)
    passphrase = act(
        request,
        lambda user: giftcodes.reveal_passphrase(
            public_id=_delivery_of(order).public_id,
            user=user,
            verified_at=verified_at(request),
            at=database_time(),
            address=client_address(request),
        ),
    )
    if passphrase is None:
        return _to_page(order_id)
    context = {
        **site.each_context(request),
        "title": _("Passphrase"),
        "opts": Order._meta,
        "order": order,
        "passphrase": passphrase,
    }
    return TemplateResponse(request, "campaigns/passphrase.html", context)


def _delivery_of(order: Order) -> Delivery:
    delivery = Delivery.objects.filter(batch=order.batch_id).first()
    if delivery is None:
        raise Http404
    return delivery


def _to_page(order_id: int) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:campaigns_order_change", args=(order_id,)))
