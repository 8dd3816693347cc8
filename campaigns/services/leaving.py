"""A member closes the account: what each app holds of them goes in one transaction."""

from datetime import datetime

from django.db import transaction

from campaigns.services.dispute_texts import erase_dispute_texts
from ledger import services as ledger
from ledger.services import GivenUp
from parties.models import Member


@transaction.atomic
def close_account(*, member_id: int, at: datetime) -> list[GivenUp] | None:
    """`ledger.close_membership`, and what the member wrote in disputes: all or nothing.

    The same results and refusals: PointsHeld, LeavingRefused; None if the member has left before.
    """
    given_up = ledger.close_membership(member_id=member_id, at=at)
    if given_up is not None:
        erase_dispute_texts(member=Member.objects.get(pk=member_id), at=at)
    return given_up
