"""Somebody who claims without a sign-in, as their browser carries them: a random name for the guard, and what
they have received a moment ago.

Both are sealed under keys of their own. Dropping the name makes a new person for the guard; the networks and
the site as a whole still count (giftcodes/README.md). A receipt holds no code, no number but its last signs,
and nothing of the wallet.
"""

import base64
import json
import secrets
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from redemption_site.pending import SECONDS_KEPT

VISITOR_SECONDS = 48 * 3_600  # strikes of a day, and the day that they lock
MOST_RECEIPTS = 5


class Receipt(NamedTuple):
    """What a code brought. Instants in ISO 8601; `tail` are the last signs of the membership number."""

    serial_number: int
    points: int
    claimed_at: str
    expires_at: str
    program_id: int
    campaign_slug: str
    tail: str

    @property
    def claimed(self) -> datetime:
        return datetime.fromisoformat(self.claimed_at)

    @property
    def expires(self) -> datetime:
        """The exclusive end of the points."""
        return datetime.fromisoformat(self.expires_at)


def visitor_of(request: HttpRequest) -> str:
    """The random name of this browser; a new one if it carries none. `keep_visitor` lets it carry it on."""
    known: str | None = _opened(request, settings.VISITOR_COOKIE_NAME, b"visitor", VISITOR_SECONDS)
    return known or secrets.token_urlsafe(16)


def keep_visitor(response: HttpResponseBase, visitor: str) -> None:
    """Let the browser carry its name for two days from now."""
    _keep(response, settings.VISITOR_COOKIE_NAME, b"visitor", visitor, VISITOR_SECONDS)


def receipts_of(request: HttpRequest) -> list[Receipt]:
    """What this browser has received without a sign-in in the last half hour, the newest first."""
    rows: list[list[Any]] = _opened(request, settings.RECEIPT_COOKIE_NAME, b"receipts", SECONDS_KEPT) or []
    try:
        return [Receipt(*row) for row in rows]
    except TypeError:  # of another release, with other fields
        return []


def add_receipt(request: HttpRequest, response: HttpResponseBase, receipt: Receipt) -> None:
    """Let the browser carry one more, the oldest one beyond MOST_RECEIPTS no longer."""
    older = [other for other in receipts_of(request) if other.serial_number != receipt.serial_number]
    kept = [receipt, *older][:MOST_RECEIPTS]
    _keep(response, settings.RECEIPT_COOKIE_NAME, b"receipts", kept, SECONDS_KEPT)


def _keep(response: HttpResponseBase, name: str, purpose: bytes, content: object, seconds: int) -> None:
    response.set_cookie(
        name,
        _box(settings.SECRET_KEY, purpose).encrypt(json.dumps(content).encode()).decode(),
        max_age=seconds,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _opened(request: HttpRequest, name: str, purpose: bytes, seconds: int) -> Any:
    try:
        sealed = request.COOKIES.get(name, "").encode()
        return json.loads(_box(settings.SECRET_KEY, purpose).decrypt(sealed, ttl=seconds))
    except InvalidToken:
        return None


@lru_cache(maxsize=4)
def _box(secret: str, purpose: bytes) -> Fernet:
    kdf = HKDF(hashes.SHA256(), 32, salt=None, info=b"redemption_site/v1/stranger/" + purpose)
    return Fernet(base64.urlsafe_b64encode(kdf.derive(secret.encode())))
