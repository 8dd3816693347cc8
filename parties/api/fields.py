"""What stands in a request, taken to the letter: a number is no text, a text no number, and a field that is
not known is refused, so that a typing error in its name is not lost without a word.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, ClassVar

from django.core.validators import RegexValidator
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request

from parties.errors import MemberNotNamed
from parties.known_members import LONGEST_NAMING, Named, read_naming

MOST_POINTS = 10**12
NAMING_PATTERN = (  # what `read_naming` reads, for the document
    r"^([0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|number:.+|ref:[!-~]{1,64})$"
)
_NO_TEXT = _("Give a text, between double quotes. A number is none: it may lose digits.")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


class Body(serializers.Serializer[Any]):
    """A request that knows all of its fields. `errors` names what it does not know."""

    documented: ClassVar[Mapping[str, Any]] = {}  # what the OpenAPI document says beyond the fields

    def to_internal_value(self, data: Any) -> Any:
        unknown = set(data) - set(self.fields) if isinstance(data, Mapping) else set()
        if unknown:
            detail = ErrorDetail(str(_("There is no such field.")), code="unknown")
            raise ValidationError({shown_name(name): [detail] for name in sorted(unknown)[:20]})
        return super().to_internal_value(data)


def shown_name(name: str) -> str:
    """A name that the caller chose, as errors say it: it might be a code that stands in the wrong place."""
    return name if name.isidentifier() and name.isascii() and len(name) <= 40 else "?"


def said_in(body: type[Body], request: Request) -> dict[str, Any]:
    """What the request says, by its fields; ValidationError names those that are not as they must be."""
    said: dict[str, Any] = _reader(body, get_language()).run_validation(request.data)
    return said


@lru_cache(maxsize=64)
def _reader(body: type[Body], language: str | None) -> Body:  # noqa: ARG001
    """The fields of a body, which take longer to make than to use. Validation leaves nothing behind in them
    but the words of its messages, so there is one of each per language.
    """
    return body()


class Whole(serializers.IntegerField):
    """A whole number that JSON writes as one: no text, no fraction, no true."""

    default_error_messages = {"invalid": _("Give a whole number: no quotes, no fraction.")}

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            self.fail("invalid")
        return super().to_internal_value(data)


class Points(Whole):
    """1 to 10^12 points."""

    def __init__(self, **options: Any) -> None:
        said = {"help_text": "How many points."}
        super().__init__(min_value=1, max_value=MOST_POINTS, **said | options)


class Text(serializers.CharField):
    """A text that JSON writes as one; spaces around it are its own."""

    default_error_messages = {"invalid": _NO_TEXT}

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"trim_whitespace": False} | options)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Moment(serializers.DateTimeField):
    """A moment as RFC 3339 writes it, with its offset: without one, nobody knows when it is."""

    default_error_messages = {
        "invalid": _(
            "Give a moment with its offset, such as 2027-01-01T00:00:00+09:00 or 2026-12-31T15:00:00Z."
        ),
        "overflow": _("That is beyond what can be kept."),
    }

    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str) or not _MOMENT.fullmatch(value):
            self.fail("invalid")
        found: datetime = super().to_internal_value(value)
        return found


class Reference(serializers.RegexField):
    """The caller's own name for something: a receipt, an order."""

    default_error_messages = {"invalid": _("Give 1 to 64 visible ASCII characters, between double quotes.")}

    def __init__(self, **options: Any) -> None:
        super().__init__(r"^[\x21-\x7e]{1,64}\Z", trim_whitespace=False, **options)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        text: str = super().to_internal_value(data)
        return text


class ShortName(Text):
    """The short name of something in this site's addresses: letters, digits, - and _."""

    default_error_messages = {"invalid": _("Give the short name: letters, digits, - and _.")}

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=40, **options)
        self.validators.append(
            RegexValidator(r"^[-a-zA-Z0-9_]+\Z", self.error_messages["invalid"], "invalid")
        )


class Rows(serializers.ListField):
    """A list of things, of at least one."""

    default_error_messages = {
        "not_a_list": _("Give a list: begin with [ and end with ]."),
        "min_length": _("Give at least {min_length} of them."),
        "max_length": _("Give no more than {max_length} of them."),
    }


@extend_schema_field(
    {
        "type": "string",
        "minLength": 1,
        "maxLength": LONGEST_NAMING,
        "pattern": NAMING_PATTERN,
        "description": "Who is meant: a member's `id` as it stands in answers; `number:` and a membership"
        " number of the brand; or `ref:` and the name by which your own system knows the member (1 to 64"
        " visible ASCII characters, no personal data). The first use of a number or name makes the member.",
        "examples": ["6f1c0b1e-3c51-4c8e-9c3c-0a4b4d2c7a11", "number:2900000000018", "ref:user-1077"],
    }
)
class MemberNaming(serializers.Field[Named, Any, Named, Any]):
    """Who is meant, as `known_members.read_naming` reads it: for requests alone, no answer shows it."""

    default_error_messages = {
        "invalid": _("Give a member's id, number:<membership number> or ref:<your own name for them>."),
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(write_only=True, **options)

    def to_internal_value(self, data: Any) -> Named:
        try:
            return read_naming(data)
        except MemberNotNamed:
            self.fail("invalid")
