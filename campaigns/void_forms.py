"""What a marketer fills in to have codes withdrawn: a channel, a range or a list, and why."""

import hashlib
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from giftcodes.masking import mask_codes
from giftcodes.models import SERIALS_PER_SERIES, Batch, Channel
from giftcodes.serial_lists import (
    MAX_LISTED,
    Fault,
    FaultyLine,
    NotAText,
    decode_upload,
    is_too_long,
    read_list,
)
from giftcodes.void_models import VoidScope
from giftcodes.void_queries import Span, spans_of
from ledger.forms import SentOnce
from parties.forms import PlainLineField

_INPUT = {"class": "tk-input"}
_NUMBER = _INPUT | {"inputmode": "numeric", "autocomplete": "off", "spellcheck": "false"}
FAULTS_SHOWN = 10


class SerialField(forms.CharField):
    """A public serial number: ten digits."""

    def __init__(self, **options: Any) -> None:
        widget = forms.TextInput(attrs=_NUMBER | {"maxlength": "10", "placeholder": "1000000000"})
        super().__init__(required=False, max_length=10, widget=widget, **options)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if text and not (text.isascii() and text.isdigit() and len(text) == 10):
            raise forms.ValidationError(_("A serial number has ten digits."), code="form")
        return int(text) if text else None


class VoidForm(SentOnce):
    """Codes of one batch; `spans` is what they come to. A line that may be a code is not shown again."""

    scope = forms.ChoiceField(choices=VoidScope.choices, label=gettext_lazy("Which codes"))
    channel = forms.ModelChoiceField(
        Channel.objects.none(),
        required=False,
        label=gettext_lazy("Channel"),
        widget=forms.Select(attrs=_INPUT),
        empty_label=None,
    )
    first = SerialField(label=gettext_lazy("First serial number"))
    last = SerialField(label=gettext_lazy("Last serial number"))
    serials = forms.CharField(
        required=False,
        max_length=MAX_LISTED * 40,
        label=gettext_lazy("Serial numbers, one a line"),
        widget=forms.Textarea(attrs=_NUMBER | {"rows": "6"}),
    )
    upload = forms.FileField(
        required=False,
        label=gettext_lazy("or a file: text, CSV or Excel workbook (XLSX)"),
        widget=forms.ClearableFileInput(attrs={"accept": ".txt,.csv,.xlsx,text/plain,text/csv"}),
    )
    reason = PlainLineField(
        max_length=200, label=gettext_lazy("Reason"), widget=forms.TextInput(attrs=_INPUT)
    )
    # The mark of the codes whose effect the person was shown.
    looked = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def __init__(self, data: QueryDict | None, files: Any, *, batch: Batch) -> None:
        super().__init__(data and data.copy(), files)
        self.batch = batch
        self.spans: list[Span] = []
        self.faults: list[FaultyLine] = []
        channels = batch.channels.order_by("first_serial")
        self.fields["channel"].queryset = channels  # type: ignore[attr-defined]

    def show(self, name: str, text: str) -> None:
        """Let the form show this instead of what was typed."""
        if isinstance(self.data, QueryDict):  # a copy of what was sent
            self.data[name] = text

    def clean_reason(self) -> str:
        """Without a code, also where it is shown again."""
        reason = mask_codes(self.cleaned_data["reason"]).text[:200]
        self.show("reason", reason)
        return reason

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name in ("first", "last"):
            if name in self.errors:  # what was typed instead may be a code
                self.show(name, "")
        scope = cleaned.get("scope")
        if scope == VoidScope.CHANNEL:
            self._take_channel(cleaned.get("channel"))
        elif scope == VoidScope.RANGE:
            self._take_range(cleaned.get("first"), cleaned.get("last"))
        elif scope == VoidScope.LIST:
            self._take_list(cleaned)
        return cleaned

    @property
    def mark(self) -> str:
        """What tells these codes from others: a person asks for those whose effect they were shown."""
        return hashlib.sha256(repr(self.spans).encode()).hexdigest()

    @property
    def channel_asked(self) -> Channel | None:
        """The channel, if one was asked for."""
        is_asked = self.cleaned_data["scope"] == VoidScope.CHANNEL
        channel: Channel | None = self.cleaned_data["channel"] if is_asked else None
        return channel

    def words_of_faults(self) -> list[str]:
        """What is wrong with the first lines that are."""
        words = {
            Fault.CODE: _("Line %(line)s: this may be a code. Codes are secret; name them by serial number."),
            Fault.FORM: _("Line %(line)s: a serial number has ten digits."),
            Fault.ELSEWHERE: _("Line %(line)s: this serial number is not one of this order."),
        }
        return [words[fault] % {"line": line} for line, fault in self.faults[:FAULTS_SHOWN]]

    def _take_channel(self, channel: Channel | None) -> None:
        if channel is None:
            self._refuse("channel", _("Choose a channel."))
        else:
            self.spans = [Span(channel.first_serial, channel.first_serial + channel.size - 1)]

    def _take_range(self, first: int | None, last: int | None) -> None:
        if first is None or last is None:
            self._refuse("first", _("Enter the first and the last serial number."))
            return
        batch = self.batch
        if not batch.first_claim_id <= first <= last < batch.end_claim_id:
            ends = {"first": batch.first_claim_id, "last": batch.end_claim_id - 1}
            self._refuse("last", _("The codes of this order go from %(first)s to %(last)s.") % ends)
            return
        self.spans = [Span(first % SERIALS_PER_SERIES, last % SERIALS_PER_SERIES)]

    def _take_list(self, cleaned: dict[str, Any]) -> None:
        text = cleaned.get("serials") or ""
        self.show("serials", "")  # what is not understood may be a code, and is not shown again
        if (upload := cleaned.get("upload")) is not None:
            try:
                text = f"{text}\n{decode_upload(upload.read())}"
            except NotAText:
                self._refuse(
                    "upload", _("Save the list as text, CSV or Excel workbook (XLSX), of 1 MB at most.")
                )
                return
        if is_too_long(text):
            self._refuse("serials", _("A list has at most 10,000 lines. Name a range, or ask twice."))
            return
        batch = self.batch
        listed = read_list(text, first=batch.first_claim_id, end=batch.end_claim_id)
        self.show("serials", "\n".join(map(str, listed.numbers)))
        self.faults = listed.faults
        if self.faults:
            says = _("Some lines are no serial numbers of this order. Those that are stay in the field.")
            self._refuse("serials", says)
        elif not listed.numbers:
            self._refuse("serials", _("Enter at least one serial number."))
        self.spans = spans_of(number % SERIALS_PER_SERIES for number in listed.numbers)

    def _refuse(self, field: str, words: str) -> None:
        if field not in self.errors:
            self.add_error(field, words)
