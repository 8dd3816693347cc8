"""What calls for attention now, brand by brand: a fixed number of queries, whatever there is."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Exists, F, Min, OuterRef, Q, QuerySet, Subquery, Sum

from campaigns.alert_models import AlertKind, AlertRule, BrandAlertKind, ClaimCount, Level
from campaigns.alert_rules import (
    DAYS_COMPARED,
    DEFAULTS,
    LEAST_CLAIMS,
    Setting,
    is_short,
    stays_short,
    usual,
)
from campaigns.models import Campaign, Deposit, DepositState, Order, OrderState
from giftcodes.delivery_models import FurtherDelivery
from giftcodes.gift_models import GiftStrand
from giftcodes.models import Activation, Batch, BatchState
from ledger.expiry import JAPAN
from ledger.models import Account, AccountKind
from parties.models import Brand

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


class Finding(NamedTuple):
    """Something of one kind about one subject. If it does not `open` an alert, one that is open goes on."""

    kind: AlertKind
    subject: str
    brand_id: int | None
    about: str
    level: Level
    facts: dict[str, Any]
    opens: bool = True


class Settings:
    """Of all brands; read once."""

    def __init__(self) -> None:
        rules = AlertRule.objects.all()
        self._own = {(rule.brand_id, rule.kind): Setting(rule.threshold, rule.is_mailed) for rule in rules}

    def of(self, brand_id: int, kind: AlertKind) -> Setting:
        """The brand's own setting, or what holds without one."""
        return self._own.get((brand_id, kind.value), DEFAULTS[BrandAlertKind(kind.value)])

    def most(self, kind: AlertKind) -> int:
        """The largest threshold that any brand has."""
        own = [setting.threshold for (_brand, of), setting in self._own.items() if of == kind.value]
        return max(DEFAULTS[BrandAlertKind(kind.value)].threshold, *own, 0)


def findings_of_brands(*, at: datetime) -> Iterator[Finding]:
    """All of them. Sandboxes are left out: nothing in them is worth anything."""
    settings = Settings()
    yield from _budgets(settings, at)
    yield from _funds(settings)
    yield from _rates(settings, at)
    yield from _windows(settings, at)
    yield from _unready(settings, at)


def _live_batches() -> QuerySet[Batch]:
    """Of orders, with what their alerts say."""
    rows = Batch.objects.filter(order__isnull=False, brand__program__is_sandbox=False)
    return rows.exclude(state=BatchState.CLOSED).select_related("order__campaign").order_by("pk")


def _of_order(
    kind: AlertKind, order: Order, level: Level, facts: dict[str, Any], *, opens: bool = True
) -> Finding:
    told = {"campaign": order.campaign.name, "order": order.public_id.hex[:8]} | facts
    brand_id, subject = order.campaign.brand_id, f"order:{order.pk}"
    return Finding(kind, subject, brand_id, order.public_id.hex, level, told, opens)


def _budgets(settings: Settings, at: datetime) -> Iterator[Finding]:
    kind = AlertKind.BUDGET_LOW
    strands = GiftStrand.objects.filter(batch=OuterRef("pk")).order_by().values("batch")
    issuing = (
        _live_batches()
        .filter(most_points__isnull=False, state=BatchState.ACTIVE, claim_from__lte=at, claim_until__gt=at)
        .annotate(
            gifts_left=Subquery(strands.values(found=Sum(F("end_serial") - F("next_serial")))),
            points_left=Subquery(strands.values(found=Sum("points_left"))),
        )
    )
    for batch in issuing:
        percent = settings.of(batch.brand_id, kind).threshold
        reserved, points = batch.size * batch.face_points, vars(batch)["points_left"] or 0
        gifts = vars(batch)["gifts_left"] or 0
        amounts = [(points, reserved), (gifts, batch.size)]
        if any(stays_short(*amount, percent=percent) for amount in amounts):
            opens = any(is_short(*amount, percent=percent) for amount in amounts)
            level = Level.URGENT if 0 in (points, gifts) else Level.WARNING
            facts = {"points": points, "reserved": reserved, "gifts": gifts}
            yield _of_order(kind, batch.order, level, facts, opens=opens)


def _funds(settings: Settings) -> Iterator[Finding]:
    kind = AlertKind.FUNDS_LOW
    deposits = Deposit.objects.filter(brand=OuterRef("pk"), state=DepositState.CONFIRMED)
    account = Account.objects.filter(brand=OuterRef("pk"), kind=AccountKind.FUNDS)
    account = account.filter(program=OuterRef("program"))
    waiting = waiting_by_brand()
    brands = Brand.objects.filter(program__is_sandbox=False).annotate(
        left=Subquery(account.values(left=F("balance") - F("floor"))[:1]),
        last_deposit=Subquery(deposits.order_by("-decided_at", "-pk").values("points")[:1]),
    )
    for brand in brands.order_by("pk"):
        found = vars(brand)
        left, deposit, asked = found["left"] or 0, found["last_deposit"], waiting.get(brand.pk, 0)
        if deposit is None:
            continue  # whoever never paid in gives nothing away
        percent, is_overdrawn = settings.of(brand.pk, kind).threshold, asked > left
        if is_overdrawn or stays_short(left, deposit, percent=percent):
            facts = {"brand": brand.name, "left": left, "deposit": deposit, "waiting": asked}
            level = Level.URGENT if is_overdrawn else Level.WARNING
            opens = is_overdrawn or is_short(left, deposit, percent=percent)
            yield Finding(kind, f"brand:{brand.pk}", brand.pk, brand.slug, level, facts, opens)


