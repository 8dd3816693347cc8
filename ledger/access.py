"""The funnel to the ledger's brand-scoped rows."""

from django.db.models import Exists, OuterRef, Q, QuerySet

from ledger.models import (
    Account,
    Adjustment,
    DaySeal,
    Hold,
    Lot,
    LotUse,
    Posting,
    Receivable,
    Settlement,
    SettlementState,
    Transfer,
)
from parties.access import Person, is_operator, reachable_brands
from parties.models import Role


def reachable_accounts(user: Person, *roles: Role) -> QuerySet[Account]:
    """Accounts of the brands that `user` reaches; wallets and the outside world are the operator's alone."""
    rows = Account.objects.filter(brand__in=reachable_brands(user, *roles))
    if sees_all(user, *roles):
        rows = rows | Account.objects.filter(brand=None)
    return rows


def sees_all(user: Person, *roles: Role) -> bool:
    """Whether rows of no brand (wallets, days) are within reach: the operator's people, and superusers to
    look.
    """
    return is_operator(user, *roles) or (not roles and bool(user.is_active) and user.is_superuser)


def reachable_postings(user: Person, *roles: Role) -> QuerySet[Posting]:
    """Postings with an end in an account of a brand that `user` reaches; to the operator, all of them.

    The accounts are looked up at once: PostgreSQL finds the postings of known accounts in its indexes, and
    would compare all postings with a subquery.
    """
    if sees_all(user, *roles):
        return Posting.objects.all()
    accounts = list(
        Account.objects.filter(brand__in=reachable_brands(user, *roles)).values_list("pk", flat=True)
    )
    return Posting.objects.filter(Q(source__in=accounts) | Q(target__in=accounts))


def reachable_transfers(user: Person, *roles: Role) -> QuerySet[Transfer]:
    """Transfers with a posting that `user` reaches. Their other postings may be out of reach."""
    if sees_all(user, *roles):
        return Transfer.objects.all()
    return Transfer.objects.filter(Exists(reachable_postings(user, *roles).filter(transfer=OuterRef("pk"))))


def reachable_lots(user: Person, *roles: Role) -> QuerySet[Lot]:
    """What is in members' wallets: the operator's alone."""
    return Lot.objects.all() if sees_all(user, *roles) else Lot.objects.none()


def reachable_uses(user: Person, *roles: Role) -> QuerySet[LotUse]:
    """Uses of points that a brand within reach has funded or taken."""
    if sees_all(user, *roles):
        return LotUse.objects.all()
    brands = reachable_brands(user, *roles).values("pk")
    return LotUse.objects.filter(Q(funder__in=brands) | Q(acceptor__in=brands))


def reachable_holds(user: Person, *roles: Role) -> QuerySet[Hold]:
    """Holds for checkouts at stores of the brands that `user` reaches."""
    return Hold.objects.filter(store__brand__in=reachable_brands(user, *roles))


def reachable_receivables(user: Person, *roles: Role) -> QuerySet[Receivable]:
    """What members owe the brands that `user` reaches."""
    return Receivable.objects.filter(funder__in=reachable_brands(user, *roles))


def reachable_adjustments(user: Person, *roles: Role) -> QuerySet[Adjustment]:
    """Acts by hand at the expense of the brands that `user` reaches."""
    return Adjustment.objects.filter(brand__in=reachable_brands(user, *roles))


def reachable_seals(user: Person, *roles: Role) -> QuerySet[DaySeal]:
    """Sealed days are of whole programs: the operator's alone."""
    return DaySeal.objects.all() if sees_all(user, *roles) else DaySeal.objects.none()


def reachable_settlements(user: Person, *roles: Role) -> QuerySet[Settlement]:
    """Statements: the operator's people reach all of them, a brand's the closed ones that name the brand."""
    if is_operator(user, *roles):
        return Settlement.objects.all()
    brands = reachable_brands(user, *roles).values("pk")
    named = Settlement.objects.filter(Q(lines__funder__in=brands) | Q(lines__acceptor__in=brands))
    return Settlement.objects.filter(pk__in=named.values("pk"), state=SettlementState.CLOSED)
