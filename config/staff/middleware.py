"""A session of staff that no second factor has opened is nobody's, at every door of the site."""

from collections.abc import Callable

from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.contrib.auth.models import AnonymousUser
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _

from parties import audit_log, second_factor
from parties.access import Person
from parties.client_addresses import client_address
from parties.errors import FactorStale
from parties.staff_models import FactorGuard


class SecondFactorMiddleware:
    """Stands behind Django's AuthenticationMiddleware, and is as lazy: a page that asks for no user costs
    nothing. An act that asks for a fresher factor leads to the page that takes it, and back.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.admin = reverse("admin:index")

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if second_factor.is_required():
            claimed = request.user
            request.user = SimpleLazyObject(lambda: _proven(request, claimed))  # type: ignore[assignment]
        if not request.path.startswith(self.admin):
            return self.get_response(request)
        with audit_log.asked_from(client_address(request)):
            return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The page that asks again, for FactorStale alone. The act is not repeated: it was seen by nobody
        since, and the person presses its button once more.
        """
        if not isinstance(error, FactorStale):
            return None
        text = _("Please confirm that it is you: this act needs a second factor of the last five minutes.")
        messages.warning(request, text)
        where = urlencode({"next": _page_before(request)})
        return HttpResponseRedirect(f"{reverse('staff_check')}?{where}", status=303)


def _proven(request: HttpRequest, claimed: Person) -> Person:
    if not getattr(claimed, "is_staff", False):
        return claimed
    noted = second_factor.marked(request.session)
    if not noted:
        return AnonymousUser()
    # A factor that was taken away since ends what it opened; so does the loss of a role.
    ended = FactorGuard.objects.filter(user=OuterRef("user_id"), sessions_from__gt=noted[1])
    factor = Authenticator.objects.filter(~Exists(ended), pk=noted[0], user_id=claimed.pk)
    return claimed if factor.exists() else AnonymousUser()


def _page_before(request: HttpRequest) -> str:
    """The page whose button was pressed, if it is one of ours."""
    page = request.headers.get("Referer", "")
    is_ours = url_has_allowed_host_and_scheme(page, {request.get_host()}, require_https=request.is_secure())
    return page if is_ours else reverse("admin:index")
