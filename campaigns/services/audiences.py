"""At the end of each month, tell what may be told of the members who claimed."""

from collections.abc import Iterator
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Count, QuerySet

from campaigns import results
from campaigns.audience_models import LEAST, Audience, AudienceGroup, Dimension
from campaigns.audiences import publishable
from campaigns.models import Campaign
from campaigns.months import Month
from giftcodes.models import Claim
from parties.consents import consent_of
from parties.models import MemberProfile, Purpose

_ADULT, _OLDEST = 20, 70  # classes of ten years between them; one for all who are younger, one for all others


def make_audiences(*, at: datetime, limit: int) -> int:
    """Freeze the last month's groups of the campaigns whose codes could be claimed in it, at most so many
    campaigns; how many were due. Each once, whoever else is at it.

    Only members count who agree to statistics now, and told what is counted. Nothing new is told of a
    campaign until ten more members have claimed there than at what was told last.
    """
    month = Month.before(at)
    live = Campaign.objects.filter(brand__program__is_sandbox=False)
    open_then = live.filter(
        orders__batch__claim_from__lt=month.ends, orders__batch__claim_until__gt=month.begins
    )
    done = Audience.objects.filter(month=month.first_day).values("campaign")
    due = list(open_then.exclude(pk__in=done).order_by("pk").distinct()[:limit])
    for campaign in due:
        try:
            _make(campaign, month, at)
        except IntegrityError:  # somebody else's
            continue
    return len(due)


@transaction.atomic
def _make(campaign: Campaign, month: Month, at: datetime) -> None:
    claims = results.claims_of(list(results.batches_of([campaign.pk]))).filter(claimed_at__lt=month.ends)
    claimants: int = claims.aggregate(found=Count("member", distinct=True))["found"]
    told_last = Audience.objects.filter(campaign=campaign, claimants__isnull=False).order_by("-month").first()
    known = told_last.claimants or 0 if told_last else 0
    groups = list(_groups(claims, claimants, month.first_day.year)) if claimants - known >= LEAST else []
    audience = Audience.objects.create(
        campaign=campaign, month=month.first_day, claimants=claimants if groups else None, made_at=at
    )
    AudienceGroup.objects.bulk_create(
        AudienceGroup(audience=audience, dimension=dimension, value=value, members=members)
        for dimension, value, members in groups
    )


def _groups(claims: QuerySet[Claim], claimants: int, year: int) -> Iterator[tuple[Dimension, str, int]]:
    agreeing = MemberProfile.objects.annotate(agrees=consent_of(Purpose.STATISTICS, "member"))
    profiles = agreeing.filter(agrees=True, member__in=claims.order_by().values("member"))
    ages: dict[str, int] = {}
    for born, members in _counted(profiles, "birth_year").items():
        ages[age_class(year - int(born))] = ages.get(age_class(year - int(born)), 0) + members
    counts = {
        Dimension.AGE: ages,
        Dimension.GENDER: _counted(profiles, "gender"),
        Dimension.PREFECTURE: _counted(profiles, "prefecture"),
    }
    for dimension, of in counts.items():
        for value, members in publishable(of, claimants=claimants).items():
            yield dimension, value, members


def age_class(years: int) -> str:
    """The first age of the class of ten years: "0" for everybody below 20, "70" for everybody from 70 on."""
    return "0" if years < _ADULT else str(min(years // 10 * 10, _OLDEST))


def _counted(profiles: QuerySet[MemberProfile], field: str) -> dict[str, int]:
    rows = profiles.order_by().values_list(field).annotate(members=Count("pk"))
    return {str(value): members for value, members in rows if value not in (None, "")}
