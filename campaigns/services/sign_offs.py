"""Signing that counsel was asked, where a legal rule wants that."""

from datetime import datetime

from django.db import transaction

from campaigns import access, legal_facts
from campaigns.errors import CounselNotNamed, OrderNotOpen, OwnOrder, SignedAlready, SignOffNeedless
from campaigns.legal_models import LegalSignOff
from campaigns.models import OrderState
from campaigns.services.orders import hold_campaign
from giftcodes.masking import mask_codes
from parties import audit_log, second_factor
from parties.models import Role, User
from parties.staff_models import Act

MAX_COUNSEL_LETTERS, MAX_NOTE_LETTERS = 80, 500


@transaction.atomic
def sign_off(
    *, order_id: int, user: User, counsel: str, note: str, verified_at: datetime | None, at: datetime
) -> LegalSignOff:
    """Sign, as an approver other than the requester, that `counsel` (a name) was asked about a submitted
    order, and what was said. Once per submission.

    NotReachable for anybody but an approver of the brand, OwnOrder, OrderNotOpen, SignOffNeedless if no rule
    asks for counsel, CounselNotNamed, SignedAlready, FactorStale if the second factor is older than five
    minutes.
    """
    hold_campaign(campaign_id=access.access_order(user, order_id, Role.APPROVER).campaign_id)
    order = access.access_order(user, order_id, Role.APPROVER)
    if order.requested_by_id == user.pk:
        raise OwnOrder
    if order.state != OrderState.SUBMITTED:
        raise OrderNotOpen(order.state)
    check = legal_facts.latest_check(order)
    if check is None or not check.asks_counsel:
        raise SignOffNeedless
    named, said = (mask_codes(text.strip()).text for text in (counsel, note))
    if not (0 < len(named) <= MAX_COUNSEL_LETTERS and 0 < len(said) <= MAX_NOTE_LETTERS):
        raise CounselNotNamed
    second_factor.refuse_stale(verified_at=verified_at, at=at)
    row, is_new = LegalSignOff.objects.get_or_create(
        legal_check=check,
        defaults={
            "requested_by_id": order.requested_by_id,
            "signed_by": user,
            "signed_at": at,
            "counsel": named,
            "note": said,
        },
    )
    if not is_new:
        raise SignedAlready
    audit_log.record(Act.CONFIRMED, by=user, subject=order, reason=f"{named}: {said}")
    return row
