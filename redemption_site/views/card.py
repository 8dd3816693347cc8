"""The membership card: what a member holds up at a till."""

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from ledger.statements import database_time
from parties import card_queries
from parties.card_services import make_card, renew_card
from parties.card_tokens import group
from parties.errors import MemberHasLeft
from parties.models import MemberCard
from redemption_site import barcodes, queries
from redemption_site.access import member_behind


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def card(request: HttpRequest) -> HttpResponse:
    """The card with the code of this moment. POST makes it, or with "renew" gives it a new number: looking
    changes nothing, so the very first look offers a button.
    """
    member = member_behind(request.user)
    if request.method == "POST":
        return _act(request)
    row = card_queries.card_of(member)
    if row is None:
        return render(request, "redemption_site/card_start.html")
    context = {
        "member": member,
        "programs": [wallet.program.name for wallet in queries.wallets_of(member)],
        "is_renewed": "new" in request.GET,
    }
    return render(request, "redemption_site/card.html", context | _code(row))


@never_cache
@require_safe
@login_required
def code(request: HttpRequest) -> HttpResponse:
    """The part of the card that changes, for its script."""
    row = card_queries.card_of(member_behind(request.user))
    if row is None:
        raise Http404
    return render(request, "redemption_site/parts/card_code.html", _code(row))


def _act(request: HttpRequest) -> HttpResponse:
    member, at = member_behind(request.user), database_time()
    is_renewed = "renew" in request.POST
    try:
        (renew_card if is_renewed else make_card)(member=member, at=at)
    except MemberHasLeft as refusal:  # in another tab, while this was pressed
        raise Http404 from refusal
    return HttpResponseRedirect(reverse("card") + ("?new=1" if is_renewed else ""), status=303)


def _code(row: MemberCard) -> dict[str, object]:
    token = card_queries.token_of(row, at=database_time())
    return {
        "groups": group(token.digits).split(" "),
        "ends_at": token.ends_at,
        "qr": barcodes.qr(token.digits),
        "bars": barcodes.code128(token.digits),
    }
