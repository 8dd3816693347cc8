"""Closing the account: what it means, the confirmation, and the page after it."""

import logging
from smtplib import SMTPException

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from campaigns import services as campaigns
from ledger.errors import PointsHeld
from ledger.services import GivenUp
from ledger.statements import database_time
from parties.errors import LeavingRefused
from redemption_site import mails, pending, queries
from redemption_site.access import member_behind
from redemption_site.sign_in import is_fresh

logger = logging.getLogger(__name__)


@never_cache
@require_safe
@login_required
def close(request: HttpRequest) -> HttpResponse:
    """What is lost, what is erased and what stays; and what to do first."""
    if getattr(request.user, "is_staff", False):
        return _refused(request, "staff")
    at = database_time()
    wallets = [queries.holdings_of(row, at=at) for row in queries.wallets_of(member_behind(request.user))]
    context = {
        "wallets": [holdings for holdings in wallets if holdings.usable_points or holdings.held_points],
        "is_held": any(holdings.held_points for holdings in wallets),
        "waiting": pending.waiting(request),
    }
    return render(request, "redemption_site/close.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def confirm(request: HttpRequest) -> HttpResponse:
    """POST closes the account of whoever ticked the box and has signed in within the last ten minutes."""
    if not is_fresh(request):
        status = 403 if request.method == "POST" else 200
        return render(request, "redemption_site/close_sign_in.html", status=status)
    if request.method != "POST":
        return render(request, "redemption_site/close_confirm.html")
    if request.POST.get("sure") != "yes":
        return render(request, "redemption_site/close_confirm.html", {"is_unticked": True}, status=400)
    address = getattr(request.user, "email", None)
    language = getattr(request.user, "language", "") or get_language() or settings.LANGUAGE_CODE
    try:
        given_up = campaigns.close_account(member_id=member_behind(request.user).pk, at=database_time())
    except PointsHeld:
        return _refused(request, "held")
    except LeavingRefused:
        return _refused(request, "staff")
    logout(request)
    # Now that it is done, and from here: the address stands in no table and no queue any more.
    told = "" if given_up is None else _tell(address, language, given_up)
    response = HttpResponseRedirect(reverse("closed") + (f"?mail={told}" if told else ""), status=303)
    pending.drop(request, response)
    return response


@never_cache
@require_POST
def sign_in_again(request: HttpRequest) -> HttpResponse:
    """Ends the session and leads through the sign-in back to the confirmation."""
    logout(request)
    address = reverse("account_login") + "?" + urlencode({"next": reverse("close_confirm")})
    return HttpResponseRedirect(address, status=303)


@never_cache
@require_safe
def closed(request: HttpRequest) -> HttpResponse:
    """After it. The page knows nobody, so that it can be opened again."""
    return render(request, "redemption_site/closed.html", {"mail": request.GET.get("mail", "")})


def _refused(request: HttpRequest, why: str) -> HttpResponse:
    return render(request, "redemption_site/close_refused.html", {"why": why}, status=409)


def _tell(address: str | None, language: str, given_up: list[GivenUp]) -> str:
    """What the page has to say of the last mail: "" if it left, "none" without an address, or "failed", which
    undoes nothing. The log names no address.
    """
    if not address:
        return "none"
    try:
        mails.compose("closed", {"given_up": given_up}, to=address, language=language).send()
    except (OSError, SMTPException):
        logger.exception("The mail about a closed account could not be sent.")
        return "failed"
    return ""
