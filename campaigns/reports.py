"""What is owed to members, campaign by campaign."""

from collections import defaultdict
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import F, QuerySet, Sum

from campaigns.models import Campaign
from ledger.models import Lot, LotUse, Posting, UseKind

_OF_ACCOUNT = "batch__order__campaign"
_OF_LOT = f"transfer__postings__source__{_OF_ACCOUNT}"


class CampaignLiability(NamedTuple):
    """What members could still claim, spend or get back of one campaign's points. Points past their end count
    no more, booked as expired already or not.
    """

    campaign: Campaign
    unclaimed_points: int
    wallet_points: int
    held_points: int

    @property
    def points(self) -> int:
        return self.unclaimed_points + self.wallet_points + self.held_points


def liability_by_campaign(campaigns: QuerySet[Campaign], *, at: datetime) -> list[CampaignLiability]:
    """The given campaigns that owe something at `at`, the greatest first. With the points of batches and lots
    that came from no campaign, they add up to what `ledger.reports.liability` says.
    """
    unclaimed = _unclaimed(campaigns, at)
    held, in_wallets = _in_lots(campaigns, at)
    lines = [
        CampaignLiability(campaign, unclaimed[campaign.pk], in_wallets[campaign.pk], held[campaign.pk])
        for campaign in campaigns.select_related("brand__program").order_by("pk")
    ]
    return sorted((line for line in lines if line.points), key=lambda line: -line.points)


def _unclaimed(campaigns: QuerySet[Campaign], at: datetime) -> dict[int, int]:
    sums: dict[int, int] = defaultdict(int)
    ids = campaigns.order_by().values("pk")
    for end, sign in (("target", 1), ("source", -1)):
        found = Posting.objects.filter(posted_at__lte=at, **{f"{end}__{_OF_ACCOUNT}__in": ids})
        _add(sums, found, f"{end}__{_OF_ACCOUNT}", "points", sign)
    return sums


def _in_lots(campaigns: QuerySet[Campaign], at: datetime) -> tuple[dict[int, int], dict[int, int]]:
    """Held points, and points in wallets that have not passed their end, by campaign."""
    held: dict[int, int] = defaultdict(int)
    in_wallets: dict[int, int] = defaultdict(int)
    ids = campaigns.order_by().values("pk")
    lots = Lot.objects.filter(granted_at__lte=at, expires_at__gt=at, **{f"{_OF_LOT}__in": ids})
    uses = LotUse.objects.filter(posted_at__lte=at, **{f"lot__{_OF_LOT}__in": ids})
    _add(in_wallets, lots, _OF_LOT, "granted_points", 1)
    _add(in_wallets, uses.filter(lot__expires_at__gt=at), f"lot__{_OF_LOT}", "points", -1)
    _add(held, uses.filter(kind=UseKind.HOLD), f"lot__{_OF_LOT}", "points", 1)
    return held, in_wallets


def _add(sums: dict[int, int], rows: QuerySet[Any], campaign: str, column: str, sign: int) -> None:
    grouped = rows.order_by().annotate(campaign_id=F(campaign)).values_list("campaign_id")
    for campaign_id, points in grouped.annotate(total=Sum(column)):
        sums[campaign_id] += sign * points
