"""JSON as the API takes it: an object, every name once, no NaN, no larger than anything it needs."""

import json
from collections.abc import Mapping
from typing import IO, Any

from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ErrorDetail, ParseError
from rest_framework.parsers import BaseParser

MAX_BYTES = 1_000_000  # a batch of 1,000 gifts with all their fields
_WHY = {
    "too_large": _("It is longer than 1,000,000 bytes: send it in parts."),
    "not_utf8": _("It is not in UTF-8."),
    "not_json": _("It is no JSON: look at line %(line)s, character %(character)s."),
    "too_deep": _(
        "It is no JSON that is read here: too many brackets within brackets, or a number of thousands of"
        " digits."
    ),
    "name_twice": _("A name stands twice in the same object."),
    "not_a_number": _("NaN and Infinity are no numbers in JSON."),
    "no_text": _("A text holds half of a surrogate pair (\\ud800 to \\udfff), which is no character."),
    "no_object": _("It is no JSON object: begin with { and end with }."),
}


class StrictJsonParser(BaseParser):
    """ParseError for what is no JSON object in UTF-8, names a field twice, or holds NaN or half a surrogate
    pair. It says why and where; what was sent is in no message: it may hold a code.
    """

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,  # noqa: ARG002
        parser_context: Mapping[str, Any] | None = None,  # noqa: ARG002
    ) -> dict[str, Any]:
        raw = stream.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            raise _refused("too_large")
        found = _read(raw)
        if not isinstance(found, dict):
            raise _refused("no_object")
        return found


def _read(raw: bytes) -> Any:
    try:
        found = json.loads(raw.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise _refused("not_utf8") from None
    except json.JSONDecodeError as error:
        raise _refused("not_json", line=error.lineno, character=error.colno) from None
    except (ValueError, RecursionError):  # a number of thousands of digits, or a tower of brackets
        raise _refused("too_deep") from None
    if b"\\u" in raw:  # else there can be no surrogate: UTF-8 has none
        try:
            json.dumps(found, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise _refused("no_text") from None
    return found


def _refused(why: str, **where: int) -> ParseError:
    error = ParseError()
    error.detail = ErrorDetail(str(_WHY[why]) % where if where else str(_WHY[why]), code=why)
    return error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _refused("name_twice")
    return found


def _no_constant(name: str) -> float:  # noqa: ARG001
    raise _refused("not_a_number")
