"""The second factor of staff: how fresh it must be, and where a session keeps when it was shown.

The rule is judged in services, by the moments that they are given (`verified_at=`, `at=`); the doors read
the first from the session, where only a proven factor writes it.
"""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from parties.errors import FactorStale
from parties.moments import database_time

FRESH_FOR = timedelta(minutes=5)
SESSION_KEY = "staff_factor"
_CLOCKS_DIFFER = timedelta(seconds=1)  # SQLite's clock knows milliseconds


def refuse_stale(*, verified_at: datetime | None, at: datetime) -> None:
    """FactorStale unless a second factor was shown at most five minutes before `at`."""
    if verified_at is None or not -_CLOCKS_DIFFER <= at - verified_at <= FRESH_FOR:
        raise FactorStale


def refuse_stale_person(request: HttpRequest) -> None:
    """FactorStale unless whoever is signed in has shown theirs in the last five minutes: for what superusers
    do to people, where a door has no service behind it.
    """
    refuse_stale(verified_at=verified_at(request), at=database_time())


def is_required() -> bool:
    """Whether staff need one at all: everywhere but in a demo that has switched it off."""
    return bool(settings.STAFF_SECOND_FACTOR == "required")


def mark(session: Any, *, authenticator_id: int, at: datetime) -> None:
    """Note in the session that this factor was shown at `at`."""
    session[SESSION_KEY] = {"authenticator": authenticator_id, "at": at.isoformat()}


def marked(session: Any) -> tuple[int, datetime] | None:
    """Which factor the session was opened or confirmed with last, and when; None if with none."""
    noted = session.get(SESSION_KEY)
    return (noted["authenticator"], datetime.fromisoformat(noted["at"])) if noted else None


def verified_at(request: HttpRequest) -> datetime | None:
    """When whoever is signed in showed their second factor last; None if never.

    Where none is required (a demo), it counts as shown just now.
    """
    if not is_required():
        return timezone.now()
    noted = marked(request.session)
    return noted[1] if noted else None
