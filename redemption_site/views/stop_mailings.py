"""A brand's mails are stopped by one click: in the mail program (RFC 8058), or with the page's button."""

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from campaigns.mailing_mails import TEST
from campaigns.services import mailing_answers
from ledger.statements import database_time


@csrf_exempt  # the signed number in the address is the permission: a mail program has no session
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def stop(request: HttpRequest, number: str) -> HttpResponse:
    """POST ends the brand's mails to the recipient whose link it is, as often as one likes. GET changes
    nothing: scanners open links.
    """
    if number == TEST:
        return render(request, "redemption_site/stop_mailings.html", {"is_test": True})
    recipient = mailing_answers.recipient_of(number)
    if recipient is None:
        raise Http404
    if request.method == "POST":
        mailing_answers.opt_out(recipient=recipient, at=database_time())
        if request.POST.get("List-Unsubscribe") != "One-Click":
            return HttpResponseRedirect(request.path, status=303)
    campaign = recipient.mailing.campaign
    context = {
        "brand": campaign.brand,
        "campaign": campaign,
        "is_stopped": mailing_answers.has_opted_out(recipient),
    }
    return render(request, "redemption_site/stop_mailings.html", context)
