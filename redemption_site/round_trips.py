"""The way to a provider and back, in a `state` that needs no session: it may come back in another browser.

The state is encrypted and authenticated under a key of its own, names its provider, is good for ten minutes
and for one answer. It carries the code that waits, which nobody on the way can read. The nonce and the PKCE
verifier are derived from its id: whoever holds the state knows neither, and no session has to remember them.
"""

import base64
import hmac
import json
import secrets
from hashlib import sha256
from typing import NamedTuple

from cryptography.fernet import InvalidToken
from django.core.cache import cache
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django.views.decorators.debug import sensitive_variables

from redemption_site.boxes import box
from redemption_site.pending import PendingClaim

SECONDS_OPEN = 10 * 60
MOST_BEGUN = 10  # tabs of one browser
_PURPOSE = "provider-state"
_BEGUN = "round_trips_begun"
# A brand site's whole request is in `next` while somebody signs in for it; sealed, it is a third longer.
_MOST_LETTERS, _MOST_LETTERS_OF_NEXT = 4_096, 2_000


class StateRefused(Exception):
    """Not sealed here, for another provider, too old, or answered before."""


class RoundTrip(NamedTuple):
    """A way that was begun. `connect_to`: the user whose account the answer is to be connected to, else it
    signs somebody in. `next` is the page asked for before, "" for none.
    """

    id: str
    provider_id: str
    next: str = ""
    connect_to: int | None = None
    pending: PendingClaim | None = None

    def __repr__(self) -> str:  # a code is inside
        return f"RoundTrip({self.provider_id})"

    @property
    def nonce(self) -> str:
        """What the provider has to repeat inside its signed answer."""
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        """The PKCE verifier (RFC 7636), of which the provider was told the challenge."""
        return self._derived("verifier")

    @property
    def challenge(self) -> str:
        return _text_of(sha256(self.verifier.encode()).digest())

    def _derived(self, purpose: str) -> str:
        salt = f"redemption_site/v1/provider-{purpose}"
        return _text_of(salted_hmac(salt, self.id, algorithm="sha256").digest())


@sensitive_variables()
def begin(
    request: HttpRequest,
    *,
    provider_id: str,
    next_page: str = "",
    connect_to: int | None = None,
    pending: PendingClaim | None = None,
) -> tuple[RoundTrip, str]:
    """A round trip and its sealed state. This browser's session notes that it began here."""
    next_page = next_page if next_page.isascii() and len(next_page) <= _MOST_LETTERS_OF_NEXT else ""
    trip = RoundTrip(secrets.token_urlsafe(16), provider_id, next_page, connect_to, pending)
    begun = [*request.session.get(_BEGUN, []), trip.id]
    request.session[_BEGUN] = begun[-MOST_BEGUN:]
    return trip, box(_PURPOSE).encrypt(json.dumps(trip).encode()).decode()


@sensitive_variables()
def take(state: str, *, provider_id: str) -> RoundTrip:
    """Open the state for its one answer. StateRefused if it is no state, another provider's, or spent."""
    if not state or len(state) > _MOST_LETTERS:
        raise StateRefused
    try:
        opened = box(_PURPOSE).decrypt(state.encode(), ttl=SECONDS_OPEN)
        trip = RoundTrip._make(json.loads(opened))
        trip = trip._replace(pending=PendingClaim(*trip.pending) if trip.pending else None)
    except (InvalidToken, TypeError, UnicodeEncodeError) as refusal:  # TypeError: of another release
        raise StateRefused from refusal
    if not hmac.compare_digest(trip.provider_id.encode(), provider_id.encode()):
        raise StateRefused
    # One atomic step for all processes. It outlives the state; without the cache nobody gets further.
    if not cache.add(f"provider-state:{trip.id}", 1, SECONDS_OPEN + 60):
        raise StateRefused
    return trip


def began_here(request: HttpRequest, trip: RoundTrip) -> bool:
    """Whether this browser's session began the round trip; it is then forgotten there."""
    begun = request.session.get(_BEGUN, [])
    if trip.id not in begun:
        return False
    request.session[_BEGUN] = [other for other in begun if other != trip.id]
    return True


def _text_of(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
