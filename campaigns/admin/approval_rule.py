"""Rules of two approvers: one person puts one in force, two take it out."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
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
from campaigns.approval_models import ApprovalRule
from campaigns.errors import CampaignsError
from campaigns.wording import number, words_of
from ledger.statements import database_time
from parties.access import holds_role
from parties.errors import NotReachable
from parties.models import Role
from parties.second_factor import verified_at

KEEPERS = (Role.APPROVER, Role.FINANCE)


@admin.register(ApprovalRule)
class ApprovalRuleAdmin(BrandChoice):
    """A rule is never edited: it is added, and at some time it ends."""

    reach = access.reachable_rules
    is_recorded_in_services = True
    add_roles = KEEPERS
    list_display = ("brand", "issuing_text", "from_text", "month_text", "state_badge", "added_by")
    list_select_related = ("brand", "added_by")
    list_filter = (("retired_at", admin.EmptyFieldListFilter),)
    fields = ("brand", "issuing", "from_points", "month_points")
    add_form_template = "campaigns/approval_rule_form.html"

    class Media:
        css = {"all": ("parties/admin.css",)}

    def get_urls(self) -> list[URLPattern]:
        doors = {"ask": self.ask, "retire": self.retire, "keep": self.keep}
        own = [
            path(
                f"<int:rule_id>/{name}/",
                self.admin_site.admin_view(require_POST(act)),
                name=f"campaigns_approvalrule_{name}",
            )
            for name, act in doors.items()
        ]
        return own + super().get_urls()

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ApprovalRule, form: Any, change: bool) -> None:
        added = campaigns.add_rule(
            brand_id=obj.brand_id,
            issuing=obj.issuing,
            from_points=obj.from_points,
            month_points=obj.month_points,
            user=request.user,  # type: ignore[arg-type]  # admin_view lets nobody in who isn't signed in
            at=database_time(),
        )
        obj.pk = added.pk
        obj.refresh_from_db()

    def response_add(
        self, request: HttpRequest, obj: ApprovalRule, post_url_continue: str | None = None
    ) -> HttpResponse:
        self.message_user(request, _("The rule is in force."), messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:campaigns_approvalrule_change", args=(obj.pk,)))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        rule: ApprovalRule = self.get_object(request, unquote(object_id))
        is_keeper = holds_role(request.user, rule.brand_id, *KEEPERS)
        is_asked = rule.retire_asked_by_id is not None and rule.retired_at is None
        context = {
            **self.admin_site.each_context(request),
            "title": _("Two approvers"),
            "subtitle": str(rule.brand),
            "opts": self.opts,
            "rule": rule,
            "badge": _badge(rule),
            "may_ask": is_keeper and rule.retire_asked_by_id is None,
            "may_retire": is_keeper and is_asked and rule.retire_asked_by_id != request.user.pk,
            "may_keep": is_keeper and is_asked,
        }
        return TemplateResponse(request, "campaigns/approval_rule_page.html", context)

    def ask(self, request: HttpRequest, rule_id: int) -> HttpResponse:
        """Ask for its end."""
        done = _("The rule stays in force until another person agrees to its end.")
        return self._act(request, rule_id, partial(campaigns.ask_to_retire_rule, at=database_time()), done)

    def retire(self, request: HttpRequest, rule_id: int) -> HttpResponse:
        """Agree to its end."""
        act = partial(campaigns.retire_rule, verified_at=verified_at(request), at=database_time())
        return self._act(request, rule_id, act, _("The rule has ended."))

    def keep(self, request: HttpRequest, rule_id: int) -> HttpResponse:
        """Let it be."""
        return self._act(request, rule_id, campaigns.keep_rule, _("The rule stays in force."))

    def _act(self, request: HttpRequest, rule_id: int, act: Callable[..., Any], done: str) -> HttpResponse:
        try:
            act(rule_id=rule_id, user=request.user)
        except NotReachable as refusal:
            raise Http404 from refusal
        except CampaignsError as refusal:
            self.message_user(request, words_of(refusal), messages.ERROR)
        else:
            self.message_user(request, done, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:campaigns_approvalrule_change", args=(rule_id,)))

    @admin.display(description=gettext_lazy("for"), ordering="issuing")
    def issuing_text(self, rule: ApprovalRule) -> str:
        return rule.get_issuing_display()

    @admin.display(description=gettext_lazy("from so many points in one order"), ordering="from_points")
    def from_text(self, rule: ApprovalRule) -> str:
        return number(rule.from_points)

    @admin.display(description=gettext_lazy("once the month's orders exceed so many points"))
    def month_text(self, rule: ApprovalRule) -> str:
        return "–" if rule.month_points is None else number(rule.month_points)

    @admin.display(description=gettext_lazy("state"), ordering="retired_at")
    def state_badge(self, rule: ApprovalRule) -> str:
        kind, text = _badge(rule)
        return format_html('<span class="tk-badge tk-{}">{}</span>', kind, text)


def _badge(rule: ApprovalRule) -> tuple[str, str]:
    if rule.retired_at is not None:
        return "quiet", _("no longer in force")
    return ("waiting", _("in force, end asked for")) if rule.retire_asked_by_id else ("good", _("in force"))
