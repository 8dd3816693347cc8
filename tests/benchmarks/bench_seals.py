"""Sealed days on PostgreSQL: rows sealed, verified and searched per second, and what closed days cost claims.

The day holds claims as they lie in the tables, a wallet per four of them. The figure of the trigger is taken
with and without it in turns, on a ledger with the closed days of three years.
"""

import statistics
import time
from collections.abc import Callable
from datetime import date, timedelta

from tests.benchmarks.stage import production
from tests.benchmarks.table import Row

CLAIMS = 100_000
CLAIMS_PER_WALLET = 4
CLAIMS_PER_TURN, TURNS = 400, 9
CLOSED_DAYS = 3 * 365
FIRST, SECOND = date(2026, 11, 1), date(2026, 11, 2)


def rows() -> list[Row]:
    """Name, figure and unit of each measurement; the ratio is to a claim without the trigger."""
    with production():
        from django.conf import settings

        from ledger import seal_audit
        from ledger import services as ledger
        from tests.make import NOON

        _fill()
        at = NOON + timedelta(days=2)
        ledger.close_day(day=FIRST, at=at)
        ledger.seal_day(day=FIRST, at=at)
        closed = _seconds(lambda: ledger.close_day(day=SECOND, at=at))
        sealed = _seconds(lambda: ledger.seal_day(day=SECOND, at=at))
        verified = _seconds(lambda: _count(seal_audit.differences(since=SECOND), 0))
        count = _rows_of(SECOND)
        size = sum(path.stat().st_size for path in settings.SEALS_DIR.rglob(f"{SECOND}.seal"))
        without, with_trigger = _claims_without_and_with_the_trigger()
        _tamper()
        named = _seconds(lambda: _count(seal_audit.differences(since=SECOND), 2))  # the head, and the row
        return [
            Row("rows sealed", count / sealed, "/s"),
            Row("rows of a sealed day verified", count / verified, "/s"),
            Row("rows searched for one that was changed", count / named, "/s"),
            Row("a day closed", closed * 1e3, "ms"),
            Row("size of a row in the manifest", size / count, "bytes"),
            Row("a claim", without * 1e6, "µs", 1.0),
            Row("a claim, closed days refused", with_trigger * 1e6, "µs", with_trigger / without),
        ]


def _fill() -> None:
    """A day of claims, in the tables as claims leave them."""
    from django.db import connection

    from ledger import services as ledger
    from tests import make
    from tests.make import NOON

    brand = make.brand(funds=10**9)
    wallets = CLAIMS // CLAIMS_PER_WALLET
    place = f"(SELECT MIN(id) FROM ledger_account WHERE kind = 'wallet') + substr(key, 7)::int %% {wallets}"
    claims = "FROM ledger_transfer WHERE reason = 'claim'"
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "INSERT INTO ledger_account (program_id, kind, label, member_id, balance, floor, opened_at)"
            " SELECT %s, 'wallet', 'wallet:' || n, 1000000 + n, %s, 0, %s + n * interval '100 ms'"
            " FROM generate_series(1, %s) n",
            [brand.program_id, 500 * CLAIMS_PER_WALLET, NOON, wallets],
        )
        cursor.execute(
            "INSERT INTO ledger_transfer (id, key, reason, posted_at)"
            " SELECT substr(encode(sha256(('claim:' || n)::bytea), 'hex'), 1, 32)::uuid, 'claim:' || n,"
            " 'claim', %s + n * interval '30 ms' FROM generate_series(1, %s) n",
            [NOON, CLAIMS],
        )
        cursor.execute(
            "INSERT INTO ledger_posting (transfer_id, source_id, target_id, points, posted_at)"
            f" SELECT id, %s, {place}, 500, posted_at {claims}",
            [ledger.open_funds(brand=brand, at=NOON).pk],
        )
        cursor.execute(
            "INSERT INTO ledger_lot (wallet_id, funder_id, transfer_id, granted_points, remaining_points,"
            f" granted_at, expires_at) SELECT {place}, %s, id, 500, 500, posted_at,"
            f" posted_at + interval '180 days' {claims}",
            [brand.pk],
        )
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("ANALYZE")


def _claims_without_and_with_the_trigger() -> tuple[float, float]:
    """Seconds of a claim, medians of turns; the order changes from turn to turn."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ledger_closedday SELECT day::date, (day + interval '1 day')::timestamp AT TIME ZONE"
            " 'Asia/Tokyo', now() FROM generate_series(%s::date - %s, %s::date - 1, '1 day') day",
            [FIRST, CLOSED_DAYS, FIRST],
        )
    _claim_some(is_guarded=True)
    spent: dict[bool, list[float]] = {False: [], True: []}
    for turn in range(TURNS):
        for is_guarded in (False, True) if turn % 2 else (True, False):
            spent[is_guarded].append(_claim_some(is_guarded=is_guarded))
    return statistics.median(spent[False]), statistics.median(spent[True])


def _claim_some(*, is_guarded: bool) -> float:
    """Seconds per claim of one member, one after the other."""
    from django.db import connection

    from giftcodes import services as giftcodes
    from ledger import services as ledger
    from parties.models import Brand
    from tests import make
    from tests.make import NOON

    at = NOON + timedelta(days=3)
    switch = "ENABLE" if is_guarded else "DISABLE"
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE ledger_transfer {switch} TRIGGER ledger_transfer_closed_day")
    brand, member = Brand.objects.get(), make.member()
    batch = make.live_batch(size=CLAIMS_PER_TURN, brand=brand, approved_at=at)
    ledger.open_wallet(member=member, program=brand.program, at=at)
    codes = [make.code_of(batch, place) for place in range(CLAIMS_PER_TURN)]
    return _seconds(lambda: [giftcodes.claim_code(text=code, member=member, at=at) for code in codes]) / len(
        codes
    )


def _tamper() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "UPDATE ledger_posting SET points = 501 WHERE id = (SELECT MAX(p.id) FROM ledger_posting p"
            " JOIN ledger_transfer t ON t.id = p.transfer_id WHERE t.key = 'claim:7')"
        )
        cursor.execute("SET session_replication_role = origin")


def _rows_of(day: date) -> int:
    from ledger.models import DaySeal

    return sum(DaySeal.objects.filter(day=day).values_list("rows", flat=True))


def _count(found: object, expected: int) -> None:
    assert len(list(found)) == expected  # type: ignore[call-overload]


def _seconds(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


if __name__ == "__main__":
    for row in rows():
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        print(f"{row.name:<48} {row.figure:>12,.1f} {row.unit:<6} {ratio}")
