"""The documentation of the API: the OpenAPI document, a reference, a console, a start, the sandbox,
events, the refusals.

Everything comes from this site: no font, script or picture of another host.
"""

from http import HTTPStatus
from itertools import groupby

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.cache import patch_vary_headers
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from campaigns import sandbox
from campaigns.api.staging import RECIPIENTS
from campaigns.sandbox import FixedCode
from config.api.document import as_json, document
from config.api.problems import PROBLEMS
from config.api.reference import groups_in, marked
from config.api.samples import VARIABLES
from config.api.told import TOLD
from giftcodes import codec
from parties.api import staged
from parties.api.base import language_asked
from parties.sandboxes import CARD_TOKEN


@require_safe
def reference(request: HttpRequest) -> HttpResponse:
    """Every call, with its fields, answers and refusals, and examples that run; made from the document."""
    found = document(_language())
    places = {
        "here": "api_reference",
        "base": f"{settings.SITE_URL}/api/v1",
        "about": marked(found["info"]["description"]),
        "groups": groups_in(found),
        "variables": sorted(VARIABLES.values()),
    }
    return render(request, "config/docs/reference.html", places)


@require_safe
def console(request: HttpRequest) -> HttpResponse:
    """The same to be tried with one's own key, in Swagger UI."""
    return render(request, "config/docs/console.html", {"here": "api_console", "language": _language()})


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """The OpenAPI document: English, as the API's own answers are, unless `lang` or Accept-Language ask."""
    asked = request.GET.get("lang") or language_asked(request)
    language = "ja" if asked == "ja" else "en"
    response = HttpResponse(as_json(language), content_type="application/json")
    patch_vary_headers(response, ["Accept-Language"])
    return response


def _language() -> str:
    return "ja" if get_language() == "ja" else "en"


@require_safe
def start(request: HttpRequest) -> HttpResponse:
    """From a key to the first gift. A text of its own per language: prose is not put together from pieces."""
    places = {
        "site": settings.SITE_URL,
        "base": f"{settings.SITE_URL}/api/v1",
        "campaign": sandbox.GIFTS,
        "store": sandbox.STORE,
        "member": f"ref:{sandbox.MEMBER}",
        "seconds": staged.SECONDS,
    }
    return render(request, f"config/docs/start_{_language()}.html", {"here": "api_start", **places})


@require_safe
def outcomes(request: HttpRequest) -> HttpResponse:
    """What can be tried in a sandbox; names and numbers come from where they are spelled."""
    known = {
        "codes": {fixed.name.lower(): codec.group(fixed.value) for fixed in FixedCode},
        "names": {
            "gifts": sandbox.GIFTS,
            "limited": sandbox.LIMITED,
            "empty": sandbox.EMPTY,
            "not_begun": sandbox.NOT_BEGUN,
            "store": sandbox.STORE,
            "member": sandbox.MEMBER,
            "card": CARD_TOKEN,
            "other": sandbox.OTHER_MEMBER,
        },
        "recipients": {staging.name.lower(): name for name, staging in RECIPIENTS.items()},
        "seconds": staged.SECONDS,
        "base": f"{settings.SITE_URL}/api/v1",
    }
    return render(request, f"config/docs/sandbox_{_language()}.html", {"here": "api_sandbox", **known})


@require_safe
def events(request: HttpRequest) -> HttpResponse:
    """What is told, and how to hear it."""
    known = {"here": "api_events", "base": f"{settings.SITE_URL}/api/v1", "told": TOLD.items()}
    return render(request, f"config/docs/events_{_language()}.html", known)


@require_safe
def errors(request: HttpRequest) -> HttpResponse:
    """Every problem, by its status; each has an anchor that its `type` leads to."""
    by_status = sorted(PROBLEMS.items(), key=lambda item: item[1].status)
    groups = [
        (HTTPStatus(status), [(code, known.title, marked(str(known.advice))) for code, known in items])
        for status, items in groupby(by_status, lambda item: item[1].status)
    ]
    return render(request, "config/docs/errors.html", {"here": "api_errors", "groups": groups})


urlpatterns = [
    path("", reference, name="api_reference"),
    path("start/", start, name="api_start"),
    path("sandbox/", outcomes, name="api_sandbox"),
    path("events/", events, name="api_events"),
    path("errors/", errors, name="api_errors"),
    path("console/", console, name="api_console"),
    path("openapi.json", schema, name="api_schema"),
]
