"""Fills a ledger as years of business would, in SQL: the services would take hours. The audit finds nothing.

Every wallet has got 28 lots of 100 points over nine months and has spent the first 25 of them in 22 spends,
which makes 50 postings; three lots are open. Rows come in the order of time, so that those of one wallet lie
far apart. Django must be set up on PostgreSQL, as a superuser: foreign keys are not checked row by row.
"""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection, transaction

from ledger import services as ledger
from parties.models import Brand
from tests import make

BRANDS, STORES = 3, 12
OPEN_LOTS, POINTS = 3, 100
_USED_LOTS = 25
_START = timedelta(days=400)


class Filled(NamedTuple):
    """Where things are. Wallets and members have consecutive ids."""

    brand_ids: list[int]
    store_ids: list[int]
    program_id: int
    first_wallet: int
    first_member: int
    wallets: int


def fill(*, wallets: int, has_history: bool, now: datetime) -> Filled:
    """So many wallets with three open lots; without their history, if `has_history` is false."""
    brands = _brands()
    stores = [
        make.store(brand=brands[number % BRANDS], code=f"s{number}", name=f"S {number}")
        for number in range(STORES)
    ]
    for brand in brands:
        ledger.open_accepted(brand=brand, at=now - _START)
    in_sql(TABLE, MEMBERS, wallets=wallets, program=brands[0].program_id, start=now - _START)
    found = Filled(
        [brand.pk for brand in brands],
        [store.pk for store in stores],
        brands[0].program_id,
        *_first_ids(),
        wallets,
    )
    _grant(
        found, prefix="fill", first=0 if has_history else _USED_LOTS, number=_USED_LOTS + OPEN_LOTS, now=now
    )
    if has_history:
        values = {"wallets": wallets, "program": found.program_id, "start": now - _START, "points": POINTS}
        in_sql("ANALYZE")
        in_sql(_SPEND_TRANSFERS, _SPEND_POSTINGS, _USES, _USE_UP, _DEBIT, used=_USED_LOTS, **values)
    return found


