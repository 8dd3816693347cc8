"""The accounts at providers that sign a member in: which they are, one more, one less."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from redemption_site import identities
from redemption_site.handshakes import providers
from redemption_site.identities import LastWayIn
from redemption_site.sign_in_mails import ACCOUNT_REMOVED, tell_owner
from redemption_site.views.fresh import for_fresh_members, for_members, member_user
from redemption_site.views.providers import provider_at, send_to


@require_safe
@for_members
def connections(request: HttpRequest) -> HttpResponse:
    """The connected accounts, and the providers that there still are."""
    context = connected_accounts(request)
    connected = {account.provider for account, _provider in context["accounts"]}
    context["providers"] = [provider for provider in providers().values() if provider.id not in connected]
    context["may_go"] = identities.has_spare_way_in(member_user(request))
    return render(request, "redemption_site/connections.html", context)


def connected_accounts(request: HttpRequest) -> dict[str, Any]:
    """For a template: the member's accounts at providers, and whether there is any provider."""
    known = providers()
    accounts = identities.accounts_of(member_user(request))
    return {
        "accounts": [(account, known.get(account.provider)) for account in accounts],
        "has_providers": bool(known),
    }


@require_POST
@for_fresh_members(back_to="connections")
def connect(request: HttpRequest, provider_id: str) -> HttpResponse:
    """To the provider, to come back with one more way to sign in to this account."""
    return send_to(request, provider_at(provider_id), connect_to=request.user.pk)


@require_POST
@for_fresh_members(back_to="connections")
def disconnect(request: HttpRequest, account_id: int) -> HttpResponse:
    """Forget a connected account, unless it is the last way in."""
    try:
        is_gone = identities.disconnect_account(user=member_user(request), account_id=account_id)
    except LastWayIn:
        messages.error(request, _("This is your only way to sign in. Add another one first."))
    else:
        if is_gone:
            tell_owner(member_user(request), ACCOUNT_REMOVED)
    return HttpResponseRedirect(reverse("connections"), status=303)
