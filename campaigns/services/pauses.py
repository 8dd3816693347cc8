"""Stopping the codes of an order, and letting them go on."""

from datetime import datetime
from typing import Protocol

from django.db import transaction

from campaigns import access
from campaigns.errors import OrderNotOpen, OwnOrder, TermsRefused
from campaigns.models import Order
from giftcodes import services as giftcodes
from giftcodes.errors import BatchRefused
from parties import audit_log, second_factor
from parties.models import Role, User
from parties.staff_models import Act


class _Switch(Protocol):
    def __call__(self, *, batch_id: int, reason: str, by: User, at: datetime) -> bool: ...


def pause_codes(*, order_id: int, user: User, reason: str, at: datetime) -> bool:
    """Stop the order's codes from being claimed, and its gifts from being issued, at once: `user` is a
    marketer or an approver of the brand, the requester too, since stopping must not wait for anybody.

    Whether this call did it; a repeat is harmless. NotReachable, OrderNotOpen if there is no batch,
    TermsRefused without a reason or if the batch is not active.
    """
    order = access.access_order(user, order_id, Role.MARKETER, Role.APPROVER)
    return _switch(order, giftcodes.pause_batch, Act.PAUSED, user, reason, at)


def resume_codes(
    *, order_id: int, user: User, reason: str, verified_at: datetime | None, at: datetime
) -> bool:
    """Let a paused order go on: that is for an approver of the brand who is not the requester, as activating
    is, with a second factor shown at most five minutes before (`verified_at`). Gives back and raises what
    `pause_codes` does, OwnOrder, and FactorStale.
    """
    order = access.access_order(user, order_id, Role.APPROVER)
    if order.requested_by_id == user.pk:
        raise OwnOrder
    second_factor.refuse_stale(verified_at=verified_at, at=at)
    return _switch(order, giftcodes.resume_batch, Act.RESUMED, user, reason, at)


def _switch(order: Order, switch: _Switch, act: Act, user: User, reason: str, at: datetime) -> bool:
    if order.batch_id is None:
        raise OrderNotOpen(order.state)
    try:
        with transaction.atomic():
            is_done = switch(batch_id=order.batch_id, reason=reason, by=user, at=at)
            if is_done:
                audit_log.record(act, by=user, subject=order, reason=reason)
            return is_done
    except BatchRefused as refusal:
        raise TermsRefused(refusal.rule) from refusal
