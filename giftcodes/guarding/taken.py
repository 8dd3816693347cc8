"""What a counter answers; the same from Redis and from the database."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from giftcodes.guarding.rules import Level, Rule, Site


class Taken(NamedTuple):
    """The answer to one try, counted if it passed. Times in milliseconds since 1970.

    `full`: the rule that refuses, until `until_ms`. `level`: the breaker's, before this try; `is_above` if it
    stands above what this asker may. `held`: the rule whose hold began with this try. `tripped`: the level
    that the breaker rose to with this try; `is_calm` if it has come down to 0 since the last one. `tries` and
    `unknown` are counted where this try was unknown.
    """

    now_ms: int
    full: Rule | None = None
    until_ms: int = 0
    level: Level = Level.OPEN
    is_above: bool = False
    held: Rule | None = None
    tripped: Level = Level.OPEN
    is_calm: bool = False
    tries: int = 0
    unknown: int = 0

    @property
    def is_passed(self) -> bool:
        return self.full is None and not self.is_above


class Counters(Protocol):
    """Counts tries, each in one step that no other can come between."""

    def take(self, rules: Sequence[Rule], site: Site | None, *, token: str, now_ms: int | None) -> Taken:
        """Look at all rules, and if none refuses, mark. `token` is this try's own name; `now_ms` None means
        the counter's own clock.
        """

    def forget(self, keys: Sequence[str]) -> None:
        """Empty these counters and end their holds."""

    def level(self, *, now_ms: int) -> Level:
        """Where the breaker stands."""
