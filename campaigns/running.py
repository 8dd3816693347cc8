"""Campaigns whose codes can be claimed now, with how their claims went: from the counts by the hour, as the
claims themselves may be millions.
"""

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.db.models import Exists, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import TruncDate

from campaigns.alert_models import ClaimCount
from campaigns.models import Campaign
from giftcodes.models import Batch, BatchState
from ledger.expiry import JAPAN

MOST_SHOWN, DAYS_SHOWN = 6, 30
_DAY = timedelta(days=1)


class Running(NamedTuple):
    """One of them: `codes` of its open orders and all before, how many of its codes were `claimed` so far, by
    day in Japan over the last DAYS_SHOWN days (with today), and when the first open window ends.
    """

    campaign: Campaign
    codes: int
    claimed: int
    by_day: list[tuple[date, int]]
    ends_at: datetime

    @property
    def today(self) -> int:
        return self.by_day[-1][1]

    @property
    def lately(self) -> int:
        """In all the days shown."""
        return sum(claims for _day, claims in self.by_day)


def running_campaigns(reached: QuerySet[Campaign], *, at: datetime) -> tuple[list[Running], int]:
    """Those of `reached` with most claims in the last day, at most MOST_SHOWN, and how many there are in all;
    none of sandboxes.
    """
    open_now = Batch.objects.filter(
        state=BatchState.ACTIVE, claim_from__lte=at, claim_until__gt=at, order__campaign=OuterRef("pk")
    )
    live = reached.filter(Exists(open_now), brand__program__is_sandbox=False)
    ids = _busiest(live, at=at)
    window = open_now.order_by("claim_until").values("claim_until")[:1]
    rows = Campaign.objects.filter(pk__in=ids).annotate(window_ends_at=Subquery(window))
    shown = sorted(rows.select_related("brand"), key=lambda one: ids.index(one.pk))
    codes = _codes(ids)
    claimed = _claimed(ids)
    curves = _curves(ids, at.astimezone(JAPAN).date())
    found = [
        Running(one, codes[one.pk], claimed[one.pk], curves[one.pk], vars(one)["window_ends_at"])
        for one in shown
    ]
    return found, live.count()


def _busiest(live: QuerySet[Campaign], *, at: datetime) -> list[int]:
    """Those with most claims in the last day; if that are few, then those whose period ends first."""
    lately = ClaimCount.objects.filter(hour__gt=at - _DAY, campaign__in=live.values("pk")).order_by()
    by_campaign = lately.values_list("campaign").annotate(found=Sum("claims"))
    busy = [campaign for campaign, _claims in by_campaign.order_by("-found", "campaign")[:MOST_SHOWN]]
    quiet = live.exclude(pk__in=busy).order_by("ends_at", "pk").values_list("pk", flat=True)
    return [*busy, *quiet[:MOST_SHOWN]][:MOST_SHOWN]


def _codes(ids: list[int]) -> Counter[int]:
    rows = Batch.objects.filter(order__campaign__in=ids).order_by().values_list("order__campaign")
    return Counter(dict(rows.annotate(codes=Sum("size"))))


def _claimed(ids: list[int]) -> Counter[int]:
    rows = ClaimCount.objects.filter(campaign__in=ids).order_by().values_list("campaign")
    return Counter(dict(rows.annotate(all=Sum("claims"))))


def _curves(ids: list[int], today: date) -> dict[int, list[tuple[date, int]]]:
    days = [today - back * _DAY for back in reversed(range(DAYS_SHOWN))]
    first = datetime(days[0].year, days[0].month, days[0].day, tzinfo=JAPAN)
    rows = ClaimCount.objects.filter(campaign__in=ids, hour__gte=first).order_by()
    by_day = rows.annotate(day=TruncDate("hour", tzinfo=JAPAN)).values_list("campaign", "day")
    counts: dict[int, dict[date, int]] = defaultdict(dict)
    for campaign, day, claims in by_day.annotate(found=Sum("claims")):
        counts[campaign][day] = claims
    return {campaign: [(day, counts[campaign].get(day, 0)) for day in days] for campaign in ids}
