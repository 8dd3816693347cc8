"""A query of the ORM for what every call asks: compiled once per process.

To build and compile the query for a key with its client, brand and program takes Django longer than all else
that happens in an answer of the API.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, models
from django.db.models.query import get_related_populators

Row = TypeVar("Row", bound=models.Model)
# SQL with %s placeholders, and its values, to rows.
Run = Callable[[str, Sequence[Any]], list[Any]]


def by_cursor(sql: str, values: Sequence[Any]) -> list[Any]:
    """By Django's own cursor: compiled once, planned each time."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        found: list[Any] = cursor.fetchall()
        return found


class PreparedQuery(Generic[Row]):
    """The rows of `make()`, with their related and annotated ones, for other values of its parameters.

    `make` is called once, and builds the query with stand-ins: all values that it filters by are parameters,
    in the order in which they stand in its SQL.
    """

    def __init__(self, make: Callable[[], models.QuerySet[Row]]) -> None:
        self._make = make

    def rows(self, *values: Any, run: Run = by_cursor) -> list[Row]:
        """The rows for these values. `run` sends the SQL: engines have a way to let it be planned once per
        connection. (psycopg's own prepared statements would not do beside theirs: after a rollback it throws
        away all of a connection.) Raises Django's database errors.
        """
        sql, read = self._compiled
        return [read(row) for row in run(sql, values)]

    @cached_property
    def _compiled(self) -> tuple[str, Callable[[Sequence[Any]], Row]]:
        query = self._make()
        compiler = query.query.get_compiler(DEFAULT_DB_ALIAS)
        sql, _stand_ins = compiler.as_sql()
        kinds = compiler.klass_info
        fields = slice(kinds["select_fields"][0], kinds["select_fields"][-1] + 1)
        names = [column.target.attname for column, *_ in compiler.select[fields]]
        # The stubs are those of a later Django, which takes one more.
        populators = get_related_populators(kinds, compiler.select, DEFAULT_DB_ALIAS)  # type: ignore[call-arg]
        annotated = compiler.annotation_col_map.items()
        converters = compiler.get_converters(column for column, *_ in compiler.select)

        def read(plain: Sequence[Any]) -> Row:
            [row] = compiler.apply_converters([plain], converters)
            found = query.model.from_db(DEFAULT_DB_ALIAS, names, row[fields])
            for populator in populators:
                populator.populate(row, found)
            for name, place in annotated:
                setattr(found, name, row[place])
            return found

        return sql, read
