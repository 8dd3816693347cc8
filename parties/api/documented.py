"""How the OpenAPI document tells what can go wrong."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse, inline_serializer
from rest_framework import serializers

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
