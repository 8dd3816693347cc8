"""The way of a person from a brand's site to here and back: signing in, agreeing, signing out.

A form may be sent to this host alone (content policy), and browsers hold every redirect after it to that. So
no form leads out directly: it leads to a page of ours, and that page leads out, by itself and by a link.
"""

from contextlib import suppress
from typing import Any, NamedTuple

from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from oauthlib.common import add_params_to_uri
from oauthlib.oauth2.rfc6749 import errors

from ledger.statements import database_time
from parties import site_services
from parties.access import member_of
from parties.errors import MemberHasLeft
from parties.site_models import BrandSite
from redemption_site.sso_identities import read_identity
from redemption_site.sso_provider import Provider, agreed_to, is_too_old, signs_in_here, site_by_client_id
from redemption_site.views.sso_machines import spoken, while_on

# A sign-in that was asked for once more may take so long; the site is told when it was (auth_time).
FRESH_SECONDS = 600


class Asked(NamedTuple):
    """A request of a brand site that may be answered at its address."""

    site: BrandSite
    scopes: list[str]
    prompts: frozenset[str]
    max_age: str | None
    redirect_uri: str
    state: str | None


@while_on
@require_GET
@never_cache
def authorize(request: HttpRequest) -> HttpResponseBase:
    """A brand site asks who this is. It learns that at once if the person agreed before."""
    try:
        asked = _read(request)
    except errors.FatalClientError:
        return _not_understood(request)
    except errors.OAuth2Error as refusal:
        return _sent_to(refusal.in_uri(refusal.redirect_uri))
    page = _page_before(request, asked)
    if page is not None:
        return page
    headers, _body, _status = Provider().create_authorization_response(
        *spoken(request), scopes=asked.scopes, credentials={"user": request.user}
    )
    return _sent_to(headers["Location"])


def _page_before(request: HttpRequest, asked: Asked) -> HttpResponseBase | None:
    """What the person has to do here before the brand site is answered; None if nothing."""
    if not request.user.is_authenticated:
        return _to_sign_in(asked, request.GET.copy())
    if not signs_in_here(request.user):
        return render(request, "redemption_site/sso_staff.html", {"site": asked.site}, status=403)
    context = {"site": asked.site, "scopes": asked.scopes, "query": request.GET.urlencode()}
    if asked.prompts & {"login", "select_account"} or is_too_old(request, asked.max_age):
        return render(request, "redemption_site/sso_again.html", context)
    is_agreed = agreed_to(request.user, asked.site.client).issuperset(asked.scopes)
    if not is_agreed or "consent" in asked.prompts:
        return render(request, "redemption_site/sso_consent.html", context)
    return None


@while_on
@require_POST
@never_cache
def decide(request: HttpRequest) -> HttpResponseBase:
    """The person agrees, declines, or wants to sign in (once more, or as somebody else)."""
    query = QueryDict(request.POST.get("query", ""), mutable=True)
    try:
        asked = _read(request, query)
    except errors.OAuth2Error:
        return _not_understood(request)
    act = request.POST.get("act")
    if act == "again":
        logout(request)
        return _to_sign_in(asked, query)
    if act != "agree":
        return HttpResponseRedirect(f"{reverse('sso_declined')}?{query.urlencode()}", status=303)
    if signs_in_here(request.user):
        # Who has left meanwhile is nobody at the next step, and led to the sign-in.
        with suppress(MemberHasLeft):
            site_services.agree_to_site(
                member=member_of(request.user), site=asked.site, scopes=asked.scopes, at=database_time()
            )
        _drop_prompts(query, "consent")
    return HttpResponseRedirect(f"{reverse('sso_continue')}?{query.urlencode()}", status=303)


@while_on
@require_GET
@never_cache
def go_on(request: HttpRequest) -> HttpResponse:
    """After a form: on with the same request, to `authorize` and from there to the brand site."""
    return _leaving(request, f"{reverse('sso_authorize')}?{request.GET.urlencode()}")


@while_on
@require_GET
@never_cache
def declined(request: HttpRequest) -> HttpResponse:
    """Back to the brand site, which learns that the person declined and nothing else."""
    try:
        asked = _read(request)
    except errors.OAuth2Error:
        return _not_understood(request)
    refusal = errors.AccessDeniedError(state=asked.state)
    return _leaving(request, refusal.in_uri(asked.redirect_uri), site=asked.site)


