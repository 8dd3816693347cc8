"""A process that dies in the middle of an act, without a process: the next statement is never sent."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from django.db import connection

from ledger import pipeline


class Crash(BaseException):
    """The process dies here: whatever its transaction has done is gone."""


@contextmanager
def crash_before_statement(number: int) -> Iterator[None]:
    """Run into a Crash instead of the statement of that number, whichever way it goes to the database."""
    left = [number]
    sends = pipeline.run

    def count(statements: int) -> None:
        left[0] -= statements
        if left[0] < 0:
            raise Crash

    def wrapper(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if not sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
            count(1)
        return execute(sql, params, many, context)

    def run(link: Any, queries: Any) -> Any:
        count(len(queries))
        return sends(link, queries)

    with connection.execute_wrapper(wrapper), patch.object(pipeline, "run", run):
        yield
