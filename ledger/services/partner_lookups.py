"""A till has read a member's card."""

from datetime import datetime, timedelta

from django.db import transaction

from parties import card_tokens, sandboxes
from parties import services as parties
from parties.act_models import CardShowing
from parties.card_queries import read_card_token
from parties.errors import CardTokenNotUsable, CardTokenTypingError, MemberHasLeft
from parties.leaving import hold_member
from parties.models import Brand, Member
from parties.services import NumberOf

CARD_OPENS_FOR = timedelta(minutes=10)


@transaction.atomic
def read_card(*, brand: Brand, token: str, at: datetime) -> Member:
    """The member whose card shows this, whom the brand may ask for by their id for ten minutes from now.
    CardTokenTypingError and CardTokenNotUsable as for `read_card_token`.

    In a sandbox there is one card, the same in all of them, of a member that is of the sandbox: what a test
    key is given must never open a person to it.
    """
    is_sandbox = brand.program.is_sandbox
    member = _read_sandbox_card(brand, token) if is_sandbox else read_card_token(token, at=at)
    try:
        hold_member(member)
    except MemberHasLeft as left:  # between the look at the card and here
        raise CardTokenNotUsable from left
    CardShowing.objects.update_or_create(
        brand=brand, member=member, defaults={"shown_at": at, "until": at + CARD_OPENS_FOR}
    )
    return member


def _read_sandbox_card(brand: Brand, token: str) -> Member:
    try:
        is_the_one = card_tokens.read(token) == card_tokens.read(sandboxes.CARD_TOKEN)
    except card_tokens.NotAToken as fault:
        raise CardTokenTypingError(fault.reason.value) from None
    member = parties.find_member(NumberOf(brand.pk, f"ref:{sandboxes.MEMBER}")) if is_the_one else None
    if member is None:
        raise CardTokenNotUsable
    return member
