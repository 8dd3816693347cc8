"""Prepared statements in one round trip, on libpq as psycopg wraps it (`psycopg.pq`).

psycopg's own pipeline runs some 12 µs of Python for each statement and sends each by itself: a third of a
claim's time went there. Here all are sent at once and the rest is C. Figures: `tests/benchmarks`.
"""

import itertools
import select
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg import errors, pq
from psycopg.abc import Transformer as Adapter
from psycopg.adapt import PyFormat, Transformer
from psycopg.types.numeric import Int8

Query = tuple[str, Sequence[Any]]
Rows = list[tuple[Any, ...]]

# By connection, the names of what it has prepared. A connection is used by one thread at a time.
_prepared: WeakKeyDictionary[psycopg.Connection[Any], dict[str, bytes]] = WeakKeyDictionary()
_names = itertools.count()


def run(connection: psycopg.Connection[Any], queries: Sequence[Query]) -> list[Rows]:
    """The rows of each query (SQL with %s placeholders, values), in order; empty where a query gives none.

    Begins a transaction if none is open and the connection does not commit by itself. The values of one SQL
    text must be of the same types each time. Raises the first failure as psycopg's error; the transaction can
    then only be rolled back.
    """
    is_idle = connection.pgconn.transaction_status == pq.TransactionStatus.IDLE
    begin: list[Query] = [("BEGIN", ())] if is_idle and not connection.autocommit else []
    adapter = Transformer.from_context(connection)
    with _pipeline(connection):
        results = _exchange(connection, adapter, [*begin, *queries])
    for result in results:
        if result.status == pq.ExecStatus.FATAL_ERROR:
            raise errors.error_from_result(result, encoding=adapter.encoding)
    return [_rows(adapter, result) for result in results[len(begin) :]]


def _exchange(
    connection: psycopg.Connection[Any], adapter: Adapter, queries: Sequence[Query]
) -> list[pq.abc.PGresult]:
    """Send everything, then read one answer per query; those of preparing are kept back unless they fail."""
    pgconn, known = connection.pgconn, _prepared.setdefault(connection, {})
    fresh: dict[str, bytes] = {}
    preparing: list[str] = []  # for each answer to come, the SQL that it has prepared, or ""
    for sql, values in queries:
        # One integer type whatever the value, so that one prepared statement serves them all.
        typed = [Int8(value) if type(value) is int else value for value in values]
        dumped = adapter.dump_sequence(typed, [PyFormat.TEXT] * len(typed))
        name = known.get(sql) or fresh.get(sql)
        if name is None:
            name = fresh[sql] = b"tokuten_%d" % next(_names)
            pgconn.send_prepare(name, _numbered(sql), adapter.types)
            preparing.append(sql)
        pgconn.send_query_prepared(name, dumped)
        preparing.append("")
    pgconn.pipeline_sync()
    answers = [(sql, _answer(pgconn)) for sql in preparing]
    _next_result(pgconn)  # to the Sync
    known |= {sql: fresh[sql] for sql, result in answers if sql and result.status == pq.ExecStatus.COMMAND_OK}
    return [result for sql, result in answers if not sql or result.status == pq.ExecStatus.FATAL_ERROR]


def _answer(pgconn: pq.abc.PGconn) -> pq.abc.PGresult:
    result = _next_result(pgconn)
    _next_result(pgconn)  # nothing: the end of this answer
    if result is None:
        raise psycopg.OperationalError("the server left out an answer")
    return result


def _next_result(pgconn: pq.abc.PGconn) -> pq.abc.PGresult | None:
    """The next result, waiting for it in `poll`, where other threads can run."""
    while pgconn.flush():
        _wait(pgconn, select.POLLIN | select.POLLOUT)
    while pgconn.is_busy():
        _wait(pgconn, select.POLLIN)
    return pgconn.get_result()


def _wait(pgconn: pq.abc.PGconn, events: int) -> None:
    poll = select.poll()
    poll.register(pgconn.socket, events)
    poll.poll()
    pgconn.consume_input()


@contextmanager
def _pipeline(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """A connection that was left in the middle of an exchange can't be used again, so it is closed."""
    connection.pgconn.enter_pipeline_mode()
    try:
        yield
        connection.pgconn.exit_pipeline_mode()
    except BaseException:
        connection.close()
        raise


def _rows(adapter: Adapter, result: pq.abc.PGresult) -> Rows:
    if result.status != pq.ExecStatus.TUPLES_OK:
        return []
    adapter.set_pgresult(result)
    return adapter.load_rows(0, result.ntuples, tuple)


@lru_cache(maxsize=256)
def _numbered(sql: str) -> bytes:
    """The SQL with $1, $2, ... for its placeholders, and % where %% stands for it."""
    first, *rest = (part.replace("%%", "%") for part in sql.split("%s"))
    return "".join([first, *(f"${number}{part}" for number, part in enumerate(rest, 1))]).encode()
