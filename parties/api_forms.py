"""What is typed about partner systems and their keys."""

import uuid
from datetime import datetime, timedelta
from ipaddress import ip_interface, ip_network
from typing import TYPE_CHECKING, Any

from django import forms
from django.apps import apps
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from parties.api_models import ApiClient, ApiKey, Scope
from parties.api_services import MAX_ADDRESSES
from parties.forms import PeriodEndField, PlainLineField

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Any]
else:
    ModelForm = forms.ModelForm

if apps.is_installed("unfold"):
    from unfold.widgets import UnfoldAdminRadioSelectWidget as RadioSelect
else:
    RadioSelect = forms.RadioSelect

LIVE, TEST = "live", "test"
KEY_DAYS, OVERLAP_DAYS = 365, 7
# What a key can lose or give away, if it gets into wrong hands.
WORTH_POINTS = {
    Scope.GIFTS_ISSUE,
    Scope.GIFTS_REVEAL,
    Scope.CLAIMS_WRITE,
    Scope.POINTS_EARN,
    Scope.POINTS_SPEND,
}
SCOPE_NOTES = {
    Scope.CAMPAIGNS_READ: _(
        "State of the brand's campaigns, and how much of a budget is reserved, issued, claimed and left."
    ),
    Scope.GIFTS_ISSUE: _("Draws on funded orders: every answer holds a code that is worth points."),
    Scope.GIFTS_READ: _("Single gifts and lists of them, with their state."),
    Scope.GIFTS_REVEAL: _("For resending a lost gift. Each look is written down."),
    Scope.GIFTS_VOID: _("Their points go back to the brand's funds."),
    Scope.CLAIMS_WRITE: _("For a brand's own app. The same rules and limits as on the pages."),
    Scope.MEMBERS_READ: _("By member number, or by the card that a till has scanned."),
    Scope.POINTS_EARN: _("From the brand's funds into a member's wallet."),
    Scope.POINTS_SPEND: _("From members' wallets, at the brand's tills and shops."),
    Scope.EVENTS_READ: _("What became of gifts and points, for systems that fetch it."),
}


class ApiClientForm(ModelForm):
    """A partner system. In the sandbox or not is chosen once, like its brand."""

    mode = forms.ChoiceField(
        label=_("Environment"),
        choices=[(LIVE, _("Live: real points of the brand")), (TEST, _("Sandbox: for trying things out"))],
        initial=TEST,
        widget=RadioSelect,
        help_text=_(
            "A sandbox client reaches a copy of the brand in which nothing is worth anything; it is opened"
            " now if the brand has none. Its keys begin with tk_test_."
        ),
    )

    class Meta:
        model = ApiClient
        fields = ("brand", "name", "rate_per_second", "burst", "points_per_day")
        field_classes = {"name": PlainLineField}
        help_texts = {
            "name": _("What the system is called where it runs, for example “Online shop” or “Tills”."),
            "rate_per_second": _("How many calls come back every second."),
            "burst": _("How many calls may come at one moment after a pause."),
        }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.wants_sandbox() and "brand" in cleaned:
            cleaned["brand"] = getattr(cleaned["brand"], "sandbox", cleaned["brand"])
        return cleaned

    def _get_validation_exclusions(self) -> set[str]:
        """A sandbox that is still to be opened has no names in it that could be taken."""
        excluded: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]  # ModelForm's
        brand = self.cleaned_data.get("brand")
        is_to_be_opened = self.wants_sandbox() and brand is not None and brand.sandbox_of_id is None
        return excluded | {"brand"} if is_to_be_opened else excluded

    def wants_sandbox(self) -> bool:
        """Whether a client of the sandbox is asked for."""
        return bool(self.cleaned_data.get("mode") == TEST)


