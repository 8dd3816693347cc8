"""A till has read a member's card."""

from datetime import datetime, timedelta

from django.db import transaction

from parties.act_models import CardShowing
from parties.card_queries import read_card_token
from parties.errors import CardTokenNotUsable, MemberHasLeft
from parties.leaving import hold_member
from parties.models import Brand, Member

CARD_OPENS_FOR = timedelta(minutes=10)


@transaction.atomic
def read_card(*, brand: Brand, token: str, at: datetime) -> Member:
    """The member whose card shows this, whom the brand may ask for by their id for ten minutes from now.
    CardTokenTypingError and CardTokenNotUsable as for `read_card_token`.
    """
    member = read_card_token(token, at=at)
    try:
        hold_member(member)
    except MemberHasLeft as left:  # between the look at the card and here
        raise CardTokenNotUsable from left
    CardShowing.objects.update_or_create(
        brand=brand, member=member, defaults={"shown_at": at, "until": at + CARD_OPENS_FOR}
    )
    return member
