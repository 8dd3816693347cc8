"""The results of random campaigns, beside what counting row by row comes to."""

import random
from collections import Counter
from datetime import datetime, timedelta

import pytest

from campaigns import results
from campaigns import services as campaigns
from campaigns.alert_models import ClaimCount
from campaigns.models import Campaign
from giftcodes import services as giftcodes
from giftcodes.models import Batch, Claim
from ledger import services as ledger
from ledger.errors import InsufficientPoints, LedgerError
from ledger.expiry import JAPAN
from ledger.models import LotUse, UseKind
from parties.models import Member
from tests import make
from tests.campaigns.test_results import DAY, codes, shop
from tests.make import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.both]
NAMES = ("poster", "receipt", "letter")


@pytest.mark.parametrize("seed", range(4))
def test_a_count_row_by_row_comes_to_the_same(seed: int) -> None:
    luck = random.Random(seed)
    brand = make.brand(funds=1_000_000)
    both = [shop(brand=brand, slug=slug) for slug in ("one", "two")]
    batches = [
        codes(luck.choice(both), *((name, luck.randint(1, 9)) for name in luck.sample(NAMES, 2)))
        for _ in range(4)
    ]
    live(luck, batches, [make.member() for _ in range(6)])
    while campaigns.count_claims():
        pass
    for campaign in both:
        own = [batch for batch in batches if batch.order.campaign_id == campaign.pk]
        compare(campaign, own)


def live(luck: random.Random, batches: list[Batch], members: list[Member]) -> None:
    """Claims, purchases, purchases taken back, points that end: at random moments, in their order."""
    left = [(batch, place) for batch in batches for place in range(batch.size)]
    luck.shuffle(left)
    program, store = batches[0].brand.program, make.store(brand=batches[0].brand)
    spent = []
    moments = sorted(NOON + timedelta(minutes=luck.randint(1, 50 * 24 * 60)) for _ in range(60))
    for number, at in enumerate(moments):
        member, act = luck.choice(members), luck.random()
        wallet = make.wallet(member, program)
        if act < 0.5 and left:
            batch, place = left.pop()
            giftcodes.claim_code(text=make.code_of(batch, place), member=member, at=at)
        elif act < 0.85:
            points = luck.randint(1, 150)
            try:
                spent.append(
                    ledger.spend_points(
                        wallet_id=wallet.pk, store_id=store.pk, points=points, key=f"buy-{number}", at=at
                    )
                )
            except InsufficientPoints:
                continue
        elif spent:
            try:
                ledger.reverse_transfer(
                    original_id=luck.choice(spent).transfer_id, key=f"back-{number}", at=at
                )
            except LedgerError:  # taken back before
                continue
    ledger.expire_lots(at=NOON + luck.choice([51, 300]) * DAY)


def compare(campaign: Campaign, batches: list[Batch]) -> None:
    claims = [claim for claim in Claim.objects.order_by("claimed_at") if claim.batch_id in of(batches)]
    found = results.results_of(campaign)
    assert found.total("claimed") == len(claims) == sum(claimed for _day, claimed in found.by_day)
    assert sum(found.times) == len(claims)
    assert found.members == len({claim.member_id for claim in claims})
    first: dict[int, datetime] = {}
    for claim in Claim.objects.order_by("claimed_at"):
        first.setdefault(claim.member_id, claim.claimed_at)
    assert found.new_members == len(
        {claim.member_id for claim in claims if first[claim.member_id] == claim.claimed_at}
    )
    by_name: Counter[str] = Counter()
    for claim in claims:
        by_name[name_of(claim)] += 1
    assert {one.name: one.claimed for one in found.channels if one.claimed} == dict(by_name)
    compare_spent(found, claims)
    hours = Counter(
        claim.claimed_at.astimezone(JAPAN).replace(minute=0, second=0, microsecond=0) for claim in claims
    )
    rows = ClaimCount.objects.filter(campaign=campaign)
    assert {row.hour: row.claims for row in rows} == dict(hours)
    (line,) = results.lines_of([campaign])
    assert (line.claimed, line.points) == (len(claims), sum(claim.points for claim in claims))


def compare_spent(found: results.Results, claims: list[Claim]) -> None:
    by_key = {f"claim:{claim.pk}": claim for claim in claims}
    points, lots = Counter[str](), {name: set[int]() for name in NAMES}
    expired = 0
    for use in LotUse.objects.select_related("lot__transfer"):
        claim = by_key.get(use.lot.transfer.key) if use.lot else None
        if claim is None or use.lot is None:
            continue
        if use.kind == UseKind.SPEND:
            points[name_of(claim)] += use.points
            lots[name_of(claim)].add(use.lot.pk)
        expired += use.points if use.kind == UseKind.EXPIRY else 0
    for one in found.channels:
        assert (one.spent_codes, one.spent_points) == (len(lots[one.name]), points[one.name])
    assert sum(one.points for one in found.spent) == points.total()
    assert found.expired_points == expired


def of(batches: list[Batch]) -> set[int]:
    return {batch.pk for batch in batches}


def name_of(claim: Claim) -> str:
    place = claim.pk - claim.batch.first_claim_id + claim.batch.first_serial
    (name,) = (
        channel.name
        for channel in claim.batch.channels.all()
        if channel.first_serial <= place < channel.first_serial + channel.size
    )
    return name
