"""The OpenAPI document: what the views declare, and what only the API as a whole knows.

Views say what they read and answer, and name between backticks the codes of their refusals. What holds for
all of them is added here once: where the API stands, the scope that each call needs, the headers of answers,
the codes of each refusal as a list for machines, examples. Its texts are English in the source and are
translated at the end, so that one catalogue has them all.
"""

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema

from config.api import samples
from config.api.answers import resolved
from config.api.problems import PROBLEMS

METHODS = ("post", "get", "put", "patch", "delete")
_PROBLEM_TYPE = "application/problem+json"
_NAMED = re.compile(r"`([a-z_]+)`")
_TRANSLATED = ("description", "summary", "x-displayName")

TAGS = {
    "Gifts": "One code each, issued at the moment it is asked for, out of an approved order.",
    "Campaigns": "What gifts are issued from, and what is left of its budget.",
    "Claims": "Codes become points of a member, in your own app.",
    "Members": "Who is at the till or signed in, and how many points they have. Nothing personal.",
    "Points": "Given for purchases, spent at tills, taken back.",
    "Holds": "Points set aside for a checkout that may still fail.",
    "Events": "What happened, in order; the same that webhooks bring.",
    "Key": "What a key may do, and whether anybody answers.",
}
INFO = (
    "Issue gifts, claim codes, give and take points at the till. JSON in both directions, with"
    " `Authorization: Bearer <key>`. Acts take an Idempotency-Key: the same key with the same body does"
    " nothing more and gets the same answer. Refusals are problem+json (RFC 9457) with a stable `code`."
    " Moments are RFC 3339 with an offset; an `expires_at` or `claim_until` is exclusive. Codes are strings,"
    " never numbers. Fields may be added to answers at any time: ignore what you do not know. A request with"
    " a field that is not known is refused."
)
_ANY = {"type": "string"}
_COUNT = {"type": "string", "pattern": "^[0-9]+$"}
_LIMITS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
HEADERS: dict[str, tuple[str, dict[str, str]]] = {
    "RateLimit-Limit": ("How many calls may come at once.", _COUNT),
    "RateLimit-Remaining": ("How many calls are left at this moment.", _COUNT),
    "RateLimit-Reset": ("Seconds until all of them are there again.", _COUNT),
    "Retry-After": ("Seconds to wait before the same request is sent again.", _COUNT),
    "WWW-Authenticate": ("How to say who is calling.", _ANY),
    "Content-Language": ("The language of `title` and `detail`; choose it by Accept-Language.", _ANY),
}


class PartnerSchema(AutoSchema):
    """How drf-spectacular reads the views: with the scope that each call needs, and with the names of things
    rather than of our classes.
    """

    def get_auth(self) -> list[dict[str, list[str]]]:
        scope = getattr(self.view, "scopes", {}).get(self.method)
        needed = [scope.value] if scope is not None else []
        return [dict.fromkeys(known, needed) for known in super().get_auth()]

    def get_serializer_name(self, serializer: Any, direction: Any) -> str:
        name: str = super().get_serializer_name(serializer, direction)
        return name.removesuffix("Shape").removesuffix("Body")


def document(language: str) -> dict[str, Any]:
    """The document in that language. It is shared: change nothing in it."""
    return _made(language, settings.SITE_URL)


@lru_cache(maxsize=8)
def as_json(language: str) -> bytes:
    """The same as it is sent."""
    return json.dumps(document(language), indent=1, ensure_ascii=False).encode()


@lru_cache(maxsize=8)
def _made(language: str, site: str) -> dict[str, Any]:  # noqa: ARG001  # the document names the site
    with translation.override(language):
        generator: Any = SchemaGenerator
        found: dict[str, Any] = generator().get_schema(public=True)
        return found


def operations_in(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and operation, in the order of the document."""
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                yield path, method, methods[method]


def complete(result: dict[str, Any], **_given: Any) -> dict[str, Any]:
    """What drf-spectacular calls with the document as the views make it (POSTPROCESSING_HOOKS)."""
    result["info"]["description"] = INFO
    result["servers"] = [{"url": settings.SITE_URL}]
    result["tags"] = [
        {"name": name, "x-displayName": name, "description": text} for name, text in TAGS.items()
    ]
    result["components"]["headers"] = {
        name: {"description": text, "schema": shape} for name, (text, shape) in HEADERS.items()
    }
    for path, method, operation in operations_in(result):
        _require_body(operation, result)
        for status, response in operation["responses"].items():
            _complete_response(int(status), response, has_key=bool(operation.get("security")))
        samples.put_into(operation, path, method, result)
    _translate(result)
    return result


def _require_body(operation: dict[str, Any], document: dict[str, Any]) -> None:
    """A body is needed if something must stand in it. drf-spectacular knows of fields that must be there, not
    of one out of two.
    """
    if body := operation.get("requestBody"):
        shape = resolved(body["content"]["application/json"]["schema"], document)
        body["required"] = bool(shape.get("required") or shape.get("minProperties"))


def _complete_response(status: int, response: dict[str, Any], *, has_key: bool) -> None:
    headers = response.setdefault("headers", {})
    if has_key:
        for name in ("Content-Language", *(_LIMITS if status < 400 else ())):
            headers[name] = {"$ref": f"#/components/headers/{name}"}
    for name, statuses in (("Retry-After", (429, 503)), ("WWW-Authenticate", (401,))):
        if status in statuses:
            headers[name] = {"$ref": f"#/components/headers/{name}"}
    content = response.get("content", {}).get(_PROBLEM_TYPE)
    if content is not None:
        known = {"properties": {"status": {"const": status}, "code": {"enum": codes_in(status, response)}}}
        content["schema"] = {"allOf": [content["schema"], known]}
    elif not response.get("description"):
        response["description"] = "Done." if status == 201 else "As asked for."


def codes_in(status: int, response: dict[str, Any]) -> list[str]:
    """The codes that the text of a refusal names. ValueError for one that is none, or of another status."""
    codes = [name for name in _NAMED.findall(response["description"]) if name in PROBLEMS]
    if not codes or any(PROBLEMS[code].status != status for code in codes):
        raise ValueError(f"{status}: {response['description']}")
    return codes


def _translate(part: Any) -> None:
    """Every description and summary in the language that is active, where it stands."""
    if isinstance(part, list):
        for inner in part:
            _translate(inner)
    elif isinstance(part, dict):
        for name, inner in part.items():
            if name in _TRANSLATED and isinstance(inner, str) and inner:
                part[name] = gettext(" ".join(inner.split()))
            else:
                _translate(inner)
