"""What partner systems do with members' points: each act once for its Idempotency-Key, with the answer that
it will always get.

Whom the brand does not reach, or what is not its own, is NotReachable; what the services below refuse goes up
as it is, and nothing has changed.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Q, Sum

from ledger import queries
from ledger.errors import LedgerError
from ledger.expiry import ExpiryPolicy
from ledger.models import Account, AccountKind, Hold, HoldState, Lot, LotUse, transfer_id_of
from ledger.partner_access import access_hold, access_member, access_transfer, member_for_points
from ledger.services.accounts import open_wallet
from ledger.services.grants import grant_points
from ledger.services.holds import capture_hold, hold_points, release_hold
from ledger.services.reversals import reverse_transfer
from ledger.services.spending import spend_points
from parties import api_limits
from parties.api_acts import Act, Answer, Done, do_once, earlier_answer
from parties.errors import DailyPointsExceeded, PartiesError
from parties.known_members import Named
from parties.models import Brand, Member, Store
from parties.moments import rfc3339


class Asked(NamedTuple):
    """Points of a member, where, and the caller's own name for it."""

    member: Named
    points: int
    store: Store | None = None
    reference: str = ""


def earn_for_partner(*, act: Act, asked: Asked, lot_life_days: int, at: datetime) -> Answer:
    """Points from the brand's funds to the member, as one lot that lives for so many days.

    They count against the client's points of the day: DailyPointsExceeded if not as many are left of it.
    Not to be called inside a transaction.
    """
    brand = act.client.brand

    def perform() -> Done:
        member = member_for_points(brand=brand, named=asked.member, at=at)
        wallet = open_wallet(member=member, program=brand.program, at=at)
        granted = grant_points(
            brand_id=brand.pk,
            wallet_id=wallet.pk,
            points=asked.points,
            expires=ExpiryPolicy.after_days(lot_life_days),
            key=act.name,
            at=at,
        )
        told = {"balance": granted.balance, "expires_at": rfc3339(granted.expires_at)}
        return _done(granted.transfer_id, member, asked, at, told)

    return _within_the_day(act, asked.points, perform, at)


def _within_the_day(act: Act, points: int, perform: Callable[[], Done], at: datetime) -> Answer:
    """The act, if the client's day has as many points left. What a refusal or a repeat did not need is given
    back; what a database that went away may have done stays counted.
    """
    earlier = earlier_answer(act)
    if earlier is not None:
        return earlier
    try:
        taken = api_limits.take_points(client=act.client, points=points)
    except DailyPointsExceeded:
        earlier = earlier_answer(act)  # a twin may have taken the last of them
        if earlier is None:
            raise
        return earlier
    try:
        answer = do_once(act, perform, at=at)
    except (LedgerError, PartiesError):
        api_limits.give_back_points(taken=taken)
        raise
    if answer.is_replay:
        api_limits.give_back_points(taken=taken)
    return answer


def spend_for_partner(*, act: Act, asked: Asked, at: datetime) -> Answer:
    """Points of the member to the brand, at `asked.store`."""

    def perform() -> Done:
        member, wallet = _wallet_of(act.client.brand, asked.member, at)
        spent = spend_points(
            wallet_id=wallet.pk, store_id=_store_id(asked), points=asked.points, key=act.name, at=at
        )
        return _done(spent.transfer_id, member, asked, at, {"balance": spent.balance})

    return do_once(act, perform, at=at)


def hold_for_partner(*, act: Act, asked: Asked, lifetime: timedelta, at: datetime) -> Answer:
    """Points of the member set aside for a checkout at `asked.store`."""

    def perform() -> Done:
        _member, wallet = _wallet_of(act.client.brand, asked.member, at)
        hold = hold_points(
            wallet_id=wallet.pk,
            store_id=_store_id(asked),
            points=asked.points,
            key=act.name,
            expires_at=at + lifetime,
            at=at,
        )
        return _hold_done(hold.pk, act, at, status=201)

    return do_once(act, perform, at=at)


