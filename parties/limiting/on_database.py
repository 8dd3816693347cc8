"""The counters on the database: one row per client, won by one filtered upsert.

For the embedded default, for the time in which Redis is away, and for what Redis leases of a day's points.
Each is a transaction of its own, never a part of somebody else's: the row would stay locked until that ends,
and all calls of the client would queue for it.
"""

from typing import Any, NamedTuple

from django.db import connection, transaction

from parties.limiting.rules import CALL, DAY_US, JAPAN_US, PARTS_OF_A_DAY, Limits

_LEAST = {"postgresql": "LEAST", "sqlite": "MIN"}
_MOST = {"postgresql": "GREATEST", "sqlite": "MAX"}
_NOW = {
    "postgresql": "CAST(EXTRACT(EPOCH FROM statement_timestamp()) * 1000000 AS bigint)",
    "sqlite": "(CAST((julianday('now') - 2440587.5) * 86400000 AS integer) * 1000)",
}
_LEFT = "{least}(%(full)s, a.calls_left + {least}({most}(0, {now} - a.calls_at), %(fill)s) * %(rate)s)"
_TAKE_CALL = (
    "INSERT INTO parties_apiallowance AS a"
    " (client_id, calls_left, calls_at, day, taken_points, points_without_redis)"
    " VALUES (%(client)s, %(full)s - %(call)s, {now}, 0, 0, 0)"
    " ON CONFLICT (client_id) DO UPDATE SET calls_left = {left} - %(call)s,"
    " calls_at = {most}({now}, a.calls_at) WHERE {left} >= %(call)s RETURNING calls_left"
)
_CALLS_LEFT = "SELECT {left} FROM parties_apiallowance a WHERE a.client_id = %(client)s"
_TAKE_POINTS = (
    "INSERT INTO parties_apiallowance AS a"
    " (client_id, calls_left, calls_at, day, taken_points, points_without_redis)"
    " VALUES (%(client)s, 0, 0, {day}, %(points)s, %(own)s)"
    " ON CONFLICT (client_id) DO UPDATE SET day = excluded.day,"
    " taken_points = excluded.taken_points + CASE WHEN a.day = excluded.day THEN a.taken_points ELSE 0 END,"
    " points_without_redis = excluded.points_without_redis"
    " + CASE WHEN a.day = excluded.day THEN a.points_without_redis ELSE 0 END"
    " WHERE a.day < excluded.day OR (a.day = excluded.day"
    " AND a.taken_points + excluded.taken_points <= %(cap)s"
    " AND a.points_without_redis + excluded.points_without_redis <= %(own_cap)s)"
    " RETURNING day"
)
_POINTS_TAKEN = (
    "SELECT today.day, a.taken_points, a.points_without_redis FROM (SELECT {day} AS day) today"
    " LEFT JOIN parties_apiallowance a ON a.day = today.day AND a.client_id = %(client)s"
)
_GIVE_BACK = (
    "UPDATE parties_apiallowance SET taken_points = taken_points - %(points)s,"
    " points_without_redis = points_without_redis - %(points)s"
    " WHERE client_id = %(client)s AND day = %(day)s AND points_without_redis >= %(points)s"
)


class DayTaken(NamedTuple):
    """Whether the points were taken, of which day, and how many could still be."""

    is_taken: bool
    day: int
    left: int


@transaction.atomic(durable=True)
def take_call(client_id: int, limits: Limits, *, now_us: int | None) -> tuple[bool, int]:
    """Whether the call may go on, and the millionths that are left. Raises Django's database errors."""
    values = {
        "client": client_id,
        "call": CALL,
        "full": limits.full,
        "fill": limits.microseconds_to_fill,
        "rate": limits.calls_per_second,
    }
    rows = _run(_TAKE_CALL, values, now_us)
    if rows:
        return True, int(rows[0][0])
    return False, int(_run(_CALLS_LEFT, values, now_us)[0][0])


@transaction.atomic(durable=True)
def take_points(client_id: int, points: int, *, limits: Limits, own_cap: int, now_us: int | None) -> DayTaken:
    """Take points of the day that the database's clock says it is. `own_cap`: how many may be taken here, and
    not through Redis, in one day. Raises Django's database errors.
    """
    values = {
        "client": client_id,
        "points": points,
        "own": points,
        "cap": limits.points_per_day,
        "own_cap": own_cap,
    }
    if points <= min(limits.points_per_day, own_cap):
        rows = _run(_TAKE_POINTS, values, now_us)
        if rows:
            return DayTaken(True, int(rows[0][0]), 0)
    [(day, taken, own)] = _run(_POINTS_TAKEN, values, now_us)
    left = min(limits.points_per_day - (taken or 0), own_cap - (own or 0))
    return DayTaken(False, int(day), max(0, left))


@transaction.atomic(durable=True)
def lease_points(client_id: int, short: int, *, is_part: bool, limits: Limits, day: int) -> tuple[int, int]:
    """Points of that day for Redis to hand out, and 0: as many as it is `short` of, or a whole part of the
    day if that is more and still there. Or 0, and how many are left, which are fewer. Raises Django's
    database errors.
    """
    cap = limits.points_per_day
    part = max(short, cap // PARTS_OF_A_DAY) if is_part else short
    values = {"client": client_id, "own": 0, "cap": cap, "own_cap": cap}
    for points in dict.fromkeys([part, short]):
        if points <= cap and _run(_TAKE_POINTS, values | {"points": points}, day * DAY_US - JAPAN_US):
            return points, 0
    [(_, taken, _)] = _run(_POINTS_TAKEN, values, day * DAY_US - JAPAN_US)
    return 0, max(0, cap - (taken or 0))


@transaction.atomic(durable=True)
def give_back(client_id: int, points: int, *, day: int) -> None:
    """Points that `take_points` took of that day were not needed. Nothing, if the day is over."""
    with connection.cursor() as cursor:
        cursor.execute(_GIVE_BACK, {"client": client_id, "points": points, "day": day})


def _run(sql: str, values: dict[str, Any], now_us: int | None) -> list[tuple[Any, ...]]:
    vendor = connection.vendor
    now = _NOW[vendor] if now_us is None else "%(now)s"
    words = {"least": _LEAST[vendor], "most": _MOST[vendor], "now": now}
    day = f"(({now} + {JAPAN_US}) / {DAY_US})"
    with connection.cursor() as cursor:
        cursor.execute(sql.format(left=_LEFT.format(**words), day=day, **words), values | {"now": now_us})
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
