"""A campaign of the demo that has been running for five weeks, so that there is a curve to look at: claimed
day by day, more at weekends, by the services that the doors call.
"""

import random
from datetime import datetime, time, timedelta

from django.db import transaction

from campaigns import services as campaigns
from campaigns.legal import LegalForm
from campaigns.models import Campaign, Order, OrderChannel
from config.demo.partner import stated
from giftcodes import codec, keys
from giftcodes import services as giftcodes
from giftcodes.models import Batch
from ledger.expiry import JAPAN
from ledger.models import ClosedDay
from parties import access
from parties.models import Brand, User

CAMPAIGN = "autumn-reading"
DAYS, CODES, FACE_POINTS = 34, {"店頭カード / cards": 400, "会員メール / e-mail": 200}, 100
_SEED, _A_DAY, _READERS = 20_261_025, 5, 40
_DAY = timedelta(days=1)


@transaction.atomic
def make_autumn(brand: Brand, *, site_url: str, at: datetime) -> None:
    """The campaign, its order and its claims up to `at`, once. Nothing where a day was closed before: a
    sealed past takes no more rows.
    """
    if Campaign.objects.filter(slug=CAMPAIGN).exists() or ClosedDay.objects.exists():
        return
    today = datetime.combine(at.astimezone(JAPAN).date(), time(), tzinfo=JAPAN)
    first = today - DAYS * _DAY
    batch = _batch(_campaign(brand, first), site_url=site_url, at=first - _DAY)
    marketer = _person("marketer", brand)
    giftcodes.take_delivery(public_id=batch.delivery.public_id, user=marketer, at=first - _DAY).file.close()
    _claim(batch, first, at)


def _person(role: str, brand: Brand) -> User:
    return User.objects.get(email=f"{role}@{brand.slug}.example")


def _campaign(brand: Brand, first: datetime) -> Campaign:
    campaign = Campaign.objects.create(
        slug=CAMPAIGN,
        brand=brand,
        name="秋の読書週間 2026",
        starts_at=first,
        ends_at=first + (DAYS + 27) * _DAY,
        title_ja="秋の読書ポイント",
        title_en="Points for autumn reading",
        text_ja="対象の本をお買い上げの方に、100ポイントをさしあげます。カードの16桁のコードを入力してください。",
        text_en="100 points with each of our autumn books. Enter the 16-digit code of the card.",
        colour="#2f5d50",
        **stated(LegalForm.TO_ALL, tied_price_yen=1_500),
    )
    return campaigns.publish_page(
        campaign_id=campaign.pk, user=_person("marketer", brand), at=first - 2 * _DAY
    )


def _batch(campaign: Campaign, *, site_url: str, at: datetime) -> Batch:
    """Ordered, approved and minted at `at`."""
    marketer = _person("marketer", campaign.brand)
    order = Order.objects.create(
        campaign=campaign,
        face_points=FACE_POINTS,
        claim_from=campaign.starts_at,
        claim_until=campaign.ends_at,
        lot_life_days=180,
        requested_by=marketer,
    )
    OrderChannel.objects.bulk_create(
        OrderChannel(order=order, name=name, quantity=size) for name, size in CODES.items()
    )
    order = campaigns.submit_order(order_id=order.pk, user=marketer, at=at)
    approved = campaigns.approve_order(
        order_id=order.pk,
        approver=_person("approver", campaign.brand),
        submitted_hash=order.submitted_hash,
        site_url=site_url,
        verified_at=at,
        at=at,
    )
    if approved.batch is None:  # no brand of the demo has a rule of two approvers
        raise RuntimeError(order.public_id)
    while giftcodes.mint_next_chunk(batch_id=approved.batch.pk, at=at):
        pass
    return Batch.objects.select_related("series", "delivery").get(pk=approved.batch.pk)


def _claim(batch: Batch, first: datetime, at: datetime) -> None:
    """A handful a day, thrice as many on Saturdays and Sundays, between ten and nine in the evening."""
    dice = random.Random(_SEED)  # noqa: S311  # the same readers each time, no secret
    readers = [
        access.member_of(User.objects.create_user(f"reader-{number}@demo.example"))
        for number in range(_READERS)
    ]
    serial_key, batch_key = keys.series_key(batch.series), keys.batch_key(batch)
    serials = iter(range(batch.first_serial, batch.first_serial + batch.size))
    for number in range(DAYS + 1):
        day = first + number * _DAY
        crowd = _A_DAY * (3 if day.weekday() >= 5 else 1) + dice.randrange(4)
        for _ in range(crowd):
            moment = day + timedelta(hours=10, minutes=dice.randrange(660))
            if moment < at:
                code = codec.encode_one(
                    next(serials), series=batch.series_id, series_key=serial_key, batch_key=batch_key
                )
                giftcodes.claim_code(text=code, member=dice.choice(readers), at=moment)
