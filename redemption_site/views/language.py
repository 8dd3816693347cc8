"""The language: of the pages, by the switch in the footer; of mails, by what the person said last."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from django.views.i18n import set_language

from parties import consents as parties
from parties.models import Language
from redemption_site import mails


def switch_language(request: HttpRequest) -> HttpResponse:
    """Django's switch, which keeps the language in a cookie. Of members it is remembered for mails."""
    if request.method == "POST" and request.user.is_authenticated:
        parties.prefer_language(user_id=request.user.pk, language=request.POST.get("language", ""))
    response: HttpResponse = set_language(request)
    return response


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def language(request: HttpRequest) -> HttpResponse:
    """In which language mails come. The pages follow the switch at their foot."""
    wanted = request.POST.get("language", "")
    if request.method == "POST" and wanted in Language.values:
        parties.prefer_language(user_id=request.user.pk or 0, language=wanted)
        return HttpResponseRedirect(reverse("language") + "?saved=1", status=303)
    context = {
        "chosen": mails.language_of(request.user),
        "is_saved": "saved" in request.GET,
        "is_wrong": request.method == "POST",
    }
    return render(
        request, "redemption_site/language.html", context, status=400 if context["is_wrong"] else 200
    )
