"""Acts by hand: asked for by one person, confirmed by another."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ledger import access
from ledger import services as ledger
from ledger.admin.pages import READERS, LedgerAdmin, by_post, moment_column, points_column
from ledger.errors import LedgerError
from ledger.expiry import ExpiryPolicy, PolicyKind
from ledger.forms import CorrectionForm, GrantForm, KindForm, TakeBackForm
from ledger.models import Adjustment, AdjustmentKind, AdjustmentState, Settlement, SettlementState
from ledger.statements import database_time
from ledger.templatetags.finance import day
from ledger.wording import words_of
from parties.access import holds_role, reachable_brands
from parties.errors import NotReachable
from parties.models import Role
from parties.second_factor import verified_at

BADGES = {
    AdjustmentState.REQUESTED: "waiting",
    AdjustmentState.CONFIRMED: "good",
    AdjustmentState.REJECTED: "bad",
}
ASKERS = (Role.FINANCE, Role.SUPPORT)


@admin.register(Adjustment)
class AdjustmentAdmin(LedgerAdmin):
    """An adjustment is never edited: it is asked for, then decided."""

    reach = access.reachable_adjustments
    is_recorded_in_services = True
    look_roles = READERS
    add_roles = ASKERS
    list_display = ("requested", "kind", "brand", "points_text", "reason", "state_badge", "requested_by")
    list_display_links = ("requested", "reason")
    list_filter = ("state", "kind")
    list_select_related = ("brand", "requested_by")
    search_fields = ("reason",)
    ordering = ("-requested_at", "-pk")
    requested = moment_column("requested_at", gettext_lazy("requested at"))
    points_text = points_column("points")

    def get_urls(self) -> list[URLPattern]:
        def door(act: Any) -> Any:
            return self.admin_site.admin_view(by_post(act))

        own = [
            path("<int:adjustment_id>/confirm/", door(self.confirm), name="ledger_adjustment_confirm"),
            path("<int:adjustment_id>/reject/", door(self.reject), name="ledger_adjustment_reject"),
        ]
        return own + super().get_urls()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._holds(request, self.add_roles)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        kind = _kind_of(request)
        form = _form(request, kind)
        if form.is_bound and form.is_valid():
            adjustment = self._ask(request, form)
            if adjustment is not None:
                self.log_addition(request, adjustment, adjustment.kind)
                self.message_user(request, _("The request is recorded."), messages.SUCCESS)
                return HttpResponseRedirect(_page_of(adjustment.pk))
        return self.show(
            request,
            "adjustment_form.html",
            title=_("Ask for an adjustment"),
            form=form,
            kind=kind,
            tabs=[(f"?kind={choice.value}", choice.label, choice == kind) for choice in AdjustmentKind],
        )

    def _ask(self, request: HttpRequest, form: KindForm) -> Adjustment | None:
        try:
            return ledger.request_adjustment(
                public_id=form.cleaned_data["form_number"],
                brand_id=form.cleaned_data["brand"].pk,
                asked=form.asked(),
                reason=form.cleaned_data["reason"],
                user=request.user,  # type: ignore[arg-type]  # admin_view lets nobody in who isn't signed in
                at=database_time(),
            )
        except NotReachable as refusal:
            raise Http404 from refusal
        except LedgerError as refusal:
            form.add_error(None, words_of(refusal))
            return None

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        adjustment: Adjustment = self.get_object(request, unquote(object_id))
        waiting = adjustment.state == AdjustmentState.REQUESTED
        own = adjustment.requested_by_id == request.user.pk
        return self.show(
            request,
            "adjustment_page.html",
            title=adjustment.get_kind_display(),
            adjustment=adjustment,
            badge=BADGES[AdjustmentState(adjustment.state)],
            life=life_text(adjustment),
            may_decide=waiting and not own and _is_finance(request, adjustment),
            waits_for_another=waiting and own,
            sees_wallet=access.sees_all(request.user, *READERS),
        )

    def confirm(self, request: HttpRequest, adjustment_id: int) -> HttpResponse:
        """Let it happen, exactly as it was seen."""

        def act(**who: Any) -> Adjustment:
            seen = request.POST.get("fingerprint", "")
            return ledger.confirm_adjustment(fingerprint=seen, verified_at=verified_at(request), **who)

        return self._decide(request, adjustment_id, act, _("The adjustment is booked."))

    def reject(self, request: HttpRequest, adjustment_id: int) -> HttpResponse:
        """Set it aside."""
        return self._decide(request, adjustment_id, ledger.reject_adjustment, _("The request was rejected."))

    def _decide(
        self, request: HttpRequest, adjustment_id: int, act: Callable[..., Adjustment], done: str
    ) -> HttpResponse:
        try:
            adjustment = act(adjustment_id=adjustment_id, user=request.user, at=database_time())
        except NotReachable as refusal:
            raise Http404 from refusal
        except LedgerError as refusal:
            self.message_user(request, words_of(refusal), messages.ERROR)
        else:
            self.log_change(request, adjustment, adjustment.state)
            self.message_user(request, done, messages.SUCCESS)
        return HttpResponseRedirect(_page_of(adjustment_id))

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_badge(self, adjustment: Adjustment) -> str:
        kind = BADGES[AdjustmentState(adjustment.state)]
        return format_html('<span class="tk-badge tk-{}">{}</span>', kind, adjustment.get_state_display())


def _page_of(adjustment_id: int) -> str:
    return reverse("admin:ledger_adjustment_change", args=(adjustment_id,))


def _is_finance(request: HttpRequest, adjustment: Adjustment) -> bool:
    """Whether the person decides: finance of the brand, and of the other one that a correction concerns."""
    brands = [adjustment.brand_id, *([adjustment.acceptor_id] if adjustment.acceptor_id else [])]
    return all(holds_role(request.user, brand_id, Role.FINANCE) for brand_id in brands)


def _kind_of(request: HttpRequest) -> AdjustmentKind:
    wanted = request.GET.get("kind", AdjustmentKind.GRANT.value)
    if wanted not in AdjustmentKind.values:
        raise Http404
    return AdjustmentKind(wanted)


def _form(request: HttpRequest, kind: AdjustmentKind) -> KindForm:
    data = request.POST if request.method == "POST" else None
    brands = reachable_brands(request.user, *ASKERS).order_by("name")
    if kind == AdjustmentKind.GRANT:
        initial = {name: request.GET.get(name, "") for name in ("member", "brand", "points", "reason")}
        return GrantForm(data, brands=brands, initial=initial)
    if kind == AdjustmentKind.TAKE_BACK:
        initial = {"original_key": request.GET.get("key", "")}
        return TakeBackForm(data, brands=brands, initial=initial)
    initial = {"settlement": request.GET.get("settlement", "")}
    return CorrectionForm(data, brands=brands, settlements=_closed(request), initial=initial)


def _closed(request: HttpRequest) -> QuerySet[Settlement]:
    reached = access.reachable_settlements(request.user, *ASKERS)
    return reached.filter(state=SettlementState.CLOSED).select_related("program").order_by("-ends_at")


def life_text(adjustment: Adjustment) -> str:
    """How long granted points last, in words; empty for what is no grant."""
    if not adjustment.expiry_policy:
        return ""
    policy = ExpiryPolicy.parse(adjustment.expiry_policy)
    if policy.kind == PolicyKind.DAYS:
        return _("%(count)s days") % {"count": policy.value}
    if policy.kind == PolicyKind.MONTH_END:
        return _("through the end of the month after %(count)s months") % {"count": policy.value}
    return _("through %(day)s") % {"day": day(policy.value)}  # type: ignore[arg-type]  # a date, by its kind
