"""The admin's own content policy: its look needs inline styles and an expression evaluator; no other page may
have them.
"""

from collections.abc import Callable

from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

_RELAXED = {"script-src": [SELF, UNSAFE_EVAL], "style-src": [SELF, UNSAFE_INLINE], "img-src": [SELF, "data:"]}


class AdminContentPolicyMiddleware:
    """Relax the policy below the admin's address alone. Stands inside CSPMiddleware, which reads the mark."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.prefix = reverse("admin:index")

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith(self.prefix):
            response._csp_update = _RELAXED  # type: ignore[attr-defined]  # noqa: SLF001  # the mark of django-csp
        return response
