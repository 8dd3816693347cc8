"""Run several SQL statements in one round trip: the same text on SQLite and PostgreSQL.

The claim path runs on plain SQL that both databases understand. PostgreSQL gets the statements pipelined and
prepared (one network round trip, planned once per connection); SQLite, which has no network, runs them one by
one.
"""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.db import DEFAULT_DB_ALIAS, connection, connections

from ledger import pipeline
from ledger.pipeline import Rows
from parties.moments import NOW, database_time

# The clock stands with the people of whom moments are told; what doors pass as `at=` is asked for here.
__all__ = [
    "Statement",
    "as_instant",
    "as_uuid",
    "database_time",
    "fold",
    "instant_sql",
    "run_prepared",
    "run_together",
]


class Statement(NamedTuple):
    """SQL with %s placeholders, and their values."""

    sql: str
    params: Sequence[Any]


def instant_sql(at: datetime | None) -> tuple[str, list[datetime]]:
    """SQL and parameters for the instant `at`; for None, the database's own clock.

    Decisions about time must not depend on the clock of a web server, so the doors pass None.
    """
    return (NOW[connection.vendor], []) if at is None else ("%s", [at])


def as_instant(value: Any) -> datetime:
    """A moment as a statement gave it back, as an aware datetime. SQLite gives text, or UTC without saying
    so.
    """
    moment: datetime = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def as_uuid(value: Any) -> uuid.UUID:
    """An opaque number as a statement gave it back: SQLite knows it as hex digits."""
    return value if isinstance(value, uuid.UUID) else uuid.UUID(str(value))


def fold(*statements: Statement) -> list[Statement]:
    """The same work in as few statements as the database can take it in; only the last one's rows come back.

    PostgreSQL takes all of them in one, as common table expressions: each statement costs messages there and
    back and a plan to start. None may use what another one changes.
    """
    if connection.vendor != "postgresql":
        return list(statements)
    *first, last = statements
    tables = ", ".join(f"step_{number} AS ({statement.sql})" for number, statement in enumerate(first))
    return [Statement(f"WITH {tables} {last.sql}", [value for step in statements for value in step.params])]


def run_together(*statements: Statement, is_last: bool = False) -> list[Rows]:
    """The rows of each statement, in order; an empty list where a statement gives none.

    All statements are sent before the first answer is read, so none can use another's rows, and the first
    failure fails all. What writes must run inside a transaction that the caller opened. `is_last` promises
    that the transaction ends with them, come what may: the COMMIT can then go out with them. Raises Django's
    database errors.
    """
    database = connections[DEFAULT_DB_ALIAS]  # once: the proxy looks it up at each use, which adds up
    # What Django's own cursors look at first.
    database.validate_thread_sharing()
    database.validate_no_broken_transaction()
    database.close_if_health_check_failed()
    database.ensure_connection()
    if database.vendor == "postgresql":
        # Only the outermost block may end its transaction. Django's own commit then finds nothing left to do.
        ends = is_last and database.in_atomic_block and not database.savepoint_ids
        last = [Statement("COMMIT", ())] if ends else []
        with database.wrap_database_errors:
            return pipeline.run(database.connection, [*statements, *last])[: len(statements)]
    results: list[Rows] = []
    with database.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement.sql, [_sqlite_value(value) for value in statement.params])
            results.append(cursor.fetchall() if cursor.description else [])
    return results


def run_prepared(sql: str, values: Sequence[Any]) -> Rows:
    """The rows of one statement, which PostgreSQL plans once per connection."""
    [rows] = run_together(Statement(sql, values))
    return rows


def _sqlite_value(value: Any) -> Any:
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return value.hex if isinstance(value, uuid.UUID) else value
