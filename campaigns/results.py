"""What a campaign has brought, as the tables say now: from the codes that were handed over to the points that
were spent. Counts alone, of no person.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from functools import reduce
from operator import or_
from typing import NamedTuple

from django.db.models import (
    BigIntegerField,
    Case,
    Count,
    Exists,
    F,
    Func,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce, Substr, TruncDate

from campaigns.alert_models import ClaimCount
from campaigns.models import Campaign
from campaigns.result_models import PageCount, TryCount
from giftcodes.gift_models import Gift, GiftState
from giftcodes.models import SERIALS_PER_SERIES, Batch, Channel, Claim, Void
from ledger.expiry import JAPAN
from ledger.models import LotUse, UseKind

# Ends of the classes of how long it took from when a code could be claimed, exclusive; the last has none.
TIMES = [timedelta(hours=1), timedelta(days=1), timedelta(days=3), timedelta(days=7), timedelta(days=30)]
MOST_DAYS = 800  # of a claim curve: the last ones
_CLAIM_KEY = len("claim:") + 1  # where the serial number begins in the key of a claim's transfer
_BATCH_OF_USE = "lot__transfer__postings__source__batch"


class Spent(NamedTuple):
    """Points of the campaign that were spent at a brand, in a store ("" outside of any)."""

    brand: str
    store: str
    points: int


class ChannelResult(NamedTuple):
    """The channels of that name in all orders of the campaign. `codes` were ordered or, for an API order,
    issued; `handed_over` of them are in somebody's hands. `tried` counts entries on the pages of members, so
    the same code once for each. Of `spent_codes` points were spent, given back
    later or not; `spent_points` is less what came back.
    """

    name: str
    codes: int
    handed_over: int
    tried: int
    claimed: int
    points: int
    spent_codes: int
    spent_points: int


class Results(NamedTuple):
    """All of one campaign. `new_members` had claimed nothing in the program before. `by_day` has every day in
    Japan from the first claim to the last; `times` how many codes were claimed within each of TIMES, and
    later.
    """

    channels: list[ChannelResult]
    opened: int
    members: int
    new_members: int
    voided_codes: int
    expired_codes: int
    expired_code_points: int
    expired_points: int
    by_day: list[tuple[date, int]]
    times: list[int]
    spent: list[Spent]

    def total(self, column: str) -> int:
        """The sum of a column over the channels."""
        return sum(getattr(channel, column) for channel in self.channels)


class Line(NamedTuple):
    """One campaign beside others. `codes`: ordered, claimed or not."""

    campaign: Campaign
    codes: int
    opened: int
    tried: int
    claimed: int
    points: int


def results_of(campaign: Campaign) -> Results:
    """Everything, read now."""
    batches = list(batches_of([campaign.pk]).select_related("delivery"))
    claims, uses = claims_of(batches), _uses_of(batches)
    earlier = Claim.objects.filter(
        member=OuterRef("member"),
        claimed_at__lt=OuterRef("claimed_at"),
        batch__brand__program=campaign.brand.program_id,
    )
    voids = Void.objects.filter(batch__in=batches).aggregate(codes=Sum("codes"))["codes"] or 0
    ended_gifts = Gift.objects.filter(batch__in=batches)
    expired = {batch: batch.expired_codes or 0 for batch in batches if not batch.issues_gifts}
    expired_gifts = ended_gifts.filter(state=GiftState.EXPIRED).aggregate(
        codes=Count("pk"), points=Coalesce(Sum("points"), 0)
    )
    spent, expired_points = _gone(uses)
    return Results(
        channels=_channels(batches, uses),
        opened=_opened([campaign.pk])[campaign.pk],
        members=_number_of_members(claims),
        new_members=_number_of_members(claims.filter(~Exists(earlier))),
        voided_codes=voids + ended_gifts.filter(state=GiftState.VOIDED).count(),
        expired_codes=sum(expired.values()) + expired_gifts["codes"],
        expired_code_points=sum(batch.face_points * number for batch, number in expired.items())
        + expired_gifts["points"],
        expired_points=expired_points,
        by_day=_by_day(claims),
        times=_times(batches),
        spent=spent,
    )


def lines_of(campaigns: Sequence[Campaign]) -> list[Line]:
    """The campaigns beside each other, in their order."""
    ids = [campaign.pk for campaign in campaigns]
    codes, (claimed, points) = _codes_in(ids), claims_in(ids)
    opened, tried = _opened(ids), _tried_in(ids)
    return [
        Line(one, codes[one.pk], opened[one.pk], tried[one.pk], claimed[one.pk], points[one.pk])
        for one in campaigns
    ]


def claims_in(campaign_ids: Sequence[int]) -> tuple[Counter[int], Counter[int]]:
    """How many codes of each were claimed, and for how many points, up to the last counted hour or minute:
    counting the claims themselves would take seconds where there are millions.
    """
    rows = ClaimCount.objects.filter(campaign__in=campaign_ids).order_by().values_list("campaign")
    sums = list(rows.annotate(all_claims=Sum("claims"), all_points=Sum("points")))
    return Counter({one: claims for one, claims, _ in sums}), Counter(
        {one: points for one, _, points in sums}
    )


def _codes_in(campaign_ids: Sequence[int]) -> Counter[int]:
    rows = Batch.objects.filter(order__campaign__in=campaign_ids).order_by().values_list("order__campaign")
    return Counter(dict(rows.annotate(codes=Sum("size"))))


def batches_of(campaign_ids: Sequence[int]) -> QuerySet[Batch]:
    """The batches of the campaigns."""
    return Batch.objects.filter(order__campaign__in=campaign_ids).order_by("pk")


def claims_of(batches: Sequence[Batch]) -> QuerySet[Claim]:
    """By the ranges of their keys, which is the one index that leads from a batch to its claims."""
    ranges = [Q(pk__gte=batch.first_claim_id, pk__lt=batch.end_claim_id) for batch in batches]
    return Claim.objects.filter(reduce(or_, ranges)) if ranges else Claim.objects.none()


def _uses_of(batches: Sequence[Batch]) -> QuerySet[LotUse]:
    return LotUse.objects.filter(**{f"{_BATCH_OF_USE}__in": batches}).order_by()


def _of_range(function: str, column: str, *, prefix: str = "") -> Coalesce:
    """The claims of a batch or (`prefix` leads to its batch) of a channel, counted or summed."""
    series = OuterRef(f"{prefix}series") * SERIALS_PER_SERIES
    first = series + OuterRef("first_serial")
    claims = Claim.objects.filter(pk__gte=first, pk__lt=first + OuterRef("size")).order_by()
    found = claims.annotate(found=Func(F(column), function=function, output_field=IntegerField()))
    return Coalesce(Subquery(found.values("found")), 0)


def _opened(campaign_ids: Sequence[int]) -> Counter[int]:
    rows = PageCount.objects.filter(campaign__in=campaign_ids).order_by().values_list("campaign")
    return Counter(dict(rows.annotate(all_opened=Sum("opened"))))


def _tried_in(campaign_ids: Sequence[int]) -> Counter[int]:
    where = "channel__batch__order__campaign"
    rows = TryCount.objects.filter(**{f"{where}__in": campaign_ids}).order_by().values_list(where)
    return Counter(dict(rows.annotate(all_tries=Sum("tries"))))


def _tried(channels: QuerySet[Channel]) -> Counter[int]:
    rows = TryCount.objects.filter(channel__in=channels.order_by()).order_by().values_list("channel")
    return Counter(dict(rows.annotate(all_tries=Sum("tries"))))


def _number_of_members(claims: QuerySet[Claim]) -> int:
    found: int = claims.aggregate(members=Count("member", distinct=True))["members"]
    return found


def _channels(batches: Sequence[Batch], uses: QuerySet[LotUse]) -> list[ChannelResult]:
    by_id = {batch.pk: batch for batch in batches}
    channels = Channel.objects.filter(batch__in=batches).order_by("batch", "pk")
    rows = channels.annotate(
        claimed=_of_range("COUNT", "id", prefix="batch__"),
        points=_of_range("SUM", "points", prefix="batch__"),
    )
    tried = _tried(channels)
    spent = _spent_by_channel(rows, by_id, uses)
    found: dict[str, ChannelResult] = {}
    for channel in rows:
        batch, of = by_id[channel.batch_id], vars(channel)
        codes = _issued(channel, batch) if batch.issues_gifts else channel.size
        handed_over = codes if batch.issues_gifts or _is_handed_over(batch) else 0
        one = ChannelResult(
            channel.name,
            codes,
            handed_over,
            tried[channel.pk],
            of["claimed"],
            of["points"],
            *spent.get(channel.pk, (0, 0)),
        )
        found[channel.name] = _together(found.get(channel.name), one)
    return list(found.values())


def _together(before: ChannelResult | None, one: ChannelResult) -> ChannelResult:
    if before is None:
        return one
    return ChannelResult(one.name, *(a + b for a, b in zip(before[1:], one[1:], strict=True)))


def _first_claim_id(channel: Channel, batch: Batch) -> int:
    return batch.first_claim_id + channel.first_serial - batch.first_serial


def _issued(channel: Channel, batch: Batch) -> int:
    first = _first_claim_id(channel, batch)
    return Gift.objects.filter(pk__gte=first, pk__lt=first + channel.size).count()


def _is_handed_over(batch: Batch) -> bool:
    delivery = getattr(batch, "delivery", None)
    return delivery is not None and delivery.downloaded_at is not None


def _spent_by_channel(
    channels: QuerySet[Channel], batches: dict[int, Batch], uses: QuerySet[LotUse]
) -> dict[int, tuple[int, int]]:
    """Codes of which points were spent, and how many points, by channel. Which code a lot came from stands in
    the key of the transfer that granted it.
    """
    places = []
    for channel in channels:
        first = _first_claim_id(channel, batches[channel.batch_id])
        places.append(When(claim_id__gte=first, claim_id__lt=first + channel.size, then=Value(channel.pk)))
    if not places:
        return {}
    number = Cast(Substr("lot__transfer__key", _CLAIM_KEY), BigIntegerField())
    rows = uses.filter(kind=UseKind.SPEND).annotate(claim_id=number)
    placed = rows.annotate(channel=Case(*places, output_field=BigIntegerField())).values_list("channel")
    return {
        channel: (codes, points)
        for channel, codes, points in placed.annotate(codes=Count("lot", distinct=True), all=Sum("points"))
        if channel is not None
    }


def _gone(uses: QuerySet[LotUse]) -> tuple[list[Spent], int]:
    """Where points were spent, less what was given back, and how many have expired: of one reading, which is
    what takes long.
    """
    kinds = uses.filter(kind__in=[UseKind.SPEND, UseKind.EXPIRY])
    rows = list(kinds.values_list("kind", "acceptor__name", "store__name").annotate(all=Sum("points")))
    found = [
        Spent(brand or "", store or "", all_) for kind, brand, store, all_ in rows if kind == UseKind.SPEND
    ]
    spent = sorted((one for one in found if one.points), key=lambda one: (-one.points, one.brand, one.store))
    return spent, sum(all_ for kind, _brand, _store, all_ in rows if kind == UseKind.EXPIRY)


def _by_day(claims: QuerySet[Claim]) -> list[tuple[date, int]]:
    rows = claims.order_by().annotate(day=TruncDate("claimed_at", tzinfo=JAPAN)).values_list("day")
    counts: dict[date, int] = dict(rows.annotate(found=Count("pk")))
    if not counts:
        return []
    last = max(counts)
    days = min((last - min(counts)).days + 1, MOST_DAYS)
    return [(day, counts.get(day, 0)) for day in (last - timedelta(days=n) for n in reversed(range(days)))]


def _times(batches: Sequence[Batch]) -> list[int]:
    """From the later of activation and window; for a gift from when it was issued."""
    opened = Case(
        When(batch__activated_at__gt=F("batch__claim_from"), then=F("batch__activated_at")),
        default=F("batch__claim_from"),
    )
    issued = Subquery(Gift.objects.filter(pk=OuterRef("pk")).values("issued_at"))
    found = Counter[int]()
    for issues_gifts, since in ((False, opened), (True, issued)):
        claims = claims_of([batch for batch in batches if batch.issues_gifts == issues_gifts]).order_by()
        classes = [
            When(claimed_at__lt=F("since") + end, then=Value(place)) for place, end in enumerate(TIMES)
        ]
        placed = claims.annotate(since=since, place=Case(*classes, default=Value(len(TIMES))))
        found.update(dict(placed.values_list("place").annotate(found=Count("pk"))))
    return [found[place] for place in range(len(TIMES) + 1)]
