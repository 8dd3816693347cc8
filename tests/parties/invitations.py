"""A brand with its people, and invitations to it as they go on, for tests."""

from typing import Any, NamedTuple

from parties import invitation_services as invitations
from parties.invitation_models import StaffInvitation
from parties.models import Brand, Role, User
from tests import make
from tests.factors import just_now
from tests.make import NOON

PASSWORD = "a long walk by the sea"  # of people in tests


class Team(NamedTuple):
    brand: Brand | None
    asker: User
    other: User


def team(brand: Brand | None = None, *, of_operator: bool = False) -> Team:
    """Two who keep the roles of a brand, or of the operator."""
    where = None if of_operator else brand or make.brand()
    return Team(where, make.staff(Role.APPROVER, where), make.staff(Role.FINANCE, where))


def asked(of: Team, **changes: Any) -> StaffInvitation:
    wanted: dict[str, Any] = {
        "brand_id": of.brand.pk if of.brand else None,
        "role": Role.MARKETER,
        "email": "hanako@new.example",
        "name": "山田花子",
        "language": "ja",
        "reason": "joins the team in April",
        "user": of.asker,
        "at": NOON,
    }
    return invitations.request_invitation(**wanted | changes)


def confirmed(of: Team, **changes: Any) -> tuple[StaffInvitation, str]:
    invitation = asked(of, **changes)
    return invitations.confirm_invitation(invitation_id=invitation.pk, user=of.other, **just_now(NOON))


def accept(token: str, **changes: Any) -> tuple[User, bool]:
    wanted: dict[str, Any] = {"name": "花子", "password": PASSWORD, "signed_in": None, "at": NOON}
    return invitations.accept_invitation(token=token, **wanted | changes)
