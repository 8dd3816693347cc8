"""The brand sites that a member lets know who they are, and the way to take that back."""

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from ledger.statements import database_time
from parties import site_queries, site_services
from redemption_site.access import member_behind


@never_cache
@require_safe
@login_required
def connected_sites(request: HttpRequest) -> HttpResponse:
    """Each site with what it may learn, newest first."""
    rows = site_queries.connected_sites(member_behind(request.user))
    context = {"consents": rows, "withdrawn": request.GET.get("withdrawn") == "1"}
    return render(request, "redemption_site/connected_sites.html", context)


@never_cache
@require_POST
@login_required
def withdraw(request: HttpRequest, site_id: int) -> HttpResponse:
    """The site learns nothing any more; 404 for one that the member isn't connected to."""
    member = member_behind(request.user)
    consent = site_queries.connected_sites(member).filter(site=site_id).first()
    if consent is None:
        raise Http404
    site_services.withdraw_from_site(member=member, site=consent.site, at=database_time())
    return HttpResponseRedirect(f"{reverse('connected_sites')}?withdrawn=1", status=303)
