"""Claims by campaign and hour, counted behind the claims' back: claiming pays nothing for it.

The postings are read once, in the order of their ids, up to one before which none can appear any more
(`giftcodes.services.final_ids`). How far that went stands in one row, which moves in the transaction that
adds the counts: each claim is counted once, whatever breaks off or runs at the same time.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Count, F, Max, Q, Sum
from django.db.models.functions import TruncHour

from campaigns.alert_models import ClaimCount, Watch
from giftcodes.services.final_ids import final_id
from ledger.expiry import JAPAN
from ledger.models import Posting, Reason

POSTINGS_PER_STEP = 20_000


def count_claims() -> bool:
    """Count those of the next postings; whether there are more. Any number of calls at once count each
    claim once.
    """
    Watch.objects.get_or_create(pk=1)
    seen = Watch.objects.values_list("counted_until", flat=True).get(pk=1)
    newest = final_id(Posting)
    if newest <= seen:
        return False
    ids = Posting.objects.filter(pk__gt=seen, pk__lte=newest).order_by("pk").values("pk")
    until = ids[:POSTINGS_PER_STEP].aggregate(until=Max("pk"))["until"]
    return _count(seen, until) and until < newest


def note_look(*, at: datetime) -> None:
    """The watch has looked: the home page and `/readyz` tell from it that beat and a worker are there."""
    Watch.objects.get_or_create(pk=1)
    Watch.objects.filter(Q(looked_at=None) | Q(looked_at__lt=at), pk=1).update(looked_at=at)


@transaction.atomic
def _count(seen: int, until: int) -> bool:
    """False if another one was faster: the filtered update holds the row to the end."""
    if not Watch.objects.filter(pk=1, counted_until=seen).update(counted_until=until):
        return False
    claims = Posting.objects.filter(
        pk__gt=seen, pk__lte=until, transfer__reason=Reason.CLAIM, source__batch__order__isnull=False
    )
    by_hour = claims.order_by().annotate(
        hour=TruncHour("posted_at", tzinfo=JAPAN), of=F("source__batch__order__campaign")
    )
    counted = by_hour.values_list("hour", "of").annotate(claims=Count("pk"), all_points=Sum("points"))
    _add(list(counted))
    return True


def _add(rows: Sequence[tuple[Any, ...]]) -> None:
    """To what was counted before. Nobody else adds at the same time."""
    if not rows:
        return
    known = ClaimCount.objects.filter(
        hour__in={hour for hour, *_ in rows}, campaign__in={campaign for _hour, campaign, *_ in rows}
    )
    before = {(row.campaign_id, row.hour): (row.claims, row.points) for row in known}
    counts = []
    for hour, campaign, claims, points in rows:
        had_claims, had_points = before.get((campaign, hour), (0, 0))
        counts.append(
            ClaimCount(
                campaign_id=campaign, hour=hour, claims=had_claims + claims, points=had_points + points
            )
        )
    ClaimCount.objects.bulk_create(
        counts,
        batch_size=500,
        update_conflicts=True,
        unique_fields=["campaign", "hour"],
        update_fields=["claims", "points"],
    )
