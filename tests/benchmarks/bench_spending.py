"""How long a spend takes, from service to commit, in one step and in two: `python -m
tests.benchmarks.bench_spending`.

PostgreSQL as in production, one connection over its socket, wall-clock time; medians and 95th percentiles.
"""

import statistics
import time
from collections.abc import Iterator
from datetime import timedelta

from tests.benchmarks.stage import production
from tests.benchmarks.table import Row, print_table

SPENDS, WALLETS, HOLDS, LOTS, ROUNDS = 2_000, 100, 500, 10_000, 11


def rows() -> list[Row]:
    """Milliseconds of a spend by the number of lots in the wallet and of those that it takes, and of a hold
    and its capture.
    """
    with production():
        few = _times_of_few_lots()
        one_of_many, all_at_once = _times_of_many_lots()
        held, captured = _times_of_holds()
    return [
        *_rows("a lot or two of 3", few),
        *_rows(f"one lot of {LOTS:,}", one_of_many),
        *_rows(f"all {LOTS:,} lots at once", all_at_once),
        *_rows("a hold", held),
        *_rows("its capture in part", captured),
    ]


def _rows(name: str, seconds: list[float]) -> Iterator[Row]:
    ordered = sorted(second * 1_000 for second in seconds)
    yield Row(name, statistics.median(ordered), "ms")
    yield Row(f"{name}, 95 % within", ordered[int(len(ordered) * 0.95)], "ms")


def _times_of_few_lots() -> list[float]:
    """Of 3 lots each: 100 wallets, in turns, and 20 spends of each."""
    from tests import make

    brand = make.brand(funds=SPENDS * 3)
    each = SPENDS // WALLETS
    made = [
        make.rich_wallet(*[(each, days) for days in (10, 20, 30)], funder=brand)[0] for _ in range(WALLETS)
    ]
    store = make.store(brand=brand)
    return [_seconds(made[number % WALLETS].pk, store.pk, 2, f"few-{number}") for number in range(SPENDS)]


def _times_of_many_lots() -> tuple[list[float], list[float]]:
    from tests import make

    brand = make.brand(funds=LOTS * ROUNDS)
    store, one, all_at_once = make.store(brand=brand), [], []
    for number in range(ROUNDS):
        wallet = make.wallet(make.member(), brand.program)
        make.many_lots(wallet, LOTS, funder=brand)
        one += [_seconds(wallet.pk, store.pk, 1, f"one-{number}-{part}") for part in range(50)]
        all_at_once.append(_seconds(wallet.pk, store.pk, LOTS - 50, f"all-{number}"))
    return one, all_at_once


def _times_of_holds() -> tuple[list[float], list[float]]:
    from ledger import services as ledger
    from tests import make
    from tests.make import NOON

    wallet, store = make.rich_wallet(*[(HOLDS, days) for days in (10, 20, 30)])
    held, captured = [], []
    for number in range(HOLDS):
        begun = time.perf_counter()
        hold = ledger.hold_points(
            wallet_id=wallet.pk,
            store_id=store.pk,
            points=2,
            key=f"hold-{number}",
            expires_at=NOON + timedelta(hours=1),
            at=NOON,
        )
        between = time.perf_counter()
        ledger.capture_hold(hold_id=hold.pk, points=1, at=NOON)
        held.append(between - begun)
        captured.append(time.perf_counter() - between)
    return held, captured


def _seconds(wallet_id: int, store_id: int, points: int, key: str) -> float:
    from ledger import services as ledger
    from tests.make import NOON

    begun = time.perf_counter()
    ledger.spend_points(wallet_id=wallet_id, store_id=store_id, points=points, key=key, at=NOON)
    return time.perf_counter() - begun


def main() -> None:
    print_table(rows())


if __name__ == "__main__":
    main()
