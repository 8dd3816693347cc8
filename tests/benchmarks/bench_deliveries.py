"""Deliveries of every kind, by kind: `python -m tests.benchmarks.bench_deliveries [KIND SIZE ...]`.

The services that a worker calls, on the embedded stack (SQLite, one process): every part on the disk before
it is recorded, the file read back against its content at the end. Each kind has a process of its own,
because memory is counted at its peak. Files are written to the system's folder for temporary files.
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

SIZES = {
    "csv": 1_000_000,
    "urls": 1_000_000,
    "xlsx": 1_000_000,
    "qr_png": 100_000,
    "qr_svg": 100_000,
    "labels": 1_000,
    "cards": 1_000,
}
ROOT = Path(__file__).parent.parent.parent
_AS_CHILD = "--in-this-process"


def main() -> None:
    arguments = sys.argv[1:]
    if arguments[:1] == [_AS_CHILD]:
        print(json.dumps(_measured(arguments[1], int(arguments[2]))))
        return
    asked = dict(zip(arguments[::2], map(int, arguments[1::2]), strict=True)) or SIZES
    for kind, size in asked.items():
        seconds, cpu_seconds, peak, sealed = _measured_apart(kind, size)
        print(
            f"{kind:<8} {size:>10,} codes {seconds:>7.1f} s {cpu_seconds:>7.1f} s of CPU time"
            f" {size / cpu_seconds:>9,.0f} codes/s of it {peak:>5.0f} MB at the peak"
            f" {sealed:>7.1f} MB sealed",
            flush=True,
        )


def _measured_apart(kind: str, size: int) -> list[float]:
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
        command = [sys.executable, "-m", "tests.benchmarks.bench_deliveries", _AS_CHILD, kind, str(size)]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True
        )
    figures: list[float] = json.loads(done.stdout)
    return figures


def _measured(kind: str, size: int) -> list[float]:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from giftcodes.delivery_models import DeliveryKind
    from giftcodes.services import ChannelSize
    from tests.giftcodes import further

    half = size // 2
    desk = further.desk(
        size=size, channels=[ChannelSize("poster", half), ChannelSize("receipt", size - half)]
    )
    delivery = further.approved(desk, further.requested(desk, DeliveryKind(kind)))
    begun, cpu_begun = time.perf_counter(), time.process_time()
    done = further.finished(delivery)
    seconds, cpu_seconds = time.perf_counter() - begun, time.process_time() - cpu_begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [seconds, cpu_seconds, peak, (done.sealed_bytes or 0) / 1e6]


if __name__ == "__main__":
    main()
