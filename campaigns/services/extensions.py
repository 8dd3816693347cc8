"""A later end of an order's claim window: a marketer asks, an approver decides on exactly what was asked."""

import hashlib
import hmac
import json
import uuid
from datetime import UTC, datetime

from django.db import IntegrityError, transaction

from campaigns import access, rules
from campaigns.errors import ExtensionRefused, OrderNotOpen, OwnOrder
from campaigns.extension_models import ExtensionRequest, ExtensionState
from campaigns.models import Order
from campaigns.services import legal_checks
from campaigns.services.orders import hold_campaign
from giftcodes import services as giftcodes
from giftcodes.errors import BatchRefused
from giftcodes.masking import mask_codes
from giftcodes.models import Batch, BatchState
from parties import audit_log, second_factor
from parties.errors import NotReachable
from parties.models import Brand, Role, User
from parties.staff_models import Act

MAX_REASON_LENGTH = 200


@transaction.atomic
def request_extension(
    *, public_id: uuid.UUID, order_id: int, until: datetime, reason: str, user: User, at: datetime
) -> ExtensionRequest:
    """Ask for the codes of an order to be claimable until `until` (exclusive); nothing changes before another
    person has approved it.

    Once per `public_id`, which the form makes: a repeat gives back the first. A code in the reason is masked.
    NotReachable for anybody but a marketer of the brand, OrderNotOpen if there is no batch, OrderUnfit
    (WindowOutsideCampaign: the campaign is over by then; LegalFormMissing, LegalFailed: what the law says of
    the longer window), ExtensionRefused by rule: `counsel` (to be asked, and was not), `reason`, `gifts`,
    `state`, `window_passed`, `later`, `waits` (another one does), `number` (taken by another request).
    """
    order = _hold(user, order_id, Role.MARKETER)
    batch = _batch_of(order)
    request = ExtensionRequest(
        public_id=public_id,
        order=order,
        until_before=batch.claim_until,
        until_after=until,
        reason=_plain(reason, "reason"),
        requested_by=user,
        requested_at=at,
    )
    request.fingerprint = fingerprint_of(request)
    if (first := ExtensionRequest.objects.filter(public_id=public_id).first()) is not None:
        # Its batch may end later by now, so what was asked is compared, and not the fingerprint.
        if (first.order_id, first.until_after, first.reason, first.requested_by_id) != (
            order.pk,
            until,
            request.reason,
            user.pk,
        ):
            raise ExtensionRefused("number")
        return first
    _refuse_unfit(order, batch, until, at)
    try:
        with transaction.atomic():
            request.save(force_insert=True)
    except IntegrityError as refusal:
        raise ExtensionRefused("waits") from refusal
    audit_log.record(Act.REQUESTED, by=user, subject=request, brand=batch.brand, reason=request.reason)
    return request


@transaction.atomic
def approve_extension(
    *, request_id: int, fingerprint: str, user: User, verified_at: datetime | None, at: datetime
) -> ExtensionRequest:
    """Let the window end later, as it was asked for. `fingerprint` is the one that the approver saw.

    The winner's own repeat gives the same request. NotReachable for anybody but an approver of the brand,
    OwnOrder for whoever asked, FactorStale if their second factor (`verified_at`) is older than five minutes;
    ExtensionRefused by rule: `changed` (not what was seen, or the window is
    another by now), `decided`, and those of `request_extension`.
    """
    request = _to_decide(request_id, user)
    if request.state == ExtensionState.APPROVED and request.decided_by_id == user.pk:
        return request
    if request.state != ExtensionState.REQUESTED:
        raise ExtensionRefused("decided")
    second_factor.refuse_stale(verified_at=verified_at, at=at)
    seen, asked, now = (text.encode() for text in (fingerprint, request.fingerprint, fingerprint_of(request)))
    if not (hmac.compare_digest(seen, asked) and hmac.compare_digest(asked, now)):
        raise ExtensionRefused("changed")
    batch = _batch_of(request.order)
    _refuse_unfit(request.order, batch, request.until_after, at)
    try:
        amendment = giftcodes.extend_batch(
            batch_id=batch.pk,
            until_before=request.until_before,
            until=request.until_after,
            reason=request.reason,
            requested_by=request.requested_by,
            approved_by=user,
            at=at,
        )
    except BatchRefused as refusal:
        raise ExtensionRefused(refusal.rule) from refusal
    audit_log.record(Act.APPROVED, by=user, subject=request, brand=batch.brand, reason=request.reason)
    return _decide(request, ExtensionState.APPROVED, user, at, amendment=amendment)


