"""The files of an order: its own and all others, who asked, who approved, who had them in hand."""

import uuid
from collections.abc import Callable
from typing import Any, TypeVar, cast

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from campaigns import access, views
from campaigns import services as campaigns
from campaigns.acts import act
from campaigns.delivery_forms import DeliveryForm
from campaigns.models import Order
from giftcodes import delivery_queries
from giftcodes import services as giftcodes
from giftcodes.delivery_models import DeliveryKind, DeliveryState, FurtherDelivery, SealKind
from giftcodes.errors import FurtherDeliveryRefused
from giftcodes.models import Batch, BatchState, Delivery
from ledger.statements import database_time
from parties.access import holds_role
from parties.client_addresses import client_address
from parties.errors import NotReachable
from parties.models import Role, User
from parties.scoped_admin import ScopedAdmin
from parties.second_factor import verified_at

BADGES = {
    DeliveryState.REQUESTED: "waiting",
    DeliveryState.APPROVED: "waiting",
    DeliveryState.SEALED: "good",
    DeliveryState.REJECTED: "bad",
}
_POLL_SECONDS = 1
_DELIVERABLE = (BatchState.MINTED, BatchState.ACTIVE, BatchState.PAUSED)
Result = TypeVar("Result")


class DeliveryPages(ScopedAdmin):
    """Adds the page of an order's files, and its doors, to the admin of orders."""

    def get_urls(self) -> list[URLPattern]:
        doors: list[tuple[str, Any, str]] = [
            ("", self.files_view, "files"),
            ("<uuid:number>/", self.file_view, "file"),
            ("<uuid:number>/approve/", self.approve_file_view, "approve_file"),
            ("<uuid:number>/reject/", self.reject_file_view, "reject_file"),
            ("<uuid:number>/again/", self.again_view, "make_file_again"),
            ("<uuid:number>/download/", self.download_file_view, "download_file"),
            ("<uuid:number>/passphrase/", self.passphrase_view, "file_passphrase"),
            ("<uuid:number>/received/", self.received_view, "file_received"),
        ]
        own: list[URLPattern] = [
            path(f"<int:order_id>/files/{tail}", self._wrapped(view), name=f"campaigns_order_{name}")
            for tail, view, name in doors
        ]
        return own + super().get_urls()

    def _wrapped(self, view: Callable[..., HttpResponseBase]) -> Any:
        return self.admin_site.admin_view(view)

    @method_decorator([never_cache, require_http_methods(["GET", "POST"])])
    def files_view(self, request: HttpRequest, order_id: int) -> HttpResponse:
        """All files, and the form to ask for another one."""
        order, batch = order_of(request, order_id)
        form = DeliveryForm(batch, request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid() and _ask(request, order, form):
            return _to_files(order_id)
        own = Delivery.objects.select_related("recipient").get(batch=batch)
        deliveries = list(delivery_queries.deliveries_of(batch))
        received = delivery_queries.received_ids([own.public_id, *(row.public_id for row in deliveries)])
        context = {
            **self.admin_site.each_context(request),
            "title": _("Files of the order"),
            "subtitle": order.public_id.hex[:8],
            "opts": self.opts,
            "order": order,
            "batch": batch,
            "own": own,
            "own_received": own.public_id in received,
            "is_own_recipient": own.recipient_id == request.user.pk,
            "cards": [
                _card(request, order, row, is_received=row.public_id in received) for row in deliveries
            ],
            "custody": delivery_queries.custody_of(batch),
            "form": form,
            "may_ask": holds_role(request.user, order.campaign.brand_id, Role.MARKETER)
            and batch.state in _DELIVERABLE,
            "may_check": own.recipient_id == request.user.pk
            or any(row.recipient_id == request.user.pk for row in deliveries),
            "needs_own_htmx": views.needs_own_htmx(),
        }
        return TemplateResponse(request, "campaigns/files_page.html", context)

    @method_decorator([never_cache, require_GET])
    def file_view(self, request: HttpRequest, order_id: int, number: uuid.UUID) -> HttpResponse:
        """One of them, as the page asks for it while it is being made."""
        order, delivery = _delivery(request, order_id, number)
        is_received = bool(delivery_queries.received_ids([delivery.public_id]))
        card = _card(request, order, delivery, is_received=is_received)
        return render(request, "campaigns/parts/file.html", {"order": order, "card": card})

    @method_decorator(require_POST)
    def approve_file_view(self, request: HttpRequest, order_id: int, number: uuid.UUID) -> HttpResponse:
        """Approve what the person has seen: the fingerprint comes with the form."""
        _delivery(request, order_id, number)
        act(
            request,
            lambda user: campaigns.approve_delivery(
                public_id=number,
                request_hash=request.POST.get("request_hash", ""),
                user=user,
                verified_at=verified_at(request),
                at=database_time(),
            ),
            _("Approved. The file is being made."),
        )
        return _to_files(order_id)

    @method_decorator(require_POST)
    def reject_file_view(self, request: HttpRequest, order_id: int, number: uuid.UUID) -> HttpResponse:
        """Say no, with a reason."""
        _delivery(request, order_id, number)
        act(
            request,
            lambda user: giftcodes.reject_delivery(
                public_id=number, note=request.POST.get("note", ""), user=user, at=database_time()
            ),
            _("The delivery was rejected. Its requester sees your reason."),
        )
        return _to_files(order_id)

    @method_decorator(require_POST)
    def again_view(self, request: HttpRequest, order_id: int, number: uuid.UUID) -> HttpResponse:
        """Ask for the same once more."""
        _delivery(request, order_id, number)
        act(
            request,
            lambda user: giftcodes.request_again(
                public_id=number, reason=request.POST.get("reason", ""), user=user, at=database_time()
            ),
            _("The delivery is waiting for approval by another person."),
        )
        return _to_files(order_id)

    @method_decorator([never_cache, require_POST])
    def download_file_view(self, request: HttpRequest, order_id: int, number: uuid.UUID) -> HttpResponseBase:
        """The sealed file, once, for its recipient."""
        _delivery(request, order_id, number)
        taken = act(
            request,
            lambda user: giftcodes.take_further_delivery(
                public_id=number,
                user=user,
                verified_at=verified_at(request),
                at=database_time(),
                address=client_address(request),
            ),
        )
        if taken is None:
            return _to_files(order_id)
        answer = FileResponse(
            taken.file, as_attachment=True, filename=taken.name, content_type="application/octet-stream"
        )
        answer["X-Content-Type-Options"] = "nosniff"
        return answer

    @method_decorator([never_cache, require_POST])
    def passphrase_view(self, request: HttpRequest, order_id: int, number: uuid.UUID) -> HttpResponse:
        """The passphrase, once, for its recipient."""
        order, _row = _delivery(request, order_id, number)
        passphrase = act(
            request,
            lambda user: giftcodes.reveal_further_passphrase(
                public_id=number,
                user=user,
                verified_at=verified_at(request),
                at=database_time(),
                address=client_address(request),
            ),
        )
        if passphrase is None:
            return _to_files(order_id)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Passphrase"),
            "opts": self.opts,
            "order": order,
            "passphrase": passphrase,
        }
        return TemplateResponse(request, "campaigns/passphrase.html", context)

    @method_decorator(require_POST)
    def received_view(self, request: HttpRequest, order_id: int, number: uuid.UUID) -> HttpResponse:
        """Note that the file has arrived: the order's own one too."""
        _order_row, batch = order_of(request, order_id)
        if not Delivery.objects.filter(batch=batch, public_id=number).exists():
            _delivery(request, order_id, number)
        act(
            request,
            lambda user: giftcodes.confirm_receipt(
                public_id=number, user=user, at=database_time(), address=client_address(request)
            ),
            _("The receipt is noted."),
        )
        return _to_files(order_id)


