"""Claims over HTTP at 16 and 64 connections, beside 10,000 and 5,000,000 claims: `make bench-load`.

The stage of bench_claims: production settings, the real page with its session, form token and guard (the
limits of one member raised), beside the bare application in the same rounds, on the same tables. After each
measurement the claims in the database are those that were acknowledged; at the end the audit finds nothing.
"""

import argparse

from tests.benchmarks.stage import production
from tests.benchmarks.table import Row, print_table

EXISTING = (10_000, 5_000_000)
ROUNDS = 5


def rows(existing: tuple[int, ...] = EXISTING, rounds: int = ROUNDS) -> list[Row]:
    """Claims per second and latencies of each stage; a ratio is to the bare application of its rounds."""
    with production() as folder:
        from tests.benchmarks import load_stages  # its models need the settings that production() makes

        return load_stages.rows(folder, existing=existing, rounds=rounds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bench_load", description=__doc__)
    parser.add_argument(
        "--existing", type=int, nargs="+", default=EXISTING, help="claims in the tables, rising"
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"per stage (default {ROUNDS})")
    options = parser.parse_args()
    print_table(rows(tuple(options.existing), options.rounds))
