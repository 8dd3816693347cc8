"""Withdrawing many codes takes two people: a marketer asks, an approver decides on exactly what was asked."""

import hmac
import uuid
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from django.db import IntegrityError, transaction

from giftcodes import access, void_queries
from giftcodes.errors import VoidRefused
from giftcodes.models import Batch, Channel
from giftcodes.services import voids
from giftcodes.void_models import MAX_SPANS, VoidRequest, VoidScope, VoidSpan, VoidState
from giftcodes.void_queries import Span
from ledger.errors import LedgerError
from parties import audit_log, second_factor
from parties.errors import NotReachable
from parties.models import Role, User
from parties.staff_models import Act

_ROWS_PER_INSERT = 500


@transaction.atomic
def request_void(
    *,
    public_id: uuid.UUID,
    batch_id: int,
    spans: Sequence[Span],
    scope: VoidScope,
    channel: Channel | None = None,
    reason: str,
    user: User,
    at: datetime,
) -> VoidRequest:
    """Ask for the codes in `spans` (serials of the batch, in order and apart from each other) to be
    withdrawn; nothing changes before another person has approved it.

    Once per `public_id`, which the form makes: a repeat gives back the first. A code in the reason is masked.
    NotReachable for anybody but a marketer of the brand. VoidRefused by rule: `reason` (1 to 200 characters),
    `spans` (none, out of order, more than MAX_SPANS or not all within the batch), `gifts`, `closed`,
    `nothing` (not one of them can still be withdrawn), `number` (taken by another request).
    """
    batch = access.reachable_batches(user, Role.MARKETER).filter(pk=batch_id).first()
    if batch is None:
        raise NotReachable
    reason = voids.plain_reason(reason)
    voids.refuse_unfit(batch)
    _refuse_bad_spans(batch, spans)
    effect = void_queries.effect_of(batch, spans)
    request = VoidRequest(
        public_id=public_id,
        batch=batch,
        scope=scope,
        channel=channel,
        codes=sum(span.codes for span in spans),
        foreseen_codes=effect.codes,
        foreseen_claimed=effect.claimed,
        reason=reason,
        requested_by=user,
        requested_at=at,
    )
    request.fingerprint = void_queries.fingerprint_of(request, spans)
    if (first := VoidRequest.objects.filter(public_id=public_id).first()) is not None:
        return _same(first, request)
    if not effect.codes:
        raise VoidRefused("nothing")
    saved = _save(request, spans)
    audit_log.record(Act.REQUESTED, by=user, subject=saved, reason=saved.reason)
    return saved


@transaction.atomic
def approve_void(
    *, request_id: int, fingerprint: str, user: User, verified_at: datetime | None, at: datetime
) -> VoidRequest:
    """Withdraw what was asked for, now: what was claimed meanwhile is spared and counted. The points go back
    to the brand's funds in one transfer.

    `fingerprint` is the one that the approver saw. Of several decisions one wins; the winner's own repeat
    gives the same request. `verified_at`: when the approver showed their second factor last; FactorStale if
    that is older than five minutes. NotReachable for anybody but an approver of the brand. VoidRefused by
    rule: `own` (whoever asked), `changed` (not what was seen), `state` (decided before), `closed`, `funds`
    (they can't take the points).
    """
    request = _to_decide(request_id, user)
    batch = voids.own_open_batch(request.batch_id)
    spans = void_queries.spans_asked(request)
    if not _is_what_was_seen(request, spans, fingerprint):
        raise VoidRefused("changed")
    request.refresh_from_db(fields=["state", "decided_by"])
    if request.state == VoidState.APPROVED and request.decided_by_id == user.pk:
        return VoidRequest.objects.get(pk=request_id)
    second_factor.refuse_stale(verified_at=verified_at, at=at)
    if request.state == VoidState.REQUESTED:
        voids.refuse_unfit(batch)
    request.batch = batch
    parts = void_queries.open_spans(batch, spans)
    effect = void_queries.effect_of_open(batch, spans, parts)
    decided = _decide(
        request,
        VoidState.APPROVED,
        user,
        at,
        voided_codes=effect.codes,
        spared_codes=effect.claimed,
        void_before_codes=effect.void_before,
    )
    try:
        voids.withdraw_asked(request, parts, approver=user, at=at)
    except LedgerError as refusal:
        raise VoidRefused("funds") from refusal
    audit_log.record(Act.VOIDED, by=user, subject=decided, reason=decided.reason)
    return decided


