"""Withdrawals of many codes: asked for by a marketer who was shown what they do, decided by an approver."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns import services as campaigns
from campaigns.acts import act
from campaigns.errors import ReorderRefused
from campaigns.reorder_models import Reorder
from campaigns.void_forms import FAULTS_SHOWN, VoidForm
from campaigns.wording import number, words_of
from giftcodes import access, void_queries
from giftcodes import services as giftcodes
from giftcodes.errors import VoidRefused
from giftcodes.models import Batch, BatchState, claim_id_of
from giftcodes.void_models import VoidRequest, VoidScope, VoidState
from giftcodes.void_queries import Span
from ledger.admin.pages import by_post, moment_column
from ledger.statements import database_time
from parties.access import holds_role
from parties.errors import NotReachable
from parties.models import Role
from parties.scoped_admin import ScopedAdmin
from parties.second_factor import verified_at

BADGES = {
    VoidState.REQUESTED: "waiting",
    VoidState.APPROVED: "bad",
    VoidState.REJECTED: "quiet",
    VoidState.TAKEN_BACK: "quiet",
}
ORDERS_OFFERED, SPANS_SHOWN = 50, 20


@admin.register(VoidRequest)
class VoidRequestAdmin(ScopedAdmin):
    """A request is never edited: it is asked for, then decided."""

    reach = access.reachable_void_requests
    add_roles = (Role.MARKETER,)
    list_display = ("requested", "campaign", "scope", "code_count", "reason", "state_badge", "requested_by")
    list_display_links = ("requested", "reason")
    list_filter = ("state", ("batch__brand", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("batch__order__campaign", "requested_by")
    ordering = ("-requested_at", "-pk")
    requested = moment_column("requested_at", gettext_lazy("requested at"))

    class Media:
        css = {"all": ("parties/admin.css", "ledger/finance.css")}

    def get_urls(self) -> list[URLPattern]:
        def door(act: Any) -> Any:
            return self.admin_site.admin_view(by_post(act))

        own = [
            path("<int:request_id>/approve/", door(self.approve), name="giftcodes_voidrequest_approve"),
            path("<int:request_id>/reject/", door(self.reject), name="giftcodes_voidrequest_reject"),
            path("<int:request_id>/take-back/", door(self.take_back), name="giftcodes_voidrequest_take_back"),
            path("<int:request_id>/reorder/", door(self.reorder), name="giftcodes_voidrequest_reorder"),
        ]
        return own + super().get_urls()

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Choose an order; name its codes; look at what it does; ask."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        if "batch" not in request.GET:
            return self._show(request, "void_orders.html", batches=_offered(request))
        batch = _chosen(request)
        request.sensitive_post_parameters = "__ALL__"  # type: ignore[attr-defined]  # a code, by mistake
        form = VoidForm(request.POST or None, request.FILES or None, batch=batch)
        effect = None
        if form.is_bound and form.is_valid():
            effect = void_queries.effect_of(batch, form.spans)
            if "_ask" in request.POST and form.cleaned_data["looked"] == form.mark:
                asked = self._ask(request, form)
                if asked is not None:
                    return HttpResponseRedirect(_page_of(asked.pk), status=303)
            form.show("looked", form.mark)
        return self._show(
            request,
            "void_form.html",
            form=form,
            batch=batch,
            order=batch.order,
            effect=effect,
            scopes=[(value, label, form["scope"].value() == value) for value, label in VoidScope.choices],
            faults=form.words_of_faults(),
            more_faults=max(len(form.faults) - FAULTS_SHOWN, 0),
        )

    def _ask(self, request: HttpRequest, form: VoidForm) -> VoidRequest | None:
        try:
            asked = giftcodes.request_void(
                public_id=form.cleaned_data["form_number"],
                batch_id=form.batch.pk,
                spans=form.spans,
                scope=VoidScope(form.cleaned_data["scope"]),
                channel=form.channel_asked,
                reason=form.cleaned_data["reason"],
                user=request.user,  # type: ignore[arg-type]  # admin_view lets nobody in who isn't signed in
                at=database_time(),
            )
        except NotReachable as refusal:
            raise Http404 from refusal
        except VoidRefused as refusal:
            form.add_error(None, words_of(refusal))
            return None
        self.log_addition(request, asked, asked.scope)
        self.message_user(request, _("Asked for. Nothing is withdrawn until an approver has said yes."))
        return asked

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        asked: VoidRequest = self.get_object(request, unquote(object_id))
        batch = Batch.objects.select_related("brand__program", "order__campaign").get(pk=asked.batch_id)
        spans = void_queries.spans_asked(asked)
        waiting = asked.state == VoidState.REQUESTED
        own = asked.requested_by_id == request.user.pk
        is_approver = holds_role(request.user, batch.brand_id, Role.APPROVER)
        return self._show(
            request,
            "void_page.html",
            asked=asked,
            badge=BADGES[VoidState(asked.state)],
            batch=batch,
            order=batch.order,
            now=void_queries.effect_of(batch, spans) if waiting else None,
            points_back=(asked.voided_codes or 0) * batch.face_points,
            ranges=[_numbers(batch, span) for span in spans[:SPANS_SHOWN]],
            more_ranges=max(len(spans) - SPANS_SHOWN, 0),
            is_open=batch.state != BatchState.CLOSED,
            may_decide=waiting and not own and is_approver,
            may_take_back=waiting and own and holds_role(request.user, batch.brand_id, Role.MARKETER),
            waits_for_another=waiting and own,
            reorder=Reorder.objects.filter(request=asked).first(),
            may_reorder=bool(asked.voided_codes) and holds_role(request.user, batch.brand_id, Role.MARKETER),
        )

    def approve(self, request: HttpRequest, request_id: int) -> HttpResponse:
        """Withdraw exactly what was seen."""

        def decide(**who: Any) -> VoidRequest:
            seen = request.POST.get("fingerprint", "")
            return giftcodes.approve_void(fingerprint=seen, verified_at=verified_at(request), **who)

        return self._decide(request, request_id, decide, _("The codes are withdrawn."))

    def reject(self, request: HttpRequest, request_id: int) -> HttpResponse:
        """Set it aside, and say why."""

        def decide(**who: Any) -> VoidRequest:
            return giftcodes.reject_void(note=request.POST.get("note", ""), **who)

        return self._decide(request, request_id, decide, _("The request was rejected."))

    def take_back(self, request: HttpRequest, request_id: int) -> HttpResponse:
        """Whoever asked doesn't want it any more."""
        return self._decide(request, request_id, giftcodes.take_back_void, _("The request is taken back."))

    def reorder(self, request: HttpRequest, request_id: int) -> HttpResponse:
        """A draft for as many codes, which its marketer looks through and submits."""
        try:
            order = campaigns.reorder_withdrawn(request_id=request_id, user=request.user)  # type: ignore[arg-type]
        except NotReachable as refusal:
            raise Http404 from refusal
        except ReorderRefused as refusal:
            self.message_user(request, words_of(refusal), messages.ERROR)
            return HttpResponseRedirect(_page_of(request_id), status=303)
        return HttpResponseRedirect(reverse("admin:campaigns_order_change", args=(order.pk,)), status=303)

    def _decide(
        self, request: HttpRequest, request_id: int, decide: Callable[..., VoidRequest], done: str
    ) -> HttpResponse:
        who = {"request_id": request_id, "at": database_time()}
        asked = act(request, lambda user: decide(user=user, **who), done)
        if asked is not None:
            self.log_change(request, asked, asked.state)
        return HttpResponseRedirect(_page_of(request_id), status=303)

    def _show(self, request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
        frame = {**self.admin_site.each_context(request), "opts": self.opts, "title": _("Withdraw codes")}
        return TemplateResponse(request, f"campaigns/{template}", frame | context)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=gettext_lazy("campaign"))
    def campaign(self, asked: VoidRequest) -> str:
        return str(asked.batch.order.campaign)

    @admin.display(description=gettext_lazy("codes named"), ordering="codes")
    def code_count(self, asked: VoidRequest) -> str:
        return format_html('<span class="tk-number">{}</span>', number(asked.codes))

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_badge(self, asked: VoidRequest) -> str:
        kind = BADGES[VoidState(asked.state)]
        return format_html('<span class="tk-badge tk-{}">{}</span>', kind, asked.get_state_display())


def _reached(request: HttpRequest) -> QuerySet[Batch]:
    """Batches of files, of which the person may have codes withdrawn."""
    reached = access.reachable_batches(request.user, Role.MARKETER).filter(most_points=None)
    return reached.filter(order__isnull=False).select_related("brand__program", "order__campaign")


def _offered(request: HttpRequest) -> list[Batch]:
    open_ones = _reached(request).exclude(state=BatchState.CLOSED)
    return list(open_ones.order_by("-approved_at", "-pk")[:ORDERS_OFFERED])


def _chosen(request: HttpRequest) -> Batch:
    typed = request.GET["batch"]
    is_number = typed.isascii() and typed.isdigit() and len(typed) < 19
    batch = _reached(request).filter(pk=int(typed)).first() if is_number else None
    if batch is None:
        raise Http404
    return batch


def _numbers(batch: Batch, span: Span) -> str:
    """A span as people know it: by public serial numbers."""
    first, last = (claim_id_of(batch.series_id, end) for end in span)
    return str(first) if first == last else f"{first}–{last}"


def _page_of(request_id: int) -> str:
    return reverse("admin:giftcodes_voidrequest_change", args=(request_id,))
