"""A ledger of 5,000,000 postings beside an empty one: `python -m tests.benchmarks.bench_growth [--scale .1]`.

Production settings, PostgreSQL with fsync and synchronous_commit on. Two databases on one server, each with a
process of its own, take turns in short rounds; each act is one of a wallet that nobody has touched before.
Then: wallets of 10,000 lots, settlement, cutting the tables into partitions while claims go on, and the
expiry of 1,000,000 lots, killed in the middle and begun again. The audit must find nothing at the end.
`--explain` prints how PostgreSQL answers the questions behind it.
"""

import argparse
import importlib
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

import psycopg

from tests.benchmarks.stage import production
from tests.benchmarks.table import Row, print_table

WALLETS, DUE_LOTS, LOTS = 100_000, 1_000_000, 10_000
ROUNDS, TIMES = 20, 25
ACTS = (
    "spend of three lots",
    "claim",
    "balance of a wallet",
    "balance as of 100 days ago",
    "wallet page: lots and history",
)


def rows(scale: float = 1.0, due_lots: int = DUE_LOTS, *, explains: bool = False) -> list[Row]:
    """Medians and 95th percentiles, with their ratio to the empty ledger, and the large acts."""
    with production() as folder, _another_database() as empty_url:
        with _Ledger(os.environ["DATABASE_URL"]) as grown, _Ledger(empty_url) as empty:
            wallets = int(WALLETS * scale)
            _say("filling")
            empty.call("prepare", len(ACTS) * (ROUNDS * TIMES + 50), False)
            seconds, postings = grown.call("prepare", wallets, True)
            _say(f"filled with {postings:,} postings in {seconds:.0f} s")
            found = [*_side_by_side(grown, empty), *_many_lots(grown), *_settlement(grown)]
            if explains:
                print(grown.call("explain"), file=sys.stderr)
            _say("cutting")
            found += _cutting(grown, folder)
            _say("adding lots that have ended")
            due = grown.call("add_due", due_lots)
        _say("expiring")
        found += _expiry(due)
        return found


class _Ledger:
    """A process with its own database."""

    def __init__(self, url: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(1, mp_context=context, initializer=_enter, initargs=(url,))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def start(self, name: str, *arguments: object) -> "Future[Any]":
        return self._pool.submit(_run, name, *arguments)

    def call(self, name: str, *arguments: object) -> Any:
        return self.start(name, *arguments).result()


def _enter(url: str) -> None:
    import django
    from django.core.management import call_command

    os.environ["DATABASE_URL"] = url
    django.setup()
    call_command("migrate", verbosity=0)


def _run(name: str, *arguments: object) -> Any:
    function: Callable[..., Any] = getattr(importlib.import_module("tests.benchmarks.growth_ledger"), name)
    return function(*arguments)


@contextmanager
def _another_database() -> Iterator[str]:
    """Beside that of the settings, on the same server."""
    url = os.environ["DATABASE_URL"]
    name = f"{urlsplit(url).path[1:]}_empty"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    try:
        yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _side_by_side(grown: _Ledger, empty: _Ledger) -> list[Row]:
    times: dict[tuple[str, _Ledger], list[float]] = {
        (act, side): [] for act in ACTS for side in (grown, empty)
    }
    for side in (grown, empty):
        side.call("warm_up")
    for _ in range(ROUNDS):
        for act in ACTS:
            for side in (grown, empty):
                times[act, side] += side.call("measure", act, TIMES)
    found = []
    for act in ACTS:
        large, small = times[act, grown], times[act, empty]
        found.append(Row(act, median(large), "ms", median(large) / median(small), "median"))
        found.append(
            Row(act, _p95(large), "ms", _p95(large) / _p95(small), f"p95; empty: {_p95(small):.3g} ms")
        )
    return found


def _p95(times: list[float]) -> float:
    return quantiles(times, n=20)[-1]


def _many_lots(grown: _Ledger) -> list[Row]:
    one, hundred, rest = [], [], []
    for _ in range(3):
        one += grown.call("spend_from_many", LOTS, [1] * 30)[1:]
        hundred += grown.call("spend_from_many", LOTS, [100] * 30)[1:]
        rest += grown.call("spend_from_many", LOTS, [1, LOTS - 1])[1:]
    of = f"of {LOTS:,}"
    return [
        Row(f"spend from a wallet {of} lots, takes 1", median(one), "ms", None, f"p95 {_p95(one):.3g} ms"),
        Row(
            f"spend from a wallet {of} lots, takes 100",
            median(hundred),
            "ms",
            None,
            f"p95 {_p95(hundred):.3g} ms",
        ),
        Row(f"spend from a wallet {of} lots, takes {LOTS - 1:,}", median(rest), "ms", None, "median of 3"),
    ]


def _settlement(grown: _Ledger) -> list[Row]:
    seconds, uses, megabytes = grown.call("settle")
    return [Row(f"settlement of {uses:,} uses", seconds, "s", None, f"{megabytes:.1f} MB more memory")]


def _cutting(grown: _Ledger, folder: Path) -> list[Row]:
    """The tables are cut by another process while this one claims."""
    stop = folder / "stop"
    usual = grown.call("measure", "claim", 200)
    claims = grown.start("claim_until", str(stop))
    with _Ledger(os.environ["DATABASE_URL"]) as other:
        seconds = other.call("cut")
    stop.touch()
    during = claims.result()
    note = f"longest claim {max(during):.3g} ms, of {len(during):,}; usually {max(usual):.3g} ms at most"
    return [Row("cutting both tables into partitions", seconds, "s", None, note)]


def _expiry(due: int) -> list[Row]:
    """Begun, killed when about half is done, begun again."""
    url = os.environ["DATABASE_URL"]
    context = multiprocessing.get_context("spawn")
    worker = context.Process(target=_expire_alone, args=(url,))
    worker.start()
    with psycopg.connect(url, autocommit=True) as connection:
        while (moved := _moved(connection)) < due // 2 and worker.is_alive():
            time.sleep(0.05)
        worker.kill()
        worker.join()
        connection.execute("SELECT pg_sleep(1)")  # what the killed process had sent has ended
        moved = _moved(connection)
    with _Ledger(url) as other:
        seconds, rest, megabytes = other.call("expire_all")
        lots, points = other.call("expired")
        differences = other.call("prove")
    if lots != due or points != due * 100 or differences:
        raise RuntimeError(f"{lots:,} lots, {points:,} points of {due:,}; {differences[:5]}")
    return [
        Row(
            f"expiry of {due:,} lots, killed at {moved:,}",
            rest / seconds,
            "lots/s",
            None,
            f"the rest in {seconds:.0f} s",
        ),
        Row("expiry: memory after its first step", megabytes, "MB more", None, "the audit finds nothing"),
    ]


def _expire_alone(url: str) -> None:
    _enter(url)
    _run("expire_all")


def _moved(connection: "psycopg.Connection[Any]") -> int:
    found = connection.execute("SELECT count(*) FROM ledger_lotuse WHERE kind = 'expiry'").fetchone()
    return found[0] if found else 0


def _say(text: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bench_growth", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="of the 100,000 wallets (default 1)")
    parser.add_argument("--due", type=int, default=DUE_LOTS, help="lots to expire (default 1,000,000)")
    parser.add_argument("--explain", action="store_true", help="print the plans as well")
    options = parser.parse_args()
    print_table(rows(options.scale, options.due, explains=options.explain))
