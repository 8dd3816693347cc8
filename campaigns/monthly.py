"""What a brand's campaigns brought in one month, beside the month before."""

from typing import NamedTuple

from django.db.models import Count, QuerySet, Sum

from campaigns import results
from campaigns.models import Campaign
from campaigns.months import Month
from campaigns.result_models import PageCount, TryCount
from parties.models import Brand


class Figures(NamedTuple):
    """One campaign in one month."""

    opened: int
    tried: int
    claimed: int
    points: int
    members: int


class Line(NamedTuple):
    """One campaign, in the month and in the one before."""

    campaign: Campaign
    now: Figures
    before: Figures


def running_campaigns(month: Month) -> QuerySet[Campaign]:
    """Published campaigns whose period has a part of the month."""
    return Campaign.objects.filter(
        published_at__isnull=False, starts_at__lt=month.ends, ends_at__gt=month.begins
    )


def lines_of_month(brand: Brand, month: Month) -> list[Line]:
    """The brand's campaigns that ran in the month, the newest first."""
    running = running_campaigns(month).filter(brand=brand).order_by("-starts_at", "-pk")
    return [
        Line(campaign, _figures(campaign, month), _figures(campaign, month.previous)) for campaign in running
    ]


def _figures(campaign: Campaign, month: Month) -> Figures:
    batches = list(results.batches_of([campaign.pk]))
    claims = results.claims_of(batches).filter(claimed_at__gte=month.begins, claimed_at__lt=month.ends)
    of = claims.aggregate(claimed=Count("pk"), points=Sum("points"), members=Count("member", distinct=True))
    days = {"day__gte": month.first_day, "day__lt": month.next_day}
    opened = PageCount.objects.filter(campaign=campaign, **days).aggregate(all=Sum("opened"))["all"]
    tried = TryCount.objects.filter(channel__batch__in=batches, **days).aggregate(all=Sum("tries"))["all"]
    return Figures(opened or 0, tried or 0, of["claimed"], of["points"] or 0, of["members"])
