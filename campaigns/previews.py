"""What an order would mean, before anybody submits it: the worst case, what past orders let expect, how hard
its codes are to guess, and what the legal rules find. Nothing here changes a row.
"""

from datetime import date, datetime
from typing import NamedTuple

from campaigns import legal_facts
from campaigns.legal import Check
from campaigns.models import Issuing, Order
from giftcodes import queries as giftcodes_queries
from giftcodes.models import MAX_LIVE_CODES, WARN_LIVE_CODES, Batch, BatchState

CODE_SPACE = 10**14  # sixteen digits, less the one that names the series and the check digit
MOST_BATCHES = 10  # the latest ones are enough to go by
_SHARE = 100


class Expected(NamedTuple):
    """How many of an order's codes will be claimed, if people do as they did: an estimate. `percent` is of
    the codes of `batches` closed batches that were not voided; `least` and `most` are the single batches'
    shares.
    """

    batches: int
    percent: int
    least: int
    most: int
    codes: int
    points: int


class Density(NamedTuple):
    """How many guesses of a code of the series hit a live one, on average one in so many; and below which
    number that is warned about, and refused.
    """

    guesses: int
    warned_below: int
    refused_below: int


class Preview(NamedTuple):
    """What stands beside an order's cost. `last_day` is the last on which a point of it can be spent;
    `campaign_yen` is the worst case of all the campaign's orders together, None without a legal form.
    """

    worst_yen: int
    last_day: date | None
    campaign_yen: int | None
    expected: Expected | None
    density: Density
    check: Check | None


def preview_of(order: Order, *, codes: int, at: datetime) -> Preview:
    """Of an order that is a draft, or is still being typed: `claim_until` and `lot_life_days` may be missing,
    and there is no legal check then.
    """
    brand = order.campaign.brand
    until: datetime | None = getattr(order, "claim_until", None)  # of what is being typed, there may be none
    days = order.lot_life_days
    last_day = legal_facts.last_day_of(claim_until=until, lot_life_days=days) if until and days else None
    facts = legal_facts.facts_of(order, codes=codes, at=at) if last_day and codes else None
    return Preview(
        worst_yen=order.face_points * codes * brand.program.yen_per_point,
        last_day=last_day,
        campaign_yen=None if facts is None else facts.total_yen,
        expected=expected_of(order, codes=codes) if codes else None,
        density=density_of(codes, is_sandbox=brand.program.is_sandbox),
        check=None if facts is None else legal_facts.check_of(facts, at=at),
    )


def density_of(codes: int, *, is_sandbox: bool) -> Density:
    """The density of the series that `codes` more codes would come from."""
    live = giftcodes_queries.outlook(codes, is_sandbox=is_sandbox).live_codes
    return Density(
        guesses=CODE_SPACE // max(live, 1),
        warned_below=CODE_SPACE // WARN_LIVE_CODES,
        refused_below=CODE_SPACE // MAX_LIVE_CODES,
    )


def expected_of(order: Order, *, codes: int) -> Expected | None:
    """From the brand's closed batches whose codes came to people in the same way; None if there is none."""
    is_api = order.issuing == Issuing.API
    closed = Batch.objects.filter(
        brand=order.campaign.brand_id, state=BatchState.CLOSED, most_points__isnull=not is_api
    )
    counts = giftcodes_queries.counts_of_closed(closed.order_by("-claim_until", "-pk")[:MOST_BATCHES])
    given = [(count.claimed, count.size - count.voided) for count in counts if count.size > count.voided]
    if not given:
        return None
    claimed, handed_out = (sum(column) for column in zip(*given, strict=True))
    shares = [_SHARE * part // whole for part, whole in given]
    expected = codes * claimed // handed_out
    return Expected(
        batches=len(given),
        percent=_SHARE * claimed // handed_out,
        least=min(shares),
        most=max(shares),
        codes=expected,
        points=expected * order.face_points,
    )
