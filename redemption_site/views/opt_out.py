"""Notices are stopped by one click: in the mail program (RFC 8058), or with the button on the page."""

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from ledger.statements import database_time
from parties import consents as parties
from parties.models import Member, Purpose
from redemption_site import consent_texts, opt_out


@csrf_exempt  # the token in the address is the permission: a mail program has no session
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def stop(request: HttpRequest, token: str) -> HttpResponse:
    """POST ends the notices of the member whose link it is, as often as one likes. GET changes nothing."""
    number = opt_out.member_number(token)
    if number is None:
        raise Http404
    member = Member.objects.filter(public_id=number, closed_at=None).first()
    if request.method == "POST" and member is not None:
        parties.record_consents(
            member_id=member.pk,
            choices={Purpose.EXPIRY_NOTICE: False},
            wording=consent_texts.WORDING,
            language=get_language() or "",
            at=database_time(),
        )
    if request.method == "POST" and request.POST.get("List-Unsubscribe") != "One-Click":
        return HttpResponseRedirect(request.path, status=303)
    is_wanted = member is not None and Purpose.EXPIRY_NOTICE in parties.standing_consents(member.pk)
    return render(request, "redemption_site/stop_notices.html", {"is_wanted": is_wanted})
