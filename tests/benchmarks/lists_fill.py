"""Fills the tables as years of campaigns of many brands would, so that the admin's lists are as long as they
get: 1,000 campaigns, 10,000 orders with their batches and 5,000,000 claims, a tenth of their points spent.

One campaign is a giant with two fifths of all claims. Orders and batches are written by the ORM, what members
did in SQL; keys of batches are random, nobody derives their codes. Django must be set up on PostgreSQL, as a
superuser.
"""

import secrets
import uuid
from datetime import datetime, timedelta
from typing import NamedTuple

from campaigns.legal import LegalForm
from campaigns.models import Campaign, Order, OrderChannel, OrderState
from giftcodes import services as giftcodes
from giftcodes.models import Activation, Batch, BatchState, Channel, Delivery, Series
from ledger import services as ledger
from ledger.models import Account, AccountKind
from parties.models import Brand, Role, User
from tests import make
from tests.benchmarks.growth_fill import MEMBERS, TABLE, id_sql, in_sql

BRANDS, CAMPAIGNS, ORDERS_EACH, MEMBERS_EACH = 20, 1_000, 10, 200_000
SMALL, GIANT = 1_000, 400_000  # codes of a batch; of one of the giant campaign
_WINDOW, _YEARS, _POINTS = timedelta(days=60), timedelta(days=700), 100


class Filled(NamedTuple):
    """The brand of the giant campaign, that campaign, and one person of each role there."""

    brand: Brand
    giant: Campaign
    staff: dict[Role, User]


def fill(*, scale: float, now: datetime) -> Filled:
    """All of it, or a part: `scale` is of the claims. The first campaign is the giant."""
    giftcodes.open_series(digit=1, at=now - _YEARS)
    first = make.brand(name="Brand 0", slug="brand-of-lists")
    brands = [first, *(make.brand(program=first.program) for _ in range(BRANDS - 1))]
    stores = [make.store(brand=brand) for brand in brands for _ in range(3)]
    for brand in brands:
        ledger.open_accepted(brand=brand, at=now - _YEARS)
    staff = {role: make.staff(role, first, name=role.value) for role in Role}
    campaigns = _campaigns(brands, now)
    batches = _batches(_orders(campaigns, staff), staff[Role.MARKETER], now)
    in_sql(
        TABLE,
        MEMBERS,
        wallets=max(int(MEMBERS_EACH * scale), 1_000),
        program=first.program_id,
        start=now - _YEARS,
    )
    _claim(batches, scale=scale, now=now)
    _spend(stores=len(stores), program=first.program_id, now=now)
    in_sql("DROP TABLE filled_claim", "DROP TABLE filled_wallet", "ANALYZE")
    return Filled(first, campaigns[0], staff)


def _campaigns(brands: list[Brand], now: datetime) -> list[Campaign]:
    """Each of the brands has one in twenty; they begin one after another, the last ones run now."""
    rows = []
    for number in range(CAMPAIGNS):
        starts_at = now - _YEARS + number * (_YEARS - timedelta(days=20)) / CAMPAIGNS
        starts_at = now - timedelta(days=40) if number == 0 else starts_at
        rows.append(
            Campaign(
                brand=brands[number % BRANDS],
                slug=f"campaign-{number}",
                name=f"Campaign {number}",
                title_ja=f"特典 {number}",
                starts_at=starts_at,
                ends_at=starts_at + _WINDOW,
                published_at=starts_at,
                legal_form=LegalForm.DISCOUNT,
                least_age=18,
            )
        )
    return Campaign.objects.bulk_create(rows)


def _orders(campaigns: list[Campaign], staff: dict[Role, User]) -> list[Order]:
    return [
        Order(
            campaign=campaign,
            face_points=_POINTS,
            claim_from=campaign.starts_at,
            claim_until=campaign.ends_at,
            activation=Activation.AT_START,
            requested_by=staff[Role.MARKETER],
            submitted_at=campaign.starts_at - timedelta(days=3),
            submitted_hash="0" * 64,
            submissions=1,
            decided_by=staff[Role.APPROVER],
            decided_at=campaign.starts_at - timedelta(days=2),
        )
        for _ in range(ORDERS_EACH)
        for campaign in campaigns
    ]


