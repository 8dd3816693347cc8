"""Moments, points and codes as people read them."""

from datetime import datetime, timedelta

from django import template
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import get_language, pgettext

from campaigns.conditions_models import ConditionsVersion
from campaigns.models import Campaign
from parties.models import Program
from redemption_site import conditions, pending

register = template.Library()


@register.filter
def moment(value: datetime) -> str:
    """An instant in Japan time: "2026年6月30日(火) 23:59"."""
    return date_format(localtime(value), pgettext("format of a moment", "D j F Y, H:i"))


@register.filter
def last_moment(end: datetime) -> datetime:
    """The last instant before an exclusive end: shown to the minute, the inclusive end that people expect."""
    return end - timedelta(microseconds=1)


@register.filter
def points(value: int, program: Program) -> str:
    """Points with their unit: "1,500 pt"."""
    return f"{value:,} {program.unit_label}"


@register.filter
def signed_points(value: int, program: Program) -> str:
    """The same with a sign; a real minus, which is as wide as the plus."""
    return ("+" if value >= 0 else "−") + points(abs(value), program)


@register.filter
def masked(code: str) -> str:
    """A code that its owner recognises and a bystander can't use."""
    return f"••••-••••-••••-{code[-4:]}"


@register.filter
def mark(code: str) -> str:
    """What a form names the code by, for `pending.is_shown`."""
    return pending.mark_of(code)


@register.filter
def accept_mark(version: ConditionsVersion) -> str:
    """What the checkbox sends that accepts the version."""
    return conditions.mark_of(version)


@register.filter
def conditions_lang(version: ConditionsVersion) -> str:
    """The language in which the reader is shown the version."""
    return conditions.language_of(version).value


@register.filter
def conditions_words(version: ConditionsVersion) -> str:
    """The version's text in that language."""
    return str(getattr(version, f"text_{conditions.language_of(version).value}"))


@register.filter
def day(value: datetime) -> str:
    """The day of an instant in Japan: "2026年6月30日(火)"."""
    return date_format(localtime(value), pgettext("format of a day", "j F Y"))


@register.filter
def words(campaign: Campaign, part: str) -> str:
    """The campaign's "title" or "text" in the reader's language; Japanese where it has no English."""
    return str(getattr(campaign, f"{part}_{_language_of(campaign, part)}"))


@register.filter
def words_lang(campaign: Campaign, part: str) -> str:
    """The language that `words` speaks, for screen readers."""
    return _language_of(campaign, part)


def _language_of(campaign: Campaign, part: str) -> str:
    return "en" if get_language() == "en" and getattr(campaign, f"{part}_en") else "ja"
