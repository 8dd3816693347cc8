"""Moments as partner systems read them."""

from datetime import datetime

from django.utils import timezone


def rfc3339(moment: datetime) -> str:
    """With its offset, that of Japan, to the microsecond."""
    return timezone.localtime(moment, timezone.get_default_timezone()).isoformat()
