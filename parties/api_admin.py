"""Partner systems in the admin. Superusers keep them; everybody else sees those of their own brands."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, ForeignKey, Max, Q, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from parties import access, api_services
from parties.api_forms import ApiClientForm
from parties.api_key_pages import KeyPages, KeyRow, key_badge, until_text
from parties.api_models import ApiClient, ApiKey
from parties.models import User
from parties.scoped_admin import ScopedAdmin, mode_badge

KEYS_SHOWN = 100
_OPEN = Q(keys__revoked_at=None) & (Q(keys__expires_at=None) | Q(keys__expires_at__gt=Now()))


class EnvironmentFilter(admin.SimpleListFilter):
    """Live or sandbox."""

    title = _("environment")
    parameter_name = "environment"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("live", gettext("live")), ("sandbox", gettext("sandbox"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in ("live", "sandbox"):
            return queryset
        path = "brand" if queryset.model is ApiClient else "client__brand"
        return queryset.filter(**{f"{path}__sandbox_of__isnull": self.value() == "live"})


@admin.register(ApiClient)
class ApiClientAdmin(KeyPages):
    """A brand's partner systems: what they may use up, and their keys."""

    form = ApiClientForm
    reach = access.reachable_api_clients
    keeps_people = True
    list_display = ("name", "brand", "environment", "pace", "points_a_day", "open_keys", "last_call")
    list_filter = (EnvironmentFilter, ("disabled_at", admin.EmptyFieldListFilter))
    search_fields = ("name", "brand__name", "public_id")
    list_select_related = ("brand",)
    change_form_template = "parties/api_client_form.html"

    class Media:
        css = {"all": ("parties/admin.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiClient]:
        rows: QuerySet[ApiClient] = super().get_queryset(request)
        return rows.annotate(keys_open=Count("keys", filter=_OPEN), called_at=Max("keys__last_used_at"))

    def get_fields(self, request: HttpRequest, obj: ApiClient | None = None) -> tuple[str, ...]:
        limits = ("rate_per_second", "burst", "points_per_day")
        if obj is None:
            return ("brand", "mode", "name", *limits)
        return ("brand", "environment", "name", "public_id", *limits)

    def get_readonly_fields(self, request: HttpRequest, obj: ApiClient | None = None) -> tuple[str, ...]:
        return () if obj is None else ("brand", "environment", "public_id")

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> Any:
        kwargs["queryset"] = access.reachable_brands(request.user).filter(sandbox_of=None).order_by("name")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: ApiClient, form: Any, change: bool) -> None:
        if not change and isinstance(request.user, User):
            obj.created_at, obj.created_by = timezone.now(), request.user
            if form.wants_sandbox():
                obj.brand = api_services.open_sandbox(brand=obj.brand, at=obj.created_at)
        super().save_model(request, obj, form, change)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        client: ApiClient | None = context.get("original")
        if client is not None:
            now = timezone.now()
            keys = client.keys.select_related("created_by", "revoked_by").order_by("-pk")[:KEYS_SHOWN]
            rows = [KeyRow(key, key_badge(key, client, now)) for key in keys]
            context["key_rows"] = sorted(rows, key=lambda row: not row.is_open)
            context["sandbox_of"] = client.brand.sandbox_of
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description=_("environment"), ordering="brand__sandbox_of")
    def environment(self, client: ApiClient) -> SafeString:
        badge = mode_badge(is_sandbox=client.brand.sandbox_of_id is not None)
        if client.disabled_at is None:
            return badge
        return format_html('{} <span class="tk-badge tk-bad">{}</span>', badge, gettext("disabled"))

    @admin.display(description=_("calls"))
    def pace(self, client: ApiClient) -> str:
        words = {"second": f"{client.rate_per_second:,}", "burst": f"{client.burst:,}"}
        return gettext("%(second)s per second, %(burst)s at once") % words

    @admin.display(description=_("points per day"), ordering="points_per_day")
    def points_a_day(self, client: ApiClient) -> str:
        return f"{client.points_per_day:,}"

    @admin.display(description=_("open keys"), ordering="keys_open")
    def open_keys(self, client: ApiClient) -> int:
        return 0 if client.disabled_at else int(vars(client)["keys_open"])

    @admin.display(description=_("last used at"), ordering="called_at")
    def last_call(self, client: ApiClient) -> Any:
        return vars(client)["called_at"]


@admin.register(ApiKey)
class ApiKeyAdmin(ScopedAdmin):
    """All keys, to find the one whose beginning somebody has seen in a log or where it should not be."""

    reach = access.reachable_api_keys
    list_display = ("prefix", "client", "brand", "state", "valid_until", "last_used_at")
    list_filter = (EnvironmentFilter,)
    search_fields = ("prefix", "client__name")
    list_select_related = ("client__brand",)
    fields = (
        "prefix",
        "client",
        "state",
        "may",
        "networks",
        "created_at",
        "created_by",
        "valid_until",
        "revoked_at",
        "revoked_by",
        "last_used_at",
    )
    readonly_fields = fields
    change_form_template = "parties/api_key_page.html"

    class Media:
        css = {"all": ("parties/admin.css",)}

    @admin.display(description=_("brand"), ordering="client__brand__name")
    def brand(self, key: ApiKey) -> str:
        return str(key.client.brand)

    @admin.display(description=_("state"))
    def state(self, key: ApiKey) -> SafeString:
        kind, text = key_badge(key, key.client, timezone.now())
        return format_html('<span class="tk-badge tk-{}">{}</span>', kind, text)

    @admin.display(description=_("scopes"))
    def may(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @admin.display(description=_("may call from"))
    def networks(self, key: ApiKey) -> str:
        return ", ".join(key.addresses) or gettext("anywhere")

    @admin.display(description=_("valid until"), ordering="expires_at")
    def valid_until(self, key: ApiKey) -> str:
        return until_text(key)
