"""Acts by hand: one person asks for them, another one confirms exactly that, and then they happen."""

import hmac
import uuid
from datetime import datetime
from typing import Any, NamedTuple

from django.db import IntegrityError, transaction

from ledger.access import reachable_adjustments
from ledger.errors import AdjustmentRefused
from ledger.expiry import ExpiryPolicy
from ledger.fingerprints import fingerprint_of
from ledger.models import (
    BY_HAND,
    MAX_POINTS,
    Account,
    AccountKind,
    Adjustment,
    AdjustmentKind,
    AdjustmentState,
    Lot,
    LotUse,
    Reason,
    Settlement,
    SettlementState,
    Transfer,
    UseKind,
)
from ledger.services.grants import grant_once
from ledger.services.reversals import reverse_once, take_back_once
from ledger.services.settlements import correct_settlement
from parties import audit_log, second_factor
from parties.access import access_brand
from parties.errors import NotReachable
from parties.models import Brand, Role, Store, User
from parties.staff_models import Act

MAX_REASON_LENGTH = 200


class GrantAsked(NamedTuple):
    """Points from the brand's funds into a wallet of its program, with the end that `expires` says."""

    wallet_id: int
    points: int
    expires: ExpiryPolicy


class TakeBackAsked(NamedTuple):
    """A claim or grant of the brand's points, or points spent at its stores, taken back: so many points, or
    None for all there is (of a claim or grant, what was spent becomes a receivable).
    """

    original_id: uuid.UUID
    points: int | None


class CorrectionAsked(NamedTuple):
    """What the brand owes the acceptor beyond a closed statement, or owes less, with points below 0; in one
    of the acceptor's stores, or in none in particular.
    """

    settlement_id: int
    acceptor_id: int
    store_id: int | None
    points: int


Asked = GrantAsked | TakeBackAsked | CorrectionAsked


@transaction.atomic
def request_adjustment(
    *, public_id: uuid.UUID, brand_id: int, asked: Asked, reason: str, user: User, at: datetime
) -> Adjustment:
    """Ask for an act by hand at the expense of the brand; nothing moves before another person confirms it.

    Once per `public_id`, which the form makes: a repeat gives back the first. NotReachable for anybody but
    finance or support of the brand (or of the operator). AdjustmentRefused by rule: `no_reason`,
    `long_reason` (over 200 characters), `points`, `wallet` (none of the program), `own_wallet` (points would
    come into that of the person who asks), `expiry` (has passed), `original` (no claim, grant or spend of the
    brand), `settlement` (not closed, or of another program), `acceptor`, `store`, `number` (taken by another
    request).
    """
    brand = access_brand(user, brand_id, Role.FINANCE, Role.SUPPORT)
    reason = reason.strip()
    _require(bool(reason), "no_reason", "an act by hand has a reason")
    _require(len(reason) <= MAX_REASON_LENGTH, "long_reason", f"at most {MAX_REASON_LENGTH} characters")
    values = {"brand": brand, "reason": reason, "requested_by": user} | _values(brand, asked, user, at)
    adjustment = Adjustment(public_id=public_id, requested_at=at, **values)
    adjustment.fingerprint = fingerprint_of(adjustment)
    try:
        with transaction.atomic():
            adjustment.save(force_insert=True)
    except IntegrityError as taken:
        first = Adjustment.objects.filter(public_id=public_id).first()
        if first is None:
            raise
        _require_same(first, adjustment, taken)
        return first
    audit_log.record(Act.REQUESTED, by=user, subject=adjustment, label=adjustment.kind, reason=reason)
    return adjustment


def _require(is_kept: bool, rule: str, message: str) -> None:
    if not is_kept:
        raise AdjustmentRefused(message, rule=rule)


def _require_same(first: Adjustment, asked: Adjustment, cause: Exception) -> None:
    if not hmac.compare_digest(first.fingerprint, asked.fingerprint):
        raise AdjustmentRefused("this number was used for another request", rule="number") from cause