def order_of(request: HttpRequest, order_id: int) -> tuple[Order, Batch]:
    """The order, which the person may look at, and its codes. 404 for orders without a file of codes."""
    roles = () if request.user.is_superuser else tuple(Role)
    try:
        order = access.access_order(request.user, order_id, *roles)
    except NotReachable as refusal:
        raise Http404 from refusal
    if order.batch is None or order.batch.issues_gifts:
        raise Http404
    return order, order.batch


def _delivery(request: HttpRequest, order_id: int, number: uuid.UUID) -> tuple[Order, FurtherDelivery]:
    order, batch = order_of(request, order_id)
    delivery = delivery_queries.deliveries_of(batch).filter(public_id=number).first()
    if delivery is None:
        raise Http404
    return order, delivery


def _ask(request: HttpRequest, order: Order, form: DeliveryForm) -> bool:
    """Whether it is asked for now; else the form says why not."""
    asked = form.cleaned_data
    try:
        campaigns.request_delivery(
            order_id=order.pk,
            kind=DeliveryKind(asked["kind"]),
            channel_id=asked["channel"].pk if asked["channel"] else None,
            by_channel=asked["by_channel"],
            age_recipient=asked["age_recipient"],
            reason=asked["reason"],
            user=cast(User, request.user),
            at=database_time(),
        )
    except NotReachable as refusal:
        raise Http404 from refusal
    except FurtherDeliveryRefused as refusal:
        form.tell(refusal)
        return False
    messages.success(request, _("The delivery is waiting for approval by another person."))
    return True


def _card(
    request: HttpRequest, order: Order, delivery: FurtherDelivery, *, is_received: bool
) -> dict[str, Any]:
    is_recipient = delivery.recipient_id == request.user.pk
    first = delivery.again_of
    may_approve = holds_role(request.user, order.campaign.brand_id, Role.APPROVER)
    return {
        "delivery": delivery,
        "badge": BADGES[DeliveryState(delivery.state)],
        "is_working": delivery.state == DeliveryState.APPROVED,
        "poll_seconds": _POLL_SECONDS,
        "percent": 100 * delivery.codes_made // delivery.code_count,
        "is_recipient": is_recipient,
        "is_received": is_received,
        "has_passphrase": delivery.sealing == SealKind.ZIP,
        "may_decide": delivery.state == DeliveryState.REQUESTED and may_approve and not is_recipient,
        "may_ask_again": is_recipient
        and delivery.state == DeliveryState.SEALED
        and holds_role(request.user, order.campaign.brand_id, Role.MARKETER),
        "is_same_content": first is not None and first.content_sha256 == delivery.content_sha256,
    }


def _to_files(order_id: int) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:campaigns_order_files", args=(order_id,)))
