"""Claims over HTTP, beside what the same writes cost without us: `python -m tests.benchmarks.bench_claims`.

Production settings, PostgreSQL with fsync and synchronous_commit on, sessions in Redis, granian on Unix
sockets with 2 workers of 4 threads, 16 connections, a signed-in member on each, every request a fresh code.
The contenders take turns in short rounds on the same tables; a ratio compares two of one round; medians of
the rounds. After each measurement the claims in the database must be those that were acknowledged, and at the
end the audit must find nothing.
"""

from tests.benchmarks.stage import production
from tests.benchmarks.table import Row, print_table


def rows() -> list[Row]:
    """Claims per second of each contender, its ratio to the bare application, and its latencies."""
    with production() as folder:
        from tests.benchmarks import claim_contest  # its models need the settings that production() makes

        return claim_contest.rows(folder)


if __name__ == "__main__":
    print_table(rows())
