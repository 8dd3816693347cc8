"""What a check is, and how it is run."""

from collections.abc import Iterator
from typing import NamedTuple

from django.db import connection, transaction


class Difference(NamedTuple):
    """One thing that is not as it must be."""

    check: str
    subject: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.check}: {self.subject}: expected {self.expected}, found {self.found}"


def run_checks(checks: dict[str, str]) -> Iterator[Difference]:
    """The differences that the given SQL checks find; each yields rows (subject, expected, found)."""
    for name, sql in checks.items():
        for subject, expected, found in _rows_of(sql):
            yield Difference(name, subject, expected, found)


def _rows_of(sql: str) -> list[tuple[str, str, str]]:
    """A check reads whole tables. PostgreSQL would look up row by row, for hours, where its statistics are
    stale and call a full table empty.
    """
    if connection.vendor != "postgresql":
        return _fetch(sql)
    with transaction.atomic():
        # Without compiling either: the plan's cost, which decides that, no longer means anything.
        _fetch("SELECT set_config('enable_nestloop', 'off', true), set_config('jit', 'off', true)")
        return _fetch(sql)


def _fetch(sql: str) -> list[tuple[str, str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        rows: list[tuple[str, str, str]] = cursor.fetchall()
        return rows
