"""Which uses a settlement statement counts: each use with an acceptor in exactly one statement, whenever it
was written.
"""

from datetime import datetime
from typing import NamedTuple

from django.db.models import Count, QuerySet, Sum

from ledger.models import LotUse


class Mark(NamedTuple):
    """How far a statement goes: rows up to `last_use_id`, posted before `ends_at`."""

    last_use_id: int
    ends_at: datetime


class Place(NamedTuple):
    """Whose points were taken by whom and where, by id. No store: a correction of none in particular."""

    funder_id: int
    acceptor_id: int
    store_id: int | None


class Tally(NamedTuple):
    """Rows and their points; `earlier_points` of them were posted before the period began."""

    uses: int
    points: int
    earlier_points: int


def counted_uses(program_id: int, *, until: Mark, after: Mark | None) -> dict[Place, Tally]:
    """Rows and points by place of one statement: what `until` reaches and the statement before, which went as
    far as `after`, did not.

    Two sums in the database, of one row per place: rows of the period by `ledger_use_settled`, and rows that
    came late, which lie between the last ids of the two statements, by primary key.
    """
    reached = LotUse.objects.filter(
        program_id=program_id,
        acceptor__isnull=False,
        pk__lte=until.last_use_id,
        posted_at__lt=until.ends_at,
    )
    if after is None:
        return {place: Tally(uses, points, 0) for place, (uses, points) in _sums(reached).items()}
    period = _sums(reached.filter(posted_at__gte=after.ends_at))
    late = _sums(reached.filter(posted_at__lt=after.ends_at, pk__gt=after.last_use_id))
    nothing = (0, 0)
    return {
        place: Tally(
            period.get(place, nothing)[0] + late.get(place, nothing)[0],
            period.get(place, nothing)[1] + late.get(place, nothing)[1],
            late.get(place, nothing)[1],
        )
        for place in period | late
    }


def _sums(rows: QuerySet[LotUse]) -> dict[Place, tuple[int, int]]:
    grouped = rows.order_by().values_list("funder_id", "acceptor_id", "store_id")
    summed = grouped.annotate(count=Count("pk"), sum=Sum("points"))
    return {Place(*ids): (count, total) for *ids, count, total in summed.iterator()}
