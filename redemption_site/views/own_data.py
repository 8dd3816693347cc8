"""A member takes their data along."""

from django.contrib.auth.decorators import login_required
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from ledger.statements import database_time
from parties.models import Member
from redemption_site import own_data as files
from redemption_site.access import member_behind
from redemption_site.texts import KINDS_OF_ENTRIES

MOST_PER_HOUR = 6
_HOUR = 3600


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def own_data(request: HttpRequest) -> HttpResponseBase:
    """What the file will hold; POST, which nothing does ahead of a person, sends it."""
    wanted = request.POST.get("format", "")
    if request.method != "POST":
        return _page(request)
    if wanted not in ("json", "csv"):
        return _page(request, error=_("Choose one of the two files."), status=400)
    member = member_behind(request.user)
    if not _take_turn(member):
        return _page(request, error=_("You have just taken several files. Try again in an hour."), status=429)
    response = _json(member) if wanted == "json" else _csv(member)
    response.headers["Content-Disposition"] = f'attachment; filename="tokuten-data.{wanted}"'
    return response


def _json(member: Member) -> StreamingHttpResponse:
    pieces = files.json_of(member, at=database_time())
    return StreamingHttpResponse(pieces, content_type="application/json; charset=utf-8")


def _csv(member: Member) -> StreamingHttpResponse:
    # In words now: while it is sent, the language of the request is no longer set.
    headings = {
        "at": _("Time (Japan)"),
        "program": _("Program"),
        "kind": _("Kind of entry"),
        "points": _("Points"),
        "brand": _("Brand"),
        "store": _("Store"),
        "campaign": _("Campaign"),
        "serial_number": _("Serial number"),
        "entry": _("Entry number"),
    }
    kinds = {kind: str(words) for kind, words in KINDS_OF_ENTRIES.items()}
    pieces = files.csv_of(member, headings=headings, kinds=kinds)
    return StreamingHttpResponse(pieces, content_type="text/csv; charset=utf-8")


def _page(request: HttpRequest, *, error: str = "", status: int = 200) -> HttpResponse:
    response = render(request, "redemption_site/own_data.html", {"error": error}, status=status)
    if status == 429:
        response.headers["Retry-After"] = str(_HOUR)
    return response


def _take_turn(member: Member) -> bool:
    """Count one file, before it is made; False if there were enough within the hour of the first."""
    key = f"own-data:{member.pk}"
    cache.add(key, 0, _HOUR)
    try:
        return bool(cache.incr(key) <= MOST_PER_HOUR)
    except ValueError:  # the hour ended between the two
        return False
