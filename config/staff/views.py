"""The second page of the admin's sign-in, and the pages on which staff keep their second factors."""

from collections.abc import Callable
from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.contrib.admin import site
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from campaigns.files import qr
from config.staff import stage
from config.staff.stage import Visitor
from ledger.statements import database_time
from parties import audit_log, factor_sealing, factor_services, second_factor
from parties.audit_log import sign_ins_of
from parties.errors import FactorRefused, FactorsExhausted, LastFactor
from parties.factor_mails import tell_owner
from parties.models import User
from parties.staff_models import Act
from redemption_site import passkeys
from redemption_site.passkeys import PasskeyRefused

_NEW_SECRET = "staff_new_secret"  # noqa: S105  # the name of a place in the session, where it lies sealed
_MOST_LETTERS = 40
_SIGN_INS_SHOWN, _MOST_SIGN_INS = 10, 200
Page = Callable[..., HttpResponse]


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def check(request: HttpRequest) -> HttpResponse:
    """Show a second factor: to come in, or once more before an act that needs a fresh one."""
    visitor = _visitor(request)
    if visitor is None:
        return HttpResponseRedirect(reverse("admin:login"))
    factors = factor_services.factors_of(visitor.user)
    if not factors:
        return HttpResponseRedirect(reverse("staff_set_up"))
    error = ""
    if request.method == "POST":
        try:
            shown = _shown(request, visitor.user)
        except (FactorRefused, PasskeyRefused, FactorsExhausted) as refusal:
            error = _words_of(refusal)
            audit_log.record(
                Act.SIGN_IN_FAILED, by=visitor.user, subject=visitor.user, reason="second factor"
            )
        else:
            stage.let_in(request, visitor, authenticator_id=shown.pk, at=database_time())
            shown.record_usage()
            if not visitor.is_signed_in:
                audit_log.record(Act.SIGN_IN, by=visitor.user, subject=visitor.user, reason=shown.type)
            _warn_of_recovery(request, visitor.user, shown)
            return HttpResponseRedirect(visitor.next_page, status=303)
    kinds = {factor.type for factor in factors}
    context = {
        "title": _("Confirm that it is you"),
        "has_app": Authenticator.Type.TOTP in kinds,
        "next_page": visitor.next_page,
        "error": error,
    }
    if Authenticator.Type.WEBAUTHN in kinds:
        context["options"] = passkeys.options_to_confirm(visitor.user)
    return _page(request, "check", context, status=400 if error else 200)


def _shown(request: HttpRequest, user: User) -> Authenticator:
    if "credential" in request.POST:
        return passkeys.passkey_of(user, request.POST["credential"])
    code = request.POST.get("code", "")[:_MOST_LETTERS]
    return factor_services.check_code(user=user, code=code, at=database_time())


def _warn_of_recovery(request: HttpRequest, user: User, shown: Authenticator) -> None:
    if shown.type == Authenticator.Type.RECOVERY_CODES:
        left = factor_services.recovery_codes_left(user)
        text = ngettext(
            "You used a recovery code: %(left)d is left. If your device is gone, set up another one.",
            "You used a recovery code: %(left)d are left. If your device is gone, set up another one.",
            left,
        )
        messages.warning(request, text % {"left": left})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def set_up(request: HttpRequest) -> HttpResponse:
    """The first factor, before somebody comes in for the first time; or a further one."""
    visitor = _visitor(request)
    if visitor is None:
        return HttpResponseRedirect(reverse("admin:login"))
    factors = list(factor_services.factors_of(visitor.user))
    if factors and not visitor.is_signed_in:  # a password alone adds nothing to what there is
        return HttpResponseRedirect(reverse("staff_check"))
    if factors:
        second_factor.refuse_stale(verified_at=second_factor.verified_at(request), at=database_time())
    error = ""
    if request.method == "POST":
        try:
            added = _added(request, visitor.user)
        except (FactorRefused, PasskeyRefused, FactorsExhausted) as refusal:
            error = _words_of(refusal)
        else:
            return _after_setting_up(request, visitor, added, is_first=not factors)
    has_app = any(factor.type == Authenticator.Type.TOTP for factor in factors)
    context = {"title": _("Set up your second factor"), "is_first": not factors, "error": error}
    context |= {"has_app": has_app, "options": passkeys.options_to_add(visitor.user)}
    context |= {} if has_app else _app_to_scan(request, visitor.user)
    return _page(request, "set_up", context, status=400 if error else 200)


def _app_to_scan(request: HttpRequest, user: User) -> dict[str, Any]:
    """The same secret until it is confirmed: whoever scans, mistypes and comes back need not scan again."""
    sealed = request.session.get(_NEW_SECRET) or factor_sealing.seal(factor_services.new_secret())
    request.session[_NEW_SECRET] = sealed
    secret = factor_sealing.unseal(sealed)
    picture = qr.svg(get_adapter().build_totp_url(user, secret)).decode()
    in_fours = " ".join(secret[place : place + 4] for place in range(0, len(secret), 4))
    return {"secret": in_fours, "picture": mark_safe(picture)}  # noqa: S308  # drawn here, of modules


