"""Counters on the database: for the embedded default, and for the time in which Redis is away.

The same windows as on Redis. Tries that mark the same counter wait for each other (an advisory lock on
PostgreSQL; SQLite lets one writer in at a time), so exactly as many pass as may.
"""

import random
from collections.abc import Sequence
from hashlib import blake2b

from django.db import connection, transaction

from giftcodes.guard_models import GuardLevel, GuardMark, GuardTally
from giftcodes.guarding.rules import Level, Rule, Site
from giftcodes.guarding.taken import Taken
from ledger.statements import Statement, database_time, run_together

SHARDS = 8
_COUNT_SITE = (
    "INSERT INTO giftcodes_guardtally (bucket, shard, tries, unknown) VALUES (%s, %s, 1, %s)"
    " ON CONFLICT (bucket, shard) DO UPDATE SET tries = giftcodes_guardtally.tries + 1,"
    " unknown = giftcodes_guardtally.unknown + excluded.unknown"
)
_SUM_SITE = (
    "SELECT COALESCE(SUM(tries), 0), COALESCE(SUM(unknown), 0) FROM giftcodes_guardtally WHERE bucket > %s"
)
_SET_LEVEL = (
    "INSERT INTO giftcodes_guardlevel (id, level, until_ms) VALUES (1, %s, %s) ON CONFLICT (id) DO UPDATE"
    " SET level = excluded.level, until_ms = excluded.until_ms"
)
# The mark that fills the span, if it is full; and the newest hold.
_FULL_SINCE = (
    "SELECT at_ms FROM giftcodes_guardmark WHERE key = %s AND at_ms > %s"
    " ORDER BY at_ms DESC LIMIT 1 OFFSET %s"
)
_HELD_UNTIL = "SELECT MAX(at_ms) FROM giftcodes_guardmark WHERE key = %s AND at_ms > %s"
_MARK = "INSERT INTO giftcodes_guardmark (key, at_ms) VALUES (%s, %s)"


class DatabaseCounters:
    """Counters in three tables. Raises Django's database errors."""

    @transaction.atomic
    def take(self, rules: Sequence[Rule], site: Site | None, *, token: str, now_ms: int | None) -> Taken:  # noqa: ARG002
        """See Counters. Rows need no `token`."""
        now = int(database_time().timestamp() * 1000) if now_ms is None else now_ms
        waits = _waiting_for([rule.key for rule in rules if rule.is_marked])
        full, until = _full(rules, now, waits)
        level, is_calm = _level(now) if site else (Level.OPEN, False)
        is_above = site is not None and level > site.most
        taken = Taken(now, full, until, level=level, is_above=is_above, is_calm=is_calm)
        if not taken.is_passed:
            return taken
        taken = taken._replace(held=_mark(rules, now))
        return _count(site, taken) if site else taken

    @transaction.atomic
    def forget(self, keys: Sequence[str]) -> None:
        """See Counters."""
        GuardMark.objects.filter(key__in=[key + end for key in keys for end in ("", ":hold")]).delete()

    def level(self, *, now_ms: int) -> Level:
        """See Counters."""
        row = GuardLevel.objects.filter(until_ms__gt=now_ms).first()
        return Level(row.level) if row else Level.OPEN


def _waiting_for(keys: Sequence[str]) -> list[Statement]:
    if connection.vendor != "postgresql":
        return []
    numbers = [int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), signed=True) for key in keys]
    locks = [Statement("SELECT pg_advisory_xact_lock(%s)", [number]) for number in sorted(numbers)]
    # A count that is lost with the power costs nothing; waiting for the disk at every try would.
    return [Statement("SET LOCAL synchronous_commit TO off", []), *locks]


def _full(rules: Sequence[Rule], now: int, waits: list[Statement]) -> tuple[Rule | None, int]:
    """The rule that refuses for longest, and until when."""
    asked: list[tuple[Rule, int]] = []
    statements = []
    for rule in rules:
        for seconds, limit in rule.spans:
            since = now - seconds * 1000
            statements.append(Statement(_FULL_SINCE, [rule.key, since, limit - 1]))
            asked.append((rule, seconds * 1000))
        if rule.hold:
            statements.append(Statement(_HELD_UNTIL, [f"{rule.key}:hold", now]))
            asked.append((rule, 0))
    rows = run_together(*waits, *statements)[len(waits) :]
    ends = [
        (found[0][0] + span, rule)
        for (rule, span), found in zip(asked, rows, strict=True)
        if found and found[0][0]
    ]
    if not ends:
        return None, 0
    until, rule = max(ends, key=lambda end: end[0])
    return rule, until


def _mark(rules: Sequence[Rule], now: int) -> Rule | None:
    """Count the try; the rule whose hold began with it."""
    marked = [rule for rule in rules if rule.is_marked]
    holding = [rule for rule in marked if rule.hold]
    counts = [
        Statement(_FULL_SINCE, [rule.key, now - rule.spans[0].seconds * 1000, rule.spans[0].limit - 1])
        for rule in holding
    ]
    rows = run_together(*(Statement(_MARK, [rule.key, now]) for rule in marked), *counts)[len(marked) :]
    held = next((rule for rule, found in zip(holding, rows, strict=True) if found), None)
    if held:
        run_together(Statement(_MARK, [f"{held.key}:hold", now + held.hold * 1000]))
    return held


def _level(now: int) -> tuple[Level, bool]:
    row = GuardLevel.objects.filter(level__gt=0).first()
    if row is None:
        return Level.OPEN, False
    if row.until_ms > now:
        return Level(row.level), False
    is_first = GuardLevel.objects.filter(level__gt=0, until_ms__lte=now).update(level=0)
    return Level.OPEN, bool(is_first)


def _count(site: Site, taken: Taken) -> Taken:
    """Count the try for the whole site, and trip the breaker if it is time."""
    breaker, now = site.breaker, taken.now_ms
    bucket = now // 1000 // breaker.bucket
    shard = random.randrange(SHARDS)  # noqa: S311  # spreads load, guards nothing
    counting = Statement(_COUNT_SITE, [bucket, shard, int(site.is_unknown)])
    if not site.is_unknown:
        run_together(counting)
        return taken
    sums = Statement(_SUM_SITE, [bucket - breaker.window // breaker.bucket])
    tries, unknown = (int(value) for value in run_together(counting, sums)[1][0])
    reached = breaker.reached(tries, unknown)
    if reached > Level.OPEN:
        run_together(Statement(_SET_LEVEL, [int(max(taken.level, reached)), now + breaker.calm * 1000]))
    tripped = reached if reached > taken.level else Level.OPEN
    return taken._replace(tripped=tripped, tries=tries, unknown=unknown)


def prune(*, now_ms: int, limit: int) -> int:
    """Delete marks and tallies that no window reaches back to, at most `limit` of each; how many went."""
    old = GuardMark.objects.filter(at_ms__lt=now_ms - 86_400_000).values("pk")[:limit]
    gone = GuardMark.objects.filter(pk__in=list(old.values_list("pk", flat=True))).delete()[0]
    return gone + GuardTally.objects.filter(bucket__lt=now_ms // 1000 // 10 - 360).delete()[0]


DATABASE_COUNTERS = DatabaseCounters()
