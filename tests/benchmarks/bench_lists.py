"""The admin's lists, charts and reports beside 1,000 campaigns, 10,000 batches and 5,000,000 claims:
`python -m tests.benchmarks.bench_lists [--scale .1]`, ten minutes at full size.

Production settings on PostgreSQL, in one process: a page is what Django's test client gets, from the
middleware to the last byte, as people of the brand with the largest campaign, of a brand with a twentieth of
the others, of a brand with nothing, and of the operator. A page is read once, so that it
is warm, and then three times; the figure is the median. What takes long to count has been counted before, by
the worker's task, as it is whenever somebody asked for it; how long that took is told as well.
"""

import argparse
import logging
import time
from collections.abc import Iterator
from datetime import datetime
from statistics import median
from typing import Any

from tests.benchmarks.stage import SITE, production
from tests.benchmarks.table import Row, print_table

TIMES = 3
APPS = {"campaigns", "giftcodes", "ledger", "parties"}
AIM_MS = 300


def rows(scale: float = 1.0) -> list[Row]:
    """The slowest pages of each person, and how many pages there are and are over the aim."""
    with production():
        from ledger.statements import database_time

        logging.disable(logging.WARNING)  # pages that a role may not see say so
        return list(_measured(scale, database_time()))


def _measured(scale: float, now: datetime) -> Iterator[Row]:
    from django.db import connection

    from giftcodes.models import Claim
    from tests.benchmarks.lists_fill import fill

    filled = fill(scale=scale, now=now)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    yield Row("claims", Claim.objects.count(), "rows")
    people = _people(filled)
    yield Row("claims counted by the hour, as the watch does", _caught_up(), "s")
    for person in people.values():  # asks for all that is costly
        client = _client(person)
        for address in _addresses(filled):
            client.get(address)
    figures, seconds = _counted()
    yield Row("costly figures counted by the worker", seconds, "s", None, f"{figures} figures")
    for name, person in people.items():
        times = dict(_times(person, _addresses(filled)))
        slowest = sorted(times, key=lambda address: -times[address])[:3]
        over = sum(ms > AIM_MS for ms in times.values())
        note = f"{over} of {len(times)} pages over {AIM_MS} ms"
        yield Row(f"{name}: median of the pages", median(times.values()), "ms", None, note)
        for address in slowest:
            yield Row(f"{name}: {address}", times[address], "ms")


def _caught_up() -> float:
    from campaigns import services as campaigns

    begun = time.perf_counter()
    while campaigns.count_claims():
        pass
    return time.perf_counter() - begun


def _counted() -> tuple[int, float]:
    from campaigns import services as campaigns
    from ledger.statements import database_time

    begun, figures = time.perf_counter(), 0
    while done := campaigns.count_sheets(at=database_time()):
        figures += done
    return figures, time.perf_counter() - begun


def _people(filled: Any) -> dict[str, Any]:
    from parties.models import Role
    from tests import make

    other = filled.giant.brand.program.brands.order_by("pk")[1]
    empty = make.brand(program=other.program, slug="nothing-yet")
    return {
        "marketer of the largest brand": filled.staff[Role.MARKETER],
        "auditor of the largest brand": filled.staff[Role.AUDITOR],
        "marketer of another brand": make.staff(Role.MARKETER, other),
        "auditor of another brand": make.staff(Role.AUDITOR, other),
        "auditor of a brand with nothing": make.staff(Role.AUDITOR, empty),
        "operator's finance": make.staff(Role.FINANCE, None),
    }


def _addresses(filled: Any) -> list[str]:
    """Each list, and each page with a chart or sums."""
    from django.contrib import admin
    from django.urls import reverse

    lists = [
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for model in admin.site._registry
        if model.__module__.split(".")[0] in APPS
    ]
    order = filled.giant.orders.order_by("pk").first()
    small = filled.giant.brand.campaigns.order_by("-pk").first()
    return [
        reverse("admin:index"),
        *lists,
        reverse("admin:campaigns_campaign_all_results"),
        reverse("admin:campaigns_campaign_liability"),
        *(reverse(f"admin:ledger_report_{name}") for name in ("liability", "breakage", "trial-balance")),
        *(reverse("admin:campaigns_campaign_results", args=(one.pk,)) for one in (filled.giant, small)),
        reverse("admin:campaigns_campaign_change", args=(filled.giant.pk,)),
        reverse("admin:campaigns_order_change", args=(order.pk,)),
        reverse("admin:giftcodes_batch_change", args=(order.batch_id,)),
    ]


def _client(person: Any) -> Any:
    from django.test import Client

    from tests.factors import let_in

    return let_in(Client(headers={"host": SITE, "x-forwarded-proto": "https"}), person)


def _times(person: Any, addresses: list[str]) -> Iterator[tuple[str, float]]:
    """In milliseconds, of those pages that the person may see."""
    client = _client(person)
    for address in addresses:
        if client.get(address).status_code != 200:
            continue
        found = []
        for _ in range(TIMES):
            begun = time.perf_counter()
            client.get(address)
            found.append((time.perf_counter() - begun) * 1000)
        yield address, median(found)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bench_lists", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="of the 5,000,000 claims (default 1)")
    print_table(rows(parser.parse_args().scale))
