"""Deposits: recorded by one person of finance, confirmed by another."""

from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from campaigns import access
from campaigns import services as campaigns
from campaigns.admin.brand_choice import BrandChoice
from campaigns.errors import CampaignsError
from campaigns.forms import DepositForm
from campaigns.models import Deposit, DepositState
from campaigns.wording import number, words_of
from ledger import queries as ledger_queries
from ledger.statements import database_time
from parties.access import holds_role
from parties.errors import NotReachable
from parties.models import Role
from parties.second_factor import verified_at

BADGES = {DepositState.REQUESTED: "waiting", DepositState.CONFIRMED: "good", DepositState.REJECTED: "bad"}


@admin.register(Deposit)
class DepositAdmin(BrandChoice):
    """A deposit is never edited: it is recorded, then decided."""

    form = DepositForm
    reach = access.reachable_deposits
    is_recorded_in_services = True
    look_roles = (Role.FINANCE, Role.AUDITOR)
    add_roles = (Role.FINANCE,)
    list_display = ("reference", "brand", "points_text", "state_badge", "requested_by", "requested_at")
    list_filter = ("state",)
    search_fields = ("reference",)
    list_select_related = ("brand", "requested_by")
    add_form_template = "campaigns/deposit_form.html"
    fields = ("brand", "points", "reference", "form_number")

    class Media:
        css = {"all": ("parties/admin.css",)}

    def get_urls(self) -> list[URLPattern]:
        def door(act: Any) -> Any:
            return self.admin_site.admin_view(require_POST(act))

        own = [
            path("<int:deposit_id>/confirm/", door(self.confirm), name="campaigns_deposit_confirm"),
            path("<int:deposit_id>/reject/", door(self.reject), name="campaigns_deposit_reject"),
        ]
        return own + super().get_urls()

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except CampaignsError as refusal:
            self.message_user(request, words_of(refusal), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: Deposit, form: Any, change: bool) -> None:
        recorded = campaigns.request_deposit(
            public_id=form.cleaned_data["form_number"],
            brand_id=obj.brand_id,
            points=obj.points,
            reference=obj.reference,
            user=request.user,  # type: ignore[arg-type]  # admin_view lets nobody in who isn't signed in
            at=database_time(),
        )
        obj.pk, obj.public_id = recorded.pk, recorded.public_id
        obj.refresh_from_db()

    def response_add(
        self, request: HttpRequest, obj: Deposit, post_url_continue: str | None = None
    ) -> HttpResponse:
        self.message_user(request, _("The deposit is recorded."), messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:campaigns_deposit_change", args=(obj.pk,)))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        deposit: Deposit = self.get_object(request, object_id)
        waiting = deposit.state == DepositState.REQUESTED
        is_finance = holds_role(request.user, deposit.brand_id, Role.FINANCE)
        context = {
            **self.admin_site.each_context(request),
            "title": deposit.reference,
            "subtitle": str(deposit.brand),
            "opts": self.opts,
            "deposit": deposit,
            "badge": BADGES[DepositState(deposit.state)],
            "funds": ledger_queries.funds_of(deposit.brand),
            "may_decide": waiting and is_finance and deposit.requested_by_id != request.user.pk,
            "waits_for_another": waiting and deposit.requested_by_id == request.user.pk,
        }
        return TemplateResponse(request, "campaigns/deposit_page.html", context)

    def confirm(self, request: HttpRequest, deposit_id: int) -> HttpResponse:
        """Put it into the funds."""
        confirm = partial(campaigns.confirm_deposit, verified_at=verified_at(request))
        return self._decide(request, deposit_id, confirm, _("The points are in the funds now."))

    def reject(self, request: HttpRequest, deposit_id: int) -> HttpResponse:
        """Set it aside."""
        return self._decide(request, deposit_id, campaigns.reject_deposit, _("The deposit was rejected."))

    def _decide(self, request: HttpRequest, deposit_id: int, service: Any, done: str) -> HttpResponse:
        try:
            deposit = service(deposit_id=deposit_id, user=request.user, at=database_time())
        except NotReachable as refusal:
            raise Http404 from refusal
        except CampaignsError as refusal:
            self.message_user(request, words_of(refusal), messages.ERROR)
        else:
            self.log_change(request, deposit, deposit.state)
            self.message_user(request, done, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:campaigns_deposit_change", args=(deposit_id,)))

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @admin.display(description=gettext_lazy("points"), ordering="points")
    def points_text(self, deposit: Deposit) -> str:
        return number(deposit.points)

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_badge(self, deposit: Deposit) -> str:
        kind = BADGES[DepositState(deposit.state)]
        return format_html('<span class="tk-badge tk-{}">{}</span>', kind, deposit.get_state_display())
