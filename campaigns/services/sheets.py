"""Results and liabilities of campaigns as pages ask for them: of large campaigns, what was counted last."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Sum

from campaigns import reports, results
from campaigns.alert_models import ClaimCount
from campaigns.models import Campaign
from campaigns.reports import CampaignLiability
from campaigns.results import Results
from ledger.services import sheets
from ledger.services.kept_reports import KEPT_REPORTS
from ledger.services.sheets import Counted

LATELY = timedelta(days=2)  # long enough for the counts of a night to catch up
LARGE = 50_000  # claims: what has more takes longer to count than a page may


def _results(campaign_id: int, *, at: datetime) -> Results:
    del at  # what has happened up to now is read: no figure of it depends on the clock
    return results.results_of(Campaign.objects.select_related("brand").get(pk=campaign_id))


def _liability(brand_ids: Sequence[int] | None, *, at: datetime) -> list[CampaignLiability]:
    """Of these brands; None: of all but sandboxes."""
    live = Campaign.objects.filter(brand__program__is_sandbox=False)
    return reports.liability_by_campaign(
        live if brand_ids is None else live.filter(brand__in=brand_ids), at=at
    )


RESULTS = Counted("results", Results, _results)
LIABILITY_BY_CAMPAIGN = Counted("campaigns", list[CampaignLiability], _liability)


def count_large_campaigns(*, at: datetime, limit: int = 100) -> int:
    """Count those with claims lately of which nobody has asked for the results yet, so that who does need not
    wait; at most so many; how many they were.
    """
    lately = ClaimCount.objects.filter(hour__gt=at - LATELY, hour__lte=at).order_by().values("campaign")
    sums = ClaimCount.objects.filter(campaign__in=lately).order_by().values("campaign")
    large = sums.annotate(claims=Sum("claims")).filter(claims__gte=LARGE).values_list("campaign", flat=True)
    done = 0
    for campaign_id in list(large.order_by("campaign")):
        if done == limit:
            break
        done += sheets.count_first(RESULTS, campaign_id, at=at)
    return done


def count_sheets(*, at: datetime, limit: int = 100) -> int:
    """Count again what is due of all that pages ask for, at most so many; how many figures that were."""
    return sheets.count_due_sheets([*KEPT_REPORTS, RESULTS, LIABILITY_BY_CAMPAIGN], at=at, limit=limit)
