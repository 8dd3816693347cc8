"""The way of an order: draft, submitted, decided. Two people, one fingerprint, and the database decides the
races.

Every step holds the campaign first and the order second, as an edit of the campaign does: what is judged
of a campaign stays so to the end of the transaction, and no two steps wait for each other.
"""

import hmac
from datetime import datetime
from typing import NamedTuple

from django.db import transaction

from campaigns import access, queries, rules
from campaigns.errors import (
    ApprovalKept,
    FundsShort,
    NoteMissing,
    OrderChanged,
    OrderNotOpen,
    OwnOrder,
    PageNotPublished,
    SeriesShort,
    TermsRefused,
)
from campaigns.models import Campaign, Issuing, Order, OrderState
from campaigns.services import legal_checks
from campaigns.services.approvals import record_approval
from giftcodes import services as giftcodes
from giftcodes import tasks
from giftcodes.errors import BatchRefused, SeriesFull
from giftcodes.masking import mask_codes
from giftcodes.models import Activation, Batch
from giftcodes.services import ChannelSize, Terms
from ledger import queries as ledger_queries
from ledger.errors import InsufficientPoints
from parties import audit_log, second_factor
from parties.errors import NotReachable
from parties.models import Role, User
from parties.staff_models import Act


class Approved(NamedTuple):
    """What came of an approval: the batch, or None and how many further approvers the order takes."""

    batch: Batch | None
    missing: int


@transaction.atomic
def submit_order(*, order_id: int, user: User, at: datetime) -> Order:
    """Ask for approval of a draft: `user`, a marketer of its brand, becomes its requester and puts their
    name to its fingerprint (`submitted_hash`).

    Nothing is reserved yet; funds and series are judged at approval. What the legal rules find is kept.
    NotReachable, OrderNotOpen if it is no draft, OrderUnfit (one class per rule, legal ones among them).
    """
    _hold(user, order_id, Role.MARKETER)
    order = _win(order_id, OrderState.DRAFT, requested_by=user)
    _refuse_unfit(order, at)
    legal_checks.keep_check(order, user=user, at=at)
    order.state, order.submitted_at = OrderState.SUBMITTED, at
    order.submissions += 1
    order.submitted_hash = queries.fingerprint_of(order)
    _record(order, "submitted", by=user, at=at)
    audit_log.record(Act.SUBMITTED, by=user, subject=order)
    return order


@transaction.atomic
def approve_order(
    *,
    order_id: int,
    approver: User,
    submitted_hash: str,
    site_url: str,
    verified_at: datetime | None,
    at: datetime,
) -> Approved:
    """Approve the order; if nobody else has to as well, reserve the money and make the batch: minting begins
    after the commit, and gifts of the API can be issued from then on.

    A rule of the brand may ask for a second approver (`approval_queries.approvers_needed`), for what the
    order is and what the month has come to: then the first approval is noted, and nothing is reserved.

    `submitted_hash` is the fingerprint that the approver saw, `site_url` the site's address, without a
    slash at its end, `verified_at` when the approver showed their second factor last. Of several approvals
    one wins; the winner's own repeat gives the same batch, even if both come at once.
    NotReachable for anybody but an approver of the brand, OwnOrder for the requester, FactorStale if the
    factor is older than five minutes, ApprovedBefore, OrderNotOpen, OrderChanged if the fingerprint is not
    what the order and its campaign say now, OrderUnfit, SignOffMissing, FundsShort, SeriesShort,
    TermsRefused: nothing has happened then.
    """
    before = _hold(approver, order_id, Role.APPROVER)
    if before.requested_by_id == approver.pk:
        raise OwnOrder
    if before.batch is not None and (before.decided_by_id, before.submitted_hash) == (
        approver.pk,
        submitted_hash,
    ):
        return Approved(before.batch, 0)
    second_factor.refuse_stale(verified_at=verified_at, at=at)
    order = _win(order_id, OrderState.SUBMITTED, decision_note="")
    # Read after the row was won, so that what is compared here is what gets approved.
    if not _is_what_was_seen(order, submitted_hash):
        raise OrderChanged
    _refuse_unfit(order, at)
    legal_checks.refuse_unsound(order, at=at)
    missing = record_approval(order=order, approver=approver, verified_at=verified_at, at=at)
    if missing:
        _record(order, "approved, a second approver is needed", by=approver, at=at)
        audit_log.record(Act.APPROVED, by=approver, subject=order, reason="1/2")
        return Approved(None, missing)
    order.batch = _reserve(order, site_url=site_url, at=at)
    order.state, order.decided_by, order.decided_at = OrderState.APPROVED, approver, at
    _record(order, "approved", by=approver, at=at)
    audit_log.record(Act.APPROVED, by=approver, subject=order)
    if not order.batch.issues_gifts:
        # A lost message costs seconds, not the batch: the beat sweep finds every batch that is not minted.
        batch_id = order.batch.pk
        # A function of its own: what it raises is logged under its name, and a partial has none.
        transaction.on_commit(lambda: tasks.nudge_minting(batch_id), robust=True)
    return Approved(order.batch, 0)


