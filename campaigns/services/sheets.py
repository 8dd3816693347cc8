"""Results and liabilities of campaigns as pages ask for them: of large campaigns, what was counted last."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Sum

from campaigns import reports, results
from campaigns.alert_models import ClaimCount
from campaigns.models import Campaign
from campaigns.reports import CampaignLiability
from campaigns.results import Results
from ledger.services import sheets
from ledger.services.kept_reports import KEPT_REPORTS
from ledger.services.sheets import Counted

LARGE = 50_000  # claims: what has more takes longer to count than a page may


def _results(campaign_id: int, *, at: datetime) -> Results:
    del at  # what has happened up to now is read: no figure of it depends on the clock
    return results.results_of(Campaign.objects.select_related("brand").get(pk=campaign_id))


def _liability(brand_ids: Sequence[int], *, at: datetime) -> list[CampaignLiability]:
    return reports.liability_by_campaign(Campaign.objects.filter(brand__in=brand_ids), at=at)


RESULTS = Counted("results", Results, _results)
LIABILITY_BY_CAMPAIGN = Counted("campaigns", list[CampaignLiability], _liability)


def count_large_campaigns(*, at: datetime) -> int:
    """Count those of which nobody has asked for the results yet, so that who does need not wait; how many
    they were.
    """
    sums = ClaimCount.objects.order_by().values("campaign").annotate(claims=Sum("claims"))
    large = sums.filter(claims__gte=LARGE).values_list("campaign", flat=True)
    return sum(sheets.count_first(RESULTS, campaign_id, at=at) for campaign_id in list(large))


def count_sheets(*, at: datetime) -> int:
    """Count again what is due of all that pages ask for; how many figures that were."""
    return sheets.count_due_sheets([*KEPT_REPORTS, RESULTS, LIABILITY_BY_CAMPAIGN], at=at)
