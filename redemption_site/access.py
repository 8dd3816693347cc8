"""Who is asking: the user that the session names, with their member, in one query."""

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.http import HttpRequest

from parties.access import Person, member_of
from parties.models import Member, User


class MemberBackend(BaseBackend):
    """The backend that sessions of this site name. It checks no password: members prove their mailbox."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> None:
        """Nobody (see `redemption_site.sign_in`)."""

    def get_user(self, user_id: int) -> User | None:
        """The active user with `member` at hand, so that a claim costs one query for both."""
        return User.objects.select_related("member").filter(pk=user_id, is_active=True).first()


def member_behind(user: Person) -> Member:
    """The member of a signed-in user, made at the first call. NotReachable for nobody and inactive users."""
    member: Member | None = getattr(user, "member", None)
    return member or member_of(user)
