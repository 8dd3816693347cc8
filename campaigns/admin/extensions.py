"""Later ends of claim windows: asked for by a marketer, decided by an approver."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns import access
from campaigns import services as campaigns
from campaigns.acts import act
from campaigns.errors import CampaignsError
from campaigns.extension_models import ExtensionRequest, ExtensionState
from campaigns.models import Order
from campaigns.wording import words_of
from giftcodes.models import BatchState
from ledger.admin.pages import by_post, end_column, moment_column
from ledger.forms import SentOnce
from ledger.statements import database_time
from parties.access import holds_role
from parties.errors import NotReachable
from parties.forms import PeriodEndField, PlainLineField
from parties.models import Role
from parties.scoped_admin import ScopedAdmin
from parties.second_factor import verified_at

BADGES = {
    ExtensionState.REQUESTED: "waiting",
    ExtensionState.APPROVED: "good",
    ExtensionState.REJECTED: "bad",
    ExtensionState.TAKEN_BACK: "quiet",
}
ORDERS_OFFERED = 50
_INPUT = {"class": "tk-input"}


class ExtensionForm(SentOnce):
    """The new end, typed as its last minute, and why."""

    until = PeriodEndField(
        label=gettext_lazy("New last minute"),
        widget=forms.DateTimeInput(attrs=_INPUT | {"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=gettext_lazy("Japan time; the last minute in which a code can be claimed."),
    )
    reason = PlainLineField(
        max_length=200, label=gettext_lazy("Reason"), widget=forms.TextInput(attrs=_INPUT)
    )


@admin.register(ExtensionRequest)
class ExtensionRequestAdmin(ScopedAdmin):
    """A request is never edited: it is asked for, then decided."""

    reach = access.reachable_extensions
    add_roles = (Role.MARKETER,)
    list_display = ("requested", "order", "before", "after", "reason", "state_badge", "requested_by")
    list_display_links = ("requested", "reason")
    list_filter = ("state",)
    list_select_related = ("order__campaign", "requested_by")
    ordering = ("-requested_at", "-pk")
    requested = moment_column("requested_at", gettext_lazy("requested at"))
    before = end_column("until_before", gettext_lazy("claimable until, before"))
    after = end_column("until_after", gettext_lazy("claimable until, since then"))

    class Media:
        css = {"all": ("parties/admin.css",)}

    def get_urls(self) -> list[URLPattern]:
        def door(act: Any) -> Any:
            return self.admin_site.admin_view(by_post(act))

        name = "campaigns_extensionrequest"
        own = [
            path("<int:request_id>/approve/", door(self.approve), name=f"{name}_approve"),
            path("<int:request_id>/reject/", door(self.reject), name=f"{name}_reject"),
            path("<int:request_id>/take-back/", door(self.take_back), name=f"{name}_take_back"),
        ]
        return own + super().get_urls()

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Choose an order; say until when, and why."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        orders = access.reachable_orders(request.user, Role.MARKETER).filter(
            batch__state__in=[BatchState.MINTED, BatchState.ACTIVE, BatchState.PAUSED],
            batch__most_points=None,
        )
        orders = orders.select_related("campaign__brand__program", "batch")
        if "order" not in request.GET:
            offered = orders.order_by("batch__claim_until")[:ORDERS_OFFERED]
            return self._show(request, "extension_orders.html", orders=offered)
        typed = request.GET["order"]
        is_number = typed.isascii() and typed.isdigit() and len(typed) < 19
        order = orders.filter(pk=int(typed)).first() if is_number else None
        if order is None:
            raise Http404
        form = ExtensionForm(request.POST or None)
        if form.is_bound and form.is_valid() and (asked := self._ask(request, order, form)):
            return HttpResponseRedirect(_page_of(asked.pk), status=303)
        return self._show(request, "extension_form.html", form=form, order=order, batch=order.batch)

    def _ask(self, request: HttpRequest, order: Order, form: ExtensionForm) -> ExtensionRequest | None:
        try:
            asked = campaigns.request_extension(
                public_id=form.cleaned_data["form_number"],
                order_id=order.pk,
                until=form.cleaned_data["until"],
                reason=form.cleaned_data["reason"],
                user=request.user,  # type: ignore[arg-type]  # admin_view lets nobody in who isn't signed in
                at=database_time(),
            )
        except NotReachable as refusal:
            raise Http404 from refusal
        except CampaignsError as refusal:
            form.add_error(None, words_of(refusal))
            return None
        self.log_addition(request, asked, str(asked.until_after))
        self.message_user(request, _("Asked for. The window stays as it is until an approver has said yes."))
        return asked

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        asked: ExtensionRequest = self.get_object(request, unquote(object_id))
        order = Order.objects.select_related("campaign__brand").get(pk=asked.order_id)
        waiting = asked.state == ExtensionState.REQUESTED
        own = asked.requested_by_id == request.user.pk
        brand_id = order.campaign.brand_id
        return self._show(
            request,
            "extension_page.html",
            asked=asked,
            badge=BADGES[ExtensionState(asked.state)],
            order=order,
            may_decide=waiting and not own and holds_role(request.user, brand_id, Role.APPROVER),
            may_take_back=waiting and own and holds_role(request.user, brand_id, Role.MARKETER),
            waits_for_another=waiting and own,
        )

    def approve(self, request: HttpRequest, request_id: int) -> HttpResponse:
        """Let it end later, exactly as it was seen."""

        def decide(**who: Any) -> ExtensionRequest:
            seen = request.POST.get("fingerprint", "")
            return campaigns.approve_extension(fingerprint=seen, verified_at=verified_at(request), **who)

        return self._decide(request, request_id, decide, _("The claim window is extended."))

    def reject(self, request: HttpRequest, request_id: int) -> HttpResponse:
        """Set it aside, and say why."""

        def decide(**who: Any) -> ExtensionRequest:
            return campaigns.reject_extension(note=request.POST.get("note", ""), **who)

        return self._decide(request, request_id, decide, _("The request was rejected."))

    def take_back(self, request: HttpRequest, request_id: int) -> HttpResponse:
        """Whoever asked doesn't want it any more."""
        done = _("The request is taken back.")
        return self._decide(request, request_id, campaigns.take_back_extension, done)

    def _decide(
        self, request: HttpRequest, request_id: int, decide: Callable[..., ExtensionRequest], done: str
    ) -> HttpResponse:
        who = {"request_id": request_id, "at": database_time()}
        asked = act(request, lambda user: decide(user=user, **who), done)
        if asked is not None:
            self.log_change(request, asked, asked.state)
        return HttpResponseRedirect(_page_of(request_id), status=303)

    def _show(self, request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
        title = _("Extend the claim window")
        frame = {**self.admin_site.each_context(request), "opts": self.opts, "title": title}
        return TemplateResponse(request, f"campaigns/{template}", frame | context)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_badge(self, asked: ExtensionRequest) -> str:
        kind = BADGES[ExtensionState(asked.state)]
        return format_html('<span class="tk-badge tk-{}">{}</span>', kind, asked.get_state_display())


def _page_of(request_id: int) -> str:
    return reverse("admin:campaigns_extensionrequest_change", args=(request_id,))
