"""What people type to ask for a delivery."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from campaigns.delivery_wording import words_of_kind, words_of_refusal
from giftcodes.delivery_models import AGE_RECIPIENT_LENGTH, DeliveryKind
from giftcodes.errors import FurtherDeliveryRefused
from giftcodes.models import Batch, Channel
from parties.forms import PlainLineField

_FIELD_OF = {
    "kind": "kind",
    "codes": "kind",
    "channel": "channel",
    "age_key": "age_recipient",
    "reason": "reason",
}


class _OfChannels(forms.Form):
    """What is asked of all channels of a batch, or of one."""

    channel = forms.ModelChoiceField(
        Channel.objects.none(), required=False, label=_("Channel"), empty_label=_("all channels")
    )

    def __init__(self, batch: Batch, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        channels = self.fields["channel"]
        assert isinstance(channels, forms.ModelChoiceField)  # noqa: S101  # for the type
        channels.queryset = Channel.objects.filter(batch=batch).order_by("first_serial")


class DeliveryForm(_OfChannels):
    """A kind, of all channels or one, and why."""

    kind = forms.ChoiceField(choices=DeliveryKind.choices, initial=DeliveryKind.XLSX, label=_("Kind"))
    by_channel = forms.BooleanField(required=False, label=_("A file of its own for each channel"))
    age_recipient = forms.CharField(
        required=False, max_length=AGE_RECIPIENT_LENGTH, label=_("Public age key of who opens the file")
    )
    reason = PlainLineField(max_length=200, label=_("Reason"))

    def kinds(self) -> list[dict[str, Any]]:
        """The choices with what each is for."""
        chosen = self["kind"].value()
        return [
            {"value": kind.value, "label": kind.label, "told": words_of_kind(kind), "chosen": kind == chosen}
            for kind in DeliveryKind
        ]

    def tell(self, refusal: FurtherDeliveryRefused) -> None:
        """Put the service's refusal where it belongs."""
        self.add_error(_FIELD_OF.get(refusal.rule), words_of_refusal(refusal))


class CheckForm(_OfChannels):
    """A file, and the channel whose codes it should hold."""

    file = forms.FileField(label=_("File"))

    def tell(self, refusal: FurtherDeliveryRefused) -> None:
        """Put the service's refusal where it belongs."""
        self.add_error(
            "channel" if refusal.rule in ("many", "channel") else "file", words_of_refusal(refusal)
        )
