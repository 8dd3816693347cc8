"""How fast codes can be had, ours beside the usual ways: `python -m tests.benchmarks.bench_issuing`.

The usual way stores each code: a Django `bulk_create` of random codes into a table with a unique index, in
batches, tried again where a code is taken; and the fastest way to do that, PostgreSQL's COPY into such a
table (its random codes are made beforehand, uncounted). Both begin with an empty table, which flatters them.
Ours derives the codes and stores none. Wall-clock time, taking turns; a ratio compares two of one round;
medians of the rounds.
"""

import secrets
import statistics
import time
from collections.abc import Callable

import numpy as np

from giftcodes import codec, content
from tests.benchmarks.bench_sealing import LAYOUT
from tests.benchmarks.stage import production
from tests.benchmarks.table import Row, print_table

ROUNDS = 3
BULK_CREATED, BULK_BATCH, COPIED, DERIVED = 30_000, 5_000, 300_000, 1_000_000
SERIES, SERIES_KEY, BATCH_KEY = 9, bytes(range(32)), bytes(range(32, 64))


def rows() -> list[Row]:
    """Codes per second of each way, and how many times as fast as `bulk_create` it is."""
    seconds: dict[str, list[float]] = {name: [] for name in _WAYS}
    with production():
        for _ in range(ROUNDS):
            for name, (prepare, _codes) in _WAYS.items():
                way = prepare()
                begun = time.perf_counter()
                way()
                seconds[name].append(time.perf_counter() - begun)
    rates = {name: [_WAYS[name][1] / taken for taken in rounds] for name, rounds in seconds.items()}
    usual, *_ = rates.values()
    return [Row(name, statistics.median(own), "codes/s", _ratio(own, usual)) for name, own in rates.items()]


def _ratio(own: list[float], usual: list[float]) -> float:
    return statistics.median(mine / other for mine, other in zip(own, usual, strict=True))


def _bulk_create() -> Callable[[], None]:
    from django.apps import apps
    from django.db import IntegrityError, connection, models, transaction

    class PlainCode(models.Model):
        """A code as it is commonly kept."""

        code = models.CharField(max_length=16, unique=True)

        class Meta:
            app_label = "benchmarks"

        def __str__(self) -> str:
            return self.code

    apps.all_models["benchmarks"].clear()  # the next round makes its own
    with connection.schema_editor() as editor:
        if PlainCode._meta.db_table in connection.introspection.table_names():
            editor.delete_model(PlainCode)
        editor.create_model(PlainCode)

    def create() -> None:
        left = BULK_CREATED
        while left:
            codes = [PlainCode(code=f"{secrets.randbelow(10**16):016}") for _ in range(BULK_BATCH)]
            try:
                with transaction.atomic():
                    PlainCode._default_manager.bulk_create(codes)
            except IntegrityError:  # one of them is taken: other ones
                continue
            left -= BULK_BATCH
        if PlainCode._default_manager.count() != BULK_CREATED:
            raise RuntimeError("not every code is there")

    return create


def _copy() -> Callable[[], None]:
    from django.db import connection

    numbers = np.random.default_rng().integers(0, 10**16, COPIED)
    text = b"".join(b"%016d\n" % number for number in numbers.tolist())
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS benchmarks_copied")
        cursor.execute("CREATE TABLE benchmarks_copied (code char(16) PRIMARY KEY)")

    def copy() -> None:
        with connection.cursor() as cursor, cursor.copy("COPY benchmarks_copied FROM STDIN") as target:
            target.write(text)

    return copy


def _derive() -> None:
    serials = np.arange(DERIVED, dtype=np.int64)
    codec.encode(serials, series=SERIES, series_key=SERIES_KEY, batch_key=BATCH_KEY)


def _derive_and_format() -> None:
    chunk = DERIVED // 10
    for first in range(0, DERIVED, chunk):
        serials = np.arange(first, first + chunk, dtype=np.int64)
        codes = codec.encode(serials, series=SERIES, series_key=SERIES_KEY, batch_key=BATCH_KEY)
        content.rows(codes, series=SERIES, first_serial=first, layout=LAYOUT)


# What is done before the clock starts gives back what is clocked; the usual way comes first.
_WAYS: dict[str, tuple[Callable[[], Callable[[], None]], int]] = {
    "Django bulk_create, random codes, unique index": (_bulk_create, BULK_CREATED),
    "PostgreSQL COPY, random codes, unique index": (_copy, COPIED),
    "Tokuten: derive, with the rows of the file": (lambda: _derive_and_format, DERIVED),
    "Tokuten: derive, with tag and check digit": (lambda: _derive, DERIVED),
}


if __name__ == "__main__":
    print_table(rows())
