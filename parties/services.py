"""What changes people: so far, members who are known by a number of their brand.

Call through the module: `from parties import services as parties`.
"""

import hmac
from typing import NamedTuple

from django.conf import settings
from django.db import IntegrityError, transaction

from parties.models import Member, MembershipNumber
from parties.numbers import tail_of


class NumberOf(NamedTuple):
    """A number as `numbers.read_number` gave it, and its brand."""

    brand_id: int
    number: str

    def __repr__(self) -> str:  # it is personal: not for a log or a traceback
        return f"NumberOf({self.brand_id})"


def find_member(of: NumberOf) -> Member | None:
    """The member who is known by that number, if anybody has used it."""
    rows = MembershipNumber.objects.filter(brand_id=of.brand_id, digest__in=_digests(of))
    row = rows.select_related("member").first()
    return row.member if row else None


@transaction.atomic
def member_of_number(of: NumberOf) -> Member:
    """The member who is known by that number, made at its first use. Of first uses at once, one makes it: the
    number is unique in its brand, and the others wait for it and get the same member.
    """
    found = find_member(of)
    if found is not None:
        return found
    try:
        with transaction.atomic():
            member = Member.objects.create()
            MembershipNumber.objects.create(
                brand_id=of.brand_id, digest=_digests(of)[0], tail=tail_of(of.number), member=member
            )
    except IntegrityError:
        winner = find_member(of)
        if winner is None:
            raise
        return winner
    return member


def digest_of_number(of: NumberOf) -> str:
    """A keyed digest that stands for the number where it must not stand itself."""
    return _digests(of)[0]


def _digests(of: NumberOf) -> list[str]:
    """What stands in the table for the number: under the newest key first, then under older ones."""
    text = f"parties/v1/membership-number:{of.brand_id}:{of.number}".encode()
    return [hmac.digest(key, text, "sha256").hex() for key in settings.MEMBERSHIP_NUMBER_KEYS.values()]
