"""To a provider and back. Leaving is a POST; coming back, the provider's own redirect, claims nothing.

Where the answer comes back to the browser that began, it signs in there. In any other one it says whom it
names and waits for a POST: somebody else may have sent the link.
"""

import time

from allauth.core import ratelimit
from django.contrib import messages
from django.contrib.auth import logout
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from redemption_site import identities, pending, round_trips
from redemption_site.handshakes import AnswerRefused, ProviderAway, address_to_ask, identify, providers
from redemption_site.identities import ConnectedElsewhere, Identity
from redemption_site.provider import Provider
from redemption_site.round_trips import RoundTrip, StateRefused
from redemption_site.sign_in import leads_to_shop, sign_in, sign_in_page, wanted_page
from redemption_site.sign_in_mails import ACCOUNT_CONNECTED, tell_owner
from redemption_site.views.errors import SECONDS_TO_WAIT
from redemption_site.views.fresh import member_user
from redemption_site.views.sign_in import after_sign_in, with_waiting_code

_ANSWER = "provider_answer"
SECONDS_TO_GO_ON = 10 * 60


@never_cache
@require_POST
def leave(request: HttpRequest, provider_id: str) -> HttpResponse:
    """To the provider, with the code that waits in this browser inside the sealed state."""
    provider = provider_at(provider_id)
    if request.user.is_authenticated:
        return HttpResponseRedirect(reverse("claim" if pending.waiting(request) else "wallet"), status=303)
    if not ratelimit.consume(request, action="other_sign_in"):
        messages.error(request, _("Too many attempts. Wait a minute, then try again."))
        return HttpResponseRedirect(sign_in_page(wanted_page(request)), status=303)
    return send_to(request, provider, next_page=wanted_page(request))


@sensitive_variables()
def send_to(
    request: HttpRequest, provider: Provider, *, next_page: str = "", connect_to: int | None = None
) -> HttpResponse:
    """A page that goes on to the provider by itself.

    Not a redirect: our content policy lets forms lead to this site only, and Chromium holds a form to that
    through every redirect.
    """
    found = None if connect_to else pending.waiting(request)
    trip, state = round_trips.begin(
        request, provider_id=provider.id, next_page=next_page, connect_to=connect_to, pending=found
    )
    try:
        address = address_to_ask(request, provider, trip, state)
    except ProviderAway:
        return failed(request, provider, "away", status=503, trip=trip)
    return render(request, "redemption_site/provider_leave.html", {"provider": provider, "address": address})


@never_cache
@require_GET  # not HEAD: whatever only looks must not use the answer up
@sensitive_variables()
def come_back(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    """The provider's answer, once."""
    provider = provider_at(provider_id)
    try:
        trip = round_trips.take(request.GET.get("state", ""), provider_id=provider.id)
    except StateRefused:
        return failed(request, provider, "spent", status=400)
    is_own = round_trips.began_here(request, trip)
    if "code" not in request.GET:
        what = "denied" if request.GET.get("error") == "access_denied" else "away"
        return failed(request, provider, what, status=400, trip=trip)
    try:
        identity = identify(request, provider, trip, request.GET["code"])
    except ProviderAway:
        return failed(request, provider, "away", status=503, trip=trip)
    except AnswerRefused:
        return failed(request, provider, "refused", status=400, trip=trip)
    if trip.connect_to is not None:
        return _connect(request, provider, trip, identity, is_own=is_own)
    if is_own and not request.user.is_authenticated:
        response = _sign_in_at_once(request, trip, identity)
    else:
        request.session[_ANSWER] = [*identity, trip.next, time.time()]
        response = HttpResponseRedirect(reverse("provider_go_on"), status=303)
    # One that waits here was typed here, in another tab perhaps: no link displaces it.
    if trip.pending and not pending.waiting(request):
        pending.keep(response, trip.pending)
    return response


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables()
def go_on(request: HttpRequest) -> HttpResponseBase:
    """In a browser in which nobody asked for this sign-in: whom it would sign in; POST does, and claims."""
    found = _answer_in(request)
    if found is None:
        return redirect("account_login")
    identity, next_page = found
    if request.method == "POST":
        del request.session[_ANSWER]
        logout(request)  # whoever was signed in here before
        return after_sign_in(request, _sign_in(request, identity, next_page))
    context = {
        "identity": identity,
        "provider": provider_at(identity.provider_id),
        "sign_in_page": sign_in_page(next_page),
    }
    context = with_waiting_code(request, context, next_page)
    return render(request, "redemption_site/provider_go_on.html", context)


def provider_at(provider_id: str) -> Provider:
    """The provider of that id; 404 if the settings name none."""
    provider = providers().get(provider_id)
    if provider is None:
        raise Http404
    return provider


@sensitive_variables()
def failed(
    request: HttpRequest, provider: Provider, what: str, *, status: int, trip: RoundTrip | None = None
) -> HttpResponse:
    """What went wrong on the way, and what to do now. The code that was on its way waits in this browser,
    unless another one does; the page that was asked for is where the sign-in leads once more.
    """
    kept = trip.pending if trip else None
    context = {"provider": provider, "what": what, "code_waits": bool(kept or pending.waiting(request))}
    context["sign_in_page"] = sign_in_page(trip.next if trip else "")
    response = render(request, "redemption_site/provider_failed.html", context, status=status)
    if status == 503:
        response.headers["Retry-After"] = str(SECONDS_TO_WAIT)
    if kept and not pending.waiting(request):
        pending.keep(response, kept)
    return response


def _sign_in_at_once(request: HttpRequest, trip: RoundTrip, identity: Identity) -> HttpResponseBase:
    response = _sign_in(request, identity, trip.next)
    if leads_to_shop(trip.next):
        return response
    if request.user.is_authenticated and (trip.pending or pending.waiting(request)):
        return HttpResponseRedirect(reverse("claim"), status=303)
    return response


def _sign_in(request: HttpRequest, identity: Identity, next_page: str) -> HttpResponseBase:
    user = identities.admit_person(identity)
    return sign_in(request, user, method="provider", next_page=next_page)


def _connect(
    request: HttpRequest, provider: Provider, trip: RoundTrip, identity: Identity, *, is_own: bool
) -> HttpResponse:
    """Only in the browser and the session that asked: anywhere else it would let a stranger in for good."""
    if not is_own or request.user.pk != trip.connect_to:
        return failed(request, provider, "not_here", status=400)
    try:
        is_new = identities.connect_account(user=member_user(request), identity=identity)
    except ConnectedElsewhere:
        text = _("That account of %(provider)s already signs in to another wallet.")
        messages.error(request, text % {"provider": provider.name})
    else:
        if is_new:
            tell_owner(member_user(request), ACCOUNT_CONNECTED)
    return HttpResponseRedirect(reverse("connections"), status=303)


def _answer_in(request: HttpRequest) -> tuple[Identity, str] | None:
    answer = request.session.get(_ANSWER)
    if not answer:
        return None
    *identity, next_page, at = answer
    if time.time() - at < SECONDS_TO_GO_ON:
        return Identity(*identity), next_page
    del request.session[_ANSWER]  # it names a person
    return None
