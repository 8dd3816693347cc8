"""Moments as partner systems read them."""

from datetime import UTC, datetime

from django.db import connection
from django.utils import timezone


def rfc3339(moment: datetime) -> str:
    """With its offset, that of Japan, to the microsecond."""
    return timezone.localtime(moment, timezone.get_default_timezone()).isoformat()


def database_time() -> datetime:
    """The database's own clock, to the second at least: leases, waits and the age of a proof are measured by
    one clock, not by each process's own.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT CURRENT_TIMESTAMP")
        found = cursor.fetchone()[0]
    moment: datetime = datetime.fromisoformat(found) if isinstance(found, str) else found
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
