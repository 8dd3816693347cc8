"""Conditions of participation as HTML: the one place that says how they are written."""

from django import template
from django.template.defaultfilters import linebreaks_filter

register = template.Library()


@register.filter
def as_conditions(text: str) -> str:
    """Plain text in paragraphs; line breaks are kept, and nothing in it is markup."""
    return linebreaks_filter(text, autoescape=True)
