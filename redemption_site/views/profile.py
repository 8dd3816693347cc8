"""What a member may tell about themselves for statistics, all of it voluntary."""

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from ledger.statements import database_time
from parties import consents, profiles
from parties.errors import MemberHasLeft
from parties.models import Gender, Purpose
from parties.prefectures import PREFECTURES
from parties.profiles import NotPossible, Told
from redemption_site import consent_texts
from redemption_site.access import member_behind


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def profile(request: HttpRequest) -> HttpResponse:
    """POST keeps what is told and whether it may be counted; GET shows both."""
    member, at = member_behind(request.user), database_time()
    if request.method != "POST":
        agrees = Purpose.STATISTICS in consents.standing_consents(member.pk)
        return _page(request, profiles.profile_of(member.pk), agrees=agrees, year=at.year)
    agrees = "agree" in request.POST
    try:
        told = _told_in(request)
        profiles.tell(member=member, told=told, at=at)
    except (ValueError, NotPossible):
        return _page(request, profiles.profile_of(member.pk), agrees=agrees, year=at.year, is_wrong=True)
    except MemberHasLeft as refusal:  # in another tab, while this was sent
        raise Http404 from refusal
    consents.record_consents(
        member_id=member.pk,
        choices={Purpose.STATISTICS: agrees},
        wording=consent_texts.WORDING,
        language=get_language() or "",
        at=at,
    )
    return HttpResponseRedirect(reverse("profile") + "?saved=1", status=303)


def _told_in(request: HttpRequest) -> Told:
    """ValueError for what no form of ours sends."""
    born, prefecture, gender = (request.POST.get(name, "") for name in Told._fields)
    return Told(_number(born), _number(prefecture), gender)


def _number(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise ValueError
    return int(text)


_MOST_DIGITS = 4


def _page(
    request: HttpRequest, told: Told, *, agrees: bool, year: int, is_wrong: bool = False
) -> HttpResponse:
    text = next(text for text in consent_texts.TEXTS if text.purpose == Purpose.STATISTICS)
    context = {
        "told": told,
        "agrees": agrees,
        "text": text,
        "years": range(year, year - profiles.OLDEST - 1, -1),
        "prefectures": PREFECTURES.items(),
        "genders": Gender.choices,
        "is_saved": "saved" in request.GET,
        "is_wrong": is_wrong,
    }
    return render(request, "redemption_site/profile.html", context, status=400 if is_wrong else 200)