@transaction.atomic
def reject_void(*, request_id: int, note: str, user: User, at: datetime) -> VoidRequest:
    """Set a request aside, with a reason for whoever asked.

    NotReachable for anybody but an approver of the brand; VoidRefused by rule: `own`, `note`, `state`.
    """
    request = _to_decide(request_id, user)
    decided = _decide(request, VoidState.REJECTED, user, at, decision_note=voids.plain_reason(note, "note"))
    audit_log.record(Act.REJECTED, by=user, subject=decided, reason=decided.decision_note)
    return decided


@transaction.atomic
def take_back_void(*, request_id: int, user: User, at: datetime) -> VoidRequest:
    """Whoever asked doesn't want it any more. NotReachable for anybody else; VoidRefused by rule: `state`."""
    reached = access.reachable_void_requests(user, Role.MARKETER)
    request = reached.filter(pk=request_id, requested_by=user).first()
    if request is None:
        raise NotReachable
    audit_log.record(Act.REOPENED, by=user, subject=request)
    return _decide(request, VoidState.TAKEN_BACK, user, at)


def _refuse_bad_spans(batch: Batch, spans: Sequence[Span]) -> None:
    ends = [batch.first_serial - 1, *(end for span in spans for end in span), batch.first_serial + batch.size]
    # Between spans the serials rise, within one they may be the same; the batch lies around all of them.
    in_order = all(
        before < after or (place % 2 == 1 and before == after)
        for place, (before, after) in enumerate(pairwise(ends))
    )
    if not (1 <= len(spans) <= MAX_SPANS and in_order):
        raise VoidRefused("spans")


def _save(request: VoidRequest, spans: Sequence[Span]) -> VoidRequest:
    try:
        with transaction.atomic():
            request.save(force_insert=True)
    except IntegrityError:
        first = VoidRequest.objects.filter(public_id=request.public_id).first()
        if first is None:
            raise
        return _same(first, request)
    rows = [VoidSpan(request=request, first_serial=span.first, last_serial=span.last) for span in spans]
    VoidSpan.objects.bulk_create(rows, batch_size=_ROWS_PER_INSERT)
    return request


def _same(first: VoidRequest, asked: VoidRequest) -> VoidRequest:
    if not hmac.compare_digest(first.fingerprint, asked.fingerprint):
        raise VoidRefused("number")
    return first


def _to_decide(request_id: int, user: User) -> VoidRequest:
    reached = access.reachable_void_requests(user, Role.APPROVER)
    request = reached.select_related("batch", "requested_by").filter(pk=request_id).first()
    if request is None:
        raise NotReachable
    if request.requested_by_id == user.pk:
        raise VoidRefused("own")
    return request


def _is_what_was_seen(request: VoidRequest, spans: Sequence[Span], seen: str) -> bool:
    asked, now = request.fingerprint.encode(), void_queries.fingerprint_of(request, spans).encode()
    return hmac.compare_digest(seen.encode(), asked) and hmac.compare_digest(asked, now)


def _decide(request: VoidRequest, state: VoidState, user: User, at: datetime, **said: object) -> VoidRequest:
    """The filtered update is what decides: whoever comes second finds the state gone."""
    waiting = VoidRequest.objects.filter(pk=request.pk, state=VoidState.REQUESTED)
    if not waiting.update(state=state, decided_by=user, decided_at=at, **said):
        raise VoidRefused("state")
    return VoidRequest.objects.select_related("batch").get(pk=request.pk)
