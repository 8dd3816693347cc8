"""The funnel to the ledger's brand-scoped rows."""

from django.db.models import Q, QuerySet

from ledger.models import Account, AccountKind, Posting
from parties.access import Person, is_operator, reachable_brands
from parties.models import Role


def reachable_accounts(user: Person, *roles: Role) -> QuerySet[Account]:
    """Accounts of the brands that `user` reaches; wallets and the outside world are the operator's alone."""
    rows = Account.objects.filter(brand__in=reachable_brands(user, *roles))
    if is_operator(user, *roles):
        rows = rows | Account.objects.filter(brand=None)
    return rows


def reachable_postings(user: Person, *roles: Role) -> QuerySet[Posting]:
    """Postings with an end in a funds or unclaimed account that `user` reaches."""
    kinds = [AccountKind.FUNDS, AccountKind.UNCLAIMED]
    accounts = reachable_accounts(user, *roles).filter(kind__in=kinds).values("pk")
    return Posting.objects.filter(Q(source__in=accounts) | Q(target__in=accounts))
