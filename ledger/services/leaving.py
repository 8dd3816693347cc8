"""A member leaves. The ledger knows wallets and parties know people; the two have to go together."""

from datetime import datetime
from typing import NamedTuple

from django.db import transaction

from ledger import locking
from ledger.models import Account, AccountKind
from ledger.services.forfeits import forfeit_points
from parties import leaving
from parties.models import Member, Program


class GivenUp(NamedTuple):
    """Points of one program that a leaving member gave up."""

    program: Program
    points: int


@transaction.atomic
def close_membership(*, member_id: int, at: datetime) -> list[GivenUp] | None:
    """The member leaves: what is left in every wallet is given up, and the person is erased, all or nothing.

    Gives back what was given up; None, and nothing happens, if the member has left before. PointsHeld while a
    purchase is under way, LeavingRefused (of parties) for staff; then nothing has changed. Accounts,
    transfers, lots and claims stay as they were, under the member's number. A claim or a spend at the same
    moment comes before or after: the points of the one are given up, the other is refused.
    """
    locking.own_member(member_id)
    member = Member.objects.get(pk=member_id)
    if member.closed_at is not None:
        return None
    wallets = Account.objects.filter(kind=AccountKind.WALLET, member=member).select_related("program")
    given_up = []
    for wallet in wallets.order_by("pk"):
        forfeited = forfeit_points(wallet_id=wallet.pk, key=f"leave:{wallet.pk}", at=at)
        if forfeited.points:
            given_up.append(GivenUp(wallet.program, forfeited.points))
    leaving.erase_person(member_id=member_id, at=at)
    return given_up
