"""Moments, points and codes as people read them."""

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django import template
from django.conf import settings
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import localtime
from django.utils.translation import get_language, pgettext

from campaigns.conditions_models import ConditionsVersion
from campaigns.markdown import as_html, as_plain
from campaigns.models import Campaign
from parties.models import Program
from redemption_site import conditions, pending
from redemption_site.cards import card_key
from redemption_site.words import language_of, words_in

register = template.Library()


@register.filter
def moment(value: datetime) -> str:
    """An instant in Japan time: "2026年6月30日(火) 23:59"."""
    return date_format(localtime(value), pgettext("format of a moment", "D j F Y, H:i"))


@register.filter
def days_until(value: datetime) -> int:
    """Whole days on the calendar in Japan from today; 0 is today, negative is past."""
    return (localtime(value).date() - localtime().date()).days


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
    """The campaign's "title", "text" or "hero_alt" in the reader's language; Japanese where it has no
    English.
    """
    return words_in(campaign, part, get_language() or "ja")


@register.filter
def words_lang(campaign: Campaign, part: str) -> str:
    """The language that `words` speaks, for screen readers."""
    return language_of(campaign, part, get_language() or "ja")


@register.filter
def markdown(text: str) -> SafeString:
    """A campaign's text as HTML."""
    home = urlsplit(settings.SITE_URL).hostname or ""
    return mark_safe(as_html(text, home=home))  # noqa: S308  # sanitised by nh3, see campaigns/markdown.py


@register.filter
def without_marks(text: str) -> str:
    """The same as plain text in one line."""
    return as_plain(text)


@register.simple_tag
def card_address(campaign: Campaign) -> str:
    """Where the picture for shared links of the campaign is, in the reader's language."""
    lang = "en" if get_language() == "en" else "ja"
    return reverse("share_card", args=(campaign.slug, lang, card_key(campaign, lang)))
