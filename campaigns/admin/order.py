"""Orders: drafts are typed by marketers, everything after that is a page with buttons (`campaigns.views`)."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import ForeignKey, Model, QuerySet, Sum
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns import access, channel_views, views
from campaigns import services as campaigns
from campaigns.admin.history import HistoryAdmin
from campaigns.admin.rereads import RereadPages
from campaigns.errors import CampaignsError
from campaigns.models import Order, OrderChannel, OrderState
from campaigns.order_forms import ChannelForm, ChannelFormSet, OrderForm
from campaigns.rules import MAX_CHANNELS
from campaigns.wording import number, words_of
from ledger.statements import database_time
from parties.errors import NotReachable
from parties.models import Role, User
from parties.periods import period_text
from parties.scoped_admin import PlainInline


class ChannelInline(PlainInline):
    """The channels of a draft."""

    model = OrderChannel
    form = ChannelForm
    formset = ChannelFormSet
    max_num = MAX_CHANNELS
    verbose_name_plural = gettext_lazy("channels: parts of the order whose results are told apart")

    def get_extra(self, request: HttpRequest, obj: Order | None = None, **kwargs: Any) -> int:
        return 3 if obj is None else 0

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return True

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return True

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return True


@admin.register(Order)
class OrderAdmin(RereadPages, HistoryAdmin):
    """A draft is a form for its marketers. For everybody else, and in every other state, an order is a
    page.
    """

    form = OrderForm
    reach = access.reachable_orders
    add_roles = change_roles = (Role.MARKETER,)
    inlines = (ChannelInline,)
    list_display = (
        "short_number",
        "campaign",
        "brand",
        "codes",
        "points",
        "window",
        "state_badge",
        "requested_by",
    )
    list_filter = ("state", "issuing", ("campaign", admin.RelatedOnlyFieldListFilter))
    search_fields = ("campaign__name", "public_id")
    list_select_related = ("campaign__brand", "requested_by")
    fieldsets = (
        (None, {"fields": ("campaign", "issuing", "face_points", "most_points", "lot_life_days")}),
        (gettext_lazy("Claim window"), {"fields": ("claim_from", "claim_until", "activation")}),
    )
    change_form_template = "campaigns/order_form.html"

    class Media:
        css = {"all": ("parties/admin.css", "campaigns/legal.css")}

    def get_urls(self) -> list[URLPattern]:
        doors: dict[str, tuple[str, Callable[..., HttpResponseBase]]] = {
            "cost": ("cost/", views.show_cost),
            "progress": ("<int:order_id>/progress/", views.show_progress),
            "submit": ("<int:order_id>/submit/", views.submit),
            "reopen": ("<int:order_id>/reopen/", views.reopen),
            "approve": ("<int:order_id>/approve/", views.approve),
            "reject": ("<int:order_id>/reject/", views.reject),
            "channels": ("<int:order_id>/channels/", channel_views.upload_channels),
            "sign_off": ("<int:order_id>/sign-off/", views.sign_off),
            "activate": ("<int:order_id>/activate/", views.activate),
            "pause": ("<int:order_id>/pause/", views.pause),
            "resume": ("<int:order_id>/resume/", views.resume),
            "download": ("<int:order_id>/download/", views.download),
            "passphrase": ("<int:order_id>/passphrase/", views.show_passphrase),
        }
        own = [
            path(where, self.admin_site.admin_view(view), name=f"campaigns_order_{name}")
            for name, (where, view) in doors.items()
        ]
        return own + super().get_urls()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        rows: QuerySet[Order] = super().get_queryset(request)
        return rows.annotate(code_count=Sum("channels__quantity"))

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        if isinstance(obj, Order) and obj.state != OrderState.DRAFT:
            return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return obj is not None and self.has_change_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Order | None = None) -> tuple[str, ...]:
        return () if obj is None else ("campaign",)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Coming from a campaign, its whole period is the claim window."""
        initial: dict[str, Any] = dict(super().get_changeform_initial_data(request))
        chosen = request.GET.get("campaign", "")
        campaign = (
            access.reachable_campaigns(request.user, *self.add_roles).filter(pk=int(chosen)).first()
            if chosen.isdecimal() and len(chosen) < 18
            else None
        )
        if campaign is not None:
            initial |= {"claim_from": campaign.starts_at, "claim_until": campaign.ends_at}
        return initial

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> Any:
        own = access.reachable_campaigns(request.user, *self.add_roles)
        kwargs["queryset"] = own.filter(ends_at__gt=database_time()).order_by("name")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        order: Order = self.get_object(request, unquote(object_id))
        if not self.has_change_permission(request, order):
            return views.order_page(request, order)
        return super().change_view(request, object_id, form_url, extra_context)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = {"needs_own_htmx": views.needs_own_htmx(), **(extra_context or {})}
        try:
            return super().changeform_view(request, object_id, form_url, context)
        except NotReachable as refusal:
            raise Http404 from refusal
        except CampaignsError as refusal:  # between opening and saving it, somebody else was faster
            self.message_user(request, words_of(refusal), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: Order, form: Any, change: bool) -> None:
        if change:
            campaigns.hold_draft(order_id=obj.pk)
        elif isinstance(request.user, User):
            obj.requested_by = request.user
        super().save_model(request, obj, form, change)

    def delete_model(self, request: HttpRequest, obj: Order) -> None:
        if isinstance(request.user, User):
            campaigns.discard_order(order_id=obj.pk, user=request.user)

    def response_add(
        self, request: HttpRequest, obj: Order, post_url_continue: str | None = None
    ) -> HttpResponse:
        return self._after_saving(request, obj)

    def response_change(self, request: HttpRequest, obj: Order) -> HttpResponse:
        return self._after_saving(request, obj)

    def _after_saving(self, request: HttpRequest, order: Order) -> HttpResponse:
        if "_submit" in request.POST:
            return views.submit(request, order.pk)
        self.message_user(request, _("The draft is saved. Nothing is reserved yet."), messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:campaigns_order_change", args=(order.pk,)))

    @admin.display(description=gettext_lazy("order"), ordering="pk")
    def short_number(self, order: Order) -> str:
        return order.public_id.hex[:8]

    @admin.display(description=gettext_lazy("brand"), ordering="campaign__brand__name")
    def brand(self, order: Order) -> str:
        return str(order.campaign.brand)

    @admin.display(description=gettext_lazy("codes"))
    def codes(self, order: Order) -> str:
        return number(getattr(order, "code_count", 0) or 0)

    @admin.display(description=gettext_lazy("points altogether"))
    def points(self, order: Order) -> str:
        return number((getattr(order, "code_count", 0) or 0) * order.face_points)

    @admin.display(description=gettext_lazy("claim window"), ordering="claim_from")
    def window(self, order: Order) -> str:
        return period_text(order.claim_from, order.claim_until)

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_badge(self, order: Order) -> str:
        kind = views.BADGES[OrderState(order.state)]
        return format_html('<span class="tk-badge tk-{}">{}</span>', kind, order.get_state_display())
