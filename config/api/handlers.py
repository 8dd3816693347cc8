"""Answers outside of any view: problems below the API's address, the site's pages elsewhere."""

import sys

from django.http import HttpRequest, HttpResponseBase

from config.api.errors import is_of_api, no_such_address, plain_answer
from parties.api.base import limit_headers
from redemption_site.views import errors as pages


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """400"""
    return plain_answer("malformed_request") if is_of_api(request) else pages.bad_request(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """404"""
    return no_such_address() if is_of_api(request) else pages.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """503 if something we stand on is away, else 500."""
    if not is_of_api(request):
        return pages.server_error(request)
    is_away = isinstance(sys.exc_info()[1], pages.AWAY)
    response = plain_answer("unavailable" if is_away else "internal_error")
    for name, value in limit_headers(request).items():
        response.headers[name] = value
    return response