def _values(brand: Brand, asked: Asked, user: User, at: datetime) -> dict[str, Any]:
    if isinstance(asked, GrantAsked):
        return _grant_values(brand, asked, user, at)
    if isinstance(asked, TakeBackAsked):
        return _take_back_values(brand, asked, user)
    return _correction_values(brand, asked)


def _grant_values(brand: Brand, asked: GrantAsked, user: User, at: datetime) -> dict[str, Any]:
    _require(_is_amount(asked.points) and asked.points > 0, "points", f"1 to {MAX_POINTS:,} points")
    wallet = (
        Account.objects.filter(pk=asked.wallet_id, kind=AccountKind.WALLET, program=brand.program_id)
        .select_related("member")
        .first()
    )
    if wallet is None:
        raise AdjustmentRefused("no such wallet in the brand's program", rule="wallet")
    _refuse_own_wallet(wallet, user)
    try:
        asked.expires.end(at)
    except ValueError as error:
        raise AdjustmentRefused(str(error), rule="expiry") from error
    return {
        "kind": AdjustmentKind.GRANT,
        "wallet": wallet,
        "points": asked.points,
        "expiry_policy": str(asked.expires),
    }


def _is_amount(points: object) -> bool:
    return type(points) is int and points != 0 and abs(points) <= MAX_POINTS


def _refuse_own_wallet(wallet: Account, user: User) -> None:
    _require(
        wallet.member is None or wallet.member.user_id != user.pk,
        "own_wallet",
        "nobody grants points to themselves",
    )


def _refuse_own_spend(original: Transfer, user: User) -> None:
    spent = LotUse.objects.filter(transfer=original, kind=UseKind.SPEND)
    _require(
        not spent.filter(lot__wallet__member__user=user).exists(),
        "own_wallet",
        "nobody brings points back to themselves",
    )


def _take_back_values(brand: Brand, asked: TakeBackAsked, user: User) -> dict[str, Any]:
    is_amount = asked.points is None or (_is_amount(asked.points) and asked.points > 0)
    _require(is_amount, "points", f"1 to {MAX_POINTS:,} points, or all there is")
    original = Transfer.objects.filter(pk=asked.original_id).first()
    if original is None or not _is_of(brand, original):
        raise AdjustmentRefused("no such claim, grant or spend of the brand", rule="original")
    _refuse_own_spend(original, user)
    return {"kind": AdjustmentKind.TAKE_BACK, "original": original, "points": asked.points}


def _is_of(brand: Brand, original: Transfer) -> bool:
    """Whether the brand has funded what was granted, or has taken what was spent."""
    if original.reason in (Reason.CLAIM, Reason.GRANT):
        return Lot.objects.filter(transfer=original, funder=brand).exists()
    spends = LotUse.objects.filter(transfer=original, kind=UseKind.SPEND, acceptor=brand)
    return original.reason in (Reason.SPEND, Reason.CAPTURE) and spends.exists()


def _correction_values(brand: Brand, asked: CorrectionAsked) -> dict[str, Any]:
    _require(_is_amount(asked.points), "points", f"1 to {MAX_POINTS:,} points, either way")
    settlement = Settlement.objects.filter(
        pk=asked.settlement_id, program=brand.program_id, state=SettlementState.CLOSED
    ).first()
    if settlement is None:
        raise AdjustmentRefused("no such closed statement of the brand's program", rule="settlement")
    acceptor = Brand.objects.filter(pk=asked.acceptor_id, program=brand.program_id).first()
    if acceptor is None:
        raise AdjustmentRefused("no such acceptor in the brand's program", rule="acceptor")
    store = Store.objects.filter(pk=asked.store_id or 0, brand=acceptor).first()
    _require(asked.store_id is None or store is not None, "store", "no such store of the acceptor")
    return {
        "kind": AdjustmentKind.CORRECT,
        "settlement": settlement,
        "acceptor": acceptor,
        "store": store,
        "points": asked.points,
    }


