"""The first page of the admin's sign-in: e-mail address and password."""

import unicodedata
from typing import Any

from allauth.core import ratelimit
from django.contrib import messages
from django.contrib.admin import site
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import login
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from config.staff import stage
from ledger.statements import database_time
from parties import audit_log, second_factor
from parties.client_addresses import client_address
from parties.models import User
from parties.staff_models import Act


class StaffSignIn(LoginView):
    """The admin's own page, whose right password leads to the second factor instead of into the admin."""

    template_name = "admin/login.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if site.has_permission(request):
            return HttpResponseRedirect(reverse("admin:index"))
        return super().get(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        typed = _address_in(request).upper().lower() or "-"
        # By network and address, so that a stranger elsewhere can't keep somebody out; and by address alone,
        # so that many networks don't make a crowd of guesses.
        near = f"{typed} from {client_address(request)}"
        if ratelimit.consume(request, action="staff_sign_in", key=near) and ratelimit.consume(
            request, action="staff_sign_in_anywhere", key=typed
        ):
            return super().post(request, *args, **kwargs)
        messages.error(request, _("Too many attempts. Wait a minute, then try again."))
        return self.render_to_response(self.get_context_data(form=self.get_form_class()(request)), status=429)

    def get_form_class(self) -> type[AuthenticationForm]:
        return site.login_form or AdminAuthenticationForm

    def get_default_redirect_url(self) -> str:
        return reverse("admin:index")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        own = {"title": _("Log in"), "subtitle": None, "app_path": self.request.get_full_path()}
        own["next"] = self.get_redirect_url() or reverse("admin:index")
        return super().get_context_data(**site.each_context(self.request), **own, **kwargs)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        user, next_page = form.get_user(), self.get_success_url()
        if not second_factor.is_required():
            login(self.request, user, backend=stage.BACKEND)
            audit_log.record(Act.SIGN_IN, by=self.request.user, subject=user, reason="password")
            return HttpResponseRedirect(next_page)
        if isinstance(user, User):  # there is no other kind
            stage.begin(self.request, user, next_page=next_page, at=database_time())
        return HttpResponseRedirect(reverse("staff_check"))

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        """A wrong password of somebody who works here is noted; an address that nobody has is not kept."""
        known = User.objects.filter(email__iexact=_address_in(self.request), is_staff=True).first()
        if known is not None:
            audit_log.record(Act.SIGN_IN_FAILED, by=known, subject=known, reason="password")
        return super().form_invalid(form)


def _address_in(request: HttpRequest) -> str:
    """What was typed, as the sign-in form reads it: however wide its letters are, it is one address."""
    typed = unicodedata.normalize("NFKC", request.POST.get("username", "")[:254])
    return typed.strip()[:254].replace("\0", "")
