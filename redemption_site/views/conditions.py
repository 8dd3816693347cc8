"""The conditions of a campaign as pages of their own: the version in force, and those before and after it."""

from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from campaigns import conditions_queries
from campaigns.models import Campaign
from redemption_site import queries


@never_cache
@require_safe
def conditions(request: HttpRequest, slug: str, number: int | None = None) -> HttpResponse:
    """A published version, for everybody to read and print; without a number, the one in force."""
    campaign = queries.campaign_at(slug)
    if campaign is None:
        raise Http404
    context = conditions_context(campaign, number, at=timezone.now())
    if context is None:
        raise Http404
    return render(request, "redemption_site/conditions.html", context)


def conditions_context(campaign: Campaign, number: int | None, *, at: datetime) -> dict[str, Any] | None:
    """What the template needs of a published version, or of the one in force; None if there is none."""
    versions = list(conditions_queries.versions_of(campaign))
    in_force = next((row for row in versions if row.in_force_from and row.in_force_from <= at), None)
    shown = in_force if number is None else next((row for row in versions if row.number == number), None)
    if shown is None:
        return None
    return {
        "campaign": campaign,
        "version": shown,
        "in_force": in_force,
        "is_upcoming": shown.in_force_from is not None and shown.in_force_from > at,
        "versions": versions,
    }
