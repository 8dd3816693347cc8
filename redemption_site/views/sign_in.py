"""The two pages of the sign-in: where the code goes, and the code. allauth's views, in the house's words.

The other ways begin on the first of them (`views/passkeys.py`, `views/providers.py`).
"""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.views import ConfirmLoginCodeView, RequestLoginCodeView
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import LogoutView
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.generic import TemplateView

from redemption_site import passkeys, pending, queries
from redemption_site.demo_mail import mail_to
from redemption_site.forms import AddressForm, SignInCodeForm
from redemption_site.handshakes import providers
from redemption_site.sign_in import SignInProcess, leads_to_shop, sign_in_page, wanted_page
from redemption_site.views.claims import claim_at_sign_in, show_waiting


def after_sign_in(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """The answer to a form that has just signed somebody in: what the code that it named brings, if one
    waits. Else the sign-in's own answer, also where it was refused, and for who goes back to a shop.
    """
    found = pending.waiting(request)
    if not found or not request.user.is_authenticated or leads_to_shop(response.headers.get("Location", "")):
        return response
    return claim_at_sign_in(request, found) if pending.is_shown(request, found) else show_waiting()


class SignInView(RequestLoginCodeView):  # type: ignore[misc]  # allauth ships no types
    """Asks for the e-mail address and sends a code to it."""

    form_class = AddressForm
    template_name = "redemption_site/sign_in.html"

    def form_valid(self, form: AddressForm) -> HttpResponse:
        SignInProcess.begin(self.request, email=form.cleaned_data["email"], user=form._user)  # noqa: SLF001
        return HttpResponseRedirect(self.get_success_url(), status=303)

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        context = with_waiting_code(
            self.request, super().get_context_data(**context), wanted_page(self.request)
        )
        return context | {
            "providers": providers().values(),
            "passkey_options": passkeys.options_to_sign_in(),
            "passkey_origin": settings.PASSKEY_ORIGIN,
        }

    def _redirect_to_pending_stage(self, request: HttpRequest, stage: object) -> None:
        """Coming back to this page means starting over, with another address perhaps."""


class SignInCodeView(ConfirmLoginCodeView):  # type: ignore[misc]  # allauth ships no types
    """Asks for the code from the mail; claims, in the same step, the gift code that was typed before."""

    form_class = SignInCodeForm
    template_name = "redemption_site/sign_in_code.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        if getattr(self, "_process", None) is None and not request.user.is_authenticated:
            text = _("The sign-in code has expired, or was asked for in another browser. Ask for a new one.")
            messages.error(request, text)
        if response.headers.get("Location") == sign_in_page(""):  # so allauth begins anew
            response.headers["Location"] = sign_in_page(wanted_page(request))
        return response

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        # allauth made its own kind of process from this stage; ours counts tries and takes newcomers in.
        self._process = SignInProcess(self.stage)
        if self._action == "verify" and not self._process.take_try():
            self._process.abort()
            messages.error(request, get_adapter().error_messages["too_many_login_attempts"])
            return redirect(settings.LOGIN_URL)
        response: HttpResponseBase = super().post(request, *args, **kwargs)
        return response

    def form_valid(self, form: Form) -> HttpResponseBase:
        return after_sign_in(self.request, super().form_valid(form))

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        context = with_waiting_code(
            self.request, super().get_context_data(**context), wanted_page(self.request)
        )
        return context | {"demo_mail": mail_to(context["email"])}


@method_decorator(never_cache, name="dispatch")
class RefusedView(TemplateView):
    """For people who proved their mailbox and still can't sign in here: staff, and users who are blocked."""

    template_name = "redemption_site/sign_in_refused.html"


class SignOutView(LogoutView):
    """Ends the session. The browser also forgets a code that waited in it."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = super().dispatch(request, *args, **kwargs)
        pending.drop(request, response)
        return response


def with_waiting_code(request: HttpRequest, context: dict[str, Any], next_page: str) -> dict[str, Any]:
    """The context with the code that waits in this browser and its campaign, if there is one and the sign-in
    leads to it: who goes back to a shop meets it here later.
    """
    found = pending.waiting(request)
    if found is None or leads_to_shop(next_page):
        return context
    campaign = queries.campaign_at(found.campaign_slug) if found.campaign_slug else None
    return context | {"waiting_code": found.code, "campaign": campaign}
