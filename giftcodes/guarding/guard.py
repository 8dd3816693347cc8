"""Which counters count: Redis where one is configured; while it is away, the database at a tenth of the
limits.

Without REDIS_URL (the embedded default, one machine) the database counts at full limits. If both are away,
the database's error goes up, and nothing is granted.
"""

import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from django.conf import settings
from redis.exceptions import RedisError

from giftcodes.guard_models import Alarm, AlarmKind, Attempt, ClaimLock, Outcome
from giftcodes.guarding import rules as guard_rules
from giftcodes.guarding.on_database import DATABASE_COUNTERS
from giftcodes.guarding.on_redis import Seed, Unseeded, redis_counters
from giftcodes.guarding.rules import DAY, Breaker, Level, Rule, Site
from giftcodes.guarding.taken import Taken

SECONDS_BETWEEN_TRIES = 5.0  # at a Redis that was away, so that not every claim waits for it
MOST_STRIKES_SEEDED = 20_000

logger = logging.getLogger(__name__)
_away_until: dict[str, float] = {}


def take(rules: Sequence[Rule], site: Site | None, *, token: str, now_ms: int | None) -> Taken:
    """Count one try. Raises Django's database errors if neither Redis nor the database can count."""
    url = settings.REDIS_URL
    if not url:
        return DATABASE_COUNTERS.take(rules, site, token=token, now_ms=now_ms)
    if time.monotonic() >= _away_until.get(url, 0.0):
        try:
            return _take_from_redis(url, rules, site, token, now_ms)
        except RedisError as error:
            _away_until[url] = time.monotonic() + SECONDS_BETWEEN_TRIES
            logger.warning("Redis can't count tries (%s): the database does, at a tenth of the limits", error)
    tight = [guard_rules.tightened(rule) for rule in rules]
    tight_site = None if site is None else guard_rules.tightened_site(site)
    return DATABASE_COUNTERS.take(tight, tight_site, token=token, now_ms=now_ms)


def _take_from_redis(
    url: str, rules: Sequence[Rule], site: Site | None, token: str, now_ms: int | None
) -> Taken:
    counters = redis_counters(url)
    try:
        return counters.take(rules, site, token=token, now_ms=now_ms)
    except Unseeded:
        moment = datetime.now(UTC) if now_ms is None else datetime.fromtimestamp(now_ms / 1000, UTC)
        counters.seed(_seed(moment))
        return counters.take(rules, site, token=token, now_ms=now_ms)


def forget(keys: Sequence[str]) -> None:
    """Empty these counters wherever they are kept. RedisError if Redis is away: then it was not done."""
    DATABASE_COUNTERS.forget(keys)
    if settings.REDIS_URL:
        redis_counters(settings.REDIS_URL).forget(keys)


def level(*, at: datetime) -> Level:
    """Where the breaker stands, to show it."""
    now_ms = milliseconds(at)
    if settings.REDIS_URL:
        try:
            return redis_counters(settings.REDIS_URL).level(now_ms=now_ms)
        except RedisError:
            logger.warning("Redis can't tell the state of the breaker: the database does")
    return DATABASE_COUNTERS.level(now_ms=now_ms)


def is_whole() -> bool:
    """Whether tries are counted where they should be; False while Redis is away and the database counts."""
    if not settings.REDIS_URL:
        return True
    try:
        redis_counters(settings.REDIS_URL).level(now_ms=0)
    except RedisError:
        return False
    return True


def look_at_redis_again() -> None:
    """Forget that Redis was away: for tests that share a process."""
    _away_until.clear()


def milliseconds(at: datetime) -> int:
    """The instant in milliseconds since 1970."""
    return int(at.timestamp() * 1000)


def _seed(now: datetime) -> Seed:
    """Strikes of the last day and locks that stand, less what support has lifted; and the breaker's state."""
    since = now - timedelta(seconds=DAY)
    lifted = dict(
        ClaimLock.objects.filter(lift__lifted_at__gt=since)
        .order_by("lift__lifted_at")
        .values_list("person", "lift__lifted_at")
    )
    strikes = Attempt.objects.filter(at__gt=since, outcome=Outcome.UNKNOWN).order_by("-at")
    marks = []
    for strike in strikes[:MOST_STRIKES_SEEDED]:
        keys = [f"strike:{strike.address}", f"strike:{strike.network}"]
        if strike.person not in lifted or strike.at > lifted[strike.person]:
            keys.append(f"strike:{strike.person}")
        marks += [(key, milliseconds(strike.at), strike.reference) for key in keys]
    standing = ClaimLock.objects.filter(locked_until__gt=now, lift=None)
    holds = [(f"strike:{lock.person}", milliseconds(lock.locked_until)) for lock in standing]
    state, until = _last_state(now)
    return Seed(marks, holds, state, until)


def _last_state(now: datetime) -> tuple[Level, int]:
    """The breaker's state by its last alarm. If it was prolonged since, that is lost with the counts."""
    kinds = {AlarmKind.CHALLENGE: Level.CHALLENGE, AlarmKind.CLOSED: Level.CLOSED, AlarmKind.CALM: Level.OPEN}
    last = Alarm.objects.filter(kind__in=list(kinds)).order_by("-at", "-pk").first()
    if last is None:
        return Level.OPEN, 0
    until = last.at + timedelta(seconds=Breaker().calm)
    return (kinds[AlarmKind(last.kind)], milliseconds(until)) if until > now else (Level.OPEN, 0)