def capture_for_partner(*, act: Act, hold_id: UUID, points: int | None, at: datetime) -> Answer:
    """What the hold set aside, or `points` of it, to the brand; the rest goes back to the member."""

    def perform() -> Done:
        access_hold(brand=act.client.brand, hold_id=hold_id)
        capture_hold(hold_id=hold_id, points=points, at=at)
        return _hold_done(hold_id, act, at)

    return do_once(act, perform, at=at)


def release_for_partner(*, act: Act, hold_id: UUID, at: datetime) -> Answer:
    """What the hold set aside, back to the member."""

    def perform() -> Done:
        access_hold(brand=act.client.brand, hold_id=hold_id)
        release_hold(hold_id=hold_id, at=at)
        return _hold_done(hold_id, act, at)

    return do_once(act, perform, at=at)


def reverse_for_partner(*, act: Act, transfer_id: UUID, points: int | None, at: datetime) -> Answer:
    """What the brand's spend, capture or gift of points moved, back: `points` of it, or all that is left."""

    def perform() -> Done:
        original = access_transfer(brand=act.client.brand, transfer_id=transfer_id)
        reversal = reverse_transfer(key=act.name, original_id=original.pk, points=points, at=at)
        wallet = _wallet_behind(original.pk)
        answer = {
            "id": str(reversal.pk),
            "original": str(original.pk),
            "member": str(wallet.member.public_id) if wallet.member else None,
            "points": reversal.postings.aggregate(points=Sum("points"))["points"],
            "balance": queries.balance_of(wallet),
            "at": rfc3339(at),
        }
        return Done(answer, 201, reversal.pk)

    return do_once(act, perform, at=at)


def told_hold(hold: Hold, *, at: datetime) -> dict[str, Any]:
    """A hold as partners see it: past its end it has expired, whether that was booked already or not."""
    is_over = hold.state == HoldState.OPEN and hold.expires_at <= at
    is_captured = hold.state == HoldState.CAPTURED
    return {
        "id": str(hold.pk),
        "member": str(hold.wallet.member.public_id) if hold.wallet.member else None,
        "store": hold.store.code,
        "points": hold.points,
        "state": str(HoldState.EXPIRED if is_over else hold.state),
        "captured_points": hold.captured_points,
        "capture_transfer": str(transfer_id_of(f"capture:{hold.pk.hex}")) if is_captured else None,
        "held_at": rfc3339(hold.held_at),
        "expires_at": rfc3339(hold.expires_at),
        "ended_at": rfc3339(hold.ended_at) if hold.ended_at else None,
    }


def _hold_done(hold_id: UUID, act: Act, at: datetime, *, status: int = 200) -> Done:
    hold = access_hold(brand=act.client.brand, hold_id=hold_id)
    answer = told_hold(hold, at=at) | {"balance": queries.balance_of(hold.wallet)}
    return Done(answer, status, hold_id, hold.store_id)


def _done(transfer: UUID, member: Member, asked: Asked, at: datetime, more: dict[str, Any]) -> Done:
    answer = {
        "id": str(transfer),
        "member": str(member.public_id),
        "points": asked.points,
        "store": asked.store.code if asked.store else None,
        "reference": asked.reference or None,
        "at": rfc3339(at),
        **more,
    }
    return Done(answer, 201, transfer, asked.store.pk if asked.store else None, asked.reference)


def _wallet_of(brand: Brand, named: Named, at: datetime) -> tuple[Member, Account]:
    member = access_member(brand=brand, named=named, at=at)
    return member, open_wallet(member=member, program=brand.program, at=at)


def _wallet_behind(transfer_id: UUID) -> Account:
    """The wallet whose lots the transfer has made or used."""
    made = Lot.objects.filter(transfer=transfer_id).values_list("wallet", flat=True)
    used = LotUse.objects.filter(transfer=transfer_id).values_list("lot__wallet", flat=True)
    wallets = Account.objects.select_related("member").filter(kind=AccountKind.WALLET)
    return wallets.get(Q(pk__in=made) | Q(pk__in=used))


def _store_id(asked: Asked) -> int:
    if asked.store is None:
        raise TypeError("points are spent at a store")
    return asked.store.pk