def waiting_by_brand(brand_ids: Iterable[int] | None = None) -> dict[int, int]:
    """Points that each brand's submitted orders would take if all of them were approved."""
    rows = Order.objects.filter(state=OrderState.SUBMITTED)
    if brand_ids is not None:
        rows = rows.filter(campaign__brand__in=brand_ids)
    sums = rows.order_by().values_list("campaign__brand")
    return dict(sums.annotate(points=Sum(F("channels__quantity") * F("face_points"))))


def _rates(settings: Settings, at: datetime) -> Iterator[Finding]:
    """Of the hour that is running, and of the one before, which is whole."""
    kind = AlertKind.CLAIM_RATE
    this = at.astimezone(JAPAN).replace(minute=0, second=0, microsecond=0)
    hours = [this, this - _HOUR]
    busy = ClaimCount.objects.filter(
        hour__in=hours, claims__gte=LEAST_CLAIMS // 2, campaign__brand__program__is_sandbox=False
    )
    ids = set(busy.values_list("campaign", flat=True))
    campaigns = list(Campaign.objects.filter(pk__in=ids).order_by("pk"))
    first = dict(
        ClaimCount.objects.filter(campaign__in=ids)
        .order_by()
        .values_list("campaign")
        .annotate(first=Min("hour"))
    )
    past = [hour - day * _DAY for hour in hours for day in range(DAYS_COMPARED + 1)]
    counts: dict[tuple[int, datetime], int] = defaultdict(int)
    for campaign, hour, claims in ClaimCount.objects.filter(campaign__in=ids, hour__in=past).values_list(
        "campaign", "hour", "claims"
    ):
        counts[campaign, hour] = claims
    for campaign_row in campaigns:
        k = settings.of(campaign_row.brand_id, kind).threshold
        for hour in hours:
            days = min(DAYS_COMPARED, (hour - first[campaign_row.pk]) // _DAY)
            earlier = [counts[campaign_row.pk, hour - day * _DAY] for day in range(1, days + 1)]
            found, as_ever = counts[campaign_row.pk, hour], usual(earlier, k=k)
            if as_ever is None or found <= as_ever.calm or found < LEAST_CLAIMS // 2:
                continue
            facts = {
                "campaign": campaign_row.name,
                "claims": found,
                "usual": as_ever.median,
                "hour": hour.isoformat(),
            }
            opens = found > as_ever.limit and found >= LEAST_CLAIMS
            subject = f"campaign:{campaign_row.pk}"
            brand_id, slug = campaign_row.brand_id, campaign_row.slug
            yield Finding(kind, subject, brand_id, slug, Level.WARNING, facts, opens)


def _windows(settings: Settings, at: datetime) -> Iterator[Finding]:
    kinds = {AlertKind.WINDOW_BEGINS: "claim_from", AlertKind.WINDOW_ENDS: "claim_until"}
    for kind, field in kinds.items():
        near = _live_batches().filter(
            **{f"{field}__gt": at, f"{field}__lte": at + settings.most(kind) * _DAY}
        )
        for batch in near:
            moment = getattr(batch, field)
            if moment <= at + settings.of(batch.brand_id, kind).threshold * _DAY:
                yield _of_order(kind, batch.order, Level.INFO, {"moment": moment.isoformat()})


def _unready(settings: Settings, at: datetime) -> Iterator[Finding]:
    """Orders of which the window begins soon, or has begun, while nobody holds their codes."""
    kind = AlertKind.NOT_READY
    horizon = at + settings.most(kind) * _DAY
    taken = FurtherDelivery.objects.filter(batch=OuterRef("pk"), downloaded_at__isnull=False)
    late = _live_batches().filter(
        Q(delivery__downloaded_at=None) | Q(state=BatchState.MINTED, claim_from__lte=at),
        most_points=None,
        claim_from__lte=horizon,
        claim_until__gt=at,
    )
    waiting = Order.objects.filter(
        state=OrderState.SUBMITTED,
        claim_from__lte=horizon,
        claim_until__gt=at,
        campaign__brand__program__is_sandbox=False,
    )
    rows = late.select_related("delivery").annotate(is_taken=Exists(taken))
    found = [(batch.order, lacks) for batch in rows if (lacks := _lacks(batch))]
    found += [(order, "approval") for order in waiting.select_related("campaign").order_by("pk")]
    for order, lacks in found:
        if order.claim_from <= at + settings.of(order.campaign.brand_id, kind).threshold * _DAY:
            level = Level.URGENT if order.claim_from <= at else Level.WARNING
            facts = {"lacks": lacks, "moment": order.claim_from.isoformat()}
            yield _of_order(kind, order, level, facts)


def _lacks(batch: Batch) -> str:
    """What is still to be done before the codes are of use to anybody; "" for nothing."""
    if batch.state in (BatchState.APPROVED, BatchState.MINTING):
        return "minting"
    delivery = getattr(batch, "delivery", None)
    if (delivery is None or delivery.downloaded_at is None) and not vars(batch)["is_taken"]:
        return "download"
    if batch.state != BatchState.MINTED:
        return ""
    return {Activation.BY_HAND: "activation", Activation.ON_RECEIPT: "receipt"}.get(
        Activation(batch.activation), ""
    )