def _batches(orders: list[Order], recipient: User, now: datetime) -> list[Batch]:
    """The orders' batches with two channels each, minted, handed over, and closed if their window is over."""
    key_id = Series.objects.get(digit=1).master_key_id
    batches, serial = [], 0
    for order in orders:
        brand, public_id = order.campaign.brand, uuid.uuid4()
        approved_at = order.claim_from - timedelta(days=2)
        size = GIANT if order.campaign == orders[0].campaign else SMALL
        is_over = order.claim_until <= now
        account = Account(
            program_id=brand.program_id,
            kind=AccountKind.UNCLAIMED,
            label=f"unclaimed:{public_id}",
            brand=brand,
            opened_at=approved_at,
        )
        batches.append(
            Batch(
                public_id=public_id,
                order_key=order.public_id.hex,
                brand=brand,
                series_id=1,
                first_serial=serial,
                size=size,
                unclaimed=account,
                master_key_id=key_id,
                wrapped_key=secrets.token_bytes(40),
                face_points=_POINTS,
                claim_from=order.claim_from,
                claim_until=order.claim_until,
                lot_life_days=180,
                limit_group=f"campaign:{order.campaign_id}",
                claim_url_base="https://points.example.com/c/campaign/",
                activation=Activation.AT_START,
                state=BatchState.CLOSED if is_over else BatchState.ACTIVE,
                minted_codes=size,
                expired_codes=size // 2 if is_over else None,
                approved_at=approved_at,
                minted_at=approved_at,
                activated_at=order.claim_from,
                closed_at=order.claim_until if is_over else None,
            )
        )
        serial += size
    Account.objects.bulk_create([batch.unclaimed for batch in batches], batch_size=5_000)
    Batch.objects.bulk_create(batches, batch_size=2_000)
    Series.objects.filter(digit=1).update(next_serial=serial, live_codes=serial // 10)
    for order, batch in zip(orders, batches, strict=True):
        order.state, order.batch = OrderState.APPROVED, batch
    Order.objects.bulk_create(orders, batch_size=2_000)
    _parts(orders, batches, recipient)
    return batches


def _parts(orders: list[Order], batches: list[Batch], recipient: User) -> None:
    names = ("poster", "receipt")
    Channel.objects.bulk_create(
        Channel(
            batch=one, name=name, first_serial=one.first_serial + place * one.size // 2, size=one.size // 2
        )
        for one in batches
        for place, name in enumerate(names)
    )
    OrderChannel.objects.bulk_create(
        OrderChannel(order=order, name=name, quantity=one.size // 2)
        for order, one in zip(orders, batches, strict=True)
        for name in names
    )
    Delivery.objects.bulk_create(
        Delivery(
            batch=one,
            recipient=recipient,
            salt=secrets.token_bytes(16),
            row_count=one.size,
            total_points=one.size * one.face_points,
            content_sha256="0" * 64,
            sealed_sha256="0" * 64,
            sealed_bytes=100 * one.size,
            sealed_at=one.minted_at,
            downloaded_at=one.minted_at,
        )
        for one in batches
    )


def _claim(batches: list[Batch], *, scale: float, now: datetime) -> None:
    """Half of each giant batch's codes, three in ten of the others', as far as their windows are open."""
    in_sql(_CLAIMS_TABLE)
    in_sql(
        _CLAIMS,
        "ANALYZE filled_claim",
        _CLAIM,
        _TRANSFER,
        _POSTING,
        _LOT,
        _CREDIT,
        scale=scale,
        giant=GIANT,
        now=now,
        points=_POINTS,
        first=batches[0].pk,
        last=batches[-1].pk,
    )


def _spend(*, stores: int, program: int, now: datetime) -> None:
    in_sql(
        _SPEND_TRANSFER,
        _SPEND_POSTING,
        _USE,
        _USE_UP,
        program=program,
        now=now,
        points=_POINTS,
        stores=stores,
    )


_CLAIMS_TABLE = """
CREATE TEMP TABLE filled_claim (n bigint, id bigint, batch_id bigint, account_id bigint, funder_id bigint,
    wallet_id bigint, member_id bigint, at timestamptz, key text)"""
# Early in the window more than late: the square of an even spread.
_CLAIMS = """
INSERT INTO filled_claim
SELECT row_number() OVER (ORDER BY at), c.id, c.batch_id, c.account_id, c.funder_id, f.id, f.member_id, at,
    'claim:' || c.id
FROM (
    SELECT b.series_id * 1000000000::bigint + b.first_serial + s AS id, b.id AS batch_id,
        b.unclaimed_id AS account_id, b.brand_id AS funder_id,
        b.claim_from + power(random(), 2) * (least(b.claim_until, %(now)s) - b.claim_from) AS at,
        floor(random() * (SELECT count(*) FROM filled_wallet))::bigint AS who
    FROM giftcodes_batch b CROSS JOIN LATERAL generate_series(
        0, (%(scale)s * CASE WHEN b.size = %(giant)s THEN .5 ELSE .3 END * b.size)::int - 1) s
    WHERE b.id BETWEEN %(first)s AND %(last)s AND b.claim_from < %(now)s
) c JOIN filled_wallet f ON f.number = c.who"""
_CLAIM = """
INSERT INTO giftcodes_claim (id, batch_id, member_id, points, claimed_at)
SELECT id, batch_id, member_id, %(points)s, at FROM filled_claim ORDER BY n"""
_TRANSFER = f"""
INSERT INTO ledger_transfer (id, key, reason, posted_at)
SELECT {id_sql("key")}, key, 'claim', at FROM filled_claim ORDER BY n"""
_POSTING = f"""
INSERT INTO ledger_posting (transfer_id, source_id, target_id, points, posted_at)
SELECT {id_sql("key")}, account_id, wallet_id, %(points)s, at FROM filled_claim ORDER BY n"""
_LOT = f"""
INSERT INTO ledger_lot
    (wallet_id, funder_id, transfer_id, granted_points, remaining_points, granted_at, expires_at)
SELECT wallet_id, funder_id, {id_sql("key")}, %(points)s, %(points)s, at, at + interval '181 days'
FROM filled_claim ORDER BY n"""
_CREDIT = """
UPDATE ledger_account a SET balance = balance + c.points
FROM (SELECT wallet_id, count(*) * %(points)s AS points FROM filled_claim GROUP BY wallet_id) c
WHERE c.wallet_id = a.id"""
# The points of one claim in ten, spent in one go a day later.
_SPENDS = """
    SELECT c.*, l.id AS lot_id, t.id AS store_id, t.brand_id AS acceptor_id, 'spend:' || c.key AS spend_key,
        least(c.at + interval '1 day', %(now)s) AS spent_at
    FROM filled_claim c JOIN ledger_lot l ON l.transfer_id = {id}
    JOIN (SELECT id, brand_id, row_number() OVER (ORDER BY id) - 1 AS place FROM parties_store) t
        ON t.place = c.n / 10 %% %(stores)s
    WHERE c.n %% 10 = 0""".replace("{id}", id_sql("c.key"))
_SPEND_TRANSFER = (
    "INSERT INTO ledger_transfer (id, key, reason, posted_at)"
    f" SELECT {id_sql('spend_key')}, spend_key, 'spend', spent_at FROM ({_SPENDS}) s ORDER BY n"
)
_SPEND_POSTING = (
    "INSERT INTO ledger_posting (transfer_id, source_id, target_id, points, posted_at)"
    f" SELECT {id_sql('spend_key')}, wallet_id, a.id, %(points)s, spent_at FROM ({_SPENDS}) s"
    " JOIN ledger_account a ON a.kind = 'accepted' AND a.brand_id = s.acceptor_id ORDER BY n"
)
_USE = (
    "INSERT INTO ledger_lotuse"
    " (program_id, transfer_id, lot_id, kind, funder_id, acceptor_id, store_id, points, posted_at)"
    f" SELECT %(program)s, {id_sql('spend_key')}, lot_id, 'spend', funder_id, acceptor_id, store_id,"
    f" %(points)s, spent_at FROM ({_SPENDS}) s ORDER BY n"
)
_USE_UP = (
    "UPDATE ledger_lot l SET remaining_points = 0"
    " WHERE EXISTS (SELECT 1 FROM ledger_lotuse u WHERE u.lot_id = l.id)"
)
