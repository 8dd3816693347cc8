"""Calls of the partner API go straight to their view: what the site's middleware does is for pages.

Sessions, cookies, CSRF, messages, sign-in and history are nothing to a caller with a key, and together they
took a tenth of an answer's time. What counts for every answer is said here once.
"""

from collections.abc import Callable
from typing import cast

from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import SimpleTemplateResponse
from django.urls import resolve, reverse
from django.utils import translation

from parties.api.base import language_asked

# No page at all: nothing in it may be loaded, and nobody may frame it.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), display-capture=()",
}

_Answer = Callable[[HttpRequest], HttpResponseBase]


class PartnerApiMiddleware:
    """Answers what lies below the API's address; everything else goes on. Behind it there may be nothing that
    the API needs.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.below = reverse("api_me").removesuffix("me")
        self.answer = cast(_Answer, convert_exception_to_response(self._answer))

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(self.below):
            return self.get_response(request)
        # Not only for the view: if it crashes, whoever answers in its place finds the language here.
        translation.activate(language_asked(request))
        response = self.answer(request)
        for name, value in _HEADERS.items():
            response.headers[name] = value
        if isinstance(response, HttpResponse):
            response.headers["Content-Length"] = str(len(response.content))
        return response

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        request.get_host()  # DisallowedHost, before anything else is done for it
        match = request.resolver_match = resolve(request.path_info)
        response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
        if isinstance(response, SimpleTemplateResponse):  # DRF's own are made late
            response = response.render()
        return response
