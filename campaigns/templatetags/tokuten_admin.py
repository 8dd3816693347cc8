"""What the admin's templates need to show periods and numbers."""

from datetime import date, datetime

from django import template
from django.utils.formats import date_format
from django.utils.translation import pgettext

from campaigns.mailing_wording import words_of_note
from campaigns.wording import number
from parties.periods import end_text, moment_text, period_text

register = template.Library()


@register.filter
def points(value: int) -> str:
    """A whole number with its thousands apart."""
    return number(value)


@register.filter
def mailing_note(note: str) -> str:
    """Why a row of a mailing waits, or what became of its mail."""
    return words_of_note(note)


@register.filter
def moment(value: datetime) -> str:
    """One moment in Japan time, to the minute."""
    return moment_text(value)


@register.filter
def day(value: date) -> str:
    """A day, as the language writes it."""
    return date_format(value, pgettext("format of a day", "j F Y"), use_l10n=False)


@register.filter
def until(value: datetime) -> str:
    """An exclusive end, as the last minute that is still within."""
    return end_text(value)


@register.simple_tag
def period(start: datetime, end: datetime) -> str:
    """From the first minute to the last."""
    return period_text(start, end)
