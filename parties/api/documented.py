"""How the OpenAPI document tells what is read, and what can go wrong."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension, OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction, OpenApiParameter, OpenApiResponse, inline_serializer
from rest_framework import serializers

from parties.api.base import DEFAULT_PAGE, LARGEST_PAGE, MAX_CURSOR

NO_NUL = r"^[^\u0000]*$"
_PROBLEM = inline_serializer(
    "Problem",
    {
        "type": serializers.URLField(help_text="Where this problem is explained."),
        "title": serializers.CharField(),
        "status": serializers.IntegerField(),
        "detail": serializers.CharField(help_text="What to do about it."),
        "code": serializers.CharField(help_text="Stable, for machines: see the catalogue of refusals."),
        "errors": inline_serializer(
            "FieldProblem",
            {
                "field": serializers.CharField(),
                "code": serializers.CharField(),
                "message": serializers.CharField(),
            },
            many=True,
            required=False,
        ),
        "scope": serializers.CharField(required=False),
        "reference": serializers.CharField(required=False),
    },
)
_CALLER = {
    401: "No key, or one that opens nothing: `key_missing`, `key_not_valid`.",
    403: "The key may not do that, or not from there: `scope_missing`, `address_not_allowed`.",
    429: "Too many calls: `too_many_calls`.",
    503: "It can't be answered at the moment: `unavailable`. Send it again with the same key.",
}


def refusals(described: dict[int, str] | None = None) -> dict[Any, Any]:
    """Responses of status 4xx and 5xx as problem+json: those that every call has, and these."""
    return {
        (status, "application/problem+json"): OpenApiResponse(_PROBLEM, description=text)
        for status, text in sorted((_CALLER | (described or {})).items())
    }


def page_parameters(cursor: str = "cursor", *, most: int = LARGEST_PAGE) -> list[OpenApiParameter]:
    """What every list takes: where the page begins, and how long it may be."""
    size = {"type": "integer", "minimum": 1, "maximum": most, "default": DEFAULT_PAGE}
    place = {"type": "string", "minLength": 1, "maxLength": MAX_CURSOR, "pattern": "^[A-Za-z0-9_-]+$"}
    return [
        OpenApiParameter(cursor, place, description="`next_cursor` of the page before, as it came."),
        OpenApiParameter("limit", size, description="How many rows a page has at most."),
    ]


class ClosedBody(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """A Body refuses fields that it does not know: the document says so, and what else its class says."""

    target_class = "parties.api.fields.Body"
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        read: Callable[..., dict[str, Any]] = auto_schema._map_serializer  # noqa: SLF001
        found = read(self.target, direction, bypass_extensions=True)
        return {**found, "additionalProperties": False, **self.target.documented}


class PlainText(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """No text may hold a NUL, which PostgreSQL can't keep."""

    target_class = "parties.api.fields.Text"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        read: Callable[..., dict[str, Any]] = auto_schema._map_serializer_field  # noqa: SLF001
        found = read(self.target, direction, bypass_extensions=True)
        return {"pattern": NO_NUL, **found}
