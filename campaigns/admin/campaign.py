"""Campaigns: set up by marketers, read by everybody of the brand."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db import transaction
from django.db.models import Count, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from campaigns import access, legal_forms, queries
from campaigns import services as campaigns
from campaigns.admin.brand_choice import BrandChoice
from campaigns.admin.conditions import ConditionsPages
from campaigns.admin.history import HistoryAdmin
from campaigns.admin.liability import LiabilityPage
from campaigns.admin.monthly import MonthlyMailPage
from campaigns.admin.posters import PosterPages
from campaigns.admin.publishing import PublishingPage
from campaigns.admin.results import ResultPages
from campaigns.forms import CampaignForm
from campaigns.legal_models import LEGAL_FIELDS
from campaigns.models import Campaign, OrderState
from ledger.statements import database_time
from parties.models import Role, User
from parties.periods import period_text


@admin.register(Campaign)
class CampaignAdmin(
    LiabilityPage,
    MonthlyMailPage,
    ResultPages,
    ConditionsPages,
    PosterPages,
    PublishingPage,
    BrandChoice,
    HistoryAdmin,
):
    """The brand is chosen once; the page's address stays once codes with that address exist."""

    form = CampaignForm
    reach = access.reachable_campaigns
    add_roles = change_roles = (Role.MARKETER,)
    list_display = ("name", "brand", "period", "stage", "order_count")
    search_fields = ("name", "slug", "title_ja", "title_en")
    list_select_related = ("brand",)
    ordering = ("-starts_at", "-pk")
    change_form_template = "campaigns/campaign_form.html"
    fieldsets = (
        (None, {"fields": ("brand", "name", "slug", "page_address")}),
        (_("Period and limit"), {"fields": ("starts_at", "ends_at", "limit_per_member", "known_by")}),
        (_("Legal form"), {"fields": LEGAL_FIELDS, "description": legal_forms.INTRODUCTION}),
        (_("Page"), {"fields": ("title_ja", "text_ja", "title_en", "text_en", "colour", "logo")}),
        (
            _("Picture over the page"),
            {"fields": ("hero_wide", "is_hero_decorative", "hero_alt_ja", "hero_alt_en")},
        ),
    )

    class Media:
        css = {"all": ("parties/admin.css", "campaigns/campaign.css")}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Campaign]:
        rows: QuerySet[Campaign] = super().get_queryset(request)
        return rows.annotate(orders_made=Count("orders"), seen_at=Now())

    def get_readonly_fields(self, request: HttpRequest, obj: Campaign | None = None) -> tuple[str, ...]:
        if obj is None:
            return ("page_address",)
        has_codes = obj.orders.filter(state=OrderState.APPROVED).exists()
        return ("page_address", "brand", "slug") if has_codes else ("page_address", "brand")

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if object_id is None or request.method != "POST":
            return super().changeform_view(request, object_id, form_url, extra_context)
        # Held before it is read: what the form judges by (approved orders, above all) must stay until it is
        # saved.
        campaign: Campaign = self.get_object(request, unquote(object_id))
        with transaction.atomic():
            campaigns.hold_campaign(campaign_id=campaign.pk)
            return super().changeform_view(request, object_id, form_url, extra_context)

    def save_model(self, request: HttpRequest, obj: Campaign, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and isinstance(request.user, User):
            reopened = campaigns.reopen_stale_orders(
                campaign_id=obj.pk, user=request.user, at=database_time()
            )
            if reopened:
                text = ngettext(
                    "One order was waiting for approval on the old terms. It is a draft again: please "
                    "submit it anew.",
                    "%(count)s orders were waiting for approval on the old terms. They are drafts again: "
                    "please submit them anew.",
                    reopened,
                ) % {"count": reopened}
                self.message_user(request, text, messages.WARNING)

    @admin.display(description=_("period"), ordering="starts_at")
    def period(self, campaign: Campaign) -> str:
        return period_text(campaign.starts_at, campaign.ends_at)

    @admin.display(description=_("stage"))
    def stage(self, campaign: Campaign) -> str:
        now: datetime = vars(campaign)["seen_at"]
        if campaign.published_at is None:
            kind, text = "quiet", gettext("draft")
        elif now < campaign.starts_at:
            kind, text = "waiting", gettext("not begun")
        elif now < campaign.ends_at:
            kind, text = "good", gettext("running")
        else:
            kind, text = "quiet", gettext("over")
        return format_html('<span class="tk-badge tk-{}">{}</span>', kind, text)

    @admin.display(description=_("orders"))
    def order_count(self, campaign: Campaign) -> str:
        address = reverse("admin:campaigns_order_changelist")
        count = getattr(campaign, "orders_made", 0)
        return format_html('<a href="{}?campaign__id__exact={}">{}</a>', address, campaign.pk, count)

    @admin.display(description=_("page"))
    def page_address(self, campaign: Campaign) -> str:
        if not campaign.pk:
            return gettext("The address is made of the field above.")
        address = queries.page_address(campaign, site_url=settings.SITE_URL)
        return format_html('<a href="{0}" target="_blank" rel="noopener">{0}</a>', address)
