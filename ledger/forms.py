"""What people type about the ledger: the instant of a report, the period of a statement, acts by hand."""

import uuid
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.db.models import QuerySet, Sum
from django.utils.translation import gettext_lazy as _

from ledger.errors import ExpiryRefused
from ledger.expiry import JAPAN, ExpiryPolicy, PolicyKind
from ledger.models import MAX_POINTS, Account, AccountKind, Posting, Settlement, transfer_id_of
from ledger.reports import Step
from ledger.services import CorrectionAsked, GrantAsked, TakeBackAsked
from ledger.templatetags.finance import days
from parties.forms import PeriodEndField, PeriodStartField, PlainLineField, PlainTextField
from parties.models import Brand, Program, Store

TINY = timedelta(microseconds=1)
_INPUT = {"class": "tk-input"}


def offer(form: forms.Form, name: str, rows: QuerySet[Any]) -> None:
    """Let the form's field choose among these rows."""
    field = form.fields[name]
    if isinstance(field, forms.ModelChoiceField):
        field.queryset = rows


def whole_points(least: int, *, required: bool = True, help_text: Any = "") -> forms.IntegerField:
    """A field for whole points, from `least` to 10^12."""
    return forms.IntegerField(
        label=_("Points"),
        required=required,
        min_value=least,
        max_value=MAX_POINTS,
        help_text=help_text,
        error_messages={
            "min_value": _("Enter 1 point or more.") if least == 1 else _("Enter -10^12 points or more."),
            "max_value": _("Enter 10^12 points or fewer."),
        },
        widget=forms.NumberInput(attrs=_INPUT),
    )


class TypedMinute(forms.DateTimeInput):
    """The browser's own control for a date and a minute, in the look of these pages."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(attrs=_INPUT | {"step": "60"}, format="%Y-%m-%dT%H:%M")


class TypedDay(forms.DateInput):
    """The browser's own control for a date."""

    input_type = "date"

    def __init__(self) -> None:
        super().__init__(attrs=_INPUT, format="%Y-%m-%d")


