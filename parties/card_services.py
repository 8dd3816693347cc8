"""Membership cards: one per member, with a random number that can be made anew."""

import secrets
from collections.abc import Callable
from datetime import datetime

from django.db import IntegrityError, transaction

from parties.card_tokens import CARD_NUMBERS
from parties.errors import NoFreeCardNumber
from parties.leaving import hold_member
from parties.models import Member, MemberCard

_MOST_DRAWS = 20  # at ten million cards one draw in ten is taken: all of them, once in 10^20


def make_card(*, member: Member, at: datetime) -> MemberCard:
    """The member's card, made with a random number unless there is one. Twice at once makes one card.
    NoFreeCardNumber, which changes nothing, if every number drawn belongs to somebody; MemberHasLeft.
    """

    def make(number: int) -> MemberCard:
        return MemberCard.objects.get_or_create(
            member=member, defaults={"number": number, "numbered_at": at}
        )[0]

    return _with_free_number(member, make)


def renew_card(*, member: Member, at: datetime) -> MemberCard:
    """A new random number for the member's card, made if there is none: what the old one showed is worth
    nothing from now on. NoFreeCardNumber, which changes nothing, and MemberHasLeft, like `make_card`.
    """

    def renew(number: int) -> MemberCard:
        values = {"number": number, "numbered_at": at}
        return MemberCard.objects.update_or_create(member=member, defaults=values)[0]

    return _with_free_number(member, renew)


@transaction.atomic
def _with_free_number(member: Member, attempt: Callable[[int], MemberCard]) -> MemberCard:
    hold_member(member)
    for _ in range(_MOST_DRAWS):
        try:
            with transaction.atomic():
                return attempt(secrets.randbelow(CARD_NUMBERS))
        except IntegrityError as refusal:  # the number is somebody's: the unique key says so, nobody asks
            if "number" not in str(refusal):
                raise
    raise NoFreeCardNumber
