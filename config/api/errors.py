"""How the API says no: problem+json (RFC 9457) with a stable `type` and `code`, and `errors` per field.

The one place where refusals of the apps become HTTP. Bugs are not caught here: they crash, and Django's 500
is answered in the same shape.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from redis.exceptions import RedisError
from rest_framework import exceptions
from rest_framework.exceptions import ErrorDetail
from rest_framework.response import Response

from config.api.problems import PROBLEMS, SAME_AS
from giftcodes.codec import NotACode
from giftcodes.errors import ClaimingLocked, CodeNotUsable, GiftcodesError, GiftRefused, TooManyTries
from ledger.errors import LedgerError
from parties.errors import (
    DailyPointsExceeded,
    IdempotencyKeyWrong,
    NotReachable,
    PartiesError,
    ScopeMissing,
)

SECONDS_TO_WAIT = 5
CONTENT_TYPE = "application/problem+json"
_REFUSALS = (PartiesError, LedgerError, GiftcodesError)
_AWAY = (OperationalError, InterfaceError, RedisError)
# What is no error of our apps; the first that fits counts.
_OF_OTHERS: list[tuple[type[Exception] | tuple[type[Exception], ...], str]] = [
    (NotACode, "not_a_code"),
    ((Http404, exceptions.NotFound), "not_found"),
    (_AWAY, "unavailable"),
    (exceptions.ValidationError, "invalid_request"),
    ((exceptions.ParseError, RequestDataTooBig, SuspiciousOperation), "malformed_request"),
    (exceptions.NotAuthenticated, "key_missing"),
    (exceptions.AuthenticationFailed, "key_not_valid"),
    ((exceptions.PermissionDenied, PermissionDenied), "not_allowed"),
    (exceptions.MethodNotAllowed, "method_not_allowed"),
    (exceptions.NotAcceptable, "not_acceptable"),
    (exceptions.UnsupportedMediaType, "media_type_wrong"),
    (exceptions.Throttled, "too_many_calls"),
]
# What stands beside the field that a refusal names.
_NO_GIFT = _("It is not as it must be.")
_OF_GIFTS = {
    "points": _("The campaign's orders allow no gift of so many points."),
    "claim_until": _("It has passed, or is later than the campaign's orders allow."),
}
_NO_ADDRESS = _(
    "There is no such address. Compare it with the documentation: no slash at the end, ids as they came."
)
_OF_KEYS = {
    "missing": _("This call needs the header."),
    "form": _("1 to 255 visible ASCII characters, without spaces."),
}
_OF_NAMES = {
    "campaign": _("Your brand has no campaign of that name."),
    "member": _("Your brand knows no such member: not by this id, number or name."),
}


def handle(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """The answer to a refusal; None for what is a bug, which then crashes."""
    code = code_of(error)
    if code is None:
        return None
    body = problem(code, **_particulars(error))
    headers = {**_headers(error, context), "Content-Type": CONTENT_TYPE}
    response = Response(body, status=body["status"], headers=headers)
    response.content_type = CONTENT_TYPE
    return response


def code_of(error: Exception) -> str | None:
    """The stable code of what is a refusal, None for what is a bug."""
    if isinstance(error, _REFUSALS):
        code = SAME_AS.get(error.code, error.code)
        return code if code in PROBLEMS else None
    return next((code for kinds, code in _OF_OTHERS if isinstance(error, kinds)), None)


def problem(code: str, **particulars: Any) -> dict[str, Any]:
    """The body of that problem."""
    known = PROBLEMS[code]
    return {
        "type": f"{settings.SITE_URL}/api/docs/errors/#{code}",
        "title": str(known.title),
        "status": known.status,
        "detail": str(known.advice),
        "code": code,
        **particulars,
    }


def _particulars(error: Exception) -> dict[str, Any]:
    if isinstance(error, ScopeMissing):
        return {"scope": error.scope}
    if isinstance(error, DailyPointsExceeded):
        return {"points_left": error.left, "resets_at": error.resets_at}
    if isinstance(error, (CodeNotUsable, ClaimingLocked)) and error.reference:
        return {"reference": error.reference}
    errors = list(_errors_of(error))
    return {"errors": errors} if errors else {}


def _errors_of(error: Exception) -> Iterator[dict[str, str]]:
    if isinstance(error, exceptions.ValidationError):
        yield from _field_errors(error.get_full_details())
    elif isinstance(error, exceptions.ParseError) and isinstance(error.detail, ErrorDetail):
        yield {"field": "", "code": str(error.detail.code), "message": str(error.detail)}
    elif isinstance(error, GiftRefused):
        path = error.rule if error.position is None else f"gifts.{error.position}.{error.rule}"
        yield {"field": path, "code": "invalid", "message": str(_OF_GIFTS.get(error.rule, _NO_GIFT))}
    elif isinstance(error, IdempotencyKeyWrong):
        yield {"field": "Idempotency-Key", "code": error.reason, "message": str(_OF_KEYS[error.reason])}
    elif isinstance(error, NotReachable) and error.field:
        yield {"field": error.field, "code": "not_found", "message": str(_OF_NAMES[error.field])}


def _field_errors(details: Any, path: str = "") -> Iterator[dict[str, str]]:
    """DRF's tree of errors as a flat list: `gifts.3.points`, a stable code, a sentence. Never the value: it
    may be a code.
    """
    if isinstance(details, dict) and details.keys() == {"message", "code"}:
        yield {"field": path, "code": str(details["code"]), "message": str(details["message"])}
    elif isinstance(details, dict):
        for name, inner in details.items():
            deeper = path if name == "non_field_errors" else f"{path}.{name}".strip(".")
            yield from _field_errors(inner, deeper)
    else:
        for place, inner in enumerate(details):
            is_leaf = isinstance(inner, dict) and inner.keys() == {"message", "code"}
            yield from _field_errors(inner, path if is_leaf else f"{path}.{place}".strip("."))


def _headers(error: Exception, context: Mapping[str, Any]) -> dict[str, str]:
    headers: dict[str, str] = {}
    wait: float | None = None
    if isinstance(error, exceptions.Throttled):
        wait = getattr(error, "wait", None)
    elif isinstance(error, DailyPointsExceeded):
        wait = (error.resets_at - timezone.now()).total_seconds()
    elif isinstance(error, TooManyTries):
        wait = (error.until - error.now).total_seconds()
    elif code_of(error) in ("unavailable", "twin_in_flight"):
        wait = SECONDS_TO_WAIT if code_of(error) == "unavailable" else 1
    if wait is not None:
        headers["Retry-After"] = str(max(1, math.ceil(wait)))
    if isinstance(error, (exceptions.NotAuthenticated, exceptions.AuthenticationFailed)):
        headers["WWW-Authenticate"] = error.auth_header if hasattr(error, "auth_header") else "Bearer"
    if isinstance(error, exceptions.MethodNotAllowed) and (view := context.get("view")):
        headers["Allow"] = ", ".join(view.allowed_methods)
    return headers


def plain_answer(code: str, **particulars: Any) -> JsonResponse:
    """The same shape outside of a view: for addresses that do not exist, and for bugs."""
    body = problem(code, **particulars)
    headers = {"Cache-Control": "no-store"}
    if code == "unavailable":
        headers["Retry-After"] = str(SECONDS_TO_WAIT)
    return JsonResponse(body, status=body["status"], content_type=CONTENT_TYPE, headers=headers)


def no_such_address() -> JsonResponse:
    """Below the API's address there is nothing of that name."""
    return plain_answer("not_found", detail=str(_NO_ADDRESS))


def is_of_api(request: HttpRequest) -> bool:
    """Whether the request went to the API, whose answers are never pages."""
    return request.path.startswith("/api/v1/")
