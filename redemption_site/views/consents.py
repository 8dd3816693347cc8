"""What a member agrees to: one page, a box for each purpose, none of them ticked for anybody."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from ledger.statements import database_time
from parties import consents as parties
from redemption_site import consent_texts, mails
from redemption_site.access import member_behind


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def consents(request: HttpRequest) -> HttpResponse:
    """POST records what is said otherwise than before; GET shows it, with the history."""
    member = member_behind(request.user)
    offered = consent_texts.offered()
    if request.method == "POST":
        ticked = request.POST.getlist("agree")
        parties.record_consents(
            member_id=member.pk,
            choices={text.purpose: text.purpose.value in ticked for text in offered},
            wording=consent_texts.WORDING,
            language=get_language() or "",
            at=database_time(),
        )
        # Whoever wants mails gets them in the language in which they said so, until they say otherwise.
        mails.remember_language(request.user)
        return HttpResponseRedirect(reverse("consents") + "?saved=1", status=303)
    standing = parties.standing_consents(member.pk)
    context = {
        "offered": [(text, text.purpose in standing) for text in offered],
        "history": parties.history_of_consents(member.pk),
        "is_saved": "saved" in request.GET,
    }
    return render(request, "redemption_site/consents.html", context)
