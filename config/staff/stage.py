"""Between the password and the second factor: who waits, kept in the session, which signs nobody in yet."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.contrib.auth import login
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from parties import second_factor
from parties.models import User

BACKEND = "django.contrib.auth.backends.ModelBackend"
OPEN_FOR = timedelta(minutes=10)
_KEY = "staff_sign_in"


class Visitor(NamedTuple):
    """Whose second factor is asked for, where they go on to, and whether they are signed in already."""

    user: User
    next_page: str
    is_signed_in: bool


def begin(request: HttpRequest, user: User, *, next_page: str, at: datetime) -> None:
    """The password was right. Nobody is signed in until a second factor is shown, within ten minutes.

    It is a new session: nothing that somebody else has left in this browser goes over to this person.
    """
    request.session.flush()
    request.session[_KEY] = {
        "user": user.pk,
        "password": user.get_session_auth_hash(),  # a password that is changed meanwhile ends it
        "next": next_page,
        "at": at.isoformat(),
    }


def who_waits(request: HttpRequest, *, at: datetime) -> Visitor | None:
    """Who has shown the right password less than ten minutes before `at`, if they still may come in."""
    noted = request.session.get(_KEY)
    if not noted or not timedelta(0) <= at - datetime.fromisoformat(noted["at"]) <= OPEN_FOR:
        return None
    user = User.objects.filter(pk=noted["user"], is_active=True, is_staff=True).first()
    if user is None or not constant_time_compare(user.get_session_auth_hash(), noted["password"]):
        return None
    return Visitor(user, noted["next"], is_signed_in=False)


def let_in(request: HttpRequest, visitor: Visitor, *, authenticator_id: int, at: datetime) -> None:
    """Sign in whoever waited, or note that a signed-in person has shown the factor again; under a new session
    key either way.
    """
    request.session.pop(_KEY, None)
    if visitor.is_signed_in:
        request.session.cycle_key()
    else:
        login(request, visitor.user, backend=BACKEND)
    second_factor.mark(request.session, authenticator_id=authenticator_id, at=at)
