"""What the ledger's pages in the admin need to show figures and moments."""

from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

from django import template
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from parties.forms import last_moment
from parties.periods import end_text, moment_text

register = template.Library()


@register.filter
def points(value: int | None) -> str:
    """A whole number with its thousands apart and a real minus; a dash for none."""
    if value is None:
        return "–"
    return ("−" if value < 0 else "") + number_format(abs(value), use_l10n=True, force_grouping=True)


@register.filter
def cell(value: int | str | None) -> str:
    """What stands in a cell of a table: numbers as `points` shows them, words as they are."""
    return value if isinstance(value, str) else points(value)


@register.filter
def percent(value: Fraction) -> str:
    """A share of one, in percent to one decimal."""
    return number_format(Decimal(value.numerator * 100) / value.denominator, decimal_pos=1) + "%"


@register.filter
def moment(value: datetime) -> str:
    """One moment in Japan time, to the minute."""
    return moment_text(value)


@register.filter
def until(value: datetime) -> str:
    """An exclusive end, as the last minute that is still within."""
    return end_text(value)


@register.filter
def month(value: date) -> str:
    """A month with its year."""
    return date_format(value, pgettext("format of a month", "F Y"), use_l10n=False)


@register.filter
def day(value: date) -> str:
    """A day with its year."""
    return date_format(value, pgettext("format of a day", "j F Y"), use_l10n=False)


@register.simple_tag
def days(start: datetime, end: datetime) -> str:
    """A period of whole days, as its first and its last day."""
    first, last = timezone.localtime(start).date(), timezone.localtime(last_moment(end)).date()
    return _("%(first)s – %(last)s") % {"first": day(first), "last": day(last)}
