"""Fills the tables with claims, as a campaign would, in SQL: the service would take hours.

The audit finds nothing.
Claims are spread over many members and over the serials of a batch of their own, in the order of time. Django
must be set up on PostgreSQL, as a superuser.
"""

from datetime import datetime, timedelta
from math import gcd

from giftcodes.models import Batch
from tests.benchmarks.growth_fill import MEMBERS, TABLE, id_sql, in_sql

_PERIOD, _STRIDE = timedelta(hours=20), 7_368_787  # a prime: neighbours in time are none by serial


def fill_claims(batch: Batch, *, first: int, number: int, wallets: int, now: datetime) -> None:
    """Claim `number` codes of the batch from its place `first` on, for so many new members."""
    if gcd(_STRIDE, number) != 1:
        raise ValueError("the stride has to reach every serial")
    start = now - _PERIOD
    in_sql(TABLE, MEMBERS, wallets=wallets, program=batch.brand.program_id, start=start)
    in_sql(
        _CLAIM,
        _TRANSFER,
        _POSTING,
        _LOT,
        _CREDIT,
        number=number,
        stride=_STRIDE,
        first_claim=batch.first_claim_id + first,
        start=start,
        step=_PERIOD / number,
        wallets=wallets,
        batch=batch.pk,
        points=batch.face_points,
        unclaimed=batch.unclaimed_id,
        funder=batch.brand_id,
        life=timedelta(days=batch.lot_life_days + 1),  # to the end of its last day in Japan
    )
    in_sql("DROP TABLE filled_wallet", "ANALYZE")


_CLAIMS = """
    SELECT n, f.id AS wallet_id, f.member_id, %(first_claim)s + (n * %(stride)s) %% %(number)s AS claim_id,
        'claim:' || (%(first_claim)s + (n * %(stride)s) %% %(number)s) AS key, %(start)s + n * %(step)s AS at
    FROM generate_series(0::bigint, %(number)s - 1) n JOIN filled_wallet f ON f.number = n %% %(wallets)s"""
_CLAIM = (
    "INSERT INTO giftcodes_claim (id, batch_id, member_id, points, claimed_at)"
    f" SELECT claim_id, %(batch)s, member_id, %(points)s, at FROM ({_CLAIMS}) c ORDER BY n"
)
_TRANSFER = (
    "INSERT INTO ledger_transfer (id, key, reason, posted_at)"
    f" SELECT {id_sql('key')}, key, 'claim', at FROM ({_CLAIMS}) c ORDER BY n"
)
_POSTING = (
    "INSERT INTO ledger_posting (transfer_id, source_id, target_id, points, posted_at)"
    f" SELECT {id_sql('key')}, %(unclaimed)s, wallet_id, %(points)s, at FROM ({_CLAIMS}) c ORDER BY n"
)
_LOT = (
    "INSERT INTO ledger_lot"
    " (wallet_id, funder_id, transfer_id, granted_points, remaining_points, granted_at, expires_at)"
    f" SELECT wallet_id, %(funder)s, {id_sql('key')}, %(points)s, %(points)s, at,"
    "   (date_trunc('day', at AT TIME ZONE 'Asia/Tokyo') + %(life)s) AT TIME ZONE 'Asia/Tokyo'"
    f" FROM ({_CLAIMS}) c ORDER BY n"
)
_CREDIT = (
    "UPDATE ledger_account a SET balance = balance + c.points FROM ("
    f"SELECT wallet_id, count(*) * %(points)s AS points FROM ({_CLAIMS}) c GROUP BY wallet_id"
    ") c WHERE c.wallet_id = a.id"
)
