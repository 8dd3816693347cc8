"""Cut a live table into range partitions and put it together again, as SQL that can be read before it runs.

The table as it is becomes the first partition, without being rewritten. What takes time (validating, building
an index) goes on beside writers; what locks is one short transaction. Everything is read from the catalogue
each time, so any step can be interrupted and begun again. PostgreSQL 14 or newer.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from django.db import connection
from django.utils.translation import gettext as _

from config.postgresql.ranges import Ranges


class CannotPartition(Exception):
    """Why not, as a sentence for the operator."""


class Step(NamedTuple):
    """SQL with its purpose. Of a step `together`, all or nothing happens, under locks; else each statement is
    on its own.
    """

    purpose: str
    statements: list[str]
    together: bool = True


class Partition(NamedTuple):
    """A partition with its exclusive end. `start` None: from the beginning; both None: the default."""

    name: str
    start: Any
    end: Any


def is_partitioned(ranges: Ranges) -> bool:
    return bool(_rows("SELECT 1 FROM pg_partitioned_table WHERE partrelid = %s::regclass", ranges.table))


def partitions_of(ranges: Ranges) -> list[Partition]:
    """In their order, the default last."""
    found = []
    for name, bound in _rows(
        "SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i"
        " JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = %s::regclass",
        ranges.table,
    ):
        ends = re.fullmatch(r"FOR VALUES FROM \('?(.+?)'?\) TO \('?(.+?)'?\)", bound)
        start, end = (
            (None if text == "MINVALUE" else ranges.parse(text) for text in ends.groups())
            if ends
            else 2 * (None,)
        )
        found.append(Partition(name, start, end))
    return sorted(found, key=lambda part: (part.end is None, part.start is not None, part.end))


def refuse_unfit(ranges: Ranges) -> None:
    """CannotPartition if something points at the table itself, which would stay with the first partition."""
    pointing = _rows(
        "SELECT conrelid::regclass::text FROM pg_constraint"
        " WHERE contype = 'f' AND confrelid = %s::regclass AND conparentid = 0",
        ranges.table,
    )
    if pointing:
        raise CannotPartition(
            _("%(other)s has a foreign key to %(table)s, which needs its key as it is: drop that first.")
            % {"other": pointing[0][0], "table": ranges.table}
        )
    views = _rows(
        "SELECT DISTINCT r.ev_class::regclass::text FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid"
        " WHERE d.classid = 'pg_rewrite'::regclass AND d.refobjid = %s::regclass"
        " AND r.ev_class <> d.refobjid",
        ranges.table,
    )
    if views:
        raise CannotPartition(
            _("The view %(view)s reads %(table)s: drop it, and make it anew afterwards.")
            % {"view": views[0][0], "table": ranges.table}
        )


def steps_to_cut(ranges: Ranges) -> Iterator[Step]:
    """From a plain table, or one that is half prepared, to a partitioned one. Each step looks at the
    catalogue when it is its turn.
    """
    end = _prepared_end(ranges)
    if end is not None and not ranges.is_ahead(end):
        drop = f"ALTER TABLE {ranges.table} DROP CONSTRAINT {_bound_name(ranges, end)}"
        yield Step(_("What was prepared comes too late: take the bound away"), [drop])
        end = None
    if end is None:
        end = ranges.first_end()
        add = (
            f"ALTER TABLE {ranges.table} ADD CONSTRAINT {_bound_name(ranges, end)}"
            f" CHECK ({_is_before(ranges, end)}) NOT VALID"
        )
        yield Step(_("Bound the table from above"), [add])
    validate = f"ALTER TABLE {ranges.table} VALIDATE CONSTRAINT {_bound_name(ranges, end)}"
    yield Step(
        _("Read it once, so that attaching it later need not (writers go on)"), [validate], together=False
    )
    if ranges.key != ("id",):
        yield from _steps_to_index(f"{ranges.table}_parts", ranges.table, ranges.key)
    yield Step(_("Put a partitioned table in its place"), list(_switch(ranges, end)))


def steps_ahead(ranges: Ranges, *, ahead: int) -> Iterator[Step]:
    """The ranges that are wanted and not there yet; the default, if rows have come to it, becomes one."""
    if not is_partitioned(ranges):  # a plan of what is not done yet
        parts = [Partition(_first(ranges), None, _prepared_end(ranges) or ranges.first_end())]
    else:
        if (held := _held_by_default(ranges)) is not None:
            yield Step(_("Make a range of the default, which has taken rows"), _settle_default(ranges, *held))
        parts = partitions_of(ranges)
    missing = [start for start in ranges.wanted(ahead) if not any(_covers(part, start) for part in parts)]
    if missing:
        create = [line for start in missing for line in _create(ranges, start)]
        yield Step(_("Make the next partitions"), create)
    yield Step(_("Let the planner know"), [f"ANALYZE {ranges.table}"], together=False)


def steps_to_join(ranges: Ranges) -> Iterator[Step]:
    """From a partitioned table, or one that is half prepared, back to a plain one."""
    if is_partitioned(ranges):
        if ranges.key != ("id",):
            yield from _steps_to_index(f"{ranges.table}_plain", _first(ranges), ("id",))
        yield Step(_("Put the first partition in its place"), list(_switch_back(ranges)))
        return
    drop = [f"DROP INDEX CONCURRENTLY IF EXISTS {ranges.table}_parts"] if ranges.key != ("id",) else []
    if (end := _prepared_end(ranges)) is not None:
        drop.append(f"ALTER TABLE {ranges.table} DROP CONSTRAINT {_bound_name(ranges, end)}")
    yield Step(_("Take away what was prepared"), drop, together=False)


def tables_to_lock(ranges: Ranges) -> list[str]:
    """What a step `together` locks, in the order in which writers come to them: no deadlock."""
    referenced = _rows(
        "SELECT DISTINCT confrelid::regclass::text FROM pg_constraint"
        " WHERE contype = 'f' AND conrelid = %s::regclass",
        ranges.table,
    )
    return [
        *(f"LOCK TABLE {name} IN SHARE ROW EXCLUSIVE MODE" for (name,) in sorted(referenced)),
        f"LOCK TABLE {ranges.table} IN ACCESS EXCLUSIVE MODE",
    ]


def _first(ranges: Ranges) -> str:
    return f"{ranges.table}_first"


def _bound_name(ranges: Ranges, end: Any) -> str:
    return f"{ranges.table}_before_{ranges.tag(end)}"


def _is_before(ranges: Ranges, end: Any) -> str:
    """What holds of all rows while the table is prepared; where some are to be kept apart, they go on too."""
    is_before = f"{ranges.column} < {ranges.literal(end)}"
    if ranges.apart is None:
        return is_before
    apart = _rows(f"SELECT 1 FROM {ranges.table} WHERE {_is_apart(ranges)} LIMIT 1")  # noqa: S608
    return f"{is_before} OR {_is_apart(ranges)}" if apart else is_before


def _is_apart(ranges: Ranges) -> str:
    return f"{ranges.column} >= {ranges.literal(ranges.apart)}"


def _has_rows_apart(ranges: Ranges, end: Any) -> bool:
    """Whether what was prepared lets such rows be there."""
    bound = "SELECT 1 FROM pg_constraint WHERE conrelid = %s::regclass AND conname = %s"
    name = _bound_name(ranges, end)
    return bool(_rows(f"{bound} AND pg_get_constraintdef(oid) LIKE %s", ranges.table, name, "% OR %"))


def _prepared_end(ranges: Ranges) -> Any:
    """The bound of an earlier run, if there is one."""
    rows = _rows(
        "SELECT substring(pg_get_constraintdef(oid) FROM '< ''?([^''()]+)') FROM pg_constraint"
        " WHERE conrelid = %s::regclass AND conname LIKE %s",
        ranges.table,
        f"{ranges.table}\\_before\\_%",
    )
    return ranges.parse(rows[0][0]) if rows else None


def _steps_to_index(name: str, table: str, columns: tuple[str, ...]) -> Iterator[Step]:
    found = _rows("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", name)
    if found and found[0][0]:
        return
    build = [f"DROP INDEX CONCURRENTLY {name}"] if found else []
    build.append(f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON {table} ({', '.join(columns)})")
    yield Step(_("Build the index of the new primary key (writers go on)"), build, together=False)


def _switch(ranges: Ranges, end: Any) -> Iterator[str]:
    """The old table steps back under another name and becomes a partition; the new one takes over its name,
    indexes, constraints, triggers, grants and the sequence of its ids.
    """
    table, first = ranges.table, _first(ranges)
    indexes, triggers, grants = _indexes(table), _triggers(table), _grants(table)
    yield from (f"DROP TRIGGER {name} ON {table}" for name, _what, is_per_row in triggers if is_per_row)
    yield f"ALTER TABLE {table} RENAME TO {first}"
    yield from (f"ALTER INDEX {name} RENAME TO {_aside(name)}" for name, _ in indexes)
    yield f"ALTER INDEX {table}_pkey RENAME TO {_aside(f'{table}_pkey')}"
    yield (
        f"CREATE TABLE {table} (LIKE {first} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)"
        f" PARTITION BY RANGE ({ranges.column})"
    )
    yield f"ALTER TABLE {table} DROP CONSTRAINT {_bound_name(ranges, end)}"
    yield f"ALTER TABLE {table} ADD CONSTRAINT {table}_pkey PRIMARY KEY ({', '.join(ranges.key)})"
    yield from (definition for _name, definition in indexes)
    yield from (f"ALTER TABLE {table} ADD CONSTRAINT {name} {what}" for name, what in _foreign_keys(table))
    if _has_rows_apart(ranges, end):
        yield from _move_apart(ranges, first)  # before the triggers, which let no row be taken away
    yield from (definition for _name, definition, _level in triggers)
    yield from grants
    if ranges.key != ("id",):
        key = _aside(f"{table}_pkey")
        yield f"ALTER TABLE {first} DROP CONSTRAINT {key}"
        yield f"ALTER TABLE {first} ADD CONSTRAINT {key} PRIMARY KEY USING INDEX {table}_parts"
    if _has_identity(table):
        yield from _move_identity(first, table, f"{table}_id_seq")
    bounds = f"FROM (MINVALUE) TO ({ranges.literal(end)})"
    yield f"ALTER TABLE {table} ATTACH PARTITION {first} FOR VALUES {bounds}"
    yield f"ALTER TABLE {first} DROP CONSTRAINT {_bound_name(ranges, end)}"
    if _has_rows_apart(ranges, end):
        yield f"ALTER TABLE {first} DROP CONSTRAINT {first}_apart"
    yield from _create_default(ranges)


def _move_apart(ranges: Ranges, first: str) -> Iterator[str]:
    """Rows that the first partition must not have, into partitions of their own. That none is left in it has
    to be seen, so this reads the table under its lock.
    """
    for start in ranges.wanted(0):
        if start >= ranges.apart:
            yield from _create(ranges, start)
    where = f"WHERE {_is_apart(ranges)}"
    yield f"INSERT INTO {ranges.table} SELECT * FROM {first} {where}"  # noqa: S608
    yield f"DELETE FROM {first} {where}"  # noqa: S608
    yield f"ALTER TABLE {first} ADD CONSTRAINT {first}_apart CHECK (NOT ({_is_apart(ranges)}))"


def _switch_back(ranges: Ranges) -> Iterator[str]:
    """The first partition takes in the rows of the later ones, if there are any, and becomes the table."""
    table, first = ranges.table, _first(ranges)
    indexes, triggers = _indexes_within(table, first), _triggers(table)
    yield f"ALTER TABLE {table} DETACH PARTITION {first}"
    yield "SET CONSTRAINTS ALL IMMEDIATE"  # checks that wait for the end would keep the table from changing
    # All of them: one that is empty now may have got a row by the time the locks are held.
    later = [part.name for part in partitions_of(ranges) if part.name != first]
    yield from (f"INSERT INTO {first} SELECT * FROM {name}" for name in later)  # noqa: S608
    if _has_identity(table):
        yield from _move_identity(table, first, f"{table}_id_seq")
    yield f"DROP TABLE {table}"
    yield f"ALTER TABLE {first} RENAME TO {table}"
    if ranges.key != ("id",):
        key = indexes.pop(f"{table}_pkey")
        yield f"ALTER TABLE {table} DROP CONSTRAINT {key}"
        yield f"ALTER TABLE {table} ADD CONSTRAINT {table}_pkey PRIMARY KEY USING INDEX {table}_plain"
    yield from (f"ALTER INDEX {aside} RENAME TO {name}" for name, aside in indexes.items())
    yield from (definition for _name, definition, is_per_row in triggers if is_per_row)


def _move_identity(source: str, target: str, name: str) -> Iterator[str]:
    """The numbers go on where they were. Attached tables keep none: PostgreSQL 17 refuses them, older ones
    ignore them.
    """
    identity = f"GENERATED BY DEFAULT AS IDENTITY (SEQUENCE NAME {name}_next)"
    yield f"ALTER TABLE {target} ALTER COLUMN id ADD {identity}"
    yield f"SELECT setval('{name}_next', last_value, is_called) FROM {name}"  # noqa: S608
    yield f"ALTER TABLE {source} ALTER COLUMN id DROP IDENTITY"
    yield f"ALTER SEQUENCE {name}_next RENAME TO {name}"


def _create(ranges: Ranges, start: Any) -> Iterator[str]:
    name = f"{ranges.table}_{ranges.tag(start)}"
    yield (
        f"CREATE TABLE {name} PARTITION OF {ranges.table}"
        f" FOR VALUES FROM ({ranges.literal(start)}) TO ({ranges.literal(ranges.after(start))})"
    )
    yield from _guard(ranges, name)


def _create_default(ranges: Ranges) -> Iterator[str]:
    name = f"{ranges.table}_default"
    yield f"CREATE TABLE {name} PARTITION OF {ranges.table} DEFAULT"
    yield from _guard(ranges, name)


def _guard(ranges: Ranges, partition: str) -> Iterator[str]:
    """Row triggers come with the partition; those of a statement (TRUNCATE) know the named table alone."""
    for _name, definition, is_per_row in _triggers(ranges.table):
        if not is_per_row:
            yield re.sub(r" ON \S+ FOR ", f" ON {partition} FOR ", definition)


def _held_by_default(ranges: Ranges) -> tuple[Any, Any] | None:
    rows = _rows(f"SELECT min({ranges.column}), max({ranges.column}) FROM {ranges.table}_default")  # noqa: S608
    least, most = rows[0]
    return None if least is None else (ranges.floor(least), ranges.after(ranges.floor(most)))


def _settle_default(ranges: Ranges, start: Any, end: Any) -> list[str]:
    table, default, name = ranges.table, f"{ranges.table}_default", f"{ranges.table}_{ranges.tag(start)}"
    bounds = f"FROM ({ranges.literal(start)}) TO ({ranges.literal(end)})"
    return [
        f"ALTER TABLE {table} DETACH PARTITION {default}",
        f"ALTER TABLE {default} RENAME TO {name}",
        f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES {bounds}",
        *_create_default(ranges),
    ]


def _covers(part: Partition, start: Any) -> bool:
    return part.end is not None and start < part.end and (part.start is None or part.start <= start)


def _aside(name: str) -> str:
    return f"{name[:57]}_first"


def _indexes(table: str) -> list[tuple[str, str]]:
    """Name and definition of each index but that of the primary key and what was built for the new one."""
    return _rows(
        "SELECT c.relname, pg_get_indexdef(c.oid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " WHERE i.indrelid = %s::regclass AND NOT i.indisprimary AND c.relname <> %s ORDER BY 1",
        table,
        f"{table}_parts",
    )


def _indexes_within(table: str, partition: str) -> dict[str, str]:
    """The name that each index of the table has in that partition."""
    rows = _rows(
        "SELECT whole.relname, part.relname FROM pg_index i JOIN pg_inherits h ON h.inhrelid = i.indexrelid"
        " JOIN pg_class part ON part.oid = h.inhrelid JOIN pg_class whole ON whole.oid = h.inhparent"
        " JOIN pg_index of ON of.indexrelid = h.inhparent"
        " WHERE i.indrelid = %s::regclass AND of.indrelid = %s::regclass ORDER BY 1",
        partition,
        table,
    )
    return dict(rows)


def _triggers(table: str) -> list[tuple[str, str, bool]]:
    """Name, definition, and whether it fires per row."""
    return _rows(
        "SELECT tgname, pg_get_triggerdef(oid), tgtype & 1 = 1 FROM pg_trigger"
        " WHERE tgrelid = %s::regclass AND NOT tgisinternal ORDER BY 1",
        table,
    )


def _foreign_keys(table: str) -> list[tuple[str, str]]:
    return _rows(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = %s::regclass AND contype = 'f' ORDER BY 1",
        table,
    )


def _grants(table: str) -> list[str]:
    rows = _rows(
        "SELECT format('GRANT %%s ON %%s TO %%s%%s', g.privilege_type, c.oid::regclass,"
        " CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END,"
        " CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)"
        " FROM pg_class c, aclexplode(c.relacl) g WHERE c.oid = %s::regclass AND g.grantee <> c.relowner"
        " UNION ALL SELECT format('ALTER TABLE %%s OWNER TO %%s', oid::regclass, relowner::regrole)"
        " FROM pg_class WHERE oid = %s::regclass",
        table,
        table,
    )
    return [line for (line,) in rows]


def _has_identity(table: str) -> bool:
    return bool(
        _rows(
            "SELECT 1 FROM pg_attribute WHERE attrelid = %s::regclass AND attname = 'id'"
            " AND attidentity <> ''",
            table,
        )
    )


def _rows(sql: str, *params: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found
