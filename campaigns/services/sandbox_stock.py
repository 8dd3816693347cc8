"""A sandbox is filled, so that a test key works at once: campaigns with approved and funded orders, a store,
a member with points. Everything goes through the services that people use; two stand-ins sign for it.
"""

import logging
import uuid
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction

from campaigns import sandbox
from campaigns.models import Campaign, Order, OrderChannel, OrderState
from campaigns.queries import limit_group_of
from campaigns.sandbox import Shelf
from campaigns.services.deposits import confirm_deposit, request_deposit
from campaigns.services.orders import approve_order, submit_order
from campaigns.services.pages import publish_page
from giftcodes import gift_queries
from giftcodes import services as giftcodes
from giftcodes.models import Batch, BatchState
from giftcodes.services import GiftWanted, Issued
from ledger import queries as ledger_queries
from ledger import services as ledger
from ledger.expiry import ExpiryPolicy
from parties import services as parties
from parties.api_models import ApiClient
from parties.errors import NotASandbox
from parties.models import Brand, Store, User
from parties.sandboxes import stand_ins
from parties.services import NumberOf

WINDOW = timedelta(days=180)
RENEWED_BEFORE = timedelta(days=60)  # so long an order can be claimed at least, whenever a gift is issued
MOST_ORDERS_A_DAY = 10  # of one campaign: series 9 is one for all sandboxes
LEAST_SHARE = 4  # a fourth of an order left asks for the next one
FLOAT = 1_000_000  # points in the funds to be given by POST /earn
MEMBERS_POINTS, MEMBERS_LEAST = 10_000, 1_000
LOT_LIFE_DAYS = 180
# Orders were approved a moment ago, in which a gift was issued and has expired.
_HEAD_START, _ISSUED_AFTER, _EXPIRED_AFTER = timedelta(seconds=5), timedelta(seconds=1), timedelta(seconds=2)

logger = logging.getLogger(__name__)


class _Hands(NamedTuple):
    """Whose sandbox it is, who asks for what is to be in it and who approves, and when."""

    brand: Brand
    asks: User
    approves: User
    site_url: str
    at: datetime


def stock_sandboxes(*, site_url: str, at: datetime) -> int:
    """`stock_sandbox` for all of them; one that can't be filled is logged and holds up no other. Gives back
    how many orders were approved.
    """
    approved = 0
    for brand_id in list(
        Brand.objects.filter(sandbox_of__isnull=False).order_by("pk").values_list("pk", flat=True)
    ):
        try:
            approved += stock_sandbox(brand_id=brand_id, site_url=site_url, at=at)
        except Exception:
            logger.exception("Sandbox %s can't be filled now: the next sweep tries again.", brand_id)
    return approved


def stock_sandbox(*, brand_id: int, site_url: str, at: datetime) -> int:
    """Give a sandbox whatever it lacks; how many orders that took. Repeating it is harmless, also at once.

    NotASandbox for a live brand, and then nothing has happened.
    """
    with transaction.atomic():
        hands = _begin(brand_id, site_url, at)
        approved = sum(_fill(shelf, hands) for shelf in sandbox.SHELVES)
        _fund(hands, needed=0)
        if approved:
            _equip(hands)
    _give_member_points(hands.brand, at)
    return approved


def _begin(brand_id: int, site_url: str, at: datetime) -> _Hands:
    brand = Brand.objects.select_related("program").get(pk=brand_id)
    if brand.sandbox_of_id is None or not brand.program.is_sandbox:
        raise NotASandbox
    asks, approves = stand_ins(at=at)
    return _Hands(brand, asks, approves, site_url, at)


def _fill(shelf: Shelf, hands: _Hands) -> bool:
    """Whether it took another order. Most sweeps end at the first look, which holds nothing."""
    found = Campaign.objects.filter(slug=sandbox.slug_of(shelf.name, hands.brand), brand=hands.brand).first()
    if found is not None and not _is_short(shelf, found, hands.at):
        return False
    campaign = _campaign(shelf, hands)
    if not _is_short(shelf, campaign, hands.at):
        return False
    begins, ends = campaign.starts_at, campaign.ends_at
    if shelf.is_kept_full:
        begins = hands.at - _HEAD_START
        ends = begins + WINDOW
    order = Order.objects.create(
        campaign=campaign,
        face_points=shelf.face_points,
        issuing=shelf.issuing,
        most_points=shelf.most_points,
        claim_from=begins,
        claim_until=ends,
        lot_life_days=LOT_LIFE_DAYS,
        requested_by=hands.asks,
    )
    OrderChannel.objects.create(order=order, name="API", quantity=shelf.size)
    _fund(hands, needed=shelf.face_points * shelf.size)
    moment = hands.at - _HEAD_START
    submitted = submit_order(order_id=order.pk, user=hands.asks, at=moment)
    approve_order(
        order_id=order.pk,
        approver=hands.approves,
        submitted_hash=submitted.submitted_hash,
        site_url=hands.site_url,
        verified_at=moment,
        at=moment,
    )
    return True


