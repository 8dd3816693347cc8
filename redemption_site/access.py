"""Who is asking: the user that the session names, with their member, in one query."""

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.db import models
from django.http import Http404, HttpRequest

from ledger.statements import Statement, run_together
from parties.access import Person, member_of
from parties.errors import NotReachable
from parties.models import Member, User

# All but moments, which SQLite gives back as text; in the model's order.
_USER_FIELDS = [
    field.attname for field in User._meta.concrete_fields if not isinstance(field, models.DateTimeField)
]
# Staff are nobody here: a session that a mailbox opened ends when its user becomes staff, or it would open
# the admin (whose own sign-in, by password, makes sessions of another backend).
#
# Every request of a signed-in person begins with this. It is prepared, because composing it each time costs:
# by the ORM, with select_related, 0.40 ms, as a raw query set 0.12 to 0.20 (PostgreSQL, 1,000 calls).
_FIND_USER = (
    f"SELECT {', '.join(f'u.{name}' for name in _USER_FIELDS)}, m.id FROM parties_user u"  # noqa: S608
    " LEFT JOIN parties_member m ON m.user_id = u.id WHERE u.id = %s AND u.is_active AND NOT u.is_staff"
)


class MemberBackend(BaseBackend):
    """The backend that sessions of this site name. It checks no password: members prove their mailbox."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> None:
        """Nobody (see `redemption_site.sign_in`)."""

    def get_user(self, user_id: int) -> User | None:
        """The active user, unless staff, with `member` at hand: its keys, the rest when it is asked for."""
        rows = run_together(Statement(_FIND_USER, [int(user_id)]))[0]
        if not rows:
            return None
        *values, member_pk = rows[0]
        user = User.from_db(None, _USER_FIELDS, values)
        if member_pk is not None:
            user.member = Member.from_db(None, ["id", "user_id"], [member_pk, user.pk])
        return user


def member_behind(user: Person) -> Member:
    """The member of a signed-in user, made at the first call. 404 for one who is gone since the request
    began.
    """
    member: Member | None = getattr(user, "member", None)
    try:
        return member or member_of(user)
    except NotReachable as refusal:
        raise Http404 from refusal
