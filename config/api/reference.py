"""The OpenAPI document as people read it: calls by their tags, fields one under the other."""

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, NamedTuple

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from config.api.answers import resolved
from config.api.document import operations_in
from config.api.problems import PROBLEMS
from config.api.samples import JSON, laid_out

_PROBLEM_TYPE = "application/problem+json"


class Field(NamedTuple):
    """A field of a body or an answer, or a parameter; `name` says where it stands: `budget.left.points`."""

    name: str
    kind: str
    is_required: bool
    text: SafeString
    values: list[str]
    place: str = ""


class Refusal(NamedTuple):
    """What a status means here; its codes lead to the catalogue."""

    status: HTTPStatus
    text: SafeString


class Sample(NamedTuple):
    """A text to be copied."""

    label: str
    source: str


class Call(NamedTuple):
    """One operation."""

    id: str
    method: str
    path: str
    summary: str
    text: SafeString
    scope: str
    parameters: list[Field]
    body: list[Field]
    needs_body: bool
    status: HTTPStatus
    answer: list[Field]
    headers: list[tuple[str, SafeString]]
    refusals: list[Refusal]
    samples: list[Sample]
    example: str
    in_console: str


class Group(NamedTuple):
    """The calls of one tag."""

    name: str
    title: str
    text: SafeString
    calls: list[Call]


def groups_in(document: dict[str, Any]) -> list[Group]:
    """Every call of the document, by the order of its tags."""
    calls: dict[str, list[Call]] = {tag["name"]: [] for tag in document["tags"]}
    for path, method, operation in operations_in(document):
        calls[operation["tags"][0]].append(_call(path, method, operation, document))
    return [
        Group(tag["name"], tag["x-displayName"], marked(tag["description"]), calls[tag["name"]])
        for tag in document["tags"]
    ]


def marked(text: str, catalogue: str = "") -> SafeString:
    """The text with what stands between backticks as code; codes of refusals lead to the catalogue, if its
    address is given.
    """

    def code(part: str) -> SafeString:
        shown = format_html("<code>{}</code>", part)
        is_known = catalogue and part in PROBLEMS
        return format_html('<a href="{}#{}">{}</a>', catalogue, part, shown) if is_known else shown

    parts = enumerate(text.split("`"))
    return format_html_join("", "{}", ((code(part) if place % 2 else part,) for place, part in parts))


def _call(path: str, method: str, operation: dict[str, Any], document: dict[str, Any]) -> Call:
    body = operation.get("requestBody", {})
    status, done = next((int(name), told) for name, told in operation["responses"].items() if name < "3")
    content = done["content"][JSON]
    return Call(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        text=marked(operation.get("description", "")),
        scope=next(iter(next(iter(operation.get("security") or [{}])).get("key", ())), ""),
        parameters=[_parameter(told, document) for told in operation.get("parameters", ())],
        body=list(_fields(body["content"][JSON]["schema"], document)) if body else [],
        needs_body=body.get("required", False),
        status=HTTPStatus(status),
        answer=list(_fields(content["schema"], document)),
        headers=[(name, marked(_header(told, document))) for name, told in done.get("headers", {}).items()],
        refusals=list(_refusals(operation)),
        samples=[Sample(told["label"], told["source"]) for told in operation["x-codeSamples"]],
        example=laid_out(content["example"], room=60),
        # Swagger UI would take underscores for spaces: see console.js.
        in_console=f"#/{operation['tags'][0]}/{operation['operationId'].replace('_', '-')}",
    )


def _header(told: dict[str, Any], document: dict[str, Any]) -> str:
    if "$ref" in told:
        told = document["components"]["headers"][told["$ref"].rpartition("/")[2]]
    text: str = told["description"]
    return text


def _refusals(operation: dict[str, Any]) -> Iterator[Refusal]:
    for status, told in operation["responses"].items():
        if _PROBLEM_TYPE in told.get("content", {}):
            yield Refusal(HTTPStatus(int(status)), marked(told["description"], reverse("api_errors")))


def _parameter(told: dict[str, Any], document: dict[str, Any]) -> Field:
    field = _field(told["name"], told["schema"], document, is_required=told.get("required", False))
    text = marked(told.get("description", "")) or field.text
    return field._replace(
        text=text, place={"path": _("in the path"), "header": _("header")}.get(told["in"], "")
    )


def _fields(
    shape: dict[str, Any], document: dict[str, Any], before: str = "", seen: dict[str, str] | None = None
) -> Iterator[Field]:
    """The fields of the shape and, under each, those within it. A shape that stood before is not repeated."""
    shape, seen = resolved(shape, document), {} if seen is None else seen
    needed = shape.get("required", ())
    # What must be there stands first.
    for name, inner in sorted(shape.get("properties", {}).items(), key=lambda item: item[0] not in needed):
        place = f"{before}{name}"
        yield _field(place, inner, document, is_required=name in needed)
        for deeper, mark in _within(inner):
            reference = deeper.get("$ref", "")
            if reference and reference in seen:
                continue
            seen[reference] = place
            yield from _fields(deeper, document, f"{place}{mark}.", seen)


def _within(shape: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Shapes with fields of their own within this one, and how their names go on."""
    if "items" in shape:
        yield shape["items"], "[]"
    for some in ("oneOf", "allOf"):
        yield from ((one, "") for one in shape.get(some, ()) if "$ref" in one)
    if "$ref" in shape:
        yield shape, ""


def _field(name: str, shape: dict[str, Any], document: dict[str, Any], *, is_required: bool) -> Field:
    text = shape.get("description") or resolved(shape, document).get("description", "")
    options = [resolved(one, document) for some in ("oneOf", "allOf") for one in shape.get(some, ())]
    known = resolved(options[0] if options else shape, document)
    kinds = known.get("type", "object")
    kinds = list(kinds) if isinstance(kinds, list) else [kinds]
    if any(option.get("type") == "null" for option in options):
        kinds.append("null")
    inner = resolved(known.get("items", {}), document)
    values = known.get("enum") or inner.get("enum") or []
    kind = " | ".join("array" if one == "array" else one for one in kinds)
    notes = [kind, *_limits(known)]
    return Field(name, " · ".join(notes), is_required, marked(text), [str(value) for value in values])


def _limits(shape: dict[str, Any]) -> Iterator[str]:
    if "format" in shape and shape["format"] != "int64":
        yield shape["format"]
    low, high = shape.get("minimum"), shape.get("maximum")
    if low is not None and high is not None:
        yield f"{low:,} – {high:,}"
    if "maxLength" in shape:
        yield _("up to %(most)s characters") % {"most": shape["maxLength"]}
    if "maxItems" in shape:
        yield _("up to %(most)s") % {"most": f"{shape['maxItems']:,}"}
    if shape.get("default") not in (None, ""):
        yield _("%(value)s if left out") % {"value": json.dumps(shape["default"])}
