"""What an issue of a gift costs, one process and one connection: `python -m tests.benchmarks.bench_gifts`.

The service alone, without HTTP, on PostgreSQL with fsync on: single gifts, repeats of their keys, requests of
100 and of 1,000. At the end the audit must find nothing.
"""

import itertools
import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from tests.benchmarks.stage import production
from tests.benchmarks.table import Row, print_table

SETTLED, SINGLES, LARGE = 50, 1_000, 20


def rows() -> list[Row]:
    """Gifts per second, milliseconds, and round trips and statements of one issue."""
    with production():
        from django.utils import timezone

        from giftcodes import audit
        from giftcodes import services as giftcodes
        from giftcodes.services import GiftWanted
        from tests import make

        now = timezone.now()
        window = {"claim_from": now - timedelta(days=1), "claim_until": now + timedelta(days=30)}
        batch = make.gift_batch(size=200_000, approved_at=now - timedelta(hours=1), **window)
        client, numbers = make.api_client(batch.brand), itertools.count()

        def issue(gifts: int, key: str = "") -> None:
            giftcodes.issue_gifts(
                client=client,
                key=key or f"key-{next(numbers)}",
                group=batch.limit_group,
                gifts=[GiftWanted()] * gifts,
            )

        singles = _seconds(lambda: issue(1), SETTLED + SINGLES)[SETTLED:]
        repeats = _seconds(lambda: issue(1, "key-0"), SETTLED + SINGLES)[SETTLED:]
        hundreds = _seconds(lambda: issue(100), SETTLED + LARGE)[SETTLED:]
        thousands = _seconds(lambda: issue(1_000), LARGE)
        trips, statements = _sent(lambda: issue(1))
        assert not list(audit.differences())
        return [
            _row(
                "single gifts", singles, 1, f"{trips} round trips, {statements} statements with BEGIN, COMMIT"
            ),
            _row("repeats of a key", repeats, 1),
            _row("requests of 100", hundreds, 100),
            _row("requests of 1,000", thousands, 1_000),
        ]


def _seconds(call: Callable[[], None], times: int) -> list[float]:
    found = []
    for _ in range(times):
        begun = time.perf_counter()
        call()
        found.append(time.perf_counter() - begun)
    return found


def _row(name: str, seconds: list[float], gifts: int, note: str = "") -> Row:
    middle = statistics.median(seconds)
    late = statistics.quantiles(seconds, n=100)[98] if len(seconds) >= 100 else max(seconds)
    told = (
        f"{middle * 1e3:.2f} ms, p99 {late * 1e3:.2f} ms" if len(seconds) >= 100 else f"{middle * 1e3:.1f} ms"
    )
    return Row(name, gifts / middle, "gifts/s", None, f"{told}; {note}" if note else told)


def _sent(call: Callable[[], None]) -> tuple[int, int]:
    from ledger import pipeline

    sends, seen = pipeline._exchange, []

    def exchange(link: Any, calls: Any) -> Any:
        seen.append(len(calls))
        return sends(link, calls)

    with patch.object(pipeline, "_exchange", exchange):
        call()
    return len(seen), sum(seen)


if __name__ == "__main__":
    print_table(rows())
