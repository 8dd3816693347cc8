"""Where a member finds everything about their own account: a page of doors, one thing behind each."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from redemption_site.views.connections import connected_accounts


@never_cache
@require_safe
@login_required
def account(request: HttpRequest) -> HttpResponse:
    """Who is signed in, and what they can look at or change."""
    return render(request, "redemption_site/account.html", connected_accounts(request))
