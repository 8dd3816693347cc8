"""A database restored to an earlier moment, inside the transaction of one test."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from giftcodes import directory


@contextmanager
def lost_by_a_restore() -> Iterator[None]:
    """What the block does to the database is gone behind it, and ids are given out again, as by a restore."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    directory.forget()
    if connection.vendor == "postgresql":  # sequences, which take no part in transactions
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT setval(pg_get_serial_sequence('ledger_posting', 'id'),"
                " (SELECT COALESCE(MAX(id), 1) FROM ledger_posting))"
            )
