"""Where a person of each role begins: links for the home page."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from parties.access import held_roles
from parties.models import Role


def starts(request: HttpRequest) -> list[dict[str, Any]]:
    """Titles and addresses, for all the roles that the person holds."""
    held = held_roles(request.user)
    links = [link for role, links in _links().items() if role in dict(held) for link in links]
    if held & {(Role.SUPPORT, True), (Role.AUDITOR, True)}:
        links.append((_("Guessing and locks"), reverse("admin:giftcodes_claimlock_changelist")))
    links.append((_("All alerts"), reverse("admin:campaigns_alert_changelist")))
    return [{"title": title, "address": address} for title, address in dict.fromkeys(links)]


def _links() -> dict[str, list[tuple[str, str]]]:
    return {
        Role.MARKETER: [
            (_("Prepare a campaign"), reverse("admin:campaigns_campaign_add")),
            (_("Order codes"), reverse("admin:campaigns_order_add")),
            (_("Results of campaigns"), reverse("admin:campaigns_campaign_all_results")),
        ],
        Role.APPROVER: [
            (_("Orders that wait"), reverse("admin:campaigns_order_changelist") + "?state__exact=submitted"),
            (_("Results of campaigns"), reverse("admin:campaigns_campaign_all_results")),
        ],
        Role.FINANCE: [
            (_("Record a deposit"), reverse("admin:campaigns_deposit_add")),
            (_("Settlements"), reverse("admin:ledger_settlement_changelist")),
            (_("Liability"), reverse("admin:ledger_report_liability")),
        ],
        Role.SUPPORT: [
            (_("Support desk"), reverse("admin:campaigns_supportact_desk")),
            (_("Disputes"), reverse("admin:campaigns_dispute_changelist")),
        ],
        Role.AUDITOR: [
            (_("Audit log"), reverse("admin:parties_auditrecord_changelist")),
            (_("Trial balance"), reverse("admin:ledger_report_trial-balance")),
            (_("Custody of files"), reverse("admin:giftcodes_delivery_changelist")),
        ],
    }