@transaction.atomic
def reject_order(*, order_id: int, approver: User, note: str, at: datetime) -> Order:
    """Send a submitted order back to its requester with a reason.

    NotReachable for anybody but an approver of the brand, OwnOrder for the requester, OrderNotOpen,
    NoteMissing.
    """
    before = _hold(approver, order_id, Role.APPROVER)
    if before.requested_by_id == approver.pk:
        raise OwnOrder
    if not note.strip():
        raise NoteMissing
    order = _win(order_id, OrderState.SUBMITTED, decided_by=approver)
    order.state, order.decided_by, order.decided_at = OrderState.REJECTED, approver, at
    order.decision_note = mask_codes(note.strip()).text[:200]
    _record(order, "rejected", by=approver, at=at)
    audit_log.record(Act.REJECTED, by=approver, subject=order, reason=order.decision_note)
    return order


@transaction.atomic
def reopen_order(*, order_id: int, user: User, at: datetime) -> Order:
    """Make a submitted or rejected order a draft again, for editing: the submission is void.

    NotReachable for anybody but a marketer of the brand, OrderNotOpen for an approved order.
    """
    _hold(user, order_id, Role.MARKETER)
    order = _win(order_id, OrderState.SUBMITTED, OrderState.REJECTED, decision_note="")
    _to_draft(order, by=user, at=at)
    return order


@transaction.atomic
def reopen_stale_orders(*, campaign_id: int, user: User, at: datetime) -> int:
    """After an edit of the campaign: submissions that no longer say what was submitted become drafts; gives
    back how many. NotReachable for a campaign that does not exist.
    """
    hold_campaign(campaign_id=campaign_id)
    waiting = Order.objects.filter(campaign=campaign_id, state=OrderState.SUBMITTED).order_by("pk")
    reopened = 0
    for order in waiting.select_for_update(of=("self",), no_key=True).select_related("campaign"):
        if not queries.is_as_submitted(order):
            _to_draft(order, by=user, at=at)
            reopened += 1
    return reopened


def hold_campaign(*, campaign_id: int) -> None:
    """Hold a campaign to the end of the caller's transaction, so that nothing is submitted or decided on it
    while it is being edited. What is read of it afterwards stays.

    NotReachable if it does not exist.
    """
    held = Campaign.objects.select_for_update(no_key=True).filter(pk=campaign_id)
    if not held.values_list("pk", flat=True):
        raise NotReachable


def hold_draft(*, order_id: int) -> None:
    """Hold a draft to the end of the caller's transaction, so that nobody submits it while it is being
    edited.

    OrderNotOpen if it is no draft (any more), NotReachable if it was discarded.
    """
    campaign_id = Order.objects.filter(pk=order_id).values_list("campaign_id", flat=True).first()
    if campaign_id is None:
        raise NotReachable
    hold_campaign(campaign_id=campaign_id)
    _win(order_id, OrderState.DRAFT, decision_note="")


@transaction.atomic
def discard_order(*, order_id: int, user: User) -> None:
    """Delete a draft. NotReachable for anybody but a marketer of the brand, OrderNotOpen once it was
    submitted, ApprovalKept if somebody approved an earlier submission of it.
    """
    _hold(user, order_id, Role.MARKETER)
    draft = _win(order_id, OrderState.DRAFT, decision_note="")
    if draft.approvals.exists():
        raise ApprovalKept
    draft.delete()


def activate_codes(*, order_id: int, user: User, verified_at: datetime | None, at: datetime) -> None:
    """Open the codes of the order's minted batch for claiming; `user` is an approver of the brand, not the
    requester, and showed a second factor at most five minutes before (`verified_at`).

    Repeating it is harmless. NotReachable, OwnOrder, FactorStale, OrderNotOpen if there is no batch,
    TermsRefused if the batch can't be activated in its state, or waits for its file to arrive.
    """
    order = access.access_order(user, order_id, Role.APPROVER)
    if order.requested_by_id == user.pk:
        raise OwnOrder
    second_factor.refuse_stale(verified_at=verified_at, at=at)
    if order.batch_id is None:
        raise OrderNotOpen(order.state)
    if order.activation == Activation.ON_RECEIPT:
        raise TermsRefused("receipt")
    try:
        with transaction.atomic():
            giftcodes.activate_batch(batch_id=order.batch_id, at=at)
            audit_log.record(Act.ACTIVATED, by=user, subject=order)
    except BatchRefused as refusal:
        raise TermsRefused(refusal.rule) from refusal


