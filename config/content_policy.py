"""The content policy of every page: strict, but for the admin, whose look needs inline styles and an
expression evaluator, and the API's console, whose style sheet holds its pictures. And which devices a page
may ask for.
"""

from collections.abc import Callable

from csp.constants import HEADER, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.utils import build_policy
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse

# The camera reads QR codes on the members' pages; nothing else is ever asked for.
_DEVICES = "camera={camera}, microphone=(), geolocation=(), payment=(), usb=(), display-capture=()"
_OF_THE_ADMIN = {
    "script-src": [SELF, UNSAFE_EVAL],
    "style-src": [SELF, UNSAFE_INLINE],
    "img-src": [SELF, "data:"],
}
_OF_THE_CONSOLE = {"img-src": [SELF, "data:"]}


class ContentPolicyMiddleware:
    """Sets the policy of CONTENT_SECURITY_POLICY, relaxed at these addresses alone.

    django-csp's own middleware builds the same text anew for each answer, which took 5 % of a claim; ours has
    no nonces, so three texts made once are enough.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.admin = reverse("admin:index")
        self.of_the_site = build_policy()
        self.of_the_admin = build_policy(update=_OF_THE_ADMIN)
        self.console = reverse("api_console")
        self.of_the_console = build_policy(update=_OF_THE_CONSOLE)
        self.devices_of_the_site = _DEVICES.format(camera="(self)")
        self.devices_of_the_admin = _DEVICES.format(camera="()")

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        is_admin = request.path.startswith(self.admin)
        policy = self.of_the_console if request.path == self.console else self.of_the_site
        response.headers[HEADER] = self.of_the_admin if is_admin else policy
        response.headers["Permissions-Policy"] = (
            self.devices_of_the_admin if is_admin else self.devices_of_the_site
        )
        return response
