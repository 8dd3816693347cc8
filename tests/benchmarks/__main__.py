"""Every figure of the README: `make bench`, or `python -m tests.benchmarks [--quick] [NAME ...]`.

Each benchmark runs in a process of its own, one after another. A table for people comes first, then the same
in Markdown. `--quick` leaves out the order of 10,000,000 codes.
"""

import argparse
import multiprocessing
import platform
import time
from pathlib import Path

from tests import servers
from tests.benchmarks.apart import measured_apart
from tests.benchmarks.table import print_markdown, print_table

# In the order of the table. The heading says what a ratio is to.
BENCHMARKS = {
    "codec": "Codes, one core",
    "issuing": "Issuing codes (ratio to bulk_create)",
    "sealing": "Sealing the file, one core",
    "minting": "A whole order",
    "gifts": "Issuing gifts by the service, one connection",
    "spending": "Spending, one connection",
    "guard": "The guard before a claim, one connection (ratio to a claim without it)",
    "conditions": "Conditions of participation, one connection (ratio to a claim that asks for nothing)",
    "issue": "Gifts over HTTP (ratio to the bare application; the last three: to Tokuten with fresh keys)",
    "claims": "Claims over HTTP, 16 connections (ratio to the bare application)",
}

QUICK_SIZES = (1_000_000,)  # codes per order


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="without the order of 10,000,000 codes")
    options = parser.parse_args()
    machine = _machine()
    print(machine, flush=True)
    sections = {}
    for name in options.names or BENCHMARKS:
        heading, begun = BENCHMARKS[name], time.monotonic()
        arguments = [QUICK_SIZES] if name == "minting" and options.quick else []
        sections[heading] = measured_apart(f"tests.benchmarks.bench_{name}", *arguments)
        print(f"\n{heading} [{time.monotonic() - begun:.0f} s]")
        print_table(sections[heading])
    print(f"\n{machine}")
    for heading, rows in sections.items():
        print_markdown(heading, rows)


def _machine() -> str:
    model = next(
        (line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    with servers.postgresql_server() as url:
        database = servers.describe_postgresql(url)
    with servers.redis_server() as url:
        cache = servers.describe_redis(url)
    cores = multiprocessing.cpu_count()
    return f"{cores} cores of {model}, Python {platform.python_version()}, {database}, {cache}"


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


if __name__ == "__main__":
    main()