def _hold(user: User, order_id: int, role: Role) -> Order:
    """The order, if `user` reaches it with the role, read while this transaction holds its campaign; else
    NotReachable.
    """
    hold_campaign(campaign_id=access.access_order(user, order_id, role).campaign_id)
    return access.access_order(user, order_id, role)


def _win(order_id: int, *states: OrderState, **touched: object) -> Order:
    """The order, held by this transaction, if it is in one of the states; else OrderNotOpen.

    The update is what holds it: whoever comes second waits for the first, then finds the state gone.
    """
    if not Order.objects.filter(pk=order_id, state__in=states).update(**touched):
        state = Order.objects.filter(pk=order_id).values_list("state", flat=True).first()
        if state is None:
            raise NotReachable
        raise OrderNotOpen(state)
    return Order.objects.select_related("campaign__brand__program", "requested_by").get(pk=order_id)


_DECIDED_IN_SERVICES = (
    "state",
    "requested_by",
    "submitted_at",
    "submitted_hash",
    "submissions",
    "decided_by",
    "decided_at",
    "decision_note",
    "batch",
)


def _record(order: Order, reason: str, *, by: User, at: datetime) -> None:
    """Write the state of the held order, and its line of history."""
    Order.objects.filter(pk=order.pk).update(**{name: getattr(order, name) for name in _DECIDED_IN_SERVICES})
    Order.history.bulk_history_create(
        [order], update=True, default_user=by, default_date=at, default_change_reason=reason
    )


def _to_draft(order: Order, *, by: User, at: datetime) -> None:
    order.state, order.submitted_at, order.submitted_hash = OrderState.DRAFT, None, ""
    order.decided_by, order.decided_at, order.decision_note = None, None, ""
    _record(order, "reopened", by=by, at=at)
    audit_log.record(Act.REOPENED, by=by, subject=order)


def _is_what_was_seen(order: Order, submitted_hash: str) -> bool:
    now = queries.fingerprint_of(order).encode()
    seen, submitted = submitted_hash.encode(), order.submitted_hash.encode()
    return hmac.compare_digest(seen, submitted) and hmac.compare_digest(seen, now)


def _refuse_unfit(order: Order, at: datetime) -> None:
    """The rules of the order itself; the first that it does not keep is raised."""
    campaign = order.campaign
    if campaign.published_at is None:
        raise PageNotPublished
    channels = list(order.channels.values_list("name", "quantity"))
    rules.refuse_bad_quantities(
        face_points=order.face_points, quantities=[quantity for _name, quantity in channels]
    )
    rules.refuse_same_names([name for name, _quantity in channels])
    rules.refuse_bad_issuing(
        issuing=Issuing(order.issuing),
        face_points=order.face_points,
        most_points=order.most_points,
        channels=len(channels),
        activation=Activation(order.activation),
    )
    rules.refuse_bad_lot_life(order.lot_life_days)
    rules.refuse_bad_window(
        window=(order.claim_from, order.claim_until), period=(campaign.starts_at, campaign.ends_at), at=at
    )


def _reserve(order: Order, *, site_url: str, at: datetime) -> Batch:
    campaign = order.campaign
    terms = Terms(
        face_points=order.face_points,
        claim_from=order.claim_from,
        claim_until=order.claim_until,
        lot_life_days=order.lot_life_days,
        limit_per_member=campaign.limit_per_member,
        limit_group=queries.limit_group_of(campaign),
        claim_url_base=queries.page_address(campaign, site_url=site_url),
        activation=Activation(order.activation),
        most_points=order.most_points,
    )
    channels = [ChannelSize(row.name, row.quantity) for row in order.channels.order_by("pk")]
    try:
        return giftcodes.create_batch(
            order_key=order.public_id.hex,
            brand=campaign.brand,
            terms=terms,
            channels=channels,
            recipient=order.requested_by,
            at=at,
        )
    except InsufficientPoints as refusal:
        needed = order.face_points * sum(channel.size for channel in channels)
        raise FundsShort(needed=needed, available=ledger_queries.funds_of(campaign.brand)) from refusal
    except SeriesFull as refusal:
        raise SeriesShort from refusal
    except BatchRefused as refusal:
        raise TermsRefused(refusal.rule) from refusal