def _added(request: HttpRequest, user: User) -> Authenticator:
    if "credential" in request.POST:
        typed = request.POST.get("name", "").strip()[:_MOST_LETTERS]
        name = typed if typed and typed.isprintable() else _("Passkey")
        return passkeys.add_passkey(user=user, name=name, credential=request.POST["credential"])
    sealed = request.session.get(_NEW_SECRET)
    if not sealed:
        raise FactorRefused
    code = "".join(request.POST.get("code", "")[:_MOST_LETTERS].split())
    secret = factor_sealing.unseal(sealed)
    return factor_services.add_app(user=user, secret=secret, code=code, at=database_time())


def _after_setting_up(
    request: HttpRequest, visitor: Visitor, added: Authenticator, *, is_first: bool
) -> HttpResponse:
    request.session.pop(_NEW_SECRET, None)
    stage.let_in(request, visitor, authenticator_id=added.pk, at=database_time())
    audit_log.record(Act.FACTOR_ADDED, by=visitor.user, subject=visitor.user, reason=added.type)
    tell_owner(visitor.user, Act.FACTOR_ADDED)
    if not visitor.is_signed_in:
        audit_log.record(Act.SIGN_IN, by=visitor.user, subject=visitor.user, reason=added.type)
    if not is_first:
        messages.success(request, _("The second factor is added."))
        return HttpResponseRedirect(reverse("staff_factors"), status=303)
    return _show_codes(request, visitor.user, next_page=visitor.next_page)


@never_cache
@require_safe
def factors_page(request: HttpRequest) -> HttpResponse:
    """The person's own factors."""
    visitor = _visitor(request)
    if visitor is None or not visitor.is_signed_in:
        return HttpResponseRedirect(reverse("admin:login"))
    found = factor_services.factors_of(visitor.user)
    context = {
        "title": _("My second factors"),
        "factors": [(factor, _name_of(factor)) for factor in found],
        "may_remove": len(found) > 1,
        "left": factor_services.recovery_codes_left(visitor.user),
        "sign_ins": sign_ins_of(visitor.user)[:_SIGN_INS_SHOWN],
    }
    return _page(request, "factors", context)


@never_cache
@require_safe
def sign_ins_page(request: HttpRequest) -> HttpResponse:
    """When the person came in, or somebody tried to in their name, and from where."""
    visitor = _visitor(request)
    if visitor is None or not visitor.is_signed_in:
        return HttpResponseRedirect(reverse("admin:login"))
    shown = sign_ins_of(visitor.user)[:_MOST_SIGN_INS]
    context = {"title": _("My sign-ins"), "sign_ins": shown, "most": _MOST_SIGN_INS}
    return _page(request, "sign_ins", context)


def _name_of(factor: Authenticator) -> str:
    return _("Authenticator app") if factor.type == Authenticator.Type.TOTP else str(factor.wrap().name)


@never_cache
@require_POST
def remove(request: HttpRequest, factor_id: int) -> HttpResponse:
    """Take away one of several."""
    user = _fresh(request)
    if user is None:
        return HttpResponseRedirect(reverse("admin:login"))
    try:
        factor_services.remove_factor(user=user, factor_id=factor_id)
    except LastFactor:
        messages.error(request, _("This is your only second factor. Add another one first."))
    else:
        audit_log.record(Act.FACTOR_REMOVED, by=user, subject=user)
        tell_owner(user, Act.FACTOR_REMOVED)
        messages.success(request, _("The second factor is removed."))
    return HttpResponseRedirect(reverse("staff_factors"), status=303)


@never_cache
@require_POST
def renew_codes(request: HttpRequest) -> HttpResponse:
    """Ten new recovery codes, shown once."""
    user = _fresh(request)
    if user is None:
        return HttpResponseRedirect(reverse("admin:login"))
    return _show_codes(request, user, next_page=reverse("staff_factors"))


def _show_codes(request: HttpRequest, user: User, *, next_page: str) -> HttpResponse:
    codes = factor_services.renew_recovery_codes(user=user)
    audit_log.record(Act.CODES_RENEWED, by=user, subject=user)
    in_halves = [f"{code[:4]}-{code[4:]}" for code in codes]
    context = {"title": _("Your recovery codes"), "codes": in_halves, "next_page": next_page}
    return _page(request, "codes", context)


def _fresh(request: HttpRequest) -> User | None:
    """The signed-in person; FactorStale, which leads to the page that asks, if their factor is not fresh."""
    visitor = _visitor(request)
    if visitor is None or not visitor.is_signed_in:
        return None
    second_factor.refuse_stale(verified_at=second_factor.verified_at(request), at=database_time())
    return visitor.user


def _visitor(request: HttpRequest) -> Visitor | None:
    """Who waits for their second factor, else who is signed in to the admin."""
    waiting = stage.who_waits(request, at=database_time())
    if waiting is not None or not site.has_permission(request) or not isinstance(request.user, User):
        return waiting
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return Visitor(request.user, wanted if is_ours else reverse("admin:index"), is_signed_in=True)


def _words_of(refusal: Exception) -> str:
    if isinstance(refusal, FactorsExhausted):
        return _("Too many attempts. Wait a quarter of an hour, then try again.")
    if isinstance(refusal, PasskeyRefused):
        return _("That passkey can't be used here, or the page was open for too long. Try once more.")
    return _("This code is not right, or was used before. Wait for the next one, then try again.")


def _page(request: HttpRequest, name: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    shared = {**site.each_context(request), "origin": settings.PASSKEY_ORIGIN, "subtitle": None}
    return render(request, f"config/staff/{name}.html", shared | context, status=status)
