"""The one way in which claims and whoever closes or voids keep out of each other's way.

A claim holds its batch shared, closing and voiding hold it alone, each to the end of its transaction. On
PostgreSQL this is an advisory lock: a row lock, even a shared one, would make all claims of a batch write to
the same row. SQLite lets one writer in at a time and needs none.
"""

import hashlib

from django.db import connection

from ledger.locking import member_lock
from ledger.statements import Statement, run_together

_SPACE = 0x746B << 40  # keeps these locks apart from others' in the same database
_REQUESTS = 0x6769 << 48  # and these from both


def share_batch(batch_id: int) -> list[Statement]:
    """Statements that hold the batch shared; must come before the one that reads its state."""
    if connection.vendor != "postgresql":
        return []
    return [Statement("SELECT pg_advisory_xact_lock_shared(%s)", [_SPACE + batch_id])]


def share_claim(batch_id: int, member_id: int) -> list[Statement]:
    """The same, and the member shared with their other claims: leaving has the member alone."""
    if connection.vendor != "postgresql":
        return []
    sql = "SELECT pg_advisory_xact_lock_shared(%s), pg_advisory_xact_lock_shared(%s)"
    return [Statement(sql, [_SPACE + batch_id, member_lock(member_id)])]


def own_batch(batch_id: int) -> None:
    """Wait until no claim of the batch is under way, and keep new ones waiting until the transaction ends."""
    if connection.vendor == "postgresql":
        run_together(Statement("SELECT pg_advisory_xact_lock(%s)", [_SPACE + batch_id]))


def try_request(client_id: int, key_digest: str) -> list[Statement]:
    """A statement that gives true once this transaction has the client's key to itself, false if another has
    it now; never waits. Two keys share a lock once in 2^48.
    """
    if connection.vendor != "postgresql":
        return []
    return [Statement("SELECT pg_try_advisory_xact_lock(%s)", [request_lock(client_id, key_digest)])]


def request_lock(client_id: int, key_digest: str) -> int:
    """The number of the advisory lock that `try_request` takes."""
    digest = hashlib.sha256(f"{client_id}:{key_digest}".encode()).digest()
    return _REQUESTS + int.from_bytes(digest[:6], "big")
