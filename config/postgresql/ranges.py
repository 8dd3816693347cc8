"""Into which ranges the two tables that grow with every claim are cut: one grid per table, nothing to set.

`ledger_posting` by moment, a quarter of Japan time each: balances as of an instant, days, months and
histories look at some partitions only, and a quarter whose days are all closed never changes again.
`giftcodes_claim` by serial number, 10^8 serials each: a claim looks at one, and a partition never straddles
two series. The sandbox's series is the last one and has claims from the first day on, so they are kept apart
from the first partition, which would reach over all series else.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Max

from giftcodes.models import SANDBOX_SERIES, SERIALS_PER_SERIES, claim_id_of
from ledger.expiry import JAPAN
from ledger.models import Transfer
from ledger.statements import database_time

SERIALS_PER_PARTITION = 100_000_000
_MONTHS = 3
_TIME_TO_SWITCH = timedelta(days=7)
_SANDBOX = claim_id_of(SANDBOX_SERIES, 0)


@dataclass(frozen=True)
class Ranges:
    """How a table is cut. Ranges begin where `floor` says, and the next one where `after` says."""

    table: str
    column: str
    # What the primary key of the partitioned table consists of: PostgreSQL wants the column in it.
    key: tuple[str, ...]
    floor: Callable[[Any], Any]
    after: Callable[[Any], Any]
    # How a bound reads in a name, in SQL, and back from the catalogue.
    tag: Callable[[Any], str]
    literal: Callable[[Any], str]
    parse: Callable[[str], Any]
    # Where the first partition may end, when the table is cut today.
    first_end: Callable[[], Any]
    # Whether that end is still far enough from what is being written.
    is_ahead: Callable[[Any], bool]
    # Starts of the ranges that must be there, with so many spare ones.
    wanted: Callable[[int], list[Any]]
    # Where what is never in the first partition begins; None if nothing is.
    apart: Any = None


def _quarter(at: datetime) -> datetime:
    local = at.astimezone(JAPAN)
    return datetime(local.year, (local.month - 1) // _MONTHS * _MONTHS + 1, 1, tzinfo=JAPAN)


def _next_quarter(start: datetime) -> datetime:
    return _quarter(start + timedelta(days=31 * _MONTHS + 1))


def _newest_moment() -> datetime:
    """Now, or that of the newest transfer: nothing is posted later than a transfer."""
    newest = Transfer.objects.aggregate(newest=Max("posted_at"))["newest"]
    return max(database_time(), newest or datetime.min.replace(tzinfo=UTC))


def _end_of_postings() -> datetime:
    return _next_quarter(_quarter(_newest_moment() + _TIME_TO_SWITCH))


def _quarters_wanted(ahead: int) -> list[datetime]:
    starts = [_quarter(_newest_moment())]
    while len(starts) <= ahead:
        starts.append(_next_quarter(starts[-1]))
    return starts


def _next_serials(start: int) -> int:
    return start + SERIALS_PER_PARTITION


def _serials(claim_id: int) -> int:
    return claim_id // SERIALS_PER_PARTITION * SERIALS_PER_PARTITION


def _ends_of_series() -> list[tuple[int, int]]:
    """First claim id and the end of the newest batch, of each series that has any."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT series_id, max(first_serial + size) FROM giftcodes_batch GROUP BY series_id"
            " ORDER BY series_id"
        )
        return [(claim_id_of(series, 0), claim_id_of(series, int(end))) for series, end in cursor.fetchall()]


def _newest_live() -> int:
    """The end of the newest batch that is no sandbox's."""
    return max((end for first, end in _ends_of_series() if first < _SANDBOX), default=SERIALS_PER_SERIES)


def _end_of_claims() -> int:
    """One whole range more than what is issued, so that issuing goes on while the table is prepared."""
    return min(_next_serials(_next_serials(_serials(_newest_live() - 1))), _SANDBOX)


def _claims_are_ahead(end: int) -> bool:
    return end == _SANDBOX or end - _newest_live() >= SERIALS_PER_PARTITION // 2


def _serials_wanted(ahead: int) -> list[int]:
    """Of each series from its first serial to its newest batch, and the spare ones behind it."""
    return [
        start
        for first, end in _ends_of_series()
        for start in range(
            first,
            min(_next_serials(_serials(end - 1)) + ahead * SERIALS_PER_PARTITION, first + SERIALS_PER_SERIES),
            SERIALS_PER_PARTITION,
        )
    ]


POSTINGS = Ranges(
    table="ledger_posting",
    column="posted_at",
    key=("id", "posted_at"),
    floor=_quarter,
    after=_next_quarter,
    tag=lambda start: f"{start.astimezone(JAPAN):%Y_%m}",
    literal=lambda start: f"TIMESTAMPTZ '{start.isoformat()}'",
    parse=lambda text: datetime.fromisoformat(text).astimezone(JAPAN),
    first_end=_end_of_postings,
    is_ahead=lambda end: end - _newest_moment() >= timedelta(days=1),
    wanted=_quarters_wanted,
)
CLAIMS = Ranges(
    table="giftcodes_claim",
    column="id",
    key=("id",),
    floor=_serials,
    after=_next_serials,
    tag=str,
    literal=lambda start: f"{start}::bigint",
    parse=int,
    first_end=_end_of_claims,
    is_ahead=_claims_are_ahead,
    wanted=_serials_wanted,
    apart=_SANDBOX,
)
