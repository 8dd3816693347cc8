"""Who is asking: the session's user with their member in one query, and nothing for those who sign in by password."""

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.http import HttpRequest

from parties.access import Person, member_of
from parties.models import Member, User


class MemberBackend(BaseBackend):
    """The backend that sessions of this site name. It gives back the user with the member, and checks no password."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> None:
        """Nobody: members prove their mailbox instead (`redemption_site.sign_in`)."""

    def get_user(self, user_id: int) -> User | None:
        """The active user with `member` at hand, so that a claim costs one query for both."""
        return User.objects.select_related("member").filter(pk=user_id, is_active=True).first()


def member_behind(user: Person) -> Member:
    """The member of a signed-in user, made at the first call. NotReachable for nobody and for inactive users."""
    member: Member | None = getattr(user, "member", None)
    return member or member_of(user)
