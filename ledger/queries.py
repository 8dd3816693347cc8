"""What the ledger can be asked. Balances as of an instant are sums of postings; nothing here changes a
row.
"""

from datetime import date, datetime, time, timedelta

from django.db.models import Q, QuerySet, Sum

from ledger.expiry import JAPAN
from ledger.models import Account, AccountKind, Lot, Posting
from parties.models import Brand, Member


def balance_of(account: Account) -> int:
    """Points in the account now: the running balance of a guarded account, else the sum of its postings."""
    account.refresh_from_db(fields=["balance"])
    return _sum_of(account, Q()) if account.balance is None else account.balance


def balance_at(account: Account, *, at: datetime) -> int:
    """Points in the account at the instant `at`: what was posted at or before it, whatever the kind of
    account.
    """
    return _sum_of(account, Q(posted_at__lte=at))


def _sum_of(account: Account, when: Q) -> int:
    incoming = Posting.objects.filter(when, target=account).aggregate(points=Sum("points"))["points"]
    outgoing = Posting.objects.filter(when, source=account).aggregate(points=Sum("points"))["points"]
    return (incoming or 0) - (outgoing or 0)


def funds_of(brand: Brand) -> int:
    """Points that the brand can still reserve: its funds above their floor. 0 if it never had any."""
    account = Account.objects.filter(kind=AccountKind.FUNDS, brand=brand, program=brand.program_id).first()
    if account is None or account.balance is None or account.floor is None:
        return 0
    return account.balance - account.floor


def wallet_balance(member: Member, program_id: int) -> int:
    """Points in the member's wallet of the program; 0 if it has not been opened."""
    wallets = Account.objects.filter(kind=AccountKind.WALLET, member=member, program=program_id)
    return wallets.values_list("balance", flat=True).first() or 0


def open_lots(wallet: Account) -> QuerySet[Lot]:
    """Lots of the wallet with points left, soonest to expire first."""
    return (
        Lot.objects.filter(wallet=wallet, remaining_points__gt=0)
        .order_by("expires_at", "pk")
        .select_related("funder")
    )


def ending_on(last_day: date, *, at: datetime) -> QuerySet[Lot]:
    """Lots with points that can still be spent at `at` and whose last day in Japan is `last_day`. Ends are
    exclusive: the midnight after the day belongs to it, the one before does not.
    """
    starts_at = datetime.combine(last_day, time(), tzinfo=JAPAN)
    ends_at = starts_at + timedelta(days=1)
    return Lot.objects.filter(
        remaining_points__gt=0, expires_at__gt=max(starts_at, at), expires_at__lte=ends_at
    )


def points_ending_on(
    member: Member, program_id: int, last_day: date, *, at: datetime
) -> list[tuple[datetime, int]]:
    """(exclusive end, points) of what of the member's points of the program ends on that day, soonest first:
    usually one line.
    """
    lots = ending_on(last_day, at=at).filter(wallet__member=member, wallet__program=program_id)
    return list(
        lots.order_by("expires_at").values_list("expires_at").annotate(points=Sum("remaining_points"))
    )


def history_of(account: Account) -> QuerySet[Posting]:
    """Postings that touch the account, newest first, with their transfers."""
    touched = Posting.objects.filter(Q(source=account) | Q(target=account))
    return touched.select_related("transfer", "source", "target").order_by("-posted_at", "-pk")
