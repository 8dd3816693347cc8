"""What people type of an order: the draft and its channels."""

import uuid
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from campaigns import rules
from campaigns.errors import CampaignsError
from campaigns.forms import whole_number
from campaigns.models import MAX_LOT_LIFE_DAYS, Issuing, Order, OrderChannel
from campaigns.wording import words_of
from giftcodes.models import MAX_CODES_PER_BATCH, Activation
from ledger.models import MAX_POINTS
from ledger.statements import database_time
from parties.forms import PeriodEndField, PeriodStartField, PlainLineField

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Any]
    ChannelsBase = forms.BaseInlineFormSet[OrderChannel, Order, Any]
else:
    ModelForm = forms.ModelForm
    ChannelsBase = forms.BaseInlineFormSet


class OrderForm(ModelForm):
    """A draft. What would be refused at submission is told here already."""

    class Meta:
        model = Order
        fields = (
            "campaign",
            "issuing",
            "face_points",
            "most_points",
            "claim_from",
            "claim_until",
            "lot_life_days",
            "activation",
        )
        field_classes = {
            "face_points": whole_number(1, MAX_POINTS),
            "most_points": whole_number(1, MAX_POINTS),
            "claim_from": PeriodStartField,
            "claim_until": PeriodEndField,
            "lot_life_days": whole_number(1, MAX_LOT_LIFE_DAYS),
        }
        widgets = {"claim_from": PeriodStartField.widget, "claim_until": PeriodEndField.widget}
        help_texts = {
            "issuing": _(
                "Through the API a brand's own system gets one code at a time. The codes are what may be"
                " issued altogether: name one channel, for example “API”."
            ),
            "face_points": _("What one code is worth; of a gift, if the system does not say how much."),
            "most_points": _(
                "For the API: how many points the system may give one gift. They come out of the points of"
                " the order as a whole. Empty: as many as one code is worth."
            ),
            "lot_life_days": _("Days from the claim until unused points expire."),
            "claim_from": _("Japan time."),
            "claim_until": _("Japan time; the last minute in which a code can be claimed."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "issuing" in self.fields:
            self.fields["issuing"].required = False  # left out, it stays as it is

    def clean_issuing(self) -> str:
        issuing: str = self.cleaned_data["issuing"] or self.instance.issuing
        return issuing

    def _clean_most_points(self, cleaned: dict[str, Any]) -> None:
        """What is not for gifts of the API is left out, and what is missing of them filled in."""
        if cleaned.get("issuing") != Issuing.API:
            cleaned["most_points"] = None
            return
        cleaned["activation"] = Activation.AT_START
        face_points = cleaned.get("face_points")
        if face_points is None or "most_points" in self.errors:
            return
        cleaned["most_points"] = cleaned.get("most_points") or face_points
        try:
            rules.refuse_bad_issuing(
                issuing=Issuing.API, face_points=face_points, most_points=cleaned["most_points"], channels=1
            )
        except CampaignsError as refusal:
            self.add_error("most_points", words_of(refusal))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        self._clean_most_points(cleaned)
        campaign = cleaned.get("campaign") or (self.instance.campaign if self.instance.pk else None)
        window = cleaned.get("claim_from"), cleaned.get("claim_until")
        if campaign is not None and window[0] is not None and window[1] is not None:
            period = (campaign.starts_at, campaign.ends_at)
            try:
                rules.refuse_bad_window(window=(window[0], window[1]), period=period, at=database_time())
            except CampaignsError as refusal:
                self.add_error("claim_until", words_of(refusal))
        return cleaned


class ChannelForm(ModelForm):
    """One channel: a name that stands in the file, and how many codes it gets."""

    class Meta:
        model = OrderChannel
        fields = ("name", "quantity")
        field_classes = {"name": PlainLineField, "quantity": whole_number(1, MAX_CODES_PER_BATCH)}


class ChannelFormSet(ChannelsBase):
    """All channels of an order, judged together."""

    def clean(self) -> None:
        """In place of Django's own check of repeated names, whose words say nothing of channels."""
        if any(self.errors):
            return
        kept = [form for form in self.forms if form.cleaned_data and not form.cleaned_data.get("DELETE")]
        try:
            rules.refuse_bad_quantities(
                face_points=1, quantities=[form.cleaned_data["quantity"] for form in kept]
            )
            rules.refuse_same_names([form.cleaned_data["name"] for form in kept])
            rules.refuse_bad_issuing(
                issuing=Issuing(self.instance.issuing), face_points=1, most_points=1, channels=len(kept)
            )
        except CampaignsError as refusal:
            raise ValidationError(words_of(refusal)) from refusal

    def save_existing_objects(self, commit: bool = True) -> list[OrderChannel]:
        # Rows are written one by one: no old name may stand in the way of one that was exchanged with it, or
        # taken over from a row that goes.
        for form in self.initial_forms:
            if form.has_changed():
                OrderChannel.objects.filter(pk=form.instance.pk).update(name=uuid.uuid4().hex)
        return super().save_existing_objects(commit)
