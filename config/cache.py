"""Django's Redis cache with a client that is kept."""

from functools import cached_property
from typing import Any

from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis import Redis
from redis.typing import KeyT


class _KeptClient(RedisCacheClient):
    """Django makes a client per call, and making one takes longer than reading a session with it."""

    @cached_property
    def _kept(self) -> dict[bool, Redis]:
        return {}

    def get_client(self, key: KeyT | None = None, *, write: bool = False) -> Redis:
        if write not in self._kept:
            self._kept[write] = super().get_client(key, write=write)
        return self._kept[write]


class KeptRedisCache(RedisCache):
    """One server, one client per thread."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = _KeptClient