@transaction.atomic
def confirm_adjustment(
    *, adjustment_id: int, user: User, fingerprint: str, verified_at: datetime | None, at: datetime
) -> Adjustment:
    """Let happen what was asked for, once. `fingerprint` is that of what the person has seen.

    FactorStale unless they showed their second factor at most five minutes before, at `verified_at`.
    NotReachable for anybody but finance of the brand (or of the operator); a correction concerns two brands
    and needs somebody who is finance of both. AdjustmentRefused by rule: `own_act` (the person who asked),
    `own_wallet`, `not_open` (decided before), `changed` (the fingerprint is not that of the request). What
    the act itself refuses (InsufficientPoints, ReversalRefused, SettlementRefused, ExpiryRefused,
    LimitExceeded) goes through: nothing has moved, and the request still waits.
    """
    adjustment = _decide(adjustment_id, AdjustmentState.CONFIRMED, user, at)
    second_factor.refuse_stale(verified_at=verified_at, at=at)
    now = fingerprint_of(adjustment).encode()
    for seen in (fingerprint, adjustment.fingerprint):
        if not hmac.compare_digest(seen.encode(), now):
            raise AdjustmentRefused("this is not what was asked for", rule="changed")
    if adjustment.wallet is not None:
        _refuse_own_wallet(adjustment.wallet, user)
    if adjustment.original is not None:
        _refuse_own_spend(adjustment.original, user)
    _execute(adjustment, at)
    return adjustment


@transaction.atomic
def reject_adjustment(*, adjustment_id: int, user: User, at: datetime) -> Adjustment:
    """Set a request aside. NotReachable, and AdjustmentRefused by `own_act` and `not_open`, as for
    `confirm_adjustment`.
    """
    return _decide(adjustment_id, AdjustmentState.REJECTED, user, at)


def _decide(adjustment_id: int, state: AdjustmentState, user: User, at: datetime) -> Adjustment:
    before = reachable_adjustments(user, Role.FINANCE).filter(pk=adjustment_id).first()
    if before is None:
        raise NotReachable
    if before.acceptor_id is not None:
        access_brand(user, before.acceptor_id, Role.FINANCE)
    _require(before.requested_by_id != user.pk, "own_act", "another person decides")
    waiting = Adjustment.objects.filter(pk=adjustment_id, state=AdjustmentState.REQUESTED)
    is_won = waiting.update(state=state, decided_by=user, decided_at=at)
    _require(bool(is_won), "not_open", "this request was decided before")
    related = ["brand__program", "wallet__member", "original", "settlement", "acceptor__program", "store"]
    adjustment = Adjustment.objects.select_related(*related).get(pk=adjustment_id)
    act = Act.CONFIRMED if state == AdjustmentState.CONFIRMED else Act.REJECTED
    audit_log.record(act, by=user, subject=adjustment, label=adjustment.kind, reason=adjustment.reason)
    return adjustment


def _execute(adjustment: Adjustment, at: datetime) -> None:
    key = f"{BY_HAND}{adjustment.public_id.hex}"
    if adjustment.kind == AdjustmentKind.CORRECT:
        correct_settlement(adjustment=adjustment, at=at)
    elif adjustment.original is not None:
        _take_back(key, adjustment.original, adjustment.points, at)
    else:
        grant_once(
            brand_id=adjustment.brand_id,
            wallet_id=adjustment.wallet_id or 0,
            points=adjustment.points or 0,
            expires=ExpiryPolicy.parse(adjustment.expiry_policy),
            key=f"grant:{key}",
            at=at,
        )


def _take_back(key: str, original: Transfer, points: int | None, at: datetime) -> None:
    if points is None and original.reason in (Reason.CLAIM, Reason.GRANT):
        take_back_once(key=f"take_back:{key}", original_id=original.pk, at=at)
    else:
        reverse_once(key=f"reverse:{key}", original_id=original.pk, points=points, at=at)
