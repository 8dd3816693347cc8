"""What the guard costs a claim: `python -m tests.benchmarks.bench_guard`.

One connection, Redis beside it, the claim with and without the guard in turn; medians, and their ratio.
"""

import statistics
import time
from collections.abc import Callable
from datetime import timedelta

from tests.benchmarks.stage import production
from tests.benchmarks.table import Row, print_table

PAIRS, SETTLED = 3_000, 100


def rows() -> list[Row]:
    """Milliseconds of a claim without and with the guard, and of the guard on the database alone."""
    with production():
        from django.conf import settings
        from django.utils import timezone

        from giftcodes import services as giftcodes
        from tests import make

        now = timezone.now()
        window = {"claim_from": now - timedelta(days=1), "claim_until": now + timedelta(days=30)}
        batch, member = make.live_batch(size=20_000, **window), make.member()
        asker = giftcodes.Asker(member, "203.0.113.9")
        places = iter(range(20_000))

        def seconds(claim: Callable[[str], object]) -> float:
            code = make.code_of(batch, next(places))
            begun = time.perf_counter()
            claim(code)
            return time.perf_counter() - begun

        def bare(code: str) -> object:
            return giftcodes.claim_code(text=code, member=member)

        def guarded(code: str) -> object:
            return giftcodes.try_code(text=code, asker=asker)

        pairs = [(seconds(bare), seconds(guarded)) for _ in range(SETTLED + PAIRS)][SETTLED:]
        settings.REDIS_URL = ""
        fallback = [(seconds(bare), seconds(guarded)) for _ in range(SETTLED + PAIRS)][SETTLED:]
        first, second = (statistics.median(column) for column in zip(*pairs, strict=True))
        without, third = (statistics.median(column) for column in zip(*fallback, strict=True))
        return [
            Row("a claim without the guard", first * 1e3, "ms", 1.0),
            Row("a claim with the guard on Redis", second * 1e3, "ms", second / first),
            Row("a claim with the guard on the database", third * 1e3, "ms", third / without),
        ]


if __name__ == "__main__":
    print_table(rows())
