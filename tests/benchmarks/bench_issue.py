"""Gifts over HTTP at 1, 16 and 64 connections: `python -m tests.benchmarks.bench_issue`.

Production settings, PostgreSQL with fsync and synchronous_commit on, limits on Redis, granian on Unix sockets
with 2 workers of 4 threads: `POST /api/v1/gifts` with a key of a client and a fresh Idempotency-Key, beside a
bare application that does the same writes, in turns in short rounds on the same tables; a ratio compares two
of one round; medians of the rounds. Then, at 16 connections, the site beside itself: without the layer of the
key, and for repeats. After each measurement the requests in the database must be those that were answered,
and at the end the audit must find nothing.
"""

from tests.benchmarks.stage import production
from tests.benchmarks.table import Row, print_table


def rows() -> list[Row]:
    """Gifts per second of each, its ratio, and its latencies."""
    with production() as folder:
        from tests.benchmarks import issue_contest  # its models need the settings that production() makes

        return issue_contest.rows(folder)


if __name__ == "__main__":
    print_table(rows())
