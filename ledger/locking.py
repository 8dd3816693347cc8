"""A moment at which nobody is writing to a table: what is in it then is all there is up to here.

Rows get their ids and moments before they are committed, so a reader can never know that an earlier one will
not appear behind it. Closing a day or counting a statement takes this lock, notes how far the table goes, and
commits at once: writers wait for milliseconds, and pay nothing otherwise.
"""

from django.db import connection, models

from ledger.statements import Statement, run_together

_PATIENCE = "2s"
_MEMBERS = 0x6D62 << 40  # keeps these locks apart from others' in the same database


def still(model: type[models.Model]) -> None:
    """Wait until no transaction under way has written to the table, and keep new ones waiting until the
    caller's transaction ends, which must be soon.

    Django's OperationalError after two seconds of waiting: try again later. SQLite, which lets one
    transaction write at a time, needs none of this.
    """
    if connection.vendor != "postgresql":
        return
    table = connection.ops.quote_name(model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [_PATIENCE])
        cursor.execute(f"LOCK TABLE {table} IN SHARE MODE")


def member_lock(member_id: int) -> int:
    """The advisory lock that a claim shares and a member's leaving has alone, each to the end of its
    transaction: points of a claim are there to be given up, or the claim finds that the member has left.
    """
    return _MEMBERS + member_id


def own_member(member_id: int) -> None:
    """Wait until no claim of the member is under way, and keep new ones waiting until the transaction ends.
    SQLite lets one writer in at a time and needs none of this.
    """
    if connection.vendor == "postgresql":
        run_together(Statement("SELECT pg_advisory_xact_lock(%s)", [member_lock(member_id)]))
