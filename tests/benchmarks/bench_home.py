"""The admin's home page beside 1,000 campaigns, 10,000 batches and 5,000,000 claims on PostgreSQL; and what
the same curves would cost if claims were read for them. `python -m tests.benchmarks.bench_home [--scale .1]`

The six busiest campaigns have nearly half of the claims.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from tests.benchmarks.stage import production
from tests.benchmarks.table import Row, print_table

CAMPAIGNS, BATCHES_EACH, CLAIMS = 1_000, 10, 5_000_000
BUSIEST, BRANDS, SIZE, POSTINGS = 6, 20, 50_000, 200_000
TURNS = 11
_FRAME = "admin:parties_store_add"


def rows(*, scale: float = 1.0) -> list[Row]:
    """Name, figure and unit of each measurement."""
    with production():
        from ledger.statements import database_time

        at = database_time()
        brand = _fill(int(CAMPAIGNS * scale), int(CLAIMS * scale), at)
        return [
            Row("a page with nothing on it but the frame", _page_of(brand, _FRAME) * 1e3, "ms"),
            Row("home page, marketer of a brand", _page_of(brand) * 1e3, "ms"),
            Row("home page, the operator's marketer", _page_of(None) * 1e3, "ms"),
            *_curves(at),
            *_watch(at),
        ]


def _fill(campaigns: int, claims: int, at: Any) -> Any:
    from django.db import connection

    from campaigns.legal import LegalForm
    from campaigns.models import Campaign
    from giftcodes import services as giftcodes
    from tests import make

    giftcodes.open_series(digit=1, at=at)
    first = make.brand(funds=10**9)
    brands = [first, *(make.brand(funds=10**9, program=first.program) for _ in range(BRANDS - 1))]
    made = Campaign.objects.bulk_create(
        Campaign(
            brand=brands[number % BRANDS],
            slug=f"c-{number}",
            name=f"Campaign {number}",
            title_ja="特典",
            starts_at=at - timedelta(days=60),
            ends_at=at + timedelta(days=60),
            published_at=at,
            legal_form=LegalForm.DISCOUNT,
            least_age=18,
        )
        for number in range(campaigns)
    )
    values = {
        "campaign": made[0].pk,
        "batches": campaigns * BATCHES_EACH,
        "each": BATCHES_EACH,
        "busy": BUSIEST * BATCHES_EACH,
        "size": SIZE,
        "claims": claims,
        "busy_claims": claims * 45 // 100,
        "postings": min(POSTINGS, claims),
        "program": first.program_id,
        "brand": first.pk,
        "user": make.user(is_staff=True).pk,
        "other": make.user(is_staff=True).pk,
        "at": at,
    }
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for statement in _STATEMENTS:
            cursor.execute(statement, values)
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("ANALYZE")
    return first


def _page_of(brand: Any, page: str = "admin:index") -> float:
    """Seconds of the page; the median of some, after one that fills what a process remembers."""
    from django.test import Client, override_settings
    from django.urls import reverse

    from parties.models import Role
    from tests import make
    from tests.benchmarks.stage import SITE
    from tests.factors import let_in

    client = let_in(
        Client(headers={"host": SITE, "x-forwarded-proto": "https"}), make.staff(Role.MARKETER, brand)
    )
    with override_settings(ALLOWED_HOSTS=["*"]):
        return _median(lambda: _answered(client.get(reverse(page), secure=True)))


def _answered(answer: Any) -> None:
    assert answer.status_code == 200, answer.status_code


def _curves(at: Any) -> list[Row]:
    from campaigns import results
    from campaigns.models import Campaign
    from campaigns.running import running_campaigns
    from giftcodes.models import Batch

    ids = list(Campaign.objects.order_by("pk").values_list("pk", flat=True)[:BUSIEST])
    batches = list(Batch.objects.filter(order__campaign__in=ids))
    by_claims = _median(lambda: results._by_day(results.claims_of(batches)), turns=3)
    by_counts = _median(lambda: running_campaigns(Campaign.objects.all(), at=at))
    return [
        Row("curves of six campaigns, from the counts", by_counts * 1e3, "ms", 1.0),
        Row("the same from their claims", by_claims * 1e3, "ms", by_claims / by_counts),
    ]


def _watch(at: Any) -> list[Row]:
    from campaigns import services as campaigns
    from campaigns.alert_models import Watch

    begun = time.perf_counter()
    while campaigns.count_claims():
        pass
    counted = time.perf_counter() - begun
    campaigns.look_for_alerts(at=at)
    looked = _median(lambda: campaigns.look_for_alerts(at=at), turns=5)
    return [
        Row("claims counted", Watch.objects.get().counted_until / counted, "/s"),
        Row("a look for alerts", looked * 1e3, "ms"),
    ]


def _median(call: Callable[[], object], *, turns: int = TURNS) -> float:
    call()
    spent = []
    for _ in range(turns):
        begun = time.perf_counter()
        call()
        spent.append(time.perf_counter() - begun)
    return statistics.median(spent)


# The busiest have nearly half.
_PLACE = """CASE WHEN n < %(busy_claims)s THEN n %% %(busy)s
    ELSE %(busy)s + n %% (%(batches)s - %(busy)s) END"""
_SERIAL = """CASE WHEN n < %(busy_claims)s THEN n / %(busy)s
    ELSE (n - %(busy_claims)s) / (%(batches)s - %(busy)s) END"""
_ACCOUNTS = """INSERT INTO ledger_account (program_id, kind, label, brand_id, opened_at)
    SELECT %(program)s, 'unclaimed', 'bench:' || n, %(brand)s, %(at)s
    FROM generate_series(1, %(batches)s) n"""
_BATCHES = """INSERT INTO giftcodes_batch (public_id, order_key, brand_id, series_id, first_serial, size,
        unclaimed_id, master_key_id, wrapped_key, face_points, claim_from, claim_until, lot_life_days,
        limit_per_member, limit_group, claim_url_base, activation, most_points, state, minted_codes,
        approved_at, minted_at, activated_at)
    SELECT gen_random_uuid(), 'bench-' || n, c.brand_id, 1, (n - 1) * %(size)s, %(size)s, a.id, 'bench',
        ''::bytea, 1, %(at)s - interval '40 days', %(at)s + interval '40 days', 180, NULL, 'group-' || c.id,
        'https://points.example.com/c/x/', 'at_start', NULL, 'active', %(size)s, %(at)s, %(at)s, %(at)s
    FROM generate_series(1, %(batches)s) n
    JOIN campaigns_campaign c ON c.id = %(campaign)s + (n - 1) / %(each)s
    JOIN ledger_account a ON a.label = 'bench:' || n ORDER BY n"""
_ORDERS = """INSERT INTO campaigns_order (public_id, campaign_id, face_points, issuing, claim_from,
        claim_until, lot_life_days, activation, state, requested_by_id, submitted_at, submitted_hash,
        submissions, decided_by_id, decided_at, decision_note, batch_id)
    SELECT gen_random_uuid(), %(campaign)s + (b.n - 1) / %(each)s, 1, 'file', b.claim_from, b.claim_until,
        180, 'at_start', 'approved', %(user)s, %(at)s, 'x', 1, %(other)s, %(at)s, '', b.id
    FROM (SELECT *, row_number() OVER (ORDER BY id) AS n FROM giftcodes_batch) b"""
_CHANNELS = """INSERT INTO campaigns_orderchannel (order_id, name, quantity)
    SELECT id, 'poster', %(size)s FROM campaigns_order"""
_DELIVERIES = """INSERT INTO giftcodes_delivery (public_id, batch_id, recipient_id, salt, sealed_until,
        row_count, total_points, content_sha256, sealed_sha256, sealed_bytes, sealed_at, downloaded_at)
    SELECT gen_random_uuid(), id, %(user)s, ''::bytea, 0, size, size, 'x', 'x', 1, %(at)s, %(at)s
    FROM giftcodes_batch"""
_CLAIMS = f"""INSERT INTO giftcodes_claim (id, batch_id, member_id, points, claimed_at)
    SELECT 1000000000 + ({_PLACE})::bigint * %(size)s + {_SERIAL},
        (SELECT MIN(id) FROM giftcodes_batch) + {_PLACE}, 1, 1,
        %(at)s - (n %% 2592000) * interval '1 second'
    FROM generate_series(0::bigint, %(claims)s - 1) n"""
_COUNTS = """INSERT INTO campaigns_claimcount (campaign_id, hour, claims, points)
    SELECT %(campaign)s + c, date_trunc('hour', %(at)s::timestamptz) - h * interval '1 hour',
        5 + (c * h) %% 7, 5
    FROM generate_series(0, %(batches)s / %(each)s - 1) c, generate_series(0, 719) h"""
_TRANSFERS = """INSERT INTO ledger_transfer (id, key, reason, posted_at)
    SELECT substr(encode(sha256(('claim:' || n)::bytea), 'hex'), 1, 32)::uuid, 'claim:' || n, 'claim',
        %(at)s - interval '2 days' + n * interval '100 ms'
    FROM generate_series(1, %(postings)s) n"""
_POSTINGS = """INSERT INTO ledger_posting (transfer_id, source_id, target_id, points, posted_at)
    SELECT t.id, a.id, 1, 1, t.posted_at
    FROM generate_series(1, %(postings)s) n
    JOIN ledger_transfer t ON t.key = 'claim:' || n
    JOIN ledger_account a ON a.label = 'bench:' || (1 + n %% %(batches)s) ORDER BY n"""
_STATEMENTS = [
    _ACCOUNTS,
    _BATCHES,
    _ORDERS,
    _CHANNELS,
    _DELIVERIES,
    _CLAIMS,
    _COUNTS,
    _TRANSFERS,
    _POSTINGS,
]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bench_home", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="of the size above")
    print_table(rows(scale=parser.parse_args().scale))
