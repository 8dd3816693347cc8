"""Alerts: the list, one alert with what to do, and noting that somebody sees to it."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns import access
from campaigns import services as campaigns
from campaigns.acts import act
from campaigns.admin.brand_choice import BrandChoice
from campaigns.alert_forms import AlertRuleForm
from campaigns.alert_models import MOST_NOTE_LETTERS, Alert, AlertRule, BrandAlertKind, Level
from campaigns.alert_queries import gets_mails
from campaigns.alert_rules import DEFAULTS
from campaigns.alert_wording import BADGES, alert_row, headline, threshold_text
from ledger.admin.pages import by_post, moment_column
from ledger.statements import database_time
from parties.models import Role
from parties.scoped_admin import ScopedAdmin

KEEPERS = (Role.MARKETER, Role.APPROVER)


class OpenFilter(admin.SimpleListFilter):
    """Without a choice those that call: open, and nobody sees to them."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("seen_to", _("being handled")), ("ended", _("over")), ("all", _("all"))]

    def choices(self, changelist: Any) -> Any:
        first, *rest = super().choices(changelist)
        yield {**first, "display": _("not handled yet")}
        yield from rest

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "all":
            return queryset
        if self.value() == "ended":
            return queryset.filter(ended_at__isnull=False)
        return queryset.filter(ended_at=None, acknowledged_by__isnull=self.value() != "seen_to")


@admin.register(Alert)
class AlertAdmin(ScopedAdmin):
    """Alerts open and end by themselves; people note that they see to one."""

    reach = access.reachable_alerts
    is_recorded_in_services = True
    list_display = ("headline", "level_badge", "brand_text", "opened", "state_badge")
    list_filter = (OpenFilter, "kind", "level", ("brand", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("brand", "acknowledged_by")
    ordering = ("-level", "-opened_at", "-pk")
    opened = moment_column("opened_at", gettext_lazy("first seen"))
    change_list_template = "campaigns/alert_list.html"

    class Media:
        css = {"all": ("parties/admin.css", "ledger/finance.css", "campaigns/alerts.css")}

    def get_urls(self) -> list[URLPattern]:
        def door(act: Any) -> Any:
            return self.admin_site.admin_view(by_post(act))

        own = [
            path("mails/", door(self.choose_mails), name="campaigns_alert_mails"),
            path("<int:alert_id>/see-to/", door(self.see_to), name="campaigns_alert_see_to"),
        ]
        return own + super().get_urls()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The list, and whether the person gets mails."""
        context = {"gets_mails": gets_mails(request.user), "title": _("Alerts")}
        return super().changelist_view(request, {**(extra_context or {}), **context})

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        alert: Alert = self.get_object(request, unquote(object_id))
        minders = access.reachable_alerts(request.user, *campaigns.MINDERS).filter(pk=alert.pk)
        context = {
            **self.admin_site.each_context(request),
            "title": str(alert.get_kind_display()),
            "opts": self.opts,
            "row": alert_row(alert),
            "alert": alert,
            "state": _state_of(alert),
            "may_see_to": alert.acknowledged_by_id is None and alert.ended_at is None and minders.exists(),
            "most_letters": MOST_NOTE_LETTERS,
        }
        return TemplateResponse(request, "campaigns/alert_page.html", context)

    def see_to(self, request: HttpRequest, alert_id: int) -> HttpResponse:
        """Note that somebody sees to it."""
        note = request.POST.get("note", "")
        act(
            request,
            lambda user: campaigns.acknowledge_alert(
                alert_id=alert_id, note=note, user=user, at=database_time()
            ),
            _(
                "Thank you: it is noted that you are handling this."
                " The alert ends by itself once all is well."
            ),
        )
        return HttpResponseRedirect(reverse("admin:campaigns_alert_change", args=(alert_id,)))

    def choose_mails(self, request: HttpRequest) -> HttpResponse:
        """Turn the person's own mails on or off."""
        is_wanted = request.POST.get("wanted") == "1"
        done = _("You get mails about alerts.") if is_wanted else _("You get no mails about alerts any more.")
        act(
            request,
            lambda user: campaigns.wish_for_mails(user=user, is_wanted=is_wanted, at=database_time()),
            done,
        )
        return HttpResponseRedirect(reverse("admin:campaigns_alert_changelist"))

    @admin.display(description=gettext_lazy("what happened"))
    def headline(self, alert: Alert) -> str:
        return headline(alert)

    @admin.display(description=gettext_lazy("level"), ordering="level")
    def level_badge(self, alert: Alert) -> str:
        return _badge(BADGES[Level(alert.level)], alert.get_level_display())

    @admin.display(description=gettext_lazy("brand"), ordering="brand")
    def brand_text(self, alert: Alert) -> str:
        return str(alert.brand) if alert.brand else _("the operator's")

    @admin.display(description=gettext_lazy("state"))
    def state_badge(self, alert: Alert) -> str:
        return _badge(*_state_of(alert))


@admin.register(AlertRule)
class AlertRuleAdmin(BrandChoice):
    """When a brand is alerted; what is not set here holds as the form says."""

    reach = access.reachable_alert_rules
    form = AlertRuleForm
    add_roles = KEEPERS
    change_roles = KEEPERS
    list_display = ("kind", "brand", "threshold_column", "is_mailed")
    list_filter = ("kind", ("brand", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("brand",)
    fields = ("brand", "kind", "threshold", "is_mailed")
    add_form_template = change_form_template = "campaigns/alert_rule_form.html"

    class Media:
        css = {"all": ("parties/admin.css",)}

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("brand", "kind") if obj else ()

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The form says what holds without a setting."""
        defaults = [
            {
                "kind": kind.label,
                "text": threshold_text(kind, setting.threshold),
                "is_mailed": setting.is_mailed,
            }
            for kind, setting in DEFAULTS.items()
        ]
        context = {**(extra_context or {}), "defaults": defaults}
        return super().changeform_view(request, object_id, form_url, context)

    @admin.display(description=gettext_lazy("threshold"), ordering="threshold")
    def threshold_column(self, rule: AlertRule) -> str:
        return threshold_text(BrandAlertKind(rule.kind), rule.threshold)


def _badge(kind: str, text: str) -> str:
    return format_html('<span class="tk-badge tk-{}">{}</span>', kind, text)


def _state_of(alert: Alert) -> tuple[str, str]:
    if alert.ended_at is not None:
        return "good", _("over")
    return ("quiet", _("being handled")) if alert.acknowledged_by_id else ("waiting", _("not handled yet"))
