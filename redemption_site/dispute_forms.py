"""What members type about a ticket. Codes have no place in it: none comes back out of these forms."""

import re
import unicodedata
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from campaigns.dispute_models import MAX_TEXT_LENGTH, DisputeKind
from campaigns.services import Asked
from giftcodes.codec import NotACode, normalise
from giftcodes.guarding.visitors import LETTERS
from giftcodes.masking import mask_codes
from parties.forms import PlainTextField, plain_line, plain_text

_REFERENCE = re.compile(f"[{LETTERS}]{{8}}")
_MAX_SHOWN = 2 * MAX_TEXT_LENGTH  # what is too long is shown again this far, so that it can be shortened
_MAX_READ = 10 * MAX_TEXT_LENGTH  # more is too long in any case

KINDS = [
    (DisputeKind.NOT_USED.value, _("It says that my code can’t be used, but I did not use it")),
    (DisputeKind.POINTS.value, _("My points are missing or wrong")),
    (DisputeKind.OTHER.value, _("Something else")),
]


def reference_in(text: str) -> str:
    """The number of a refused try as somebody typed or followed it; "" if it is none."""
    typed = _without_gaps(text).upper()
    return typed if _REFERENCE.fullmatch(typed) else ""


def _without_gaps(text: str) -> str:
    """Half-width, as a Japanese keyboard may not type it, without spaces and hyphens."""
    return re.sub(r"[\s\-ー]", "", unicodedata.normalize("NFKC", plain_line(text[:64])))


class _ReferenceField(forms.CharField):
    """Eight letters and digits. Whatever else was typed is not shown again: it may be a code."""

    def to_python(self, value: Any) -> str:
        typed = str(value or "")
        if not typed.strip():
            return ""
        if found := reference_in(typed):
            return found
        raise ValidationError(_not_a_number(typed, self.error_messages["invalid"]), code="invalid")

    def prepare_value(self, value: Any) -> str:
        return reference_in(str(value or ""))


class _SerialField(forms.CharField):
    """Ten digits; likewise."""

    def to_python(self, value: Any) -> Any:
        typed = str(value or "")
        if not typed.strip():
            return None
        number = _serial_in(typed)
        if number is None:
            raise ValidationError(_not_a_number(typed, self.error_messages["invalid"]), code="invalid")
        return number

    def prepare_value(self, value: Any) -> str:
        typed = str(value or "")
        return str(_serial_in(typed) or "")


def _serial_in(typed: str) -> int | None:
    digits = _without_gaps(typed)
    return int(digits) if re.fullmatch(r"[1-9][0-9]{9}", digits) else None


def _not_a_number(typed: str, otherwise: Any) -> Any:
    try:
        normalise(typed)
    except NotACode:
        return otherwise
    return _("That is a code. Please never write it here: we don’t need it. It was not kept.")


class _TextField(PlainTextField):
    """Plain text, as `parties.forms`; what is shown again has its codes masked."""

    def to_python(self, value: Any) -> str | None:
        return super().to_python(str(value or "")[:_MAX_READ])

    def prepare_value(self, value: Any) -> str:
        return mask_codes(plain_text(str(value or "")[:_MAX_SHOWN])).text


def _text_field(label: Any, **messages: Any) -> _TextField:
    return _TextField(
        label=label,
        max_length=MAX_TEXT_LENGTH,
        widget=forms.Textarea,
        error_messages=messages
        | {"max_length": _("Write %(limit_value)d characters or fewer; there are %(show_value)d now.")},
    )


class AskForm(forms.Form):
    """A new ticket. The number of the form is made with the page, so that two clicks open one."""

    form_number = forms.UUIDField()
    kind = forms.ChoiceField(
        label=_("What happened?"),
        choices=KINDS,
        error_messages={
            "required": _("Choose what happened."),
            "invalid_choice": _("Choose what happened."),
        },
    )
    reference = _ReferenceField(
        label=_("Reference number"),
        required=False,
        error_messages={"invalid": _("A reference number has 8 letters and digits, for example AB2C3D4E.")},
    )
    serial = _SerialField(
        label=_("Serial number"),
        required=False,
        error_messages={"invalid": _("A serial number has 10 digits. Leave it empty if you don’t have it.")},
    )
    text = _text_field(_("Tell us what happened"), required=_("Write what happened, in a few words."))

    def asked(self) -> Asked:
        """What was typed, for the service."""
        told = self.cleaned_data
        return Asked(DisputeKind(told["kind"]), told["text"], told["reference"], told["serial"])


class AddForm(forms.Form):
    """Something more about a ticket."""

    form_number = forms.UUIDField()
    text = _text_field(_("Your message"), required=_("Write your message first."))
