"""An order from approval to its finished sealed file: `python -m tests.benchmarks.bench_minting [SIZE ...]`.

The services that a worker calls, on the embedded stack (SQLite, one process), every chunk on the disk before
it is recorded, the file read back against its content at the end. Each size has a process of its own, because
memory is counted at its peak. Files are written to the system's folder for temporary files.
"""

import json
import os
import resource
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIZES = (1_000_000, 10_000_000)
ROOT = Path(__file__).parent.parent.parent
_AS_CHILD = "--in-this-process"


def rows(sizes: tuple[int, ...] = SIZES) -> list[tuple[str, float, str]]:
    """Name, figure and unit of each measurement."""
    return [row for size in sizes for row in _measured_apart(size)]


def main() -> None:
    if sys.argv[1:2] == [_AS_CHILD]:
        print(json.dumps(_measured(int(sys.argv[2]))))
        return
    for name, figure, unit in rows(tuple(map(int, sys.argv[1:])) or SIZES):
        print(f"{name:<48} {figure:>14,} {unit}")


def _measured_apart(size: int) -> list[tuple[str, float, str]]:
    with tempfile.TemporaryDirectory(prefix="tokuten-bench-") as folder:
        environment = os.environ | {
            "TOKUTEN_ENV": "test",
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "CODE_MASTER_KEYS": f"bench:{secrets.token_hex(32)}",
            "VAR_DIR": folder,
            "DATABASE_URL": f"sqlite:///{folder}/tokuten.sqlite3",
            "DELIVERY_DIR": f"{folder}/deliveries",
            "LOG_LEVEL": "WARNING",
        }
        command = [sys.executable, "-m", "tests.benchmarks.bench_minting", _AS_CHILD, str(size)]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True
        )
    return [(name, figure, unit) for name, figure, unit in json.loads(done.stdout)]


def _measured(size: int) -> list[tuple[str, float, str]]:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from giftcodes import services as giftcodes
    from giftcodes.models import Batch, Delivery
    from giftcodes.services import minting
    from ledger.statements import database_time
    from tests import make

    brand = make.brand(funds=10**10)
    giftcodes.open_series(digit=1, at=make.NOON)
    rows_before, begun, cpu_begun = _rows_of_the_database(), time.perf_counter(), time.process_time()
    batch = make.batch(size=size, brand=brand)
    while Batch.objects.get(pk=batch.pk).minted_codes < size:
        giftcodes.mint_next_chunk(batch_id=batch.pk, at=database_time())
    written = time.perf_counter()
    giftcodes.mint_next_chunk(batch_id=batch.pk, at=database_time())
    seconds, cpu_seconds = time.perf_counter() - begun, time.process_time() - cpu_begun
    delivery = Delivery.objects.select_related("batch__series").get(batch=batch)
    assert delivery.row_count == size
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cpu_begun = time.process_time()
    for _ in minting._Mint(delivery)._content(0, size):
        pass
    content_seconds = time.process_time() - cpu_begun
    order = f"order of {size:,} codes"
    return [
        (f"{order}: approval to finished file", round(seconds, 1), "s"),
        (f"{order}: of that, reading the file back", round(begun + seconds - written, 1), "s"),
        (f"{order}: rate", round(size / seconds), "codes/s"),
        (f"{order}: rate, CPU time", round(size / cpu_seconds), "codes/s of CPU time"),
        (f"{order}: derive and format alone", round(size / content_seconds), "codes/s of CPU time"),
        (f"{order}: memory at its peak", round(peak), "MB"),
        (f"{order}: rows in the database", _rows_of_the_database() - rows_before, "rows"),
        (f"{order}: sealed file", round((delivery.sealed_bytes or 0) / 1e6, 1), "MB"),
    ]


def _rows_of_the_database() -> int:
    from django.db import connection

    with connection.cursor() as cursor:
        total = 0
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT COUNT(*) FROM {connection.ops.quote_name(table)}")
            total += cursor.fetchone()[0]
    return total


if __name__ == "__main__":
    main()