def fill_due(found: Filled, *, lots: int, now: datetime) -> int:
    """Lots that ended ten days ago, the same number for each wallet; gives back how many."""
    each = -(-lots // found.wallets)
    _grant(found, prefix="due", first=0, number=each, now=now, ends=now - timedelta(days=10))
    return each * found.wallets


def _brands() -> list[Brand]:
    first = make.brand(funds=10**9)
    return [first, *(make.brand(funds=10**9, program=first.program) for _ in range(BRANDS - 1))]


def _grant(
    found: Filled, *, prefix: str, first: int, number: int, now: datetime, ends: datetime | None = None
) -> None:
    values = {
        "wallets": found.wallets,
        "start": now - _START,
        "prefix": f"grant:{prefix}:",
        "first": first,
        "last": number - 1,
        "points": POINTS,
        "ends": ends,
        "now": now,
        "step": timedelta(days=9) if ends is None else (ends - now + _START - timedelta(days=1)) / number,
    }
    in_sql(_GRANT_TRANSFERS, _GRANT_POSTINGS, _LOTS, _CREDIT, _PAY, **values)


def _first_ids() -> tuple[int, int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(id), min(member_id) FROM filled_wallet")
        first_wallet, first_member = cursor.fetchone()
        cursor.execute(
            "SELECT max(id) - min(id), max(member_id) - min(member_id), count(*) FROM filled_wallet"
        )
        wallets, members, rows = cursor.fetchone()
    assert wallets == members == rows - 1, "the ids are not consecutive"
    return first_wallet, first_member


def in_sql(*statements: str, **values: Any) -> None:
    """Run the statements in one transaction, without triggers and foreign key checks."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for statement in statements:
            cursor.execute(statement, values)


def id_sql(key: str) -> str:
    """What `transfer_id_of` gives, in SQL."""
    return f"encode(substring(sha256(convert_to({key}, 'UTF8')) FROM 1 FOR 16), 'hex')::uuid"


TABLE = "CREATE TEMP TABLE filled_wallet (number bigint PRIMARY KEY, id bigint, member_id bigint)"
MEMBERS = """
WITH made AS (
    INSERT INTO parties_member (public_id, joined_at)
    SELECT gen_random_uuid(), %(start)s FROM generate_series(1, %(wallets)s) RETURNING id, public_id
), opened AS (
    INSERT INTO ledger_account (program_id, kind, label, member_id, balance, floor, opened_at)
    SELECT %(program)s, 'wallet', 'wallet:' || public_id, id, 0, 0, %(start)s FROM made ORDER BY id
    RETURNING id, member_id
) INSERT INTO filled_wallet SELECT row_number() OVER (ORDER BY id) - 1, id, member_id FROM opened"""
# Lot l of each wallet: granted one step after the one before, the wallets of a day one after another.
_GRANTS = """
    SELECT f.number, f.id AS wallet_id, l, %(prefix)s || f.number || ':' || l AS key,
        %(start)s + l * %(step)s + (f.number %% 86400) * interval '1 second' AS at, b.id AS brand_id
    FROM generate_series(%(first)s, %(last)s) l
    CROSS JOIN LATERAL (SELECT * FROM filled_wallet WHERE l >= 0 ORDER BY number) f
    JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM parties_brand) b
        ON b.place = l %% (SELECT count(*) FROM parties_brand)"""
_GRANT_TRANSFERS = (
    "INSERT INTO ledger_transfer (id, key, reason, posted_at)"
    f" SELECT {id_sql('key')}, key, 'grant', at FROM ({_GRANTS}) g ORDER BY l, number"
)
_GRANT_POSTINGS = (
    "INSERT INTO ledger_posting (transfer_id, source_id, target_id, points, posted_at)"
    f" SELECT {id_sql('key')}, a.id, wallet_id, %(points)s, at FROM ({_GRANTS}) g"
    " JOIN ledger_account a ON a.kind = 'funds' AND a.brand_id = g.brand_id ORDER BY l, number"
)
_LOTS = (
    "INSERT INTO ledger_lot"
    " (wallet_id, funder_id, transfer_id, granted_points, remaining_points, granted_at, expires_at)"
    f" SELECT wallet_id, brand_id, {id_sql('key')}, %(points)s, %(points)s, at,"
    "   coalesce(%(ends)s::timestamptz, %(now)s + (10 + l) * interval '10 days')"
    f" FROM ({_GRANTS}) g ORDER BY l, number"
)
_CREDIT = (
    "UPDATE ledger_account a SET balance = balance + (%(last)s - %(first)s + 1) * %(points)s"
    " FROM filled_wallet f WHERE f.id = a.id"
)
_PAY = (
    "UPDATE ledger_account a SET balance = balance - g.points"
    f" FROM (SELECT brand_id, count(*) * %(points)s AS points FROM ({_GRANTS}) g GROUP BY brand_id) g"
    " WHERE a.kind = 'funds' AND a.brand_id = g.brand_id"
)
# Spend s of a wallet: the first three take two lots each, the others one.
_SPENDS = """
    SELECT f.number, f.id AS wallet_id, s, 'spend:fill:' || f.number || ':' || s AS key,
        %(start)s + interval '270 days' + s * interval '4 days' + (f.number %% 86400) * interval '1 second'
            AS at,
        t.id AS store_id, t.brand_id
    FROM generate_series(0, %(used)s - 4) s
    CROSS JOIN LATERAL (SELECT * FROM filled_wallet WHERE s >= 0 ORDER BY number) f
    JOIN (SELECT id, brand_id, row_number() OVER (ORDER BY id) - 1 AS place FROM parties_store) t
        ON t.place = (f.number + s) %% (SELECT count(*) FROM parties_store)"""
_SPEND_TRANSFERS = (
    "INSERT INTO ledger_transfer (id, key, reason, posted_at)"
    f" SELECT {id_sql('key')}, key, 'spend', at FROM ({_SPENDS}) p ORDER BY s, number"
)
_SPEND_POSTINGS = (
    "INSERT INTO ledger_posting (transfer_id, source_id, target_id, points, posted_at)"
    f" SELECT {id_sql('key')}, wallet_id, a.id, CASE WHEN s < 3 THEN 2 ELSE 1 END * %(points)s, at"
    f" FROM ({_SPENDS}) p"
    " JOIN ledger_account a ON a.kind = 'accepted' AND a.brand_id = p.brand_id ORDER BY s, number"
)
_USES = (
    "INSERT INTO ledger_lotuse"
    " (program_id, transfer_id, lot_id, kind, funder_id, acceptor_id, store_id, points, posted_at)"
    f" SELECT %(program)s, {id_sql('key')}, o.id, 'spend', o.funder_id, brand_id, store_id, %(points)s, at"
    f" FROM ({_SPENDS}) p JOIN ("
    "   SELECT id, wallet_id, funder_id,"
    "     row_number() OVER (PARTITION BY wallet_id ORDER BY expires_at, id) - 1 AS n"
    "   FROM ledger_lot"
    " ) o ON o.wallet_id = p.wallet_id"
    "   AND (CASE WHEN o.n < 6 THEN o.n / 2 ELSE o.n - 3 END) = p.s AND o.n < %(used)s"
    " ORDER BY s, number"
)
_USE_UP = (
    "UPDATE ledger_lot l SET remaining_points = 0"
    " WHERE EXISTS (SELECT 1 FROM ledger_lotuse u WHERE u.lot_id = l.id)"
)
_DEBIT = (
    "UPDATE ledger_account a SET balance = balance - %(used)s * %(points)s"
    " FROM filled_wallet f WHERE f.id = a.id"
)
