"""Up to which id of a table no row can appear any more.

Ids are given out before the commit, so a plain "everything above the last id" would one day pass over a row
that was committed late. A transaction under way with an id up to the newest one that can be seen has been
holding its lock on the table since before that id was given out. So: note the newest id, then who holds that
lock, and wait until none of these does. What can be seen then up to that id is all there will ever be. Nobody
is locked, waited for are only those who write to the table, and the next ones not at all.
"""

import logging
import time

from django.db import connection, models
from django.db.models import Max

_PATIENCE_SECONDS = 2.0
_PAUSE_SECONDS = 0.002
_WRITERS = (
    "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND mode = 'RowExclusiveLock'"
    " AND granted AND relation = %s::regclass AND pid IS DISTINCT FROM pg_backend_pid()"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)

logger = logging.getLogger(__name__)


def final_id(model: type[models.Model]) -> int:
    """The newest id of the table, if no other up to it can appear; 0 if some transaction does not end."""
    rows: models.QuerySet[models.Model] = models.QuerySet(model)
    newest: int = rows.aggregate(newest=Max("pk"))["newest"] or 0
    return newest if _no_earlier_writer_is_left(model._meta.db_table) else 0


def _no_earlier_writer_is_left(table: str) -> bool:
    if connection.vendor != "postgresql":
        return True  # one writer at a time: ids are given out in commit order
    deadline = time.monotonic() + _PATIENCE_SECONDS
    earlier = _writers(table)
    while earlier:
        if time.monotonic() > deadline:
            logger.warning("A transaction has not ended for a while: the claim journal waits for it.")
            return False
        time.sleep(_PAUSE_SECONDS)
        earlier &= _writers(table)
    return True


def _writers(table: str) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(_WRITERS, [table])
        return {name for (name,) in cursor.fetchall()}
