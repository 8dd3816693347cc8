"""Form fields that every door of this project shares: plain text, and moments as people in Japan write
them; and the form of a brand's number pattern.
"""

import unicodedata
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.apps import apps
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from parties.models import NumberPattern
from parties.numbers import Fault, NotANumber, plain_number, read_number

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Any]
else:
    ModelForm = forms.ModelForm

if apps.is_installed("unfold"):
    from unfold.widgets import DATETIME_CLASSES
else:
    DATETIME_CLASSES = ["vDateTimeField"]

_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn"}
_MOST_INDENT = 16
_MINUTE = timedelta(minutes=1)
_FIRST_YEAR, _LAST_YEAR = 2000, 2100


def plain_line(text: str) -> str:
    """One line without what can't be seen: bidi controls, zero-width and control characters go, white space
    is one blank.

    They come along when people paste, and in a published name they can make it read as another one (UTS
    39).
    """
    seen = "".join(" " if char.isspace() else char for char in unicodedata.normalize("NFC", text))
    return " ".join(_without_invisible(seen).split())


def plain_text(text: str) -> str:
    """Paragraphs treated like `plain_line`, line by line; at most one empty line in a row."""
    lines = [plain_line(line) for line in text.splitlines()]
    kept = [line for line, before in zip(lines, ["", *lines], strict=False) if line or before]
    return "\n".join(kept).strip()


def marked_text(text: str) -> str:
    """Paragraphs with Markdown's marks: like `plain_text`, but the blanks before a line (nested lists) and
    two behind it (a forced break) mean something and stay.
    """
    lines = [_marked_line(line) for line in text.splitlines()]
    kept = [line for line, before in zip(lines, ["", *lines], strict=False) if line or before]
    return "\n".join(kept).strip("\n")


def _marked_line(line: str) -> str:
    words = plain_line(line)
    bare = "".join(char for char in line.expandtabs(4) if char == " " or not _is_unseen(char))
    indent = min(len(bare) - len(bare.lstrip(" ")), _MOST_INDENT)
    return " " * indent + words + "  " * bare.endswith("  ") if words else ""


def _is_unseen(char: str) -> bool:
    return char.isspace() or unicodedata.category(char) in _INVISIBLE


def _without_invisible(text: str) -> str:
    return "".join(char for char in text if unicodedata.category(char) not in _INVISIBLE)


class PlainLineField(forms.CharField):
    """A name: what can't be seen is taken out before the length is judged."""

    def to_python(self, value: Any) -> str | None:
        text = super().to_python(value)
        return plain_line(text) if text else text


class PlainTextField(forms.CharField):
    """Paragraphs of plain text, treated likewise."""

    def to_python(self, value: Any) -> str | None:
        text = super().to_python(value)
        return plain_text(text) if text else text


class MarkedTextField(forms.CharField):
    """Paragraphs of Markdown, treated likewise."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options | {"strip": False})

    def to_python(self, value: Any) -> str | None:
        text = super().to_python(value)
        return marked_text(text) if text else text


class LocalMinuteInput(forms.DateTimeInput):
    """The browser's own control for a date and a minute."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(attrs={"class": " ".join(DATETIME_CLASSES), "step": "60"}, format="%Y-%m-%dT%H:%M")


class PeriodStartField(forms.DateTimeField):
    """The first minute of a period, in local time."""

    widget = LocalMinuteInput
    default_error_messages = {
        "far": _("Enter a date between the years %(first)s and %(last)s."),
    }

    def to_python(self, value: Any) -> datetime | None:
        moment = super().to_python(value)
        if moment is None:
            return None
        if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
            years = {"first": _FIRST_YEAR, "last": _LAST_YEAR}
            raise ValidationError(self.error_messages["far"], code="far", params=years)
        return moment.replace(second=0, microsecond=0)


class PeriodEndField(PeriodStartField):
    """The last minute of a period, as people say it ("until 23:59"); its value is the exclusive end, a
    minute later.
    """

    def to_python(self, value: Any) -> datetime | None:
        last_minute = super().to_python(value)
        return None if last_minute is None else last_minute + _MINUTE

    def prepare_value(self, value: Any) -> Any:
        return super().prepare_value(last_moment(value) if isinstance(value, datetime) else value)


class NumberPatternForm(ModelForm):
    """How a brand's numbers look. It is tried at once, on the example."""

    class Meta:
        model = NumberPattern
        fields = (
            "brand",
            "prefix",
            "least_length",
            "most_length",
            "has_letters",
            "check_digit",
            "example",
        )
        field_classes = {"prefix": PlainLineField, "example": PlainLineField}
        help_texts = {
            "prefix": _("What every number begins with; empty if they differ."),
            "least_length": _("Digits and letters, counted with the beginning and without hyphens."),
            "most_length": _("The same as the shortest if all numbers are equally long."),
            "check_digit": _(
                "The last digit, which tells typing errors; the maker of your cards knows it. Without one, a"
                " typing error sends the points to somebody else."
            ),
            "example": _(
                "A made-up number in the form of your cards, hyphens included. Members are shown it, it is"
                " never taken for a number, and this form is tried on it."
            ),
        }

    def clean_prefix(self) -> str:
        return plain_number(self.cleaned_data["prefix"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        if cleaned["check_digit"] and cleaned["has_letters"]:
            self.add_error("check_digit", _("A check digit needs numbers of digits only."))
            return cleaned
        pattern = NumberPattern(**{name: cleaned[name] for name in self._TRIED}).pattern
        try:
            read_number(cleaned["example"], pattern._replace(example=""))
        except NotANumber as refusal:
            self.add_error("example", self._FAULTS[refusal.fault])
        return cleaned

    _TRIED = ("prefix", "least_length", "most_length", "has_letters", "check_digit")
    _FAULTS = {
        Fault.EMPTY: _("Enter an example."),
        Fault.CHARACTERS: _("The example has other signs than this pattern allows."),
        Fault.LENGTH: _("The example is shorter or longer than this pattern allows."),
        Fault.PREFIX: _("The example begins differently."),
        Fault.CHECK_DIGIT: _("The last digit of the example is not its check digit."),
    }


def last_moment(end: datetime) -> datetime:
    """The last whole minute before an exclusive end: what people are shown."""
    return (end - timedelta(microseconds=1)).replace(second=0, microsecond=0)
