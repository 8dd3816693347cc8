"""JSON as the API takes it: an object, every name once, no NaN, no larger than anything it needs."""

import json
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

MAX_BYTES = 1_000_000  # a batch of 1,000 gifts with all their fields


class StrictJsonParser(BaseParser):
    """ParseError for what is no JSON object in UTF-8, names a field twice, or holds NaN or half a surrogate
    pair. What was sent is in no message: it may hold a code.
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
            raise ParseError(code="too_large")
        try:
            text = raw.decode("utf-8")
            found = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse)
            json.dumps(found, ensure_ascii=False).encode()  # half a surrogate pair is no text
        except (ValueError, RecursionError):
            raise ParseError from None
        if not isinstance(found, dict):
            raise ParseError
        return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _refuse(name: str) -> float:
    raise ValueError(name)
