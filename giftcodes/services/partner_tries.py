"""A claim through a brand's own system, for the member whom that has signed in: the same guard, rules and
refusals as on the page, once for its Idempotency-Key.

The brand's servers ask for all of its members, so tries and strikes count for the member, and those of all
members of the client together; no address counts. Only codes of the brand's program can be reached.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple, NoReturn

from giftcodes.codec import NotACode, NotACodeReason
from giftcodes.directory import KnownBatch
from giftcodes.errors import CodeNotUsable
from giftcodes.guarding.visitors import member_name, newcomer_name
from giftcodes.services.claims import Claimed, Proviso, claim_found
from giftcodes.services.tries import Try, count_typo_for_client, try_behind_guard
from ledger.partner_access import access_member, member_for_points
from ledger.statements import database_time
from parties import services as parties
from parties.api_acts import Act, Answer, Done, do_once, earlier_answer, keep_refusal
from parties.known_members import Named, number_of
from parties.models import Member
from parties.moments import rfc3339

_REFUSED = 409


class PartnerAsker(NamedTuple):
    """For whom, and under which key: `act` has the client, `named` is the member as the client says it."""

    act: Act
    named: Named


def try_code_for_partner(
    *, text: object, asker: PartnerAsker, at: datetime | None = None, unless: Callable[[Member], Proviso]
) -> Answer:
    """Turn the code into points of the member, who is made with the first claim if a number or a name of the
    brand says who it is.

    A repeat gives the same answer and is no try: also CodeNotUsable, with the same reference. NotReachable
    for a member whom the brand does not reach; otherwise the refusals of `try_code`. ClaimHeldBack by what
    `unless` makes of the member: that is not kept, so the same key claims later.
    """
    earlier = earlier_answer(asker.act)
    if earlier is not None:
        return _again(earlier)
    now = at or database_time()
    attempt = _attempt(asker, now)
    claim = partial(_claim, asker=asker, at=at, now=now, unless=unless)
    try:
        answer = try_behind_guard(text=text, attempt=attempt, claim=claim, at=at)
    except NotACode as refusal:
        _count_typo(refusal, attempt, at)
    except CodeNotUsable as refusal:
        keep_refusal(asker.act, Done({"reference": refusal.reference}, _REFUSED), at=now)
        raise
    return _again(answer)


def _again(answer: Answer) -> Answer:
    if answer.status == _REFUSED:
        raise CodeNotUsable(answer.body["reference"])
    return answer


def _attempt(asker: PartnerAsker, now: datetime) -> Try:
    """Whose try it is: the member's, or of who has the number or name, as long as that has made nobody."""
    client = asker.act.client
    if asker.named.id is not None:
        member: Member | None = access_member(brand=client.brand, named=asker.named, at=now)
    else:
        member = parties.find_member(number_of(client.brand, asker.named))
    if member is not None:
        person = member_name(member.pk)
    else:
        person = newcomer_name(parties.digest_of_number(number_of(client.brand, asker.named)))
    is_sandbox = client.brand.program.is_sandbox
    return Try(person, address="", member=member, client_id=client.pk, is_sandbox=is_sandbox)


def _claim(
    found: tuple[int, KnownBatch] | None,
    *,
    series: int,
    asker: PartnerAsker,
    at: datetime | None,
    now: datetime,
    unless: Callable[[Member], Proviso],
) -> Answer:
    brand = asker.act.client.brand
    if found is not None and found[1].program_id != brand.program_id:
        found = None  # and so through the same motions

    def perform() -> Done:
        member = member_for_points(brand=brand, named=asker.named, at=now)
        claimed = claim_found(
            found,
            series=series,
            member=member,
            at=at,
            unless=unless(member),
            is_sandbox=brand.program.is_sandbox,
        )
        return Done(_body(claimed, member), 201)

    return do_once(asker.act, perform, at=now)


def _body(claimed: Claimed, member: Member) -> dict[str, Any]:
    return {
        "serial": str(claimed.serial_number),
        "member": str(member.public_id),
        "points": claimed.points,
        "balance": claimed.balance,
        "claimed_at": rfc3339(claimed.claimed_at),
        "expires_at": rfc3339(claimed.expires_at),
        "was_claimed_before": claimed.is_repeat,
    }


def _count_typo(refusal: NotACode, attempt: Try, at: datetime | None) -> NoReturn:
    """Wrong check digits are counted: each is a sixteenth of a guess."""
    if refusal.reason is NotACodeReason.CHECK_DIGIT and attempt.client_id is not None:
        count_typo_for_client(person=attempt.person, client_id=attempt.client_id, at=at)
    raise refusal
