"""The counters on Redis: one script, one round trip for each, by Redis's own clock.

Points are handed out of what the database leased to this Redis for the day: a flushed Redis holds nothing
and has to lease again, so that no flush lets a client have more than its day.
"""

from functools import lru_cache
from typing import NamedTuple

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from parties.limiting.rules import CALL, DAY_US, JAPAN_US, Limits

PREFIX = "{tokuten-api}:"  # in braces: one slot of a cluster
SOCKET_SECONDS = 0.5
# One caller at a time is told to lease a part of the day. A crowd that finds nothing left would lease all of
# it at once, and a flush would then cost the client its day.
MICROSECONDS_BETWEEN_PARTS = 100_000

_NOW = """
local now = tonumber(ARGV[1])
if now < 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
"""
_TAKE_CALL = f"""{_NOW}
local rate, full = tonumber(ARGV[2]), tonumber(ARGV[3])
local row = redis.call('HMGET', KEYS[1], 'left', 'at')
local left = full
if row[1] then
  local at = tonumber(row[2])
  now = math.max(now, at)
  left = math.min(full, tonumber(row[1]) + (now - at) * rate)
end
if left < {CALL} then return {{0, left}} end
left = left - {CALL}
redis.call('HSET', KEYS[1], 'left', string.format('%.0f', left), 'at', string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil((full - left) / rate / 1000) + 1000)
return {{1, left}}
"""
# Leased for another day, or under another cap: gone.
_TAKE_POINTS = f"""{_NOW}
local cap, points, leased, leased_for = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local day = math.floor((now + {JAPAN_US}) / {DAY_US})
local row = redis.call('HMGET', KEYS[1], 'day', 'cap', 'left', 'asked')
local left, asked, alone = 0, tonumber(row[4] or '0'), 0
if tonumber(row[1]) == day and row[2] == cap then left = tonumber(row[3]) end
if leased_for == day then left = left + leased end
local taken = 0
if left >= points then left, taken = left - points, 1
elseif now - asked > {MICROSECONDS_BETWEEN_PARTS} then asked, alone = now, 1 end
local words = {{'left', string.format('%.0f', left), 'asked', string.format('%.0f', asked)}}
redis.call('HSET', KEYS[1], 'day', day, 'cap', cap, unpack(words))
redis.call('EXPIRE', KEYS[1], 172800)
return {{taken, day, left, alone}}
"""


class CallTaken(NamedTuple):
    """Whether the call may go on, and the millionths that are left."""

    is_taken: bool
    left: int


class PointsTaken(NamedTuple):
    """Whether the points were taken, of which day, and what is left of that day's lease. `may_lease_part`: if
    not taken, whether more than what is short should be leased.
    """

    is_taken: bool
    day: int
    left: int
    may_lease_part: bool


class RedisLimits:
    """The counters of one Redis. RedisError if it is away. `now_us` None: its own clock."""

    def __init__(self, url: str) -> None:
        redis = Redis.from_url(
            url,
            socket_timeout=SOCKET_SECONDS,
            socket_connect_timeout=SOCKET_SECONDS,
            decode_responses=True,
            # Not twice by itself: an answer that was lost may have put a lease to the rest already.
            retry=Retry(NoBackoff(), 0),
        )
        self._take_call = redis.register_script(_TAKE_CALL)
        self._take_points = redis.register_script(_TAKE_POINTS)

    def take_call(self, client_id: int, limits: Limits, *, now_us: int | None) -> CallTaken:
        """Take one call, if there is one."""
        taken, left = self._take_call(
            keys=[f"{PREFIX}calls:{client_id}"], args=[_clock(now_us), limits.calls_per_second, limits.full]
        )
        return CallTaken(bool(taken), int(left))

    def take_points(
        self, client_id: int, limits: Limits, points: int, *, leased: int, day: int, now_us: int | None
    ) -> PointsTaken:
        """Put what was leased for `day` to the rest (nothing, if that day is over), and take the points if
        they are there.
        """
        taken, today, left, alone = self._take_points(
            keys=[f"{PREFIX}points:{client_id}"],
            args=[_clock(now_us), limits.points_per_day, points, leased, day],
        )
        return PointsTaken(bool(taken), int(today), int(left), bool(alone))


def _clock(now_us: int | None) -> int:
    return -1 if now_us is None else now_us


@lru_cache(maxsize=2)
def redis_limits(url: str) -> RedisLimits:
    """The counters of that Redis, with connections that are kept."""
    return RedisLimits(url)
