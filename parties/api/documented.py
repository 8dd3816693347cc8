"""How the OpenAPI document tells what is read, and what can go wrong."""

from collections.abc import Callable
from typing import Any

from django.core.validators import RegexValidator
from drf_spectacular.extensions import OpenApiSerializerExtension, OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import Direction, OpenApiParameter, OpenApiResponse, inline_serializer
from rest_framework import serializers

from parties.api.base import DEFAULT_PAGE, LARGEST_PAGE, MAX_CURSOR

NO_NUL = r"^[^\u0000]*$"
_PROBLEM = inline_serializer(
    "Problem",
    {
        "type": serializers.URLField(help_text="Where this problem is explained."),
        "title": serializers.CharField(help_text="What the problem is called."),
        "status": serializers.IntegerField(help_text="As HTTP says it."),
        "detail": serializers.CharField(help_text="What to do about it."),
        "code": serializers.CharField(help_text="Stable, for machines: see the catalogue of refusals."),
        "errors": inline_serializer(
            "FieldProblem",
            {
                "field": serializers.CharField(
                    help_text="Where: `points`, `gifts.3.claim_until`, a parameter, a header; empty for the"
                    " request as a whole."
                ),
                "code": serializers.CharField(help_text="Stable, for machines."),
                "message": serializers.CharField(help_text="For people. It never repeats what was sent."),
            },
            many=True,
            required=False,
            help_text="What is wrong with each field.",
        ),
        "scope": serializers.CharField(
            required=False, help_text="With `scope_missing`: what the key would need."
        ),
        "reference": serializers.CharField(
            required=False, help_text="With refused tries: by this, support finds the try."
        ),
        "points_left": serializers.IntegerField(
            required=False, help_text="With `daily_points_exceeded`: what is left of this day."
        ),
        "resets_at": serializers.DateTimeField(
            required=False, help_text="With `daily_points_exceeded`: when the next day begins."
        ),
    },
)
_CALLER = {
    401: "No key, or one that opens nothing: `key_missing`, `key_not_valid`.",
    403: "The key may not do that, or not from there: `scope_missing`, `address_not_allowed`.",
    406: "Accept asks for something else than JSON: `not_acceptable`.",
    429: "Too many calls: `too_many_calls`.",
    500: "A fault of ours: `internal_error`. Send it again as it was: nothing is done twice.",
    503: "It can't be answered at the moment: `unavailable`. Send it again as it was.",
}


def refusals(described: dict[int, str] | None = None) -> dict[Any, Any]:
    """Responses of status 4xx and 5xx as problem+json: those that every call has, and these. Each text names
    its codes between backticks; `config.api.document` reads them there.
    """
    return {
        (status, "application/problem+json"): OpenApiResponse(_PROBLEM, description=text)
        for status, text in sorted((_CALLER | (described or {})).items())
    }


def body_refusals(described: dict[int, str]) -> dict[Any, Any]:
    """The same for a call with a body, which can be unreadable or of another type."""
    unread = "The body is read as JSON alone: `media_type_wrong`."
    return refusals({415: unread, **described})


WRONG = (
    "It can't be read, or something in it is not as it must be; `errors` names what: `malformed_request`,"
    " `invalid_request`"
)
ROWS = "The rows of this page."
HAS_MORE = "Whether rows follow behind this page."
NEXT_CURSOR = "What the next page takes as `cursor`; null at the end."
REUSED = "The key was used for something else: `key_reused`. Nothing was done."


def id_parameter(name: str, description: str) -> OpenApiParameter:
    """An id that stands in the address."""
    return OpenApiParameter(name, OpenApiTypes.UUID, OpenApiParameter.PATH, description=description)


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
        if not vars(type(self.target)).get("__doc__"):
            found.pop("description", None)  # its base class speaks to those who read the source
        return {**found, "additionalProperties": False, **self.target.documented}


class PlainText(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """No text may hold a NUL, which PostgreSQL can't keep. A pattern of its own says so itself."""

    target_class = "parties.api.fields.Text"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        read: Callable[..., dict[str, Any]] = auto_schema._map_serializer_field  # noqa: SLF001
        found = read(self.target, direction, bypass_extensions=True)
        own = [one for one in self.target.validators if isinstance(one, RegexValidator)]
        return found if own else {"pattern": NO_NUL, **found}