class AsOfForm(forms.Form):
    """The instant of a report: the end of the minute that is typed, now if it is left empty."""

    program = forms.ModelChoiceField(
        Program.objects.none(),
        required=False,
        label=_("Program"),
        widget=forms.Select(attrs=_INPUT),
        empty_label=None,
    )
    at = PeriodEndField(required=False, label=_("As of"), widget=TypedMinute)

    def __init__(self, *args: Any, programs: QuerySet[Program], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer(self, "program", programs)
        if len(programs[:2]) < 2:
            del self.fields["program"]

    def instant(self, *, now: datetime) -> datetime:
        """What was asked for; `now` if nothing, nothing sensible, or the future was."""
        end: datetime | None = self.cleaned_data.get("at") if self.is_valid() else None
        return now if end is None else min(end - TINY, now)


class StepsForm(AsOfForm):
    """The same for a chart: by day or by month."""

    step = forms.ChoiceField(
        choices=Step.choices, required=False, label=_("Chart"), widget=forms.Select(attrs=_INPUT)
    )

    def chosen_step(self) -> Step:
        """By day, unless months are asked for."""
        return Step((self.cleaned_data.get("step") if self.is_valid() else "") or Step.DAY)


class PeriodForm(forms.Form):
    """The period of a statement, both ends within it."""

    start = PeriodStartField(label=_("First minute"), widget=TypedMinute)
    end = PeriodEndField(label=_("Last minute"), widget=TypedMinute)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        start, end = cleaned.get("start"), cleaned.get("end")
        if start and end and start >= end:
            raise forms.ValidationError(_("The end has to be later than the beginning."), code="backwards")
        return cleaned


class PrepareForm(forms.Form):
    """The program and the last day of a statement between brands."""

    program = forms.ModelChoiceField(
        Program.objects.none(), label=_("Program"), widget=forms.Select(attrs=_INPUT), empty_label=None
    )
    last_day = forms.DateField(
        label=_("Last day"),
        widget=TypedDay,
        help_text=_(
            "Japan time; usually the last day of a month. The statement begins where the last one ended."
        ),
    )

    def __init__(self, *args: Any, programs: QuerySet[Program], today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer(self, "program", programs)
        self.fields["last_day"].initial = today.replace(day=1) - timedelta(days=1)

    def clean_last_day(self) -> date:
        last_day: date = self.cleaned_data["last_day"]
        if not 2000 <= last_day.year <= 2100:  # a slip of the hand, and no calendar goes beyond 9999
            raise forms.ValidationError(_("Enter a day between the years 2000 and 2100."), code="far")
        return last_day

    def ends_at(self) -> datetime:
        """The exclusive end: midnight after the last day."""
        return datetime.combine(self.cleaned_data["last_day"] + timedelta(days=1), time(), tzinfo=JAPAN)


class NoteForm(forms.Form):
    """What somebody has to say about a statement."""

    text = PlainTextField(
        label=_("Your note"), max_length=2_000, widget=forms.Textarea(attrs=_INPUT | {"rows": "3"})
    )


class SentOnce(forms.Form):
    """A form with a number of its own, so that sending it twice asks once."""

    form_number = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["form_number"].initial = uuid.uuid4


class AdjustmentForm(SentOnce):
    """What all acts by hand have: who pays, and why. The subclasses say what."""

    brand = forms.ModelChoiceField(
        Brand.objects.none(), label=_("Brand that pays"), widget=forms.Select(attrs=_INPUT), empty_label=None
    )
    reason = PlainLineField(
        label=_("Reason"),
        max_length=200,
        widget=forms.TextInput(attrs=_INPUT),
        help_text=_("What happened, and what it rests on: for whoever confirms, and for the auditor."),
    )

    def __init__(self, *args: Any, brands: QuerySet[Brand], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer(self, "brand", brands)


class GrantForm(AdjustmentForm):
    """Points from the brand's funds into a member's wallet."""

    member = forms.UUIDField(
        label=_("Tokuten number"),
        widget=forms.TextInput(attrs=_INPUT),
        error_messages={"invalid": _("A Tokuten number looks like 123e4567-e89b-12d3-a456-426614174000.")},
    )
    points = whole_points(1)
    life = forms.ChoiceField(
        choices=[
            (PolicyKind.DAYS.value, _("so many days")),
            (PolicyKind.MONTH_END.value, _("through the end of the month after so many months")),
            (PolicyKind.DATE.value, _("through a fixed day")),
        ],
        label=_("The points last"),
        widget=forms.Select(attrs=_INPUT),
    )
    number = forms.IntegerField(
        label=_("Days or months"),
        required=False,
        min_value=0,
        max_value=3_660,
        initial=180,
        widget=forms.NumberInput(attrs=_INPUT),
        help_text=_("Not needed for a fixed day."),
    )
    last_day = forms.DateField(
        label=_("Last day"), required=False, widget=TypedDay, help_text=_("For a fixed day alone.")
    )
    field_order = ("form_number", "brand", "member", "points", "life", "number", "last_day", "reason")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        brand, member = cleaned.get("brand"), cleaned.get("member")
        if brand and member:
            wallets = Account.objects.filter(kind=AccountKind.WALLET, program=brand.program_id)
            cleaned["wallet"] = wallets.filter(member__public_id=member).first()
            if cleaned["wallet"] is None:
                self.add_error("member", _("There is no wallet of that member in the brand's program."))
        self._clean_life(cleaned)
        return cleaned

    def _clean_life(self, cleaned: dict[str, Any]) -> None:
        kind = PolicyKind(cleaned.get("life") or PolicyKind.DAYS)
        field = "last_day" if kind == PolicyKind.DATE else "number"
        if field in self.errors:
            return
        if cleaned.get(field) is None:
            self.add_error(field, _("Please say how long the points last."))
            return
        try:
            cleaned["expires"] = ExpiryPolicy.parse(f"{kind}:{cleaned[field]}")
        except ExpiryRefused:
            self.add_error(field, _("That is out of bounds: 1 to 3,660 days, or 0 to 120 months."))

    def asked(self) -> GrantAsked:
        cleaned = self.cleaned_data
        return GrantAsked(cleaned["wallet"].pk, cleaned["points"], cleaned["expires"])


class TakeBackForm(AdjustmentForm):
    """A claim, a grant or a spend taken back, whole or in part."""

    original_key = PlainLineField(
        label=_("Key of the transfer"),
        max_length=120,
        widget=forms.TextInput(attrs=_INPUT),
        help_text=_("It stands on the page of the transfer, for example claim:1000000001."),
    )
    points = whole_points(1, required=False, help_text=_("Empty: everything that is left of it."))
    field_order = ("form_number", "brand", "original_key", "points", "reason")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        key, points = cleaned.get("original_key"), cleaned.get("points")
        if key and points:
            moved = Posting.objects.filter(transfer=transfer_id_of(key)).aggregate(sum=Sum("points"))["sum"]
            if moved is not None and points > moved:
                self.add_error("points", _("The transfer has moved fewer points."))
        return cleaned

    def asked(self) -> TakeBackAsked:
        cleaned = self.cleaned_data
        return TakeBackAsked(transfer_id_of(cleaned["original_key"]), cleaned["points"])


class StatementField(forms.ModelChoiceField):  # type: ignore[type-arg]  # none at run time
    """A choice of statements, by their periods."""

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.program_name} {days(obj.starts_at, obj.ends_at)}"


class CorrectionForm(AdjustmentForm):
    """A closed statement is never edited: what is wrong in it is put right in the next one."""

    settlement = StatementField(
        Settlement.objects.none(), label=_("Statement"), widget=forms.Select(attrs=_INPUT), empty_label=None
    )
    acceptor = forms.ModelChoiceField(
        Brand.objects.none(), label=_("Accepting brand"), widget=forms.Select(attrs=_INPUT)
    )
    store = forms.ModelChoiceField(
        Store.objects.none(),
        label=_("Store"),
        required=False,
        widget=forms.Select(attrs=_INPUT),
        empty_label=_("no store in particular"),
    )
    points = whole_points(
        -MAX_POINTS,
        help_text=_("More than 0: the brand that pays owes so many points more. Less than 0: so many less."),
    )
    field_order = ("form_number", "settlement", "brand", "acceptor", "store", "points", "reason")

    def __init__(self, *args: Any, settlements: QuerySet[Settlement], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        brands = Brand.objects.filter(program__in=settlements.values("program")).order_by("name")
        stores = Store.objects.filter(brand__in=brands).select_related("brand")
        offer(self, "settlement", settlements)
        offer(self, "acceptor", brands)
        offer(self, "store", stores.order_by("brand__name", "name"))

    def asked(self) -> CorrectionAsked:
        cleaned = self.cleaned_data
        store = cleaned["store"]
        return CorrectionAsked(
            cleaned["settlement"].pk, cleaned["acceptor"].pk, store and store.pk, cleaned["points"]
        )


KindForm = GrantForm | TakeBackForm | CorrectionForm