@transaction.atomic
def reject_extension(*, request_id: int, note: str, user: User, at: datetime) -> ExtensionRequest:
    """Set a request aside, with a reason for whoever asked. NotReachable, OwnOrder, and ExtensionRefused by
    rule: `note`, `decided`.
    """
    request = _to_decide(request_id, user)
    decided = _decide(request, ExtensionState.REJECTED, user, at, decision_note=_plain(note, "note"))
    audit_log.record(
        Act.REJECTED, by=user, subject=decided, brand=_brand_of(decided), reason=decided.decision_note
    )
    return decided


@transaction.atomic
def take_back_extension(*, request_id: int, user: User, at: datetime) -> ExtensionRequest:
    """Whoever asked doesn't want it any more. NotReachable for anybody else, ExtensionRefused (`decided`)."""
    reached = access.reachable_extensions(user, Role.MARKETER)
    request = reached.filter(pk=request_id, requested_by=user).first()
    if request is None:
        raise NotReachable
    audit_log.record(Act.REOPENED, by=user, subject=request, brand=_brand_of(request))
    return _decide(request, ExtensionState.TAKEN_BACK, user, at)


def fingerprint_of(request: ExtensionRequest) -> str:
    """SHA-256, in hex, of what is asked for: JSON with sorted keys, no spaces, in UTF-8."""
    content = {
        "order": request.order.public_id.hex,
        "public_id": request.public_id.hex,
        "reason": request.reason,
        "requested_by": request.requested_by_id,
        "until": [
            moment.astimezone(UTC).isoformat() for moment in (request.until_before, request.until_after)
        ],
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _hold(user: User, order_id: int, role: Role) -> Order:
    """The order, read while this transaction holds its campaign: its period stays as it is judged."""
    hold_campaign(campaign_id=access.access_order(user, order_id, role).campaign_id)
    order = access.access_order(user, order_id, role)
    return Order.objects.select_related("campaign").get(pk=order.pk)


def _batch_of(order: Order) -> Batch:
    if order.batch_id is None:
        raise OrderNotOpen(order.state)
    return Batch.objects.get(pk=order.batch_id)


def _brand_of(request: ExtensionRequest) -> Brand:
    return request.order.campaign.brand


def _refuse_unfit(order: Order, batch: Batch, until: datetime, at: datetime) -> None:
    """All that stands against the new end, when it is asked for and again when it is approved."""
    if batch.issues_gifts:
        raise ExtensionRefused("gifts")
    if batch.state in (BatchState.APPROVED, BatchState.MINTING, BatchState.CLOSED):
        raise ExtensionRefused("state")
    if at >= batch.claim_until:
        raise ExtensionRefused("window_passed")
    if until <= batch.claim_until:
        raise ExtensionRefused("later")
    campaign = order.campaign
    rules.refuse_bad_window(
        window=(batch.claim_from, until), period=(campaign.starts_at, campaign.ends_at), at=at
    )
    legal_checks.refuse_longer(order, until=until, at=at)


def _plain(text: str, rule: str) -> str:
    text = text.strip()
    if not 1 <= len(text) <= MAX_REASON_LENGTH or "\0" in text:
        raise ExtensionRefused(rule)
    return mask_codes(text).text[:MAX_REASON_LENGTH]


def _to_decide(request_id: int, user: User) -> ExtensionRequest:
    reached = access.reachable_extensions(user, Role.APPROVER)
    found = reached.filter(pk=request_id).values_list("order__campaign", flat=True).first()
    if found is None:
        raise NotReachable
    hold_campaign(campaign_id=found)
    request = ExtensionRequest.objects.select_related("order__campaign", "requested_by").get(pk=request_id)
    if request.requested_by_id == user.pk:
        raise OwnOrder
    return request


def _decide(
    request: ExtensionRequest, state: ExtensionState, user: User, at: datetime, **said: object
) -> ExtensionRequest:
    waiting = ExtensionRequest.objects.filter(pk=request.pk, state=ExtensionState.REQUESTED)
    if not waiting.update(state=state, decided_by=user, decided_at=at, **said):
        raise ExtensionRefused("decided")
    return ExtensionRequest.objects.get(pk=request.pk)
