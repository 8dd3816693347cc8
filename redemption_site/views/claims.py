"""From a code to points. POST claims, GET never; what a claim brought has a page by serial number."""

import re

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from campaigns.conditions_models import ConditionsVersion
from campaigns.models import Campaign
from giftcodes import codec
from giftcodes import services as giftcodes
from giftcodes.codec import NotACode, NotACodeReason
from giftcodes.errors import ClaimHeldBack, CodeNotUsable, ProofNeeded, TooManyTries
from giftcodes.guarding.visitors import person_of
from giftcodes.services import Asker
from parties.client_addresses import client_address
from redemption_site import conditions, pace, pending, proofs, queries, texts, tried
from redemption_site.access import member_behind
from redemption_site.conditions import Ticked
from redemption_site.links import without_link
from redemption_site.pending import PendingClaim
from redemption_site.views.errors import AWAY, away, too_many
from redemption_site.views.pages import code_page


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("code")
@sensitive_variables()
def claim(request: HttpRequest) -> HttpResponse:
    """POST turns the typed code, or the one that waits in the browser, into points, after sign-in.

    GET shows the code that waits, with the button that claims it, or the refusal that it met at the sign-in.
    """
    if request.method != "POST":
        return _waiting_page(request)
    if "code" not in request.POST:
        return _receive_waiting(request)
    text, slug = without_link(request.POST["code"]), _slug_in(request)
    if not text.strip():
        return _typing_error(request, slug, texts.EMPTY_CODE, "")
    try:
        code = codec.normalise(text)
    except NotACode as refusal:
        return _not_a_code(request, slug, refusal.reason, text)
    # Only a form that has asked is looked at once more: the claim itself judges for all of them.
    if conditions.ASKED in request.POST and _tick_error(request, _campaign_of(slug)):
        return _typing_error(request, slug, "", codec.group(code))
    response = _receive(request, PendingClaim(code, slug, accepted=_tick_in(request)))
    tried.count_when_answered(response, code, address=client_address(request), at=timezone.now())
    return response


@sensitive_variables()
def _receive_waiting(request: HttpRequest) -> HttpResponse:
    found = pending.waiting(request)
    if found is None:
        return _typing_error(request, "", texts.NO_CODE_WAITING, "")
    if not pending.is_shown(request, found):
        return show_waiting()
    if not request.user.is_authenticated:
        return HttpResponseRedirect(_way_of(found), status=303)
    if found.asked:
        if not conditions.has_ticked(_tick_in(request), found.asked):
            return _ask(request, found, tick_error=texts.NOT_ACCEPTED, status=400)
        found = found._replace(accepted=_tick_in(request), asked=0)
    return claim_now(request, found)


@sensitive_variables()
def _receive(request: HttpRequest, found: PendingClaim) -> HttpResponse:
    # What the form of such a campaign says is looked up; a member's claim elsewhere asks nothing more.
    if request.user.is_authenticated and "number" not in request.POST:
        return claim_now(request, found)
    try:
        way = _way_of(found)
    except AWAY:
        response = away(request, waiting_code=found.code)
    else:
        if request.user.is_authenticated and way != reverse("number"):
            return claim_now(request, found)
        response = HttpResponseRedirect(way, status=303)
    pending.keep(response, found)
    return response


def _way_of(found: PendingClaim) -> str:
    """Where somebody goes whose code waits: to the page for the number of the brand, or to the sign-in."""
    slug = found.campaign_slug
    return reverse("number" if slug and queries.campaign_by_number(slug) else "account_login")


@sensitive_variables()
def _not_a_code(request: HttpRequest, slug: str, reason: NotACodeReason, text: str) -> HttpResponse:
    """What is wrong with the text. Wrong check digits are counted: each is a sixteenth of a guess."""
    try:
        if reason is NotACodeReason.CHECK_DIGIT:
            giftcodes.count_typo(address=client_address(request))
    except TooManyTries as refusal:
        return too_many(request, refusal)
    except AWAY:
        return away(request)
    typed = "" if reason is NotACodeReason.TOO_LONG else text
    return _typing_error(request, slug, texts.NOT_A_CODE[reason], typed)


@sensitive_variables()
def claim_now(request: HttpRequest, found: PendingClaim) -> HttpResponse:
    """Claim for the signed-in person and go to what it brought; or say why not."""
    begun = pace.now()
    try:
        return _claim(request, found)
    except CodeNotUsable as refusal:
        pace.wait_for_step(begun)
        response = _refusal(request, found._replace(reference=refusal.reference))
        pending.drop(request, response)
    except TooManyTries as refusal:
        response = too_many(request, refusal)
        pending.drop(request, response)
    except ProofNeeded:
        response = _prove(request, found)
        pending.keep(response, found)
    except ClaimHeldBack as held:
        found = _asking(found, held)
        response = _ask(request, found, status=428)
        pending.keep(response, found)
    except AWAY:
        response = away(request, waiting_code=found.code)
        pending.keep(response, found)
    return response