class NetworksField(forms.CharField):
    """Addresses and networks, one a line; their list is the value, in the form in which they are compared."""

    def __init__(self, **options: Any) -> None:
        look = {"rows": 3, "spellcheck": "false", "class": "tk-input", "placeholder": "203.0.113.0/24"}
        super().__init__(required=False, widget=forms.Textarea(attrs=look), **options)

    def clean(self, value: Any) -> list[str]:
        typed = super().clean(value).replace(",", " ").split()
        if len(typed) > MAX_ADDRESSES:
            raise ValidationError(_("At most %(most)s addresses.") % {"most": MAX_ADDRESSES})
        return list(dict.fromkeys(_network(text) for text in typed))


def _network(text: str) -> str:
    try:
        interface = ip_interface(text)
    except ValueError:
        raise ValidationError(_("“%(text)s” is no address or network.") % {"text": text}) from None
    try:
        network = ip_network(text)
    except ValueError:
        words = {"text": text, "network": interface.network}
        raise ValidationError(
            _("“%(text)s” is an address in a network: did you mean %(network)s?") % words
        ) from None
    if network.prefixlen == 0:
        raise ValidationError(_("“%(text)s” is every address: leave the field empty.") % {"text": text})
    return str(network)


class TkMinute(PeriodEndField):
    """The last minute of something, in the look of these pages."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.widget.attrs["class"] = "tk-input"


class KeyForm(forms.Form):
    """What a key may do, from where, how long. `form_number` tells a page that is sent twice."""

    scopes = forms.MultipleChoiceField(
        label=_("The key may"),
        choices=Scope.choices,
        error_messages={"required": _("Choose at least one.")},
    )
    addresses = NetworksField(
        label=_("It is used from"),
        help_text=_(
            "Addresses or networks (CIDR) of the partner's servers, one a line. Empty: from anywhere."
        ),
    )
    expires_at = TkMinute(
        label=_("It is valid until"),
        required=False,
        help_text=_("Japan time. Empty: until it is revoked."),
    )
    form_number = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, at: datetime, like: ApiKey | None = None) -> None:
        super().__init__(data)
        self.at = at
        self.initial = {"form_number": uuid.uuid4(), "expires_at": days_on(at, KEY_DAYS)}
        if like is not None:
            self.initial |= {"scopes": like.scopes, "addresses": "\n".join(like.addresses)}

    def clean_expires_at(self) -> datetime | None:
        return self._later(self.cleaned_data["expires_at"])

    def _later(self, moment: datetime | None) -> datetime | None:
        if moment is not None and moment <= self.at:
            raise ValidationError(_("That has passed already."))
        return moment

    def scope_rows(self) -> list[dict[str, Any]]:
        """The scopes with what to know about them, for the page."""
        chosen = self["scopes"].value() or []
        return [
            {
                "scope": scope,
                "note": SCOPE_NOTES[scope],
                "is_worth_points": scope in WORTH_POINTS,
                "is_chosen": scope.value in chosen,
            }
            for scope in Scope
        ]


class ReplaceForm(KeyForm):
    """The same for a key that takes another one's place."""

    old_ends_at = TkMinute(
        label=_("The old key works until"),
        help_text=_("Japan time. Until then both work, so that the partner can change over without a gap."),
    )

    def __init__(self, data: Any = None, *, at: datetime, like: ApiKey) -> None:
        super().__init__(data, at=at, like=like)
        overlap = days_on(at, OVERLAP_DAYS)
        self.initial["old_ends_at"] = min(overlap, like.expires_at) if like.expires_at else overlap

    def clean_old_ends_at(self) -> datetime | None:
        return self._later(self.cleaned_data["old_ends_at"])


class ReasonForm(forms.Form):
    """Why something is put out: for the log."""

    reason = PlainLineField(
        label=_("Reason"),
        max_length=200,
        widget=forms.TextInput(attrs={"class": "tk-input"}),
        help_text=_("It stands in the history of the client, with your name."),
    )


def days_on(at: datetime, days: int) -> datetime:
    """The end of the day (Japan time) so many days after `at`."""
    day = timezone.localtime(at).replace(hour=0, minute=0, second=0, microsecond=0)
    return day + timedelta(days=days + 1)
