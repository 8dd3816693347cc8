"""Prepared statements in one round trip, on libpq as psycopg wraps it (`psycopg.pq`).

psycopg's own pipeline runs some 12 µs of Python for each statement and sends each by itself: a third of a
claim's time went there. Here all are sent at once and the rest is C. Figures: `tests/benchmarks`.
"""

import itertools
import re
import select
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import psycopg
from psycopg import errors, pq
from psycopg.abc import Transformer as Adapter
from psycopg.adapt import PyFormat, Transformer
from psycopg.types.numeric import Int8

Query = tuple[str, Sequence[Any]]
Rows = list[tuple[Any, ...]]

# A statement is prepared per text and types of its values, by connection. A connection is used by one thread
# at a time.
_Kind = tuple[str, tuple[int, ...]]
_prepared: WeakKeyDictionary[psycopg.Connection[Any], dict[_Kind, bytes]] = WeakKeyDictionary()
_numbers = itertools.count()
# The server has forgotten the statement (DISCARD), or its columns are others since (a migration).
_STALE = (errors.InvalidSqlStatementName, errors.FeatureNotSupported)


class _Call(NamedTuple):
    """One statement, ready to be sent."""

    kind: _Kind
    values: Sequence[bytes | bytearray | memoryview | None]


def run(connection: psycopg.Connection[Any], queries: Sequence[Query]) -> list[Rows]:
    """The rows of each query (SQL with %s placeholders, values), in order; empty where it gives none.

    Begins a transaction if none is open and the connection does not commit by itself. Raises the first
    failure as psycopg's error; the transaction can then only be rolled back. Statements that went stale are
    prepared again: at once where nothing is lost by it, else by whoever tries again.
    """
    is_idle = connection.pgconn.transaction_status == pq.TransactionStatus.IDLE
    try:
        return _run(connection, queries, begins=is_idle and not connection.autocommit)
    except _STALE:
        _prepared.pop(connection, None)
        if not (is_idle and connection.autocommit):
            raise
        return _run(connection, queries, begins=False)


def _run(connection: psycopg.Connection[Any], queries: Sequence[Query], *, begins: bool) -> list[Rows]:
    begin: list[Query] = [(_begin_as_set(connection), ())] if begins else []
    adapter = Transformer.from_context(connection)
    calls = [
        _ready(adapter, *query) for query in (*begin, *queries)
    ]  # what can't be sent fails before the rest is
    with _pipeline(connection):
        results = _exchange(connection, calls)
    for result in results:
        if result.status == pq.ExecStatus.FATAL_ERROR:
            raise errors.error_from_result(result, encoding=adapter.encoding)
    return [_rows(adapter, result) for result in results[len(begin) :]]


def _begin_as_set(connection: psycopg.Connection[Any]) -> str:
    words = ["BEGIN"]
    if connection.isolation_level is not None:
        words.append(f"ISOLATION LEVEL {connection.isolation_level.name.replace('_', ' ')}")
    if connection.read_only is not None:
        words.append("READ ONLY" if connection.read_only else "READ WRITE")
    if connection.deferrable is not None:
        words.append("DEFERRABLE" if connection.deferrable else "NOT DEFERRABLE")
    return " ".join(words)


def _ready(adapter: Adapter, sql: str, values: Sequence[Any]) -> _Call:
    # One integer type whatever the value, so that one prepared statement serves them all.
    typed = [Int8(value) if type(value) is int else value for value in values]
    dumped = adapter.dump_sequence(typed, [PyFormat.TEXT] * len(typed))
    return _Call((sql, tuple(adapter.types or ())), dumped)


def _exchange(connection: psycopg.Connection[Any], calls: Sequence[_Call]) -> list[pq.abc.PGresult]:
    """Send everything, then read one answer per call; those of preparing are kept back unless they fail."""
    pgconn, known = connection.pgconn, _prepared.setdefault(connection, {})
    fresh: dict[_Kind, bytes] = {}
    preparing: list[_Kind | None] = []  # for each answer to come, what it has prepared, if it has
    for call in calls:
        name = known.get(call.kind) or fresh.get(call.kind)
        if name is None:
            name = fresh[call.kind] = b"tokuten_%d" % next(_numbers)
            sql, types = call.kind
            pgconn.send_prepare(name, _numbered(sql), types)
            preparing.append(call.kind)
        pgconn.send_query_prepared(name, call.values)
        preparing.append(None)
    pgconn.pipeline_sync()
    answers = [(kind, _answer(pgconn)) for kind in preparing]
    _next_result(pgconn)  # to the Sync
    for kind, result in answers:
        if kind and result.status == pq.ExecStatus.COMMAND_OK:
            known[kind] = fresh[kind]
    return [result for kind, result in answers if not kind or result.status == pq.ExecStatus.FATAL_ERROR]


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
    """The SQL with $1, $2, ... for its placeholders, and % for %%."""
    numbers = itertools.count(1)
    return re.sub("%(s|%)", lambda found: f"${next(numbers)}" if found[1] == "s" else "%", sql).encode()
