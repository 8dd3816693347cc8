"""Claims into the journal, in commit order, behind the claims' back: claiming pays nothing for it.

Posting ids are given out before the commit, so a plain "everything above the last id" would one day pass
over a claim that committed late. A claim under way with an id up to the newest one that can be seen has been
holding its lock on the table of postings since before that id was given out. So: note the newest id, then who
holds that lock, and wait until none of these does. What can be seen then up to that id is all there will ever
be. Nobody is locked, waited for are only those who write postings, and the next ones not at all.
"""

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Max

from giftcodes import journal, restores
from giftcodes.errors import DatabaseOlder, JournalMissing
from giftcodes.journal import Entry, Journal, Kind
from giftcodes.models import Claim, claim_id_of
from ledger.models import Posting, Reason

POSTINGS_PER_STEP = 5_000
MARK_EVERY = 10_000  # postings without a claim, before the journal says that it has seen them
_PATIENCE_SECONDS = 2.0
_PAUSE_SECONDS = 0.002
_WRITERS = (
    "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND mode = 'RowExclusiveLock'"
    " AND granted AND relation = 'ledger_posting'::regclass AND pid IS DISTINCT FROM pg_backend_pid()"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)

logger = logging.getLogger(__name__)


def ship_claims(*, begin: bool) -> int:
    """Append to the claim journal what was claimed since its last line; gives back how many claims.

    Repeating it, or two at once, is harmless. `begin` allows a new journal beside claims that exist: all of
    them are shipped. Raises JournalMissing without it, JournalBusy, JournalBroken, DatabaseOlder (restored:
    replay first), SealKeyMissing, and OSError if the disk refuses; nothing is lost then, the next call goes
    on from the last line.
    """
    folder = Path(settings.CLAIM_JOURNAL_DIR)
    with journal.opened(folder) as book:
        if book.last is None:
            if not begin and (sentence := restores.empty_beside_claims(folder)):
                raise JournalMissing(sentence)
            book.append([Entry(Kind.BEGUN, 0)])
        elif not restores.stands(book.last):
            raise DatabaseOlder(restores.disagreement(folder) or "the database is older than its journal")
        return _ship(book, until=final_posting_id())


def final_posting_id() -> int:
    """An id up to which no posting can appear any more: the newest one, unless some transaction does not end
    (then 0).
    """
    newest: int = Posting.objects.aggregate(newest=Max("pk"))["newest"] or 0
    return newest if _no_earlier_writer_is_left() else 0


def mark(kind: Kind, posting_id: int) -> Entry:
    """An entry that says how far the journal has seen, without a claim."""
    if posting_id == 0:
        return Entry(kind, 0)
    transfer_id = Posting.objects.values_list("transfer_id", flat=True).get(pk=posting_id)
    return Entry(kind, posting_id, transfer=transfer_id.hex)


def _no_earlier_writer_is_left() -> bool:
    if connection.vendor != "postgresql":
        return True  # one writer at a time: ids are given out in commit order
    deadline = time.monotonic() + _PATIENCE_SECONDS
    earlier = _writers()
    while earlier:
        if time.monotonic() > deadline:
            logger.warning("A transaction has not ended for a while: the claim journal waits for it.")
            return False
        time.sleep(_PAUSE_SECONDS)
        earlier &= _writers()
    return True


def _writers() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(_WRITERS)
        return {name for (name,) in cursor.fetchall()}


def _ship(book: Journal, *, until: int) -> int:
    shipped, seen = 0, book.last.entry.posting if book.last else 0
    while ids := _postings(seen, until):
        entries = list(_entries(ids))
        if entries:
            book.append(entries)
            shipped += len(entries)
        seen = ids[-1][0]
    if book.last and seen - book.last.entry.posting >= MARK_EVERY:
        book.append([mark(Kind.MARK, seen)])
    return shipped


def _postings(after: int, until: int) -> list[Any]:
    rows = Posting.objects.filter(pk__gt=after, pk__lte=until).order_by("pk")
    return list(
        rows.values_list("pk", "transfer__reason", "transfer__key", "transfer__lot__expires_at")[
            :POSTINGS_PER_STEP
        ]
    )


def _entries(postings: Sequence[Any]) -> Iterator[Entry]:
    """The claims among the postings, in their order. A claim transfer without its claim is the audit's to
    name.
    """
    claimed = [
        (posting_id, int(key.removeprefix("claim:")), expires_at)
        for posting_id, reason, key, expires_at in postings
        if reason == Reason.CLAIM and key.removeprefix("claim:").isdecimal()
    ]
    claims = {row[0]: row[1:] for row in _rows([claim_id for _, claim_id, _ in claimed])}
    for posting_id, claim_id, expires_at in claimed:
        if claim_id in claims and expires_at is not None:
            batch, series, first_serial, size, brand, program, member, points, at = claims[claim_id]
            yield Entry(
                Kind.CLAIM,
                posting_id,
                claim=claim_id,
                batch=batch.hex,
                batch_end=claim_id_of(series, first_serial) + size,
                brand=brand,
                program=program,
                member=member.hex,
                points=points,
                claimed_at=_moment(at),
                expires_at=_moment(expires_at),
            )


def _rows(claim_ids: Sequence[int]) -> Iterable[Any]:
    """Id, batch number, series, first serial, size, brand, program, member, points and moment of claims."""
    batch = [f"batch__{name}" for name in ("public_id", "series_id", "first_serial", "size", "brand__slug")]
    rest = ["batch__brand__program__slug", "member__public_id", "points", "claimed_at"]
    return Claim.objects.filter(pk__in=claim_ids).values_list("pk", *batch, *rest)


def _moment(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="microseconds")
