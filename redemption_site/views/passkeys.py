"""Passkeys: signing in with one, and the pages where their owner keeps them."""

from allauth.core import ratelimit
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from redemption_site import identities, passkeys
from redemption_site.forms import PasskeyNameForm
from redemption_site.identities import LastWayIn
from redemption_site.passkeys import PasskeyRefused
from redemption_site.sign_in import is_signed_in, sign_in, sign_in_page, wanted_page
from redemption_site.sign_in_mails import PASSKEY_ADDED, PASSKEY_REMOVED, tell_owner
from redemption_site.views.fresh import for_fresh_members, for_members, member_user
from redemption_site.views.sign_in import after_sign_in


@never_cache
@require_POST
def sign_in_with_passkey(request: HttpRequest) -> HttpResponseBase:
    """Sign in by the answer of a passkey, and claim the code that the form named."""
    if is_signed_in(request):
        return HttpResponseRedirect(reverse("wallet"), status=303)
    if not ratelimit.consume(request, action="other_sign_in"):
        return _back_to_sign_in(request, _("Too many attempts. Wait a minute, then try again."))
    try:
        passkey = passkeys.passkey_behind(request.POST.get("credential", ""))
    except PasskeyRefused:
        text = _("That passkey can't be used here, or the page was open for too long. Try once more.")
        return _back_to_sign_in(request, text)
    response = sign_in(request, passkey.user, method="passkey", next_page=wanted_page(request))
    if is_signed_in(request):
        passkey.record_usage()
    return after_sign_in(request, response)


@require_safe
@for_members
def passkeys_page(request: HttpRequest) -> HttpResponse:
    """The passkeys of this account, by name."""
    kept = identities.passkeys_of(member_user(request))
    context = {"passkeys": [(passkey, passkey.wrap().name) for passkey in kept]}
    return render(request, "redemption_site/passkeys.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@for_fresh_members(back_to="passkeys")
def add(request: HttpRequest) -> HttpResponse:
    """A new passkey: its name, and then the browser asks for the finger, the face or the PIN."""
    user = member_user(request)
    form = PasskeyNameForm(request.POST or None, initial={"name": _("Passkey")})
    error = ""
    if request.method == "POST" and form.is_valid():
        try:
            name, credential = form.cleaned_data["name"], request.POST.get("credential", "")
            passkeys.add_passkey(user=user, name=name, credential=credential)
        except PasskeyRefused:
            error = _("The passkey could not be added. Try once more.")
        else:
            tell_owner(user, PASSKEY_ADDED)
            return _to_passkeys()
    context = {
        "form": form,
        "error": error,
        "options": passkeys.options_to_add(user),
        "origin": settings.PASSKEY_ORIGIN,
        "is_full": identities.passkeys_of(user).count() >= passkeys.MOST_PASSKEYS,
        "most": passkeys.MOST_PASSKEYS,
    }
    status = 400 if request.method == "POST" else 200
    return render(request, "redemption_site/passkey_add.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@for_fresh_members(back_to="passkeys")
def change(request: HttpRequest, passkey_id: int) -> HttpResponse:
    """One passkey: another name for it, and the button that removes it."""
    passkey = _passkey(request, passkey_id)
    wrapped = passkey.wrap()
    form = PasskeyNameForm(request.POST or None, initial={"name": wrapped.name})
    if request.method == "POST" and form.is_valid():
        wrapped.name = form.cleaned_data["name"]
        passkey.save(update_fields=["data"])
        return _to_passkeys()
    context = {
        "passkey": passkey,
        "name": wrapped.name,
        "form": form,
        "may_go": identities.has_spare_way_in(member_user(request)),
    }
    status = 400 if request.method == "POST" else 200
    return render(request, "redemption_site/passkey.html", context, status=status)


@require_POST
@for_fresh_members(back_to="passkeys")
def remove(request: HttpRequest, passkey_id: int) -> HttpResponse:
    """Forget a passkey, unless it is the last way in."""
    _passkey(request, passkey_id)
    try:
        identities.remove_passkey(user=member_user(request), passkey_id=passkey_id)
    except LastWayIn:
        messages.error(request, _("This is your only way to sign in. Add another one first."))
        return HttpResponseRedirect(reverse("passkey", args=[passkey_id]), status=303)
    tell_owner(member_user(request), PASSKEY_REMOVED)
    return _to_passkeys()


def _passkey(request: HttpRequest, passkey_id: int) -> Authenticator:
    passkey = identities.passkeys_of(member_user(request)).filter(pk=passkey_id).first()
    if passkey is None:
        raise Http404
    return passkey


def _back_to_sign_in(request: HttpRequest, text: str) -> HttpResponse:
    messages.error(request, text)
    return HttpResponseRedirect(sign_in_page(wanted_page(request)), status=303)


def _to_passkeys() -> HttpResponse:
    return HttpResponseRedirect(reverse("passkeys"), status=303)
