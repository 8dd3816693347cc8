"""What a member holds, until when, and how it came there."""

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from redemption_site import queries
from redemption_site.access import member_behind

NEWEST_ENTRIES = 10


@never_cache
@require_safe
@login_required
def wallet(request: HttpRequest) -> HttpResponse:
    """Every wallet of the member: what can be used, each lot with its end, the newest entries."""
    at = timezone.now()
    wallets = [
        (queries.holdings_of(row, at=at), queries.history_page(row, older_than=None, size=NEWEST_ENTRIES))
        for row in queries.wallets_of(member_behind(request.user))
    ]
    return render(request, "redemption_site/wallet.html", {"wallets": wallets})


@never_cache
@require_safe
@login_required
def history(request: HttpRequest, program: str) -> HttpResponse:
    """The whole history of one wallet, a page at a time."""
    rows = queries.wallets_of(member_behind(request.user))
    row = next((row for row in rows if row.program.slug == program), None)
    before = request.GET.get("before", "")
    if row is None or not (before == "" or (before.isascii() and before.isdigit() and len(before) < 19)):
        raise Http404
    page = queries.history_page(row, older_than=int(before) if before else None, size=queries.ENTRIES_SHOWN)
    if page is None:
        raise Http404
    context = {"wallet": row, "page": page, "is_first_page": not before}
    return render(request, "redemption_site/history.html", context)
