"""Counters on Redis: one script, one round trip for all layers, in which nothing else runs.

A counter is a sorted set of moments, so its windows slide and its limits hold exactly. The script knows no
rule: they come with the call. It refuses to work until the counters were seeded, so a flushed Redis begins
with the strikes and locks that the database knows.
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from redis import Redis

from giftcodes.guarding.rules import Level, Rule, Site
from giftcodes.guarding.taken import Taken

# In braces: one slot, so that a cluster takes them in one script.
PREFIX = "{tokuten-guard}:"
_SEEDED, _LEVEL, _TALLY = f"{PREFIX}seeded", f"{PREFIX}level", f"{PREFIX}tally:"
SOCKET_SECONDS = 0.5

_TAKE = """
local ask = cjson.decode(ARGV[1])
local now = ask.now
if now < 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
if redis.call('EXISTS', KEYS[1]) == 0 then return {'unseeded'} end

local full, late = 0, 0
for number, rule in ipairs(ask.rules) do
  local key = KEYS[3 + number]
  local ends = rule.hold > 0 and tonumber(redis.call('GET', key .. ':hold') or '0') or 0
  if ends <= now then ends = 0 end
  for _, span in ipairs(rule.spans) do
    local entry = redis.call('ZREVRANGE', key, span[2] - 1, span[2] - 1, 'WITHSCORES')
    local free = entry[2] and tonumber(entry[2]) + span[1] * 1000 or 0
    if free > now and free > ends then ends = free end
  end
  if ends > late then full, late = number, ends end
end

local level, above, calm = 0, 0, 0
local site = ask.site
if site then
  local row = redis.call('HMGET', KEYS[2], 'level', 'until')
  level = tonumber(row[1] or '0')
  if level > 0 and now >= tonumber(row[2]) then
    redis.call('DEL', KEYS[2])
    level, calm = 0, 1
  end
  if level > site.most then above = 1 end
end
if full > 0 or above > 0 then return {'no', now, full, late, level, above, 0, 0, calm, 0, 0} end

local held = 0
for number, rule in ipairs(ask.rules) do
  if rule.marked then
    local key, longest, most = KEYS[3 + number], 0, 0
    for _, span in ipairs(rule.spans) do
      longest, most = math.max(longest, span[1]), math.max(most, span[2])
    end
    redis.call('ZADD', key, now, ask.token)
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now - longest * 1000)
    redis.call('ZREMRANGEBYRANK', key, 0, -most - 1)
    redis.call('EXPIRE', key, longest + 60)
    if rule.hold > 0 and redis.call('ZCARD', key) >= most then
      redis.call('SET', key .. ':hold', now + rule.hold * 1000, 'EX', rule.hold + 60)
      held = number
    end
  end
end

local tripped, tries, unknown = 0, 0, 0
if site then
  local bucket = math.floor(now / 1000 / site.bucket)
  local key = KEYS[3] .. bucket
  redis.call('HINCRBY', key, 'tries', 1)
  if site.unknown then
    redis.call('HINCRBY', key, 'unknown', 1)
    for place = bucket - math.floor(site.window / site.bucket) + 1, bucket do
      local row = redis.call('HMGET', KEYS[3] .. place, 'tries', 'unknown')
      tries, unknown = tries + tonumber(row[1] or '0'), unknown + tonumber(row[2] or '0')
    end
    local reached = 0
    if tries >= site.least then
      if unknown > site.close_unknown or unknown * 100 > tries * site.close then reached = 2
      elseif unknown * 100 > tries * site.challenge then reached = 1 end
    end
    if reached > 0 then
      if reached > level then tripped = reached end
      redis.call('HSET', KEYS[2], 'level', math.max(level, reached), 'until', now + site.calm * 1000)
    end
  end
  redis.call('EXPIRE', key, site.window * 2)
