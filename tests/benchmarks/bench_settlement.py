"""A settlement of a million uses: `python -m tests.benchmarks.bench_settlement [--explain]`, two minutes.

On PostgreSQL as in production. The database makes the uses: a small August, a September of a million, an
October of a million of which one in a hundred came late; 50 brands of 10 stores each, all of which accept the
points of all.
Statements are prepared and closed by the services. Memory is this process's at its peak. Meanwhile somebody
else spends, one spend after another: the longest of them shows what a statement costs at the till.
`--explain` shows the plans.
"""

import resource
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from tests.benchmarks.stage import production
from tests.benchmarks.table import Row, print_table

BRANDS, STORES_EACH = 50, 10
SMALL, LARGE, LATE = 1_000, 1_000_000, 10_000
Result = TypeVar("Result")


def rows(*, explain: bool = False) -> list[Row]:
    """Seconds to prepare and to close, and per file; memory; how long a spender waited."""
    with production():
        return _measured(explain=explain)


def main() -> None:
    print_table(rows(explain="--explain" in sys.argv))


def _measured(*, explain: bool) -> list[Row]:
    from ledger.files.statement import FileKind, statement_file

    place = _Place()
    place.uses(SMALL, month=8)
    place.close(place.prepare(8))
    small = _peak()
    place.uses(LARGE, month=9)
    place.close(place.prepare(9))
    large = _peak()
    place.uses(LARGE - LATE, month=10)
    place.uses(LATE, month=9)
    spender = _Spender()
    prepared, to_prepare = _timed(lambda: place.prepare(10))
    spender.stop()
    closed, to_close = _timed(lambda: place.close(prepared))
    lines = closed.lines.count()
    if explain:
        _explain(closed)
    again = _peak()
    to_write = {kind: _timed(partial(statement_file, closed, kind))[1] for kind in FileKind}
    return [
        Row("prepare a statement of 1,000,000 uses", to_prepare, "s", note=f"{lines:,} lines, 1 % late"),
        Row("close it (all uses counted again)", to_close, "s"),
        *(Row(f"write the {kind.upper()}", seconds, "s") for kind, seconds in to_write.items()),
        Row(f"peak memory after {SMALL:,} uses", small, "MiB"),
        Row(f"peak memory after {LARGE:,} uses", large, "MiB"),
        Row(f"peak memory after {LARGE:,} more", again, "MiB"),
        Row("longest spend while it was prepared", max(spender.taken) * 1000, "ms", note=spender.note()),
    ]


class _Place:
    """A program of many brands, and two people of the operator's finance."""

    def __init__(self) -> None:
        from parties.models import Brand, Role, Store
        from tests import make

        self.first, self.second = make.staff(Role.FINANCE, None), make.staff(Role.FINANCE, None)
        self.program = make.program(slug="bench", name="Bench")
        named = [Brand(program=self.program, slug=f"b-{n}", name=f"Brand {n}") for n in range(BRANDS)]
        self.brands = Brand.objects.bulk_create(named)
        self.stores = Store.objects.bulk_create(
            Store(brand=brand, code=f"s-{n}", name=f"Store {n}")
            for brand in self.brands
            for n in range(STORES_EACH)
        )

    def uses(self, number: int, *, month: int) -> None:
        """So many uses, anywhere and at any moment of the month, of one transfer."""
        from django.db import connection

        from ledger.models import Reason, Transfer

        begins, ends = _begin_of(month), _begin_of(month + 1)
        transfer, _is_new = Transfer.objects.get_or_create(
            pk="00000000-0000-0000-0000-000000000001",
            defaults={"key": "bench", "reason": Reason.SPEND, "posted_at": begins},
        )
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO ledger_lotuse (program_id, transfer_id, lot_id, kind, funder_id, acceptor_id,"
                " store_id, points, posted_at)"
                " SELECT %s, %s, n, 'spend', %s + n %% %s, %s + place / %s, %s + place, 1 + n %% 900,"
                " %s::timestamptz + random() * (%s::timestamptz - %s::timestamptz)"
                " FROM (SELECT n, floor(random() * %s)::int AS place FROM generate_series(1, %s) n) numbers",
                [
                    self.program.pk,
                    transfer.pk,
                    self.brands[0].pk,
                    BRANDS,
                    self.brands[0].pk,
                    STORES_EACH,
                    self.stores[0].pk,
                    begins,
                    ends,
                    begins,
                    BRANDS * STORES_EACH,
                    number,
                ],
            )
            cursor.execute("VACUUM ANALYZE ledger_lotuse")  # as autovacuum does in the course of a month

    def prepare(self, month: int) -> Any:
        from ledger import services as ledger

        ends_at = _begin_of(month + 1)
        return ledger.prepare_settlement(
            program_id=self.program.pk, ends_at=ends_at, user=self.first, at=ends_at
        )

    def close(self, prepared: Any) -> Any:
        from ledger import services as ledger

        return ledger.close_settlement(
            settlement_id=prepared.pk,
            user=self.second,
            sha256=prepared.sha256,
            verified_at=prepared.ends_at,
            at=prepared.ends_at,
        )


class _Spender:
    """Somebody of another program who spends a point, and again, and notes how long each time took."""

    def __init__(self) -> None:
        from tests import make

        self.taken: list[float] = []
        wallet, store = make.rich_wallet((1_000_000, 30))
        self._wallet_id, self._store_id = wallet.pk, store.pk
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._spend)
        self._thread.start()
        while len(self.taken) < 20:
            time.sleep(0.05)

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def note(self) -> str:
        middle = sorted(self.taken)[len(self.taken) // 2]
        return f"of {len(self.taken):,}; half of them in {middle * 1000:.1f} ms"

    def _spend(self) -> None:
        from django.db import connections

        from ledger import services as ledger
        from tests.make import NOON

        while not self._stopped.is_set():
            begun = time.perf_counter()
            ledger.spend_points(
                wallet_id=self._wallet_id,
                store_id=self._store_id,
                points=1,
                key=f"bench-{len(self.taken)}",
                at=NOON,
            )
            self.taken.append(time.perf_counter() - begun)
        connections.close_all()


def _explain(statement: Any) -> None:
    """The plans of the statement, half of the table, and of a single day, a sixtieth of it."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from ledger.counting import Mark, counted_uses
    from ledger.files.content import mark_before, mark_of

    marks, first_day = mark_of(statement), statement.starts_at + timedelta(days=1)
    with CaptureQueriesContext(connection) as captured:
        counted_uses(statement.program_id, until=marks, after=mark_before(statement))
        counted_uses(
            statement.program_id,
            until=marks._replace(ends_at=first_day),
            after=Mark(marks.last_use_id, statement.starts_at),
        )
    with connection.cursor() as cursor:
        for query in captured.captured_queries:
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) {query['sql']}")
            print("\n".join(line for (line,) in cursor.fetchall()), end="\n\n")


def _timed(act: Callable[[], Result]) -> tuple[Result, float]:
    begun = time.perf_counter()
    return act(), time.perf_counter() - begun


def _begin_of(month: int) -> datetime:
    from ledger.expiry import JAPAN

    return datetime(2026, month, 1, tzinfo=JAPAN)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
