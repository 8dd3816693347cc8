"""What a member holds, until when, and how it came there."""

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from ledger import reports
from ledger.models import Account
from redemption_site import pending, queries
from redemption_site.access import member_behind
from redemption_site.history_forms import HistoryForm

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
    context = {"wallets": wallets, "has_waiting_code": pending.waiting(request) is not None}
    return render(request, "redemption_site/wallet.html", context)


@never_cache
@require_safe
@login_required
def history(request: HttpRequest, program: str) -> HttpResponse:
    """The history of one wallet, a page at a time: the whole, or what is looked for."""
    row = _wallet_of(request, program)
    form = HistoryForm(request.GET, program=row.program)
    context = {"wallet": row, "form": form, "query": form.query()}
    if not form.is_valid():
        return render(request, "redemption_site/history.html", context, status=400)
    before, sought = request.GET.get("before", ""), form.sought()
    if not (before == "" or (before.isascii() and before.isdigit() and len(before) < 19)):
        raise Http404
    older_than = int(before) if before else None
    page = queries.history_page(row, older_than=older_than, size=queries.ENTRIES_SHOWN, sought=sought)
    if page is None:
        raise Http404
    context |= {"page": page, "is_first_page": not before}
    if sought != queries.EVERYTHING:
        found = reports.count_entries(row, sought, most=queries.MOST_COUNTED)
        context |= {"found": found, "most": queries.MOST_COUNTED, "is_more": found > queries.MOST_COUNTED}
    return render(request, "redemption_site/history.html", context)


@never_cache
@require_safe
@login_required
def entry(request: HttpRequest, program: str, posting_id: int) -> HttpResponse:
    """One entry: what it was, whose points it moved, and what belongs to it."""
    row = _wallet_of(request, program)
    page = queries.entry_page(row, posting_id)
    if page is None:
        raise Http404
    return render(request, "redemption_site/entry.html", {"wallet": row, "page": page})


def _wallet_of(request: HttpRequest, program: str) -> Account:
    rows = queries.wallets_of(member_behind(request.user))
    row = next((row for row in rows if row.program.slug == program), None)
    if row is None:
        raise Http404
    return row
