"""How a row gets wrong that no door, service or constraint lets through: by a superuser, a bad restore, a bad
disk. For tests of the audit, inside the transaction of the test, which is rolled back."""

from collections.abc import Iterable, Iterator

from django.db import connection, transaction


def dismiss_the_guards() -> None:
    """Take PostgreSQL's constraints and triggers away until the end of the transaction, once for many acts:
    it takes a while. SQLite's are out of the way in each act.
    """
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            "SELECT conrelid::regclass::text, string_agg(format('DROP CONSTRAINT %I', conname), ', ')"
            " FROM pg_constraint WHERE contype IN ('c', 'x', 'u')"
            " AND conrelid::regclass::text ~ '^(ledger|giftcodes|campaigns)_' GROUP BY conrelid"
        )
        for table, drops in cursor.fetchall():
            cursor.execute(f"ALTER TABLE {table} {drops}")


def each_past_the_guards(statements: Iterable[str]) -> Iterator[str]:
    """Execute one statement after the other, each for the time of one step, as if the others never were."""
    dismiss_the_guards()
    for sql in statements:
        with transaction.atomic():
            past_the_guards(sql)
            yield sql
            transaction.set_rollback(True)


def past_the_guards(sql: str) -> None:
    """Execute the statement with triggers, check and exclusion constraints out of the way."""
    dismiss_the_guards()
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA ignore_check_constraints = ON")
        cursor.execute(sql)
        assert cursor.rowcount > 0, "nothing was tampered with"
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA ignore_check_constraints = OFF")
