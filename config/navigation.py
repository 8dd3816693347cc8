"""The side of the admin: what each person may look at, in the order in which it is needed."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from campaigns import desk
from campaigns.access import is_support
from campaigns.alert_models import Alert, AlertRule
from campaigns.alert_queries import calling
from campaigns.approval_models import ApprovalRule
from campaigns.dispute_models import Dispute
from campaigns.extension_models import ExtensionRequest
from campaigns.mailing_models import Mailing
from campaigns.mailing_queries import mailings_to_decide
from campaigns.models import Campaign, Deposit, Order
from giftcodes.gift_models import Gift
from giftcodes.guard_models import ClaimLock
from giftcodes.models import Batch, Claim, Delivery, Series
from giftcodes.void_models import VoidRequest
from ledger.admin.reports import may_read, titles
from ledger.models import (
    Account,
    Adjustment,
    DaySeal,
    Hold,
    Lot,
    LotUse,
    Receivable,
    Settlement,
    Transfer,
)
from parties.api_models import ApiClient, ApiKey
from parties.invitation_models import StaffInvitation
from parties.invitation_queries import invitations_to_confirm
from parties.models import Brand, Member, MembershipNumber, NumberPattern, Program, StaffRole, Store, User
from parties.notice_models import ExpiryNotice
from parties.site_models import BrandSite
from parties.staff_models import AuditRecord
from parties.webhook_models import WebhookDelivery, WebhookEndpoint

Item = tuple[str, Any]


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Groups of links for django-unfold; a link only where the person may look."""
    home = {"title": _("Home"), "icon": "home", "link": reverse("admin:index")}
    groups: list[tuple[str, list[Item]]] = [
        (
            _("Campaigns and codes"),
            [
                ("campaign", Campaign),
                ("receipt_long", Order),
                ("qr_code_2", Batch),
                ("block", VoidRequest),
                ("event_upcoming", ExtensionRequest),
                ("forward_to_inbox", Mailing),
                ("rule", ApprovalRule),
                ("tune", AlertRule),
            ],
        ),
        (
            _("Money"),
            [
                ("payments", Deposit),
                ("edit_note", Adjustment),
                ("handshake", Settlement),
                ("account_balance", Account),
                ("swap_horiz", Transfer),
            ],
        ),
        (
            _("Points of members"),
            [
                ("savings", Lot),
                ("shopping_bag", LotUse),
                ("hourglass_top", Hold),
                ("assignment_late", Receivable),
            ],
        ),
        (
            _("Support and audit"),
            [
                ("support_agent", Dispute),
                ("redeem", Claim),
                ("card_giftcard", Gift),
                ("shield", ClaimLock),
                ("lock", Delivery),
                ("key", Series),
                ("group", Member),
                ("id_card", MembershipNumber),
                ("notifications", ExpiryNotice),
                ("verified", DaySeal),
                ("history", AuditRecord),
            ],
        ),
        (
            _("People and companies"),
            [
                ("storefront", Store),
                ("pin", NumberPattern),
                ("badge", StaffRole),
                ("person_add", StaffInvitation),
                ("apartment", Brand),
                ("toll", Program),
                ("person", User),
            ],
        ),
        (
            _("Partner systems"),
            [
                ("api", ApiClient),
                ("vpn_key", ApiKey),
                ("webhook", WebhookEndpoint),
                ("outbox", WebhookDelivery),
                ("link", BrandSite),
            ],
        ),
    ]
    waiting = {
        Order: desk.orders_to_decide(request).count(),
        Deposit: desk.deposits_to_decide(request).count(),
        Adjustment: desk.adjustments_to_decide(request).count(),
        Settlement: desk.settlements_to_decide(request).count(),
        ExtensionRequest: desk.extensions_to_decide(request).count(),
        Mailing: mailings_to_decide(request.user).count(),
        VoidRequest: desk.voids_to_decide(request).count(),
        Dispute: desk.disputes_to_answer(request).count(),
        StaffInvitation: invitations_to_confirm(request.user).count(),
    }
    alerts = _link(request, "notifications_active", Alert, calling(request.user)[:100].count())
    shown: list[dict[str, Any]] = [{"title": "", "items": [home, *([alerts] if alerts else [])]}]
    for title, items in groups:
        links = [_link(request, icon, model, waiting.get(model, 0)) for icon, model in items]
        if (Claim in {model for _icon, model in items}) and is_support(request.user):
            links.insert(0, _support_desk(request))
        shown.append({"title": title, "items": [link for link in links if link]})
    if _link(request, "", Campaign, 0):
        shown[1]["items"].append(_results(request))
    if may_read(request):
        shown.insert(3, {"title": _("Reports"), "items": _reports()})
    return shown


def _results(request: HttpRequest) -> dict[str, Any]:
    address = reverse("admin:campaigns_campaign_all_results")
    return {"title": _("Results"), "icon": "query_stats", "link": address, "active": request.path == address}


def _support_desk(request: HttpRequest) -> dict[str, Any]:
    """The desk stands below the address of the list of what was looked up there."""
    list_of_acts = reverse("admin:campaigns_supportact_changelist")
    link = {"title": _("Support desk"), "icon": "contact_support"}
    return link | {
        "link": reverse("admin:campaigns_supportact_desk"),
        "active": request.path.startswith(list_of_acts),
    }


def _reports() -> list[dict[str, Any]]:
    icons = {"liability": "monitoring", "breakage": "trending_down", "trial-balance": "balance"}
    pages = [
        {"title": title, "icon": icons[name], "link": reverse(f"admin:ledger_report_{name}")}
        for name, title in titles().items()
    ]
    by_campaign = {"title": _("Liability by campaign"), "icon": "bar_chart"}
    return [*pages, by_campaign | {"link": reverse("admin:campaigns_campaign_liability")}]


def _link(request: HttpRequest, icon: str, model: Any, waiting: int) -> dict[str, Any]:
    model_admin = admin.site.get_model_admin(model)
    if not model_admin.has_view_permission(request):
        return {}
    opts = model._meta
    link: dict[str, Any] = {
        "title": capfirst(str(opts.verbose_name_plural)),
        "icon": icon,
        "link": reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist"),
    }
    # The reports stand below the addresses of two lists, and have links of their own.
    is_report = any(request.path == page["link"] for page in [*_reports(), _results(request)])
    link["active"] = request.path.startswith(link["link"]) and not is_report
    return link | ({"badge": str(waiting)} if waiting else {})
