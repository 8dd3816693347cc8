"""A moment at which nobody is writing to a table: what is in it then is all there is up to here.

Rows get their ids and moments before they are committed, so a reader can never know that an earlier one will
not appear behind it. Closing a day or counting a statement takes this lock, notes how far the table goes, and
commits at once: writers wait for milliseconds, and pay nothing otherwise.
"""

from django.db import connection, models

_PATIENCE = "2s"


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
