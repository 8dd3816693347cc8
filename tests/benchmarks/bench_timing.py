"""Whether the time of a refusal tells why (T21): `python -m tests.benchmarks.bench_timing [SAMPLES]`.

Unknown, void, used and another brand's void code, in turn, through the page, through the page that takes a
membership number, on the way to the sign-in and, for what the pages even out, through the service alone.
Welch's t of each kind against unknown; below 4.5 nothing can be told. The guard's limits are raised, or it
would end the measurement after five tries.
"""

import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from math import sqrt
from typing import NamedTuple
from unittest.mock import patch

from tests.benchmarks.stage import SITE, production
from tests.benchmarks.table import Row, print_table

SAMPLES = 10_000  # of each kind
THREADS = 4
KINDS = ("unknown", "void", "used", "another brand's, void")
SETTLED = 20  # first tries of each thread, which are not counted


class Sample(NamedTuple):
    kind: str
    seconds: float


def rows(samples: int = SAMPLES) -> list[Row]:
    """Welch's t and the mean of each kind, through the page and through the service."""
    with production():
        from giftcodes.guarding import rules, visitors
        from giftcodes.services import tries

        strikes = (
            "STRIKES_PER_PERSON",
            "STRIKES_PER_ADDRESS",
            "STRIKES_PER_NETWORK",
            "STRIKES_OF_STRANGERS",
            "UNKNOWN_ENTRIES",
        )
        for name in strikes:
            patch.object(visitors, name, 10**9).start()
        calm = rules.Breaker(least_tries=10**9)
        patch.object(tries, "Site", partial(rules.Site, breaker=calm)).start()
        codes = _codes()
        table = []
        ways = (
            ("page", _page),
            ("without a sign-in", _stranger),
            ("entered only", _entry),
            ("service", _service),
        )
        for name, ask in ways:
            with ThreadPoolExecutor(THREADS) as pool:
                parts = pool.map(lambda _, ask=ask: _measure(ask, codes, samples // THREADS), range(THREADS))
                taken = [sample for part in parts for sample in part]
            table += _rows(name, taken)
        return table


def _measure(ask: Callable[[], Callable[[str], None]], codes: dict[str, str], samples: int) -> list[Sample]:
    """In turn, so that whatever drifts drifts for all kinds."""
    from django.db import connections

    try_once = ask()
    taken = []
    for number in range(SETTLED + samples):
        for shift in range(len(KINDS)):
            kind = KINDS[(number + shift) % len(KINDS)]
            begun = time.perf_counter()
            try_once(codes[kind])
            if number >= SETTLED:
                taken.append(Sample(kind, time.perf_counter() - begun))
    connections.close_all()
    return taken


def _page() -> Callable[[str], None]:
    from django.test import Client

    from parties.models import Member
    from tests import make

    client = Client(headers={"host": SITE, "x-forwarded-proto": "https"})
    person = make.user()
    Member.objects.create(user=person)
    client.force_login(person, backend="redemption_site.access.MemberBackend")

    def post(code: str) -> None:
        status = client.post("/claim/", {"code": code}, secure=True).status_code
        if status != 422:
            raise RuntimeError(f"the page answered {status}")

    return post


def _stranger() -> Callable[[str], None]:
    from django.test import Client

    from redemption_site.pending import mark_of
    from tests import make

    client = Client(headers={"host": SITE, "x-forwarded-proto": "https"})
    number = make.membership_number()

    def post(code: str) -> None:
        client.post("/claim/", {"code": code, "campaign": "timing", "number": "1"}, secure=True)
        form = {"membership_number": number, "shown": mark_of(code)}
        status = client.post("/claim/number/", form, secure=True).status_code
        if status != 422:
            raise RuntimeError(f"the page answered {status}")

    return post


def _entry() -> Callable[[str], None]:
    """Somebody who is sent to the sign-in: what differs could only be the counting of the try, which the
    test's client waits for, though people don't.
    """
    from django.test import Client

    client = Client(headers={"host": SITE, "x-forwarded-proto": "https"})

    def post(code: str) -> None:
        status = client.post("/claim/", {"code": code}, secure=True).status_code
        if status != 303:
            raise RuntimeError(f"the page answered {status}")

    return post


def _service() -> Callable[[str], None]:
    from giftcodes import services as giftcodes
    from giftcodes.errors import CodeNotUsable
    from tests import make

    asker = giftcodes.Asker(make.member(), "203.0.113.9")

    def claim(code: str) -> None:
        try:
            giftcodes.try_code(text=code, asker=asker)
        except CodeNotUsable:
            return
        raise RuntimeError("a code was claimed")

    return claim


def _codes() -> dict[str, str]:
    from django.utils import timezone

    from campaigns.models import KnownBy
    from campaigns.queries import limit_group_of
    from giftcodes import services as giftcodes
    from tests import make
    from tests.giftcodes.guarded import unknown_code
    from tests.redemption_site import visits

    now = timezone.now()
    window = {"claim_from": now - timedelta(days=1), "claim_until": now + timedelta(days=30)}
    campaign = visits.campaign(
        brand=make.brand(funds=1_000_000), slug="timing", known_by=KnownBy.MEMBERSHIP_NUMBER
    )
    make.number_pattern(campaign.brand)
    group = limit_group_of(campaign)
    ours = make.live_batch(size=1_000, brand=campaign.brand, limit_group=group, **window)
    theirs = make.live_batch(size=1_000, **window)
    for batch in (ours, theirs):
        first = batch.first_serial
        giftcodes.void_codes(batch_id=batch.pk, first_serial=first, last_serial=first, **make.decided(batch))
    giftcodes.claim_code(text=make.code_of(ours, 1), member=make.member())
    return {
        "unknown": unknown_code(ours, 10**8),
        "void": make.code_of(ours),
        "used": make.code_of(ours, 1),
        "another brand's, void": make.code_of(theirs),
    }


def _rows(name: str, taken: list[Sample]) -> list[Row]:
    times = {kind: [sample.seconds for sample in taken if sample.kind == kind] for kind in KINDS}
    unknown = times[KINDS[0]]
    table = []
    for kind in KINDS[1:]:
        note = (
            f"mean {statistics.fmean(times[kind]) * 1e3:.3f} ms, of unknown"
            f" {statistics.fmean(unknown) * 1e3:.3f} ms, {len(unknown):,} each"
        )
        table.append(Row(f"{name}: {kind}", abs(welch(times[kind], unknown)), "t", note=note))
    return table


def welch(first: list[float], second: list[float]) -> float:
    """Welch's t: the difference of the means in its own standard errors."""
    spread = statistics.variance(first) / len(first) + statistics.variance(second) / len(second)
    return (statistics.fmean(first) - statistics.fmean(second)) / sqrt(spread)


if __name__ == "__main__":
    print_table(rows(int(sys.argv[1]) if len(sys.argv) > 1 else SAMPLES))
