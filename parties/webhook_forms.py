"""What is typed about a webhook endpoint, and why something is replayed."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from parties.api_models import ApiClient
from parties.event_models import EventType
from parties.forms import PlainLineField
from parties.webhook_models import WebhookEndpoint
from parties.webhooks.addresses import AddressRefused, read_address

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Any]
    Checkboxes = forms.CheckboxSelectMultiple
    INPUT_CLASSES: list[str] = []
else:
    ModelForm = forms.ModelForm
    if apps.is_installed("unfold"):
        from unfold.widgets import INPUT_CLASSES
        from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget as Checkboxes
    else:
        Checkboxes, INPUT_CLASSES = forms.CheckboxSelectMultiple, ["vTextField"]

WHY_REFUSED = {
    "letters": _("The address must be one whole address, without user, blank, fragment or IPv6 number."),
    "form": _("This is not an address."),
    "scheme": _("The address must begin with https://."),
    "port": _("Webhooks are sent to the ports 443 and 8443 alone."),
    "host": _("The address must name a host of the Internet, not a number and not an internal name."),
}


class WebhookEndpointForm(ModelForm):
    """A new endpoint; afterwards nothing of it changes."""

    types = forms.MultipleChoiceField(
        label=_("is told of"),
        choices=[(kind.value, kind.label) for kind in EventType if kind != EventType.WEBHOOK_TEST],
        widget=Checkboxes,
        required=False,
        help_text=_("None means all, also what will be added later."),
    )

    class Meta:
        model = WebhookEndpoint
        fields = ("brand", "url", "types")
        help_texts = {
            "url": _(
                "Where the partner's server takes webhooks, beginning with https://. It can't be changed:"
                " to move, make another endpoint and close this one."
            ),
        }

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        try:
            read_address(url, tests=settings.WEBHOOK_TEST_HOSTS)
        except AddressRefused as refusal:
            raise ValidationError(WHY_REFUSED[refusal.reason]) from refusal
        return url

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        brand, url = cleaned.get("brand"), cleaned.get("url")
        if brand and not ApiClient.objects.filter(brand=brand).exists():
            self.add_error("brand", _("The brand has no API client, so there are no events to tell of."))
        if brand and WebhookEndpoint.objects.filter(brand=brand, url=url, closed_at=None).exists():
            self.add_error("url", _("The brand has an open endpoint of this address."))
        return cleaned


class ReplayForm(forms.Form):
    """Why deliveries that were given up are tried again."""

    reason = PlainLineField(
        label=_("reason"), max_length=200, widget=forms.TextInput(attrs={"class": " ".join(INPUT_CLASSES)})
    )
