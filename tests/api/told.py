"""Whether the OpenAPI document names what the API answered: status, code of a refusal, headers."""

import json
import re
from functools import lru_cache
from typing import Any

from django.http import HttpResponseBase

from config.api.document import document

_OF_NO_CALL = {401: "key_missing", 403: "not_allowed", 404: "not_found", 405: "method_not_allowed"}


@lru_cache(maxsize=1)
def _paths() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    # Literal addresses before those with a name in them: /members/lookup is no member.
    found = sorted(document("en")["paths"].items(), key=lambda item: item[0].count("{"))
    return [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), methods) for path, methods in found]


def operation_at(method: str, path: str) -> dict[str, Any] | None:
    """What the document says of that call; None if it knows no such call."""
    methods = next((methods for pattern, methods in _paths() if pattern.fullmatch(path)), {})
    found: dict[str, Any] | None = methods.get("get" if method == "HEAD" else method.lower())
    return found


def untold(method: str, path: str, answer: HttpResponseBase) -> str:
    """What of the answer the document does not tell; "" if it tells all of it."""
    operation, status = operation_at(method, path), answer.status_code
    code = _code_of(answer) if method != "HEAD" else None
    if operation is None:
        is_usual = code == _OF_NO_CALL.get(status) or (status in _OF_NO_CALL and method == "HEAD")
        return "" if is_usual or code == "key_not_valid" else f"{status} {code}: no such call"
    told = operation["responses"].get(str(status))
    if told is None:
        return f"{status} is no answer of {operation['operationId']}"
    if code is not None and code not in _codes_in(told):
        return f"{status} {code} is no refusal of {operation['operationId']}"
    always = {"Retry-After", "WWW-Authenticate"} | ({"RateLimit-Remaining"} if status < 400 else set())
    missing = sorted(name for name in always & told["headers"].keys() if name not in answer.headers)
    said = {name for name in answer.headers if name.startswith(("RateLimit", "Retry", "Idempotent"))}
    unknown = sorted(said - told["headers"].keys()) if status < 400 else []
    return f"headers of {operation['operationId']}: {missing + unknown}" if missing or unknown else ""


def _code_of(answer: HttpResponseBase) -> str | None:
    if answer.headers.get("Content-Type") != "application/problem+json":
        return None
    code: str = json.loads(answer.content)["code"]  # type: ignore[attr-defined]  # no stream
    return code


def _codes_in(told: dict[str, Any]) -> list[str]:
    shape = told["content"]["application/problem+json"]["schema"]["allOf"][1]
    codes: list[str] = shape["properties"]["code"]["enum"]
    return codes
