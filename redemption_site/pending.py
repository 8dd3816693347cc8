"""A code that waits for its person to sign in: in their own browser, encrypted, for half an hour.

Not in the session: sessions are database rows, and no live code stands in the database, not even encrypted
under a key of the same server. The cookie opens with a key derived from SECRET_KEY for this purpose alone.
"""

import json
from datetime import UTC, datetime
from typing import NamedTuple

from cryptography.fernet import InvalidToken
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils.crypto import constant_time_compare, salted_hmac

from redemption_site.boxes import box

SECONDS_KEPT = 30 * 60
_PURPOSE = "pending-claim"


class PendingClaim(NamedTuple):
    """A well-formed code and the campaign page it was typed on ("" for the landing page).

    `is_refused`: it could not be used, and waits for nothing but to be shown with that answer, whose number
    for support is `reference`. `accepted` is the tick that came with the code (see `conditions.tick_of`),
    `asked` the id of the conditions that are still to be accepted, 0 for none.
    """

    code: str
    campaign_slug: str
    is_refused: bool = False
    reference: str = ""
    accepted: str = ""
    asked: int = 0

    def __repr__(self) -> str:  # the code must not reach a log or a traceback
        return "PendingClaim()"


def keep(response: HttpResponseBase, pending: PendingClaim) -> None:
    """Let the browser carry the code, sealed; a code that was waiting before is replaced."""
    sealed = box(_PURPOSE).encrypt(json.dumps(pending).encode())
    response.set_cookie(
        settings.PENDING_COOKIE_NAME,
        sealed.decode(),
        max_age=SECONDS_KEPT,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def waiting(request: HttpRequest) -> PendingClaim | None:
    """The code that this browser carries and that is still to be claimed, if there is one."""
    found = carried(request)
    return None if found is None or found.is_refused else found


def held_since(request: HttpRequest) -> datetime:
    """Since when this browser carries the code that `carried` gave."""
    sealed = request.COOKIES[settings.PENDING_COOKIE_NAME]
    return datetime.fromtimestamp(box(_PURPOSE).extract_timestamp(sealed.encode()), UTC)


def is_shown(request: HttpRequest, found: PendingClaim) -> bool:
    """Whether the form that was sent named this code: another tab may have put another one in its place."""
    return constant_time_compare(request.POST.get("shown", ""), mark_of(found.code))


def mark_of(code: str) -> str:
    """What a form names a code by: keyed with SECRET_KEY, so that it tells nothing about the code."""
    return salted_hmac("redemption_site/v1/shown-code", code, algorithm="sha256").hexdigest()[:32]


def carried(request: HttpRequest) -> PendingClaim | None:
    """The code that this browser carries; None if there is none, it is too old, or was not sealed here."""
    sealed = request.COOKIES.get(settings.PENDING_COOKIE_NAME)
    if not sealed:
        return None
    try:
        opened = box(_PURPOSE).decrypt(sealed.encode(), ttl=SECONDS_KEPT)
        return PendingClaim(*json.loads(opened))
    except (InvalidToken, TypeError):  # TypeError: of another release, with other fields
        return None


def drop(request: HttpRequest, response: HttpResponseBase) -> None:
    """Forget the code that this browser carries, if it carries one."""
    if settings.PENDING_COOKIE_NAME in request.COOKIES:
        response.set_cookie(
            settings.PENDING_COOKIE_NAME,
            "",
            max_age=0,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