end
return {'yes', now, 0, 0, level, 0, held, tripped, calm, tries, unknown}
"""
# What the database knows, once: a second process that seeds at the same moment finds it done.
_SEED = """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local seed = cjson.decode(ARGV[1])
for _, mark in ipairs(seed.marks) do
  redis.call('ZADD', ARGV[2] .. mark[1], mark[2], mark[3])
  redis.call('EXPIRE', ARGV[2] .. mark[1], 86460)
end
for _, hold in ipairs(seed.holds) do
  redis.call('SET', ARGV[2] .. hold[1] .. ':hold', hold[2], 'EX', 86460)
end
if seed.level > 0 then redis.call('HSET', KEYS[2], 'level', seed.level, 'until', seed.level_until) end
redis.call('SET', KEYS[1], 1)
return 1
"""


class Seed(NamedTuple):
    """What the database knows of the last day: (key, time, token), (key, until), and the breaker's state."""

    marks: list[tuple[str, int, str]]
    holds: list[tuple[str, int]]
    level: Level
    level_until_ms: int


class Unseeded(Exception):
    """The counters are empty: this Redis is new, or was flushed."""


class RedisCounters:
    """Counters on one Redis. RedisError if it is away."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(
            url, socket_timeout=SOCKET_SECONDS, socket_connect_timeout=SOCKET_SECONDS, decode_responses=True
        )
        self._take = self._redis.register_script(_TAKE)
        self._seed = self._redis.register_script(_SEED)

    def take(self, rules: Sequence[Rule], site: Site | None, *, token: str, now_ms: int | None) -> Taken:
        """See Counters. Unseeded if `seed` has to come first."""
        ask = {
            "now": -1 if now_ms is None else now_ms,
            "token": token,
            "rules": [{"spans": rule.spans, "marked": rule.is_marked, "hold": rule.hold} for rule in rules],
        }
        if site is not None:
            ask["site"] = _site_in_words(site)
        keys = [_SEEDED, _LEVEL, _TALLY, *(PREFIX + rule.key for rule in rules)]
        answer = self._take(keys=keys, args=[json.dumps(ask)])
        if answer[0] == "unseeded":
            raise Unseeded
        now, full, late, level, above, held, tripped, calm, tries, unknown = (int(x) for x in answer[1:])
        return Taken(
            now_ms=now,
            full=rules[full - 1] if full else None,
            until_ms=late,
            level=Level(level),
            is_above=bool(above),
            held=rules[held - 1] if held else None,
            tripped=Level(tripped),
            is_calm=bool(calm),
            tries=tries,
            unknown=unknown,
        )

    def seed(self, seed: Seed) -> None:
        """Begin with what the database knows, unless somebody was first."""
        words = {
            "marks": seed.marks,
            "holds": seed.holds,
            "level": int(seed.level),
            "level_until": seed.level_until_ms,
        }
        self._seed(keys=[_SEEDED, _LEVEL], args=[json.dumps(words), PREFIX])

    def forget(self, keys: Sequence[str]) -> None:
        """See Counters."""
        self._redis.delete(*(PREFIX + key + end for key in keys for end in ("", ":hold")))

    def level(self, *, now_ms: int) -> Level:
        """See Counters."""
        level, until = (int(value or 0) for value in self._redis.hmget(_LEVEL, ["level", "until"]))
        return Level(level) if until > now_ms else Level.OPEN


def _site_in_words(site: Site) -> dict[str, object]:
    breaker = site.breaker
    return {
        "unknown": site.is_unknown,
        "most": int(site.most),
        "window": breaker.window,
        "bucket": breaker.bucket,
        "least": breaker.least_tries,
        "challenge": breaker.challenge_percent,
        "close": breaker.close_percent,
        "close_unknown": breaker.close_unknown,
        "calm": breaker.calm,
    }


@lru_cache(maxsize=2)
def redis_counters(url: str) -> RedisCounters:
    """The counters of that Redis, with connections that are kept."""
    return RedisCounters(url)