@while_on
@require_http_methods(["GET", "POST"])
@never_cache
def sign_out(request: HttpRequest) -> HttpResponseBase:
    """Somebody signed out at a brand site, which asks whether they want to here as well."""
    if request.method == "POST":
        query = QueryDict(request.POST.get("query", ""))
        site, _back = _read_sign_out(query)
        if site and signs_in_here(request.user):
            site_services.revoke_tokens(user_id=request.user.pk, client=site.client)
        if request.POST.get("act") == "leave":
            logout(request)
        return HttpResponseRedirect(f"{reverse('sso_signed_out')}?{query.urlencode()}", status=303)
    site, back = _read_sign_out(request.GET)
    if not request.user.is_authenticated:
        return _sent_to(back) if back else redirect("landing")
    context = {"site": site, "query": request.GET.urlencode()}
    return render(request, "redemption_site/sso_sign_out.html", context)


@while_on
@require_GET
@never_cache
def signed_out(request: HttpRequest) -> HttpResponse:
    """Back to where the brand site wanted people after signing out; to our own first page if it said none."""
    site, back = _read_sign_out(request.GET)
    return _leaving(request, back, site=site) if back else redirect("landing")


def _read(request: HttpRequest, query: QueryDict | None = None) -> Asked:
    """The request, judged as the protocol says. FatalClientError if nobody may be answered, another
    OAuth2Error for an answer to the brand site.
    """
    uri, _method, _body, headers = spoken(request)
    if query is not None:
        uri = f"{reverse('sso_authorize')}?{query.urlencode()}"
    try:
        scopes, info = Provider().validate_authorization_request(uri, "GET", "", headers)
    except ValueError as unreadable:
        raise errors.InvalidRequestFatalError from unreadable
    asked = info["request"]
    site = site_by_client_id(asked.client_id)
    if site is None:
        raise errors.InvalidClientIdError
    return Asked(site, scopes, frozenset(info["prompt"]), asked.max_age, asked.redirect_uri, asked.state)


def _to_sign_in(asked: Asked, query: QueryDict) -> HttpResponseBase:
    """In, and back with the request. What it wanted of the sign-in is done then; a `max_age` of seconds,
    which nobody keeps, is content with one as young as FRESH_SECONDS.
    """
    is_asked_anew = asked.prompts & {"login", "select_account"}
    _drop_prompts(query, "login", "select_account")
    if is_asked_anew or asked.max_age is not None:
        query["max_age"] = str(max(int(asked.max_age or 0), FRESH_SECONDS))
    return redirect_to_login(f"{reverse('sso_continue')}?{query.urlencode()}")


def _drop_prompts(query: QueryDict, *done: str) -> None:
    """Without what the person has just done, or they would be asked for it for ever."""
    kept = [prompt for prompt in query.get("prompt", "").split() if prompt not in done]
    if kept:
        query["prompt"] = " ".join(kept)
    else:
        query.pop("prompt", None)


def _read_sign_out(query: QueryDict) -> tuple[BrandSite | None, str | None]:
    """The brand site, and the address that it has registered for this; None for what can't be relied on."""
    hint = read_identity(query.get("id_token_hint", ""))
    client_id = query.get("client_id") or hint.get("aud")
    if hint and hint["aud"] != client_id:
        return None, None
    site = site_by_client_id(client_id) if client_id else None
    back = query.get("post_logout_redirect_uri")
    if site is None or back not in site.client.get_post_logout_redirect_uris():
        return site, None
    state = query.get("state")
    return site, add_params_to_uri(back, [("state", state)]) if state else back


def _leaving(request: HttpRequest, target: str, **context: Any) -> HttpResponse:
    return render(request, "redemption_site/sso_leaving.html", context | {"target": target})


def _not_understood(request: HttpRequest) -> HttpResponse:
    """400, to the person: whoever sent them here can't be told, or nobody knows whether it was them."""
    return render(request, "redemption_site/sso_not_understood.html", status=400)


def _sent_to(address: str) -> HttpResponse:
    """To an address that the brand site registered, to the letter."""
    return HttpResponse(status=302, headers={"Location": address})