@sensitive_variables()
def claim_at_sign_in(request: HttpRequest, found: PendingClaim) -> HttpResponse:
    """The same, in answer to the sign-in. What went wrong gets an address where it can be reloaded: here that
    would send a sign-in code again that is spent, and a 503 would not even leave the person signed in.
    """
    response, begun = show_waiting(), pace.now()
    try:
        return _claim(request, found)
    except CodeNotUsable as refusal:
        pace.wait_for_step(begun)
        pending.keep(response, found._replace(is_refused=True, reference=refusal.reference))
    except (TooManyTries, ProofNeeded):
        pending.keep(response, found)  # its button will tell
    except ClaimHeldBack as held:
        pending.keep(response, _asking(found, held))
    except AWAY:
        messages.error(request, texts.RECORDS_AWAY)
        pending.keep(response, found)
    return response


def show_waiting() -> HttpResponse:
    """To the page that names the code in this browser, and claims nothing by itself."""
    return HttpResponseRedirect(reverse("claim"), status=303)


@sensitive_variables()
def _claim(request: HttpRequest, found: PendingClaim) -> HttpResponse:
    member = member_behind(request.user)
    proof_id = proofs.proof_id(request.POST.get("proof", ""), person_of(member.pk))
    asker = Asker(member, client_address(request), proof_id)
    claimed = giftcodes.try_code(
        text=found.code, asker=asker, unless=conditions.proviso(member, found.accepted)
    )
    query = "?again=1" if claimed.is_repeat else ""
    response = HttpResponseRedirect(reverse("claimed", args=[claimed.serial_number]) + query, status=303)
    pending.drop(request, response)
    return response


@sensitive_variables()
def _refusal(request: HttpRequest, found: PendingClaim) -> HttpResponse:
    return code_page(
        request,
        _campaign_of(found.campaign_slug),
        error=texts.CODE_NOT_USABLE,
        advice=texts.CODE_NOT_USABLE_ADVICE,
        typed=codec.group(found.code),
        reference=found.reference,
        tick=Ticked(found.accepted),
        status=422,
    )


@sensitive_variables()
def _prove(request: HttpRequest, found: PendingClaim) -> HttpResponse:
    """428: a page whose script does some work; its button then claims."""
    context = {
        "code": found.code,
        "campaign": _campaign_of(found.campaign_slug),
        "challenge": proofs.new_challenge(person_of(member_behind(request.user).pk)),
        "most_counters": proofs.MOST_COUNTERS,
    }
    return render(request, "redemption_site/prove.html", context, status=428)


def _asking(found: PendingClaim, held: ClaimHeldBack) -> PendingClaim:
    """The code as it waits for the conditions that the claim named."""
    return found._replace(asked=held.rows[0][0], accepted="")


@sensitive_variables()
def _ask(
    request: HttpRequest, found: PendingClaim, *, tick_error: str | Promise = "", status: int = 200
) -> HttpResponse:
    """A page with the conditions that the code's own campaign asks for; its button accepts and claims."""
    version = ConditionsVersion.objects.select_related("campaign__brand").get(pk=found.asked)
    context = {
        "code": found.code,
        "campaign": version.campaign,
        "version": version,
        "tick_error": tick_error,
    }
    return render(request, "redemption_site/accept.html", context, status=status)


@never_cache
@require_safe
@login_required
def claimed(request: HttpRequest, serial_number: int) -> HttpResponse:
    """What a code brought, for the member who claimed it; for everybody else there is no such page."""
    gift = queries.gift_of(member_behind(request.user), serial_number)
    if gift is None:
        raise Http404
    context = {"gift": gift, "campaign": gift.origin.campaign, "is_repeat": "again" in request.GET}
    return render(request, "redemption_site/claimed.html", context)


@sensitive_variables()
def _waiting_page(request: HttpRequest) -> HttpResponse:
    found = pending.carried(request)
    is_somebody = request.user.is_authenticated
    if found is None or (found.is_refused and not is_somebody):
        return redirect("landing")
    if not is_somebody:
        return redirect(_way_of(found))
    if found.is_refused:
        return _refusal(request, found)
    if found.asked:
        return _ask(request, found)
    context = {"code": found.code, "campaign": _campaign_of(found.campaign_slug)}
    return render(request, "redemption_site/waiting.html", context)


def _typing_error(request: HttpRequest, slug: str, error: str | Promise, typed: str) -> HttpResponse:
    campaign = _campaign_of(slug)
    return code_page(
        request,
        campaign,
        error=error,
        typed=typed,
        tick=Ticked(_tick_in(request), _tick_error(request, campaign)),
        status=400,
    )


def _tick_in(request: HttpRequest) -> str:
    return conditions.tick_in(request)


def _tick_error(request: HttpRequest, campaign: Campaign | None) -> str | Promise:
    """What is wrong with the tick on the campaign's own page; a code may still be another campaign's, so the
    claim judges for itself.
    """
    asked = conditions.asked_by(campaign, request, at=timezone.now())
    if asked is None or asked.acceptance or conditions.has_ticked(_tick_in(request), asked.version.pk):
        return ""
    return texts.CONDITIONS_CHANGED if conditions.tick_of(_tick_in(request)) else texts.NOT_ACCEPTED


def _slug_in(request: HttpRequest) -> str:
    # It came with the form, so it may be anything; a NUL, for one, PostgreSQL can't look for.
    slug = request.POST.get("campaign", "")
    return slug if re.fullmatch(r"[-a-zA-Z0-9_]{1,40}", slug) else ""


def _campaign_of(slug: str) -> Campaign | None:
    return queries.campaign_at(slug) if slug else None
