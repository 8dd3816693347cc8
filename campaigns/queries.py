"""What campaigns and orders can be asked. Nothing here changes a row."""

import hashlib
import json
from datetime import UTC, datetime
from typing import NamedTuple

from django.db.models import F, QuerySet, Sum

from campaigns import legal_facts, sandbox
from campaigns.models import Campaign, Issuing, Order, OrderState
from giftcodes import gift_queries
from giftcodes import queries as giftcodes_queries
from giftcodes.models import Batch, BatchState
from ledger import queries as ledger_queries
from ledger.statements import Statement, run_together
from parties.models import Brand

GROUP_PREFIX = "campaign:"


class Cost(NamedTuple):
    """What an order would cost. Points and yen are whole numbers; `funds_after` is negative if the funds
    don't do.
    """

    codes: int
    points: int
    yen: int
    funds_before: int
    waiting_points: int
    is_series_full: bool
    is_series_dense: bool

    @property
    def funds_after(self) -> int:
        return self.funds_before - self.points

    @property
    def short_by(self) -> int:
        """Points that are missing, 0 if the funds are enough."""
        return max(-self.funds_after, 0)


def cost_of(*, brand: Brand, face_points: int, codes: int, apart_from: int | None = None) -> Cost:
    """What `codes` codes of `face_points` points would cost the brand now.

    `waiting_points` is what the brand's other orders that wait for approval would take (all but order
    `apart_from`).
    """
    points = face_points * codes
    outlook = giftcodes_queries.outlook(codes, is_sandbox=brand.program.is_sandbox)
    return Cost(
        codes=codes,
        points=points,
        yen=points * brand.program.yen_per_point,
        funds_before=ledger_queries.funds_of(brand),
        waiting_points=waiting_points(brand, apart_from=apart_from),
        is_series_full=outlook.is_full,
        is_series_dense=outlook.is_warning,
    )


def cost_of_order(order: Order) -> Cost:
    """What the order costs, or would cost, its brand."""
    return cost_of(
        brand=order.campaign.brand,
        face_points=order.face_points,
        codes=codes_of(order),
        apart_from=order.pk,
    )


def codes_of(order: Order) -> int:
    """How many codes the order asks for, over all its channels."""
    return order.channels.aggregate(codes=Sum("quantity"))["codes"] or 0


def waiting_points(brand: Brand, *, apart_from: int | None = None) -> int:
    """Points that the brand's submitted orders would take if all of them were approved."""
    waiting = Order.objects.filter(campaign__brand=brand, state=OrderState.SUBMITTED)
    if apart_from is not None:
        waiting = waiting.exclude(pk=apart_from)
    return waiting.aggregate(points=Sum(F("channels__quantity") * F("face_points")))["points"] or 0


def page_address(campaign: Campaign, *, site_url: str) -> str:
    """The address of the campaign's page on the site at `site_url`, which has no slash at its end."""
    return f"{site_url}/c/{campaign.slug}/"


def campaign_named(brand: Brand, name: str) -> Campaign | None:
    """The brand's campaign that partner systems call so: by the address of its page, or, in a sandbox, by a
    name that is common to all sandboxes.
    """
    return Campaign.objects.filter(slug=sandbox.slug_of(name, brand), brand=brand).first()


def limit_group_of(campaign: Campaign) -> str:
    """What the codes of the campaign are counted together by; their batches carry it."""
    return f"{GROUP_PREFIX}{campaign.pk}"


class Giving(NamedTuple):
    """A campaign as one who issues its gifts needs it: its limit group, and what a gift is worth at most if
    nothing else is asked for, 0 as long as there is no order.
    """

    group: str
    most_face_points: int


def giving_of(*, brand: Brand, name: str) -> Giving | None:
    """The brand's campaign that partner systems call so, None if it has none, in one round trip."""
    [found] = run_together(Statement(_GIVING, [brand.pk, sandbox.slug_of(name, brand)]))
    return Giving(found[0][0], found[0][1]) if found else None


_GROUP = f"'{GROUP_PREFIX}' || campaign.id"
_GIVING = (
    f"SELECT {_GROUP},"  # noqa: S608  # constants
    f" COALESCE({gift_queries.most_face_points_sql(brand='campaign.brand_id', group=_GROUP)}, 0)"
    " FROM campaigns_campaign campaign WHERE campaign.brand_id = %s AND campaign.slug = %s"
)


def fingerprint_of(order: Order, *, version: Campaign | None = None) -> str:
    """SHA-256, in hexadecimal, over everything that an approval of the order would promise or spend, with
    the campaign as it is, or as it was in `version`.

    Canonical JSON (sorted keys, no spaces, UTF-8), instants in UTC. What the campaign brings into the terms
    is part of it, and so are its legal form and what the legal check found; its texts and its colour are
    not, because they may be edited after an approval as well.
    """
    campaign = version or order.campaign
    content = {
        "format": "tokuten-order-1",
        "order": order.public_id.hex,
        "brand": campaign.brand_id,
        "campaign": campaign.pk,
        "page": campaign.slug,
        "period": [_instant(campaign.starts_at), _instant(campaign.ends_at)],
        "limit_per_member": campaign.limit_per_member,
        "face_points": order.face_points,
        "window": [_instant(order.claim_from), _instant(order.claim_until)],
        "lot_life_days": order.lot_life_days,
        "activation": order.activation,
        "recipient": order.requested_by_id,
        "channels": list(order.channels.order_by("pk").values_list("name", "quantity")),
    }
    if order.issuing != Issuing.FILE:  # older orders have their fingerprints without it
        content |= {"issuing": order.issuing, "most_points": order.most_points}
    content |= legal_facts.fingerprint_part(order, campaign)
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def is_as_submitted(order: Order) -> bool:
    """Whether the order and its campaign still say what was submitted."""
    return order.submitted_hash == fingerprint_of(order)


def neighbours_of(order: Order) -> QuerySet[Order]:
    """Other orders of the campaign, waiting or approved, whose claim windows overlap: a reorder, or the
    same twice.
    """
    overlapping = Order.objects.filter(
        campaign=order.campaign_id, claim_from__lt=order.claim_until, claim_until__gt=order.claim_from
    )
    live = overlapping.filter(state__in=[OrderState.SUBMITTED, OrderState.APPROVED]).exclude(pk=order.pk)
    return live.annotate(codes=Sum("channels__quantity")).order_by("-submitted_at")


def promised_until(campaign_id: int) -> tuple[datetime, datetime] | None:
    """First and last instant of the claim windows that approved orders of the campaign promise; None if
    none does.
    """
    approved = Order.objects.filter(campaign=campaign_id, state=OrderState.APPROVED)
    open_batches = approved.exclude(batch__state=BatchState.CLOSED)
    first = open_batches.order_by("claim_from").values_list("claim_from", flat=True).first()
    # The batch's own end: a window that was extended is promised, too.
    last = open_batches.order_by("-batch__claim_until").values_list("batch__claim_until", flat=True).first()
    return None if first is None or last is None else (first, last)


def is_paused(campaign: Campaign) -> bool:
    """Whether codes of the campaign are paused, and none of it can be claimed or issued meanwhile."""
    going_on = Batch.objects.filter(
        order__campaign=campaign, state__in=[BatchState.ACTIVE, BatchState.PAUSED]
    )
    return set(going_on.values_list("state", flat=True)) == {BatchState.PAUSED}
