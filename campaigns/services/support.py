"""What support may look up only if it is written down who did: codes, addresses, who a member is."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import transaction

from campaigns import access
from campaigns.errors import SupportRefused
from campaigns.mailing_queries import gifts_mailed_to
from campaigns.support_models import ActKind, SupportAct
from giftcodes import queries as giftcodes_queries
from giftcodes.gift_models import Gift
from giftcodes.masking import mask_codes
from parties import audit_log, holding
from parties.access import is_operator
from parties.errors import NotReachable
from parties.models import Member, Role, User
from parties.staff_models import Act

MAX_REASON_LENGTH = 200
MOST_GIFTS = 50
MAX_MISSES = 30  # searches for codes and addresses that found nothing, of one person in 24 hours
DAY = timedelta(days=1)


@transaction.atomic
def find_by_code(*, text: object, user: User, at: datetime) -> int | None:
    """The public serial number of the code that somebody read out, if support or an auditor of its brand
    asks; None for a code that nobody issued and for one of another brand: nothing tells the two apart.

    The code is decoded in memory and kept nowhere; that it was asked for, by whom, and what was found is. Who
    misses MAX_MISSES times in a day is refused, or this would be a place to guess. NotACode (a typing error,
    which does not count), KeysMissing, SupportRefused (`many`), NotReachable for people of no such role.
    """
    _require_room(user, at)
    serial_number = giftcodes_queries.serial_number_of(text)
    batch = None if serial_number is None else giftcodes_queries.batch_of_serial(serial_number)
    if batch is None or not access.batches_of_support(user).filter(pk=batch.pk).exists():
        SupportAct.objects.create(kind=ActKind.CODE, user=user, at=at, is_found=False)
        return None
    SupportAct.objects.create(
        kind=ActKind.CODE,
        user=user,
        at=at,
        is_found=True,
        brand_id=batch.brand_id,
        serial_number=serial_number,
    )
    return serial_number


class Addressed(NamedTuple):
    """Who signs in with an e-mail address, and the gifts that were mailed to it."""

    member: Member | None
    gifts: list[Gift]


@transaction.atomic
def find_by_address(*, address: str, user: User, at: datetime) -> Addressed:
    """The newest gifts that brands within reach mailed to the address, at most MOST_GIFTS; and the member who
    signs in with it, for the operator's support and auditors alone, as members belong to no brand. Who asked
    is kept, the address is not.

    NotReachable for people of no such role, SupportRefused (`many`).
    """
    _require_room(user, at)
    member = None
    if is_operator(user, Role.SUPPORT, Role.AUDITOR):
        member = Member.objects.filter(user__email__iexact=address.strip()).first()
    mailings = access.reachable_mailings(user, *access.SUPPORT)
    gifts = list(gifts_mailed_to(address, mailings).select_related("batch")[:MOST_GIFTS])
    brands = {gift.batch.brand_id for gift in gifts}
    told: list[dict[str, Any]] = [{"brand_id": brand_id} for brand_id in sorted(brands)]
    told += [{"member": member}] if member else []
    for found in told or [{"is_found": False}]:
        SupportAct.objects.create(
            **{"kind": ActKind.ADDRESS, "user": user, "at": at, "is_found": True} | found
        )
    return Addressed(member, gifts)


@transaction.atomic
def unmask_member(*, member_id: int, reason: str, user: User, at: datetime) -> str:
    """The member's e-mail address ("" if they have none), for the operator's support, who say what they need
    it for. A code in the reason is masked.

    NotReachable for anybody else, auditors too. SupportRefused (`reason`): 1 to 200 characters.
    """
    member = Member.objects.select_related("user").filter(pk=member_id).first()
    if member is None or not is_operator(user, Role.SUPPORT):
        raise NotReachable
    reason = reason.strip()
    if not 1 <= len(reason) <= MAX_REASON_LENGTH or "\0" in reason:
        raise SupportRefused("reason")
    masked = mask_codes(reason).text[:MAX_REASON_LENGTH]
    SupportAct.objects.create(
        kind=ActKind.UNMASK, user=user, at=at, is_found=True, member=member, reason=masked
    )
    audit_log.record(Act.UNMASKED, by=user, subject=member, reason=masked)
    return (member.user.email or "") if member.user else ""


def _require_room(user: User, at: datetime) -> None:
    """The person's row is held for the count: of several searches at once none passes the limit."""
    if not access.is_support(user):
        raise NotReachable
    holding.hold_user(user)
    missed = SupportAct.objects.filter(user=user, at__gt=at - DAY, is_found=False)
    if missed.count() >= MAX_MISSES:
        raise SupportRefused("many")
