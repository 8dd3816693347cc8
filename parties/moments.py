"""Moments as partner systems read them, and the one clock that decisions go by."""

from datetime import UTC, datetime

from django.db import connection
from django.utils import timezone


def rfc3339(moment: datetime) -> str:
    """With its offset, that of Japan, to the microsecond."""
    return timezone.localtime(moment, timezone.get_default_timezone()).isoformat()


# The database's own clock, in the form in which each stores a moment.
NOW = {
    "postgresql": "statement_timestamp()",
    "sqlite": "(strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now') || '000')",
}


def database_time() -> datetime:
    """The database's own clock now, which decisions about time go by: never that of a process."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + NOW[connection.vendor], [])
        found = cursor.fetchone()[0]
    moment: datetime = datetime.fromisoformat(found) if isinstance(found, str) else found
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
