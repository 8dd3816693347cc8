"""Open the places for points: each once, whoever asks first."""

from datetime import datetime

from django.db import IntegrityError

from ledger.errors import DayClosed, MoveRefused
from ledger.models import GUARDED_KINDS, Account, AccountKind
from parties.models import Brand, Member, Program


def open_account(
    *,
    program: Program,
    kind: AccountKind,
    label: str,
    at: datetime,
    brand: Brand | None = None,
    member: Member | None = None,
    floor: int = 0,
) -> Account:
    """The account of that label in the program, opened at the first call. `floor` matters for guarded kinds
    only. DayClosed if it would have to be opened on a closed day.
    """
    guarded = kind in GUARDED_KINDS
    values = {
        "kind": kind,
        "brand": brand,
        "member": member,
        "balance": 0 if guarded else None,
        "floor": floor if guarded else None,
        "opened_at": at,
    }
    try:
        return Account.objects.get_or_create(program=program, label=label, defaults=values)[0]
    except IntegrityError as error:
        if DayClosed.is_meant_by(error):
            raise DayClosed(f"{at}") from error
        raise


def open_world(*, program: Program, at: datetime) -> Account:
    """Where deposits come from and what leaves the program goes to."""
    return open_account(program=program, kind=AccountKind.WORLD, label="world", at=at)


def open_funds(*, brand: Brand, at: datetime, credit_limit: int = 0) -> Account:
    """The brand's funds: guarded, may not go below -credit_limit (in points)."""
    return open_account(
        program=brand.program,
        kind=AccountKind.FUNDS,
        label=f"funds:{brand.pk}",
        brand=brand,
        floor=-credit_limit,
        at=at,
    )


def open_wallet(*, member: Member, program: Program, at: datetime) -> Account:
    """The member's wallet in the program: guarded, never below zero. MoveRefused for one who has left."""
    if member.closed_at is not None:
        raise MoveRefused("the member has left")
    label = f"wallet:{member.public_id}"
    return open_account(program=program, kind=AccountKind.WALLET, label=label, member=member, at=at)


def open_held(*, program: Program, at: datetime) -> Account:
    """Where points wait that are set aside for checkouts: one place for all wallets, so nobody queues for
    it.
    """
    return open_account(program=program, kind=AccountKind.HELD, label="held", at=at)


def open_accepted(*, brand: Brand, at: datetime) -> Account:
    """What the brand took from members and has not been settled yet."""
    return _open_of(brand, AccountKind.ACCEPTED, at)


def open_cleared(*, brand: Brand, at: datetime) -> Account:
    """What the brand has funded, and closed statements have settled."""
    return _open_of(brand, AccountKind.CLEARED, at)


def open_breakage(*, brand: Brand, at: datetime) -> Account:
    """What the brand has funded, and members have let expire."""
    return _open_of(brand, AccountKind.BREAKAGE, at)


def _open_of(brand: Brand, kind: AccountKind, at: datetime) -> Account:
    label = f"{kind.value}:{brand.pk}"
    return open_account(program=brand.program, kind=kind, label=label, brand=brand, at=at)
