"""Fields of the sign-in and its passkeys. (The code field has no form: `codec.normalise` is its reader.)"""

import unicodedata
from typing import Any

from allauth.account.forms import ConfirmLoginCodeForm, RequestLoginCodeForm
from django import forms
from django.core.exceptions import ValidationError
from django.utils.encoding import punycode
from django.utils.translation import gettext_lazy as _

from parties.forms import PlainLineField


class _AddressField(forms.EmailField):
    """Takes what a Japanese keyboard types: full-width letters, a wide space at the end.

    Format characters (Unicode's category Cf) are dropped: nobody sees that they were pasted, and those that
    turn the direction of writing would make an address look like another.
    """

    def to_python(self, value: Any) -> str | None:
        if isinstance(value, str):
            visible = (character for character in value if unicodedata.category(character) != "Cf")
            value = unicodedata.normalize("NFKC", "".join(visible))
        return super().to_python(value)

    def validate(self, value: str) -> None:
        """What Django asks, and a domain that a mail can be sent to (IDNA)."""
        super().validate(value)
        try:
            punycode(value.rpartition("@")[2])
        except UnicodeError as reason:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from reason


class AddressForm(RequestLoginCodeForm):  # type: ignore[misc]  # allauth ships no types
    """Where the sign-in code goes. allauth counts the requests per address and per network."""

    email = _AddressField(
        label=_("E-mail address"),
        max_length=254,
        error_messages={
            "required": _("Enter your e-mail address."),
            "invalid": _("Enter an e-mail address like name@example.com."),
            "max_length": _("Enter an e-mail address like name@example.com."),
        },
    )

    def clean_email(self) -> str:
        """The address in small letters, as users are kept."""
        email: str = super().clean_email()
        return email.lower()


class SignInCodeForm(ConfirmLoginCodeForm):  # type: ignore[misc]  # allauth ships no types
    """The sign-in code from the mail, however it was typed."""

    code = forms.CharField(
        label=_("Sign-in code"),
        max_length=64,
        error_messages={
            "required": _("Enter the sign-in code from the e-mail."),
            "max_length": _("That is too long for a sign-in code."),
        },
    )

    def clean_code(self) -> str:
        """Full-width digits count as digits; allauth drops spaces and hyphens."""
        typed = unicodedata.normalize("NFKC", self.cleaned_data["code"])
        self.cleaned_data["code"] = "".join(character for character in typed if character in "0123456789")
        code: str = super().clean_code()
        return code


class PasskeyNameForm(forms.Form):
    """What its owner calls a passkey."""

    name = PlainLineField(
        label=_("Name of the passkey"),
        max_length=40,
        error_messages={
            "required": _("Enter a name by which you will know this passkey."),
            "max_length": _("That name is too long. Use 40 characters at most."),
        },
    )
