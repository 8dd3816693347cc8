"""Withdrawing codes that nobody has claimed: ranges, not rows per code. Claims are kept out meanwhile, so
what is counted as claimed is claimed, and the rest can't be any more.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from giftcodes import access, locking, queries, void_queries
from giftcodes.errors import BatchRefused, VoidRefused
from giftcodes.masking import mask_codes
from giftcodes.models import SERIALS_PER_SERIES, Batch, BatchState, Series, Void
from giftcodes.services.gift_ends import return_points
from giftcodes.void_models import VoidRequest
from giftcodes.void_queries import OpenSpan, Span
from ledger.models import Reason
from parties import audit_log, holding, second_factor
from parties.errors import NotReachable
from parties.models import Role, User
from parties.staff_models import Act

MAX_REASON_LENGTH = 200
MAX_ALONE = 20  # codes that one person withdraws by themselves in 24 hours
DAY = timedelta(days=1)
VOID, VOID_REQUEST = "void:", "void:request:"  # how the keys of transfers begin; see `transfer_key`
# More of them in one statement would pass what SQLite takes.
_ROWS_PER_INSERT = 500


@transaction.atomic
def void_codes(
    *,
    batch_id: int,
    first_serial: int,
    last_serial: int,
    reason: str,
    requested_by: User,
    approved_by: User,
    at: datetime,
) -> int:
    """Withdraw the unclaimed codes of a range (both ends in it); their points go back to the brand's funds.

    Gives back how many codes were withdrawn: claimed ones are spared, those withdrawn before don't count
    again, so a repeat gives 0. BatchRefused if the range is not within the batch, the batch is closed, the
    reason is empty or both people are one, unless it is one code alone.
    """
    batch = own_open_batch(batch_id)
    within = batch.first_serial <= first_serial <= last_serial < batch.first_serial + batch.size
    rules = {
        "the range lies within the batch": within,
        "a closed batch has nothing left to withdraw": batch.state != BatchState.CLOSED,
        "gifts are withdrawn one by one": not batch.issues_gifts,
        "withdrawing codes needs a reason": bool(reason.strip()),
        "withdrawing codes needs another person's approval": requested_by != approved_by
        or first_serial == last_serial,
    }
    for rule, is_kept in rules.items():
        if not is_kept:
            raise BatchRefused(rule)
    parts = void_queries.open_spans(batch, [Span(first_serial, last_serial)])
    people = (requested_by, approved_by)
    return sum(_withdraw(batch, [part], reason=reason.strip(), people=people, at=at) for part in parts)


def withdraw_asked(request: VoidRequest, parts: Sequence[OpenSpan], *, approver: User, at: datetime) -> int:
    """Withdraw what is still open of an approved request, in one transfer; gives back how many codes. The
    caller has the batch to itself since before it looked the parts up.
    """
    people = (request.requested_by, approver)
    return _withdraw(request.batch, parts, reason=request.reason, people=people, at=at, request=request)


@transaction.atomic
def void_one(
    *, serial_number: int, reason: str, user: User, verified_at: datetime | None, at: datetime
) -> int:
    """Withdraw one code (by its public serial number) that nobody has claimed: support or an approver of its
    brand may do that alone. Gives back the points that went back to the brand's funds.

    A code in the reason is masked. NotReachable for anybody else and for a serial number that was never
    issued; FactorStale if their second factor is older than five minutes. VoidRefused by rule: `reason` (1
    to 200 characters), `gifts`, `closed`, `claimed`, `void`, `many` (more than MAX_ALONE in 24 hours: that
    takes a request, and another person).
    """
    batch = queries.batch_of_serial(serial_number)
    reached = access.reachable_batches(user, Role.SUPPORT, Role.APPROVER)
    if batch is None or not reached.filter(pk=batch.pk).exists():
        raise NotReachable
    reason = plain_reason(reason)
    second_factor.refuse_stale(verified_at=verified_at, at=at)
    holding.hold_user(user)  # of several at once none passes the limit
    alone = Void.objects.filter(requested_by=user, approved_by=user, voided_at__gt=at - DAY)
    if alone.count() >= MAX_ALONE:
        raise VoidRefused("many")
    batch, serial = own_open_batch(batch.pk), serial_number % SERIALS_PER_SERIES
    refuse_unfit(batch)
    parts = void_queries.open_spans(batch, [Span(serial, serial)])
    if not parts:
        raise VoidRefused("void")
    if parts[0].claimed:
        raise VoidRefused("claimed")
    _withdraw(batch, parts, reason=reason, people=(user, user), at=at)
    audit_log.record(Act.VOIDED, by=user, subject=batch, label=str(serial_number), reason=reason)
    return batch.face_points


def own_open_batch(batch_id: int) -> Batch:
    """The batch, which no claim is under way in until the transaction ends; read after that."""
    locking.own_batch(batch_id)
    return Batch.objects.select_related("unclaimed", "brand__program").get(pk=batch_id)


def refuse_unfit(batch: Batch) -> None:
    """VoidRefused if nothing of the batch can be withdrawn here."""
    if batch.issues_gifts:
        raise VoidRefused("gifts")
    if batch.state == BatchState.CLOSED:
        raise VoidRefused("closed")


def plain_reason(reason: str, rule: str = "reason") -> str:
    """What people give as a reason, without codes; VoidRefused if there is none, or too much of it."""
    reason = reason.strip()
    if not 1 <= len(reason) <= MAX_REASON_LENGTH or "\0" in reason:
        raise VoidRefused(rule)
    return mask_codes(reason).text[:MAX_REASON_LENGTH]


def transfer_key(void: Void) -> str:
    """The key of the transfer that brought back the points of a withdrawn range: one per act, so one for all
    ranges of a request.
    """
    return f"{VOID}{void.pk}" if void.request_id is None else f"{VOID_REQUEST}{void.request_id}"


def _withdraw(
    batch: Batch,
    parts: Sequence[OpenSpan],
    *,
    reason: str,
    people: tuple[User, User],
    at: datetime,
    request: VoidRequest | None = None,
) -> int:
    """Parts of one act: a row for each, one transfer for all."""
    voids = [
        Void(
            batch=batch,
            first_serial=span.first,
            last_serial=span.last,
            codes=span.codes - claimed,
            reason=reason,
            requested_by=people[0],
            approved_by=people[1],
            voided_at=at,
            request=request,
        )
        for span, claimed in parts
    ]
    Void.objects.bulk_create(voids, batch_size=_ROWS_PER_INSERT)
    total = sum(void.codes for void in voids)
    if total:
        key = transfer_key(voids[0])
        return_points(batch, points=total * batch.face_points, key=key, reason=Reason.VOID, at=at)
    Series.objects.filter(pk=batch.series_id).update(live_codes=F("live_codes") - total)
    return total