def _campaign(shelf: Shelf, hands: _Hands) -> Campaign:
    """Public, and held to the end of the transaction: whoever comes second finds it full."""
    starts_at = hands.at - _HEAD_START + shelf.begins_after
    campaign, _is_new = Campaign.objects.get_or_create(
        slug=sandbox.slug_of(shelf.name, hands.brand),
        brand=hands.brand,
        defaults={
            "name": f"[Sandbox] {shelf.name}",
            "starts_at": starts_at,
            "ends_at": starts_at + sandbox.LONG,
            "limit_per_member": shelf.limit_per_member,
            "legal_form": sandbox.LEGAL_FORM,
            "least_age": sandbox.LEAST_AGE,
            "title_ja": shelf.title_ja,
            "title_en": shelf.title_en,
            "text_ja": sandbox.PAGE_JA,
            "text_en": sandbox.PAGE_EN,
        },
    )
    return publish_page(campaign_id=campaign.pk, user=hands.asks, at=hands.at)


def _is_short(shelf: Shelf, campaign: Campaign, at: datetime) -> bool:
    approved = Order.objects.filter(campaign=campaign, state=OrderState.APPROVED)
    if not shelf.is_kept_full:
        return not approved.exists()
    if approved.filter(decided_at__gt=at - timedelta(days=1)).count() >= MOST_ORDERS_A_DAY:
        return False
    lasting = Batch.objects.filter(
        order__in=approved, state=BatchState.ACTIVE, claim_until__gt=at + RENEWED_BEFORE
    )
    left = [gift_queries.left_of(batch) for batch in lasting]
    gifts, points = sum(amount.gifts for amount in left), sum(amount.points for amount in left)
    return LEAST_SHARE * gifts < shelf.size or LEAST_SHARE * points < shelf.size * shelf.face_points


def _fund(hands: _Hands, *, needed: int) -> None:
    """So many points in the funds, and some to be given."""
    funds = ledger_queries.funds_of(hands.brand)
    if funds >= needed + FLOAT // 2:
        return
    number, moment = uuid.uuid4(), hands.at - _HEAD_START
    deposit = request_deposit(
        public_id=number,
        brand_id=hands.brand.pk,
        points=needed + FLOAT - funds,
        reference=f"sandbox {number.hex}",
        user=hands.asks,
        at=moment,
    )
    confirm_deposit(deposit_id=deposit.pk, user=hands.approves, verified_at=moment, at=moment)


def _equip(hands: _Hands) -> None:
    """What has to be there before anybody asks: a store, the client that issues what stands behind fixed
    codes, the last gift of the order whose budget is out, and a gift that has expired, as long as the order
    that it is of has one.
    """
    Store.objects.get_or_create(brand=hands.brand, code=sandbox.STORE, defaults={"name": "[Sandbox]"})
    client, _is_new = ApiClient.objects.get_or_create(
        brand=hands.brand,
        name=sandbox.CLIENT,
        defaults={"created_at": hands.at, "created_by": hands.asks, "disabled_at": hands.at},
    )
    giftcodes.issue_gifts(
        client=client,
        key="empty",
        group=_group(sandbox.EMPTY, hands.brand),
        gifts=[GiftWanted()],
        at=hands.at,
    )
    issue_expired(client=client)


def issue_expired(*, client: ApiClient) -> Issued:
    """The one gift of the sandbox that has expired: issued when its first order was approved."""
    group = _group(sandbox.GIFTS, client.brand)
    first = Batch.objects.filter(brand=client.brand, limit_group=group).order_by("pk")[0]
    wanted = GiftWanted(claim_until=first.approved_at + _EXPIRED_AFTER)
    return giftcodes.issue_gifts(
        client=client, key="expired", group=group, gifts=[wanted], at=first.approved_at + _ISSUED_AFTER
    )


def _group(name: str, brand: Brand) -> str:
    return limit_group_of(Campaign.objects.get(slug=sandbox.slug_of(name, brand), brand=brand))


def _give_member_points(brand: Brand, at: datetime) -> None:
    """Apart from the rest, since it holds a wallet before the funds."""
    member = parties.member_of_number(NumberOf(brand.pk, f"ref:{sandbox.MEMBER}"))
    wallet = ledger.open_wallet(member=member, program=brand.program, at=at)
    if ledger_queries.balance_of(wallet) < MEMBERS_LEAST:
        ledger.grant_points(
            brand_id=brand.pk,
            wallet_id=wallet.pk,
            points=MEMBERS_POINTS,
            expires=ExpiryPolicy.after_days(LOT_LIFE_DAYS),
            key=f"sandbox:{brand.pk}:{at:%Y%m%d%H%M}",  # twins give it once
            at=at,
        )
