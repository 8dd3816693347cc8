"""A claim by somebody who is not signed in, for the member of a membership number, with the same guard.

Anybody can type anybody's number. So tries count against the browser and its networks, never against the
member of the number; nothing about that member's wallet is told; and only codes of the campaign that asks for
numbers can be reached.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import NamedTuple

from django.db import transaction

from giftcodes.directory import KnownBatch
from giftcodes.errors import AnonymousClosed, CodeNotUsable, ProofNeeded
from giftcodes.guarding.visitors import stranger_name
from giftcodes.services.claims import Claimed, Proviso, claim_found
from giftcodes.services.tries import Try, try_behind_guard
from parties import services as parties
from parties.models import Member
from parties.services import NumberOf


class NumberAsker(NamedTuple):
    """Whose number was typed, and in which browser: `visitor` is its random name, `address` the client's.

    `limit_group` is that of the codes that may be claimed so. `holds_since`: since when this browser has had
    the code; `received`: serial numbers of what it has received. Both come from what the server sealed, and
    say whether a repeat may be told as one.
    """

    of: NumberOf
    visitor: str
    address: str
    limit_group: str
    holds_since: datetime
    received: frozenset[int] = frozenset()


def try_code_for_number(
    *,
    text: object,
    asker: NumberAsker,
    at: datetime | None = None,
    unless: Callable[[Member], Proviso] | None = None,
) -> Claimed:
    """Turn the code into points of the member of that number, who is made with the first claim.

    The same refusals as `try_code`, but AnonymousClosed where that asks for a proof of work: then nothing was
    tried, and the code can be claimed after a sign-in. A code of another limit group is CodeNotUsable, and so
    is a repeat, unless this browser received the points or had the code before they were. `balance` of what
    comes back is not for this browser's eyes. ClaimHeldBack as for `claim_code`, by what `unless` makes of
    the member of the number.
    """
    attempt = Try(stranger_name(asker.visitor), asker.address, member=None)
    try:
        claim = partial(_claim, asker=asker, at=at, unless=unless)
        return try_behind_guard(text=text, attempt=attempt, claim=claim, at=at)
    except ProofNeeded as refusal:
        raise AnonymousClosed from refusal


def _claim(
    found: tuple[int, KnownBatch] | None,
    *,
    series: int,
    asker: NumberAsker,
    at: datetime | None,
    unless: Callable[[Member], Proviso] | None,
) -> Claimed:
    if found is not None and found[1].limit_group != asker.limit_group:
        found = None  # and so through the same motions
    member = parties.find_member(asker.of)
    if member is None:
        return _claim_first(found, series=series, asker=asker, at=at, unless=unless)
    proviso = unless(member) if unless else None
    return _told(claim_found(found, series=series, member=member, at=at, unless=proviso), asker)


@transaction.atomic
def _claim_first(
    found: tuple[int, KnownBatch] | None,
    *,
    series: int,
    asker: NumberAsker,
    at: datetime | None,
    unless: Callable[[Member], Proviso] | None,
) -> Claimed:
    """With a number that nobody has used: a refusal leaves neither a member nor the number behind."""
    member = parties.member_of_number(asker.of)
    proviso = unless(member) if unless else None
    return _told(claim_found(found, series=series, member=member, at=at, unless=proviso), asker)


def _told(claimed: Claimed, asker: NumberAsker) -> Claimed:
    """A repeat is told to the browser that claimed alone: it received the points, or held the code before."""
    is_witness = claimed.serial_number in asker.received or asker.holds_since <= claimed.claimed_at
    if claimed.is_repeat and not is_witness:
        raise CodeNotUsable
    return claimed
