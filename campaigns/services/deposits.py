"""Deposits: one person of finance records what came in, another one confirms it, and then it is in the
funds.
"""

import uuid
from datetime import datetime

from django.db import IntegrityError, transaction

from campaigns import access
from campaigns.errors import DepositNotOpen, DepositRefused, FundsFull, OwnOrder
from campaigns.models import Deposit, DepositState
from ledger import queries as ledger_queries
from ledger import services as ledger
from ledger.errors import LimitExceeded
from ledger.models import MAX_POINTS
from parties import audit_log, second_factor
from parties.access import access_brand
from parties.models import Role, User
from parties.staff_models import Act


@transaction.atomic
def request_deposit(
    *, public_id: uuid.UUID, brand_id: int, points: int, reference: str, user: User, at: datetime
) -> Deposit:
    """Record points that came in for the brand; nothing moves before another person confirms them.

    Once per `public_id`, which the form makes: a repeat gives back the first. NotReachable for anybody but
    finance of the brand (or of the operator); DepositRefused for points outside 1..10^12, for no reference,
    for one that counts already, and for a form that has recorded something else.
    """
    brand = access_brand(user, brand_id, Role.FINANCE)
    if not 0 < points <= MAX_POINTS or not reference.strip():
        raise DepositRefused("a deposit has points and a reference")
    asked = {"brand": brand, "points": points, "reference": reference.strip(), "requested_by": user}
    try:
        with transaction.atomic():
            deposit = Deposit.objects.create(public_id=public_id, requested_at=at, **asked)
    except IntegrityError as taken:
        first = Deposit.objects.filter(public_id=public_id, **asked).first()
        if first is None:
            raise DepositRefused("this reference counts already") from taken
        return first
    audit_log.record(Act.REQUESTED, by=user, subject=deposit)
    return deposit


@transaction.atomic
def confirm_deposit(*, deposit_id: int, user: User, verified_at: datetime | None, at: datetime) -> Deposit:
    """Put a recorded deposit into the brand's funds, once.

    FactorStale unless `user` showed their second factor at most five minutes before, at `verified_at`.
    NotReachable for anybody but finance of the brand (or of the operator), OwnOrder for whoever recorded it,
    DepositNotOpen if it was decided before, FundsFull if the funds can't hold so much: it still waits then.
    """
    deposit = _decide(deposit_id, DepositState.CONFIRMED, user, at)
    second_factor.refuse_stale(verified_at=verified_at, at=at)
    try:
        ledger.deposit_funds(brand=deposit.brand, points=deposit.points, key=deposit.public_id.hex, at=at)
    except LimitExceeded as refusal:
        room = MAX_POINTS - ledger_queries.funds_of(deposit.brand)
        raise FundsFull(points=deposit.points, room=room) from refusal
    return deposit


@transaction.atomic
def reject_deposit(*, deposit_id: int, user: User, at: datetime) -> Deposit:
    """Set a recorded deposit aside: its reference is free again. Refusals as for `confirm_deposit`."""
    return _decide(deposit_id, DepositState.REJECTED, user, at)


def _decide(deposit_id: int, state: DepositState, user: User, at: datetime) -> Deposit:
    before = access.access_deposit(user, deposit_id, Role.FINANCE)
    if before.requested_by_id == user.pk:
        raise OwnOrder
    waiting = Deposit.objects.filter(pk=deposit_id, state=DepositState.REQUESTED)
    if not waiting.update(state=state, decided_by=user, decided_at=at):
        raise DepositNotOpen(Deposit.objects.values_list("state", flat=True).get(pk=deposit_id))
    deposit = Deposit.objects.select_related("brand__program").get(pk=deposit_id)
    act = Act.CONFIRMED if state == DepositState.CONFIRMED else Act.REJECTED
    audit_log.record(act, by=user, subject=deposit)
    return deposit
