"""The documentation of the API: the OpenAPI document, a reference to try it in, a start, the sandbox, the
refusals.

Everything comes from this site: no font, script or picture of another host.
"""

from http import HTTPStatus
from itertools import groupby

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.views.decorators.http import require_safe
from drf_spectacular.views import SpectacularJSONAPIView

from campaigns import sandbox
from campaigns.api.staging import RECIPIENTS
from campaigns.sandbox import FixedCode
from config.api.problems import PROBLEMS
from giftcodes import codec
from parties.api import staged


@require_safe
def reference(request: HttpRequest) -> HttpResponse:
    """Every call, with its fields and answers, to be tried with one's own key."""
    return render(request, "config/docs/reference.html", {"here": "api_reference"})


@require_safe
def start(request: HttpRequest) -> HttpResponse:
    """From a key to the first gift. A text of its own per language: prose is not put together from pieces."""
    language = "ja" if get_language() == "ja" else "en"
    places = {
        "site": settings.SITE_URL,
        "base": f"{settings.SITE_URL}/api/v1",
        "campaign": sandbox.GIFTS,
        "store": sandbox.STORE,
        "member": f"ref:{sandbox.MEMBER}",
        "seconds": staged.SECONDS,
    }
    return render(request, f"config/docs/start_{language}.html", {"here": "api_start", **places})


@require_safe
def outcomes(request: HttpRequest) -> HttpResponse:
    """What can be tried in a sandbox; names and numbers come from where they are spelled."""
    language = "ja" if get_language() == "ja" else "en"
    known = {
        "codes": {fixed.name.lower(): codec.group(fixed.value) for fixed in FixedCode},
        "names": {
            "gifts": sandbox.GIFTS,
            "limited": sandbox.LIMITED,
            "empty": sandbox.EMPTY,
            "not_begun": sandbox.NOT_BEGUN,
            "store": sandbox.STORE,
            "member": sandbox.MEMBER,
            "other": sandbox.OTHER_MEMBER,
        },
        "recipients": {staging.name.lower(): name for name, staging in RECIPIENTS.items()},
        "seconds": staged.SECONDS,
        "base": f"{settings.SITE_URL}/api/v1",
    }
    return render(request, f"config/docs/sandbox_{language}.html", {"here": "api_sandbox", **known})


@require_safe
def errors(request: HttpRequest) -> HttpResponse:
    """Every problem, by its status; each has an anchor that its `type` leads to."""
    by_status = sorted(PROBLEMS.items(), key=lambda item: item[1].status)
    groups = [
        (HTTPStatus(status), [(code, known.title, _marked(str(known.advice))) for code, known in items])
        for status, items in groupby(by_status, lambda item: item[1].status)
    ]
    return render(request, "config/docs/errors.html", {"here": "api_errors", "groups": groups})


def _marked(text: str) -> SafeString:
    """The text with what stands between backticks as code."""
    parts = enumerate(text.split("`"))
    return format_html_join(
        "", "{}", ((format_html("<code>{}</code>", part) if place % 2 else part,) for place, part in parts)
    )


urlpatterns = [
    path("", reference, name="api_reference"),
    path("start/", start, name="api_start"),
    path("sandbox/", outcomes, name="api_sandbox"),
    path("errors/", errors, name="api_errors"),
    path("openapi.json", SpectacularJSONAPIView.as_view(), name="api_schema"),
]
