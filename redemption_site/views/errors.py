"""Pages for what went wrong. None of them may be kept: most depend on who asked."""

import math
import sys
from collections.abc import Callable
from datetime import timedelta
from functools import wraps

from django.conf import settings
from django.contrib import admin
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views import defaults
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import requires_csrf_token
from django.views.decorators.debug import sensitive_variables
from redis.exceptions import RedisError

from giftcodes.errors import ClaimingLocked, KeysMissing, TooManyTries
from redemption_site import pending, texts

AWAY = (KeysMissing, OperationalError, InterfaceError, RedisError)
SECONDS_TO_WAIT = 30

bad_request = never_cache(defaults.bad_request)


@never_cache
def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404, in the admin's own words below its address: the members' page speaks of codes."""
    if request.path.startswith("/admin/"):
        return _of_admin(request, "admin/404.html", status=404)
    return defaults.page_not_found(request, exception)


@never_cache
def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403, likewise."""
    if request.path.startswith("/admin/"):
        return _of_admin(request, "admin/403.html", status=403)
    return defaults.permission_denied(request, exception)


def _of_admin(request: HttpRequest, template: str, *, status: int) -> HttpResponse:
    """In the admin's frame, with its sidebar, so that people find their way back."""
    return render(request, template, admin.site.each_context(request), status=status)


@sensitive_variables()
def away(request: HttpRequest, *, waiting_code: str = "", again: str = "claim") -> HttpResponse:
    """503: nothing was lost. With a code that waits in the browser, a button that claims it, or leads to the
    page named `again`, which asks for more than the code.

    The page asks nobody who is signed in: that stands in the database, which may be what is away.
    """
    context = {"reason": texts.RECORDS_AWAY, "waiting_code": waiting_code, "again": again}
    response = render(request, "redemption_site/away.html", context, status=503)
    response.headers["Retry-After"] = str(SECONDS_TO_WAIT)
    response.headers["Cache-Control"] = "no-store"
    return response


def too_many(request: HttpRequest, refusal: TooManyTries) -> HttpResponse:
    """429: when to try again, to the minute, and how to reach support if the person is locked."""
    context = {
        "until": refusal.until
        + timedelta(minutes=1)
        - timedelta(microseconds=1),  # shown without its seconds
        "reference": refusal.reference if isinstance(refusal, ClaimingLocked) else None,
        "support_email": settings.SUPPORT_EMAIL,
    }
    response = render(request, "redemption_site/too_many.html", context, status=429)
    response.headers["Retry-After"] = str(math.ceil((refusal.until - refusal.now).total_seconds()))
    return response


@requires_csrf_token
def server_error(request: HttpRequest) -> HttpResponse:
    """The last resort of every page, middleware included: 503 if something we stand on is away, else 500."""
    if isinstance(sys.exc_info()[1], AWAY):
        return away(request)
    return HttpResponse(render_to_string("500.html"), status=500, headers={"Cache-Control": "no-store"})


@never_cache
@requires_csrf_token
def form_expired(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001  # Django names it
    """403 for a form without the token of this browser's session: usually an old page, and no attack."""
    context = {"code_waits": pending.waiting(request) is not None}
    return render(request, "403_csrf.html", context, status=403)


def explained(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """The view with a page, where Django's answer is empty, for a method that it does not take."""

    @wraps(view)
    def answer(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        return _not_allowed(request, response) if isinstance(response, HttpResponseNotAllowed) else response

    return answer


@never_cache
def _not_allowed(request: HttpRequest, refusal: HttpResponseNotAllowed) -> HttpResponse:
    response = render(request, "405.html", status=405)
    response.headers["Allow"] = refusal.headers["Allow"]
    return response
