"""How often somebody may be wrong about the secret of a brand site."""

import hashlib
import logging
from contextlib import suppress
from typing import NamedTuple

from allauth.core.internal.ratelimit import truncate_ip
from django.core.cache import cache
from django.http import HttpRequest

from parties.client_addresses import client_address

WRONG_SECRETS = 30
SECONDS = 600

logger = logging.getLogger(__name__)


class TooManyGuesses(Exception):
    """No secret is compared for this client from this address for up to SECONDS."""


class Guesses(NamedTuple):
    """Wrong secrets of one client from one address in SECONDS, in the cache.

    Not of the client alone: its ID is no secret, and whoever sends wrong secrets would keep the shop out.
    """

    key: str

    @classmethod
    def of(cls, request: HttpRequest, client_id: str) -> "Guesses":
        who = f"{truncate_ip(client_address(request))} {client_id}"
        return cls(f"sso-guesses:{hashlib.sha256(who.encode()).hexdigest()}")

    def take(self) -> None:
        """Count a comparison, before it is made: those sent at once are each counted. TooManyGuesses if
        there were enough. Without the cache nothing is compared.
        """
        cache.add(self.key, 0, SECONDS)
        try:
            guesses = cache.incr(self.key)
        except ValueError as ended:  # between the two lines; the next asker begins anew
            raise TooManyGuesses from ended
        if guesses > WRONG_SECRETS:
            if guesses == WRONG_SECRETS + 1:
                logger.warning("too many wrong secrets of a brand site: single sign-on refused for a while")
            raise TooManyGuesses

    def give_back(self) -> None:
        """It was right, and counts for nothing."""
        with suppress(ValueError):  # it ended meanwhile
            cache.decr(self.key)
