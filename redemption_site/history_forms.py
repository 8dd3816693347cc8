"""What a member looks for in their history."""

from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from ledger.expiry import JAPAN
from ledger.reports import EntryKind, Sought
from parties.forms import PlainLineField
from parties.models import Program
from redemption_site.queries import MOST_PLACES, places_named
from redemption_site.texts import KINDS_OF_ENTRIES

_FIRST_YEAR, _LAST_YEAR = 2000, 2100
_DAY_WRONG = _("Enter a day like 2026-11-28.")


class DayInput(forms.DateInput):
    """The browser's own control for a day."""

    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class _DayField(forms.DateField):
    widget = DayInput

    def __init__(self, *, label: Any) -> None:
        formats = ["%Y-%m-%d", "%Y/%m/%d"]
        super().__init__(
            required=False, label=label, input_formats=formats, error_messages={"invalid": _DAY_WRONG}
        )

    def validate(self, value: Any) -> None:
        if value and not _FIRST_YEAR <= value.year <= _LAST_YEAR:
            years = {"first": _FIRST_YEAR, "last": _LAST_YEAR}
            raise ValidationError(_("Enter a day between the years %(first)s and %(last)s."), params=years)


class HistoryForm(forms.Form):
    """Kind, first and last day (Japan time, both within), and part of the name of a brand or store. What is
    left empty narrows nothing.
    """

    kind = forms.ChoiceField(
        required=False,
        label=_("Kind of entry"),
        choices=[("", _("All")), *((str(kind), label) for kind, label in KINDS_OF_ENTRIES.items())],
        error_messages={"invalid_choice": _("Choose one of the kinds of entries.")},
    )
    since = _DayField(label=_("From day"))
    until = _DayField(label=_("Through day"))
    place = PlainLineField(
        required=False,
        max_length=80,
        label=_("Brand or store"),
        help_text=_("A part of the name is enough."),
        error_messages={"max_length": _("That is too long for a name. Enter at most 80 characters.")},
    )

    def __init__(self, asked: Any, *, program: Program) -> None:
        super().__init__(asked)
        self._program = program
        self._places: tuple[tuple[int, ...] | None, tuple[int, ...]] = (None, ())

    def clean_place(self) -> str:
        """A name that brands or stores of the program have, and not too many of them."""
        name: str = self.cleaned_data["place"]
        if name:
            brands, stores = places_named(self._program, name)
            if not brands and not stores:
                raise ValidationError(
                    _("There is no brand or store of that name. Check the name, or leave this empty.")
                )
            if max(len(brands), len(stores)) > MOST_PLACES:
                raise ValidationError(_("Many brands or stores have that in their name. Enter more of it."))
            self._places = (tuple(brands), tuple(stores))
        return name

    def clean(self) -> None:
        """The period must have a day in it."""
        since, until = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        if since and until and since > until:
            self.add_error("until", _("The last day is before the first. Change one of them."))

    def sought(self) -> Sought:
        """The valid form, as the ledger is asked."""
        asked = self.cleaned_data
        brands, stores = self._places
        return Sought(
            kind=EntryKind(asked["kind"]) if asked["kind"] else None,
            starts_at=_midnight(asked["since"]) if asked["since"] else None,
            ends_at=_midnight(asked["until"] + timedelta(days=1)) if asked["until"] else None,
            brand_ids=brands,
            store_ids=stores,
        )

    def query(self) -> str:
        """What was asked, for links to further pages: "&kind=used" or ""."""
        asked = [(name, self.data[name]) for name in self.fields if self.data.get(name)]
        return "&" + urlencode(asked) if asked else ""


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=JAPAN)
