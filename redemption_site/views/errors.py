"""Pages for what went wrong on our side."""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.csrf import requires_csrf_token
from redis.exceptions import RedisError

from giftcodes.errors import KeysMissing

AWAY = (KeysMissing, OperationalError, InterfaceError, RedisError)
SECONDS_TO_WAIT = 30


def away(request: HttpRequest, *, can_retry: bool) -> HttpResponse:
    """503: nothing was lost. With `can_retry`, a button that claims the code that waits in the browser.

    The page asks nobody who is signed in: that stands in the database, which may be what is away.
    """
    response = render(request, "redemption_site/away.html", {"can_retry": can_retry}, status=503)
    response.headers["Retry-After"] = str(SECONDS_TO_WAIT)
    response.headers["Cache-Control"] = "no-store"
    return response


@requires_csrf_token
def server_error(request: HttpRequest) -> HttpResponse:
    """The last resort of every page, middleware included: 503 if something we stand on is away, else 500."""
    if isinstance(sys.exc_info()[1], AWAY):
        return away(request, can_retry=False)
    return HttpResponse(render_to_string("500.html"), status=500, headers={"Cache-Control": "no-store"})
