"""The trial balance: what came into each account and what went out of it, up to an instant."""

from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Count, QuerySet, Sum

from ledger.models import Account, AccountKind, Posting
from parties.models import Brand, Program


class KindLine(NamedTuple):
    """All accounts of one kind, in points; `balance` is what came in less what went out."""

    kind: AccountKind
    accounts: int
    points_in: int
    points_out: int

    @property
    def balance(self) -> int:
        return self.points_in - self.points_out


def trial_balance(program: Program, *, at: datetime) -> list[KindLine]:
    """A line per kind of account of the program; accounts opened after `at` don't count. The balances of a
    sound ledger add up to zero.
    """
    postings = Posting.objects.filter(posted_at__lte=at)
    came = _sums(postings.filter(target__program=program), "target__kind")
    went = _sums(postings.filter(source__program=program), "source__kind")
    opened = Account.objects.filter(program=program, opened_at__lte=at)
    counted = dict(opened.order_by().values_list("kind").annotate(Count("pk")))
    return [
        KindLine(kind, counted.get(kind, 0), came.get(kind, 0), went.get(kind, 0))
        for kind in AccountKind
        if kind in counted or kind in came or kind in went
    ]


class AccountLine(NamedTuple):
    """One account, in points; `balance` is what came in less what went out."""

    label: str
    kind: AccountKind
    brand: Brand | None
    points_in: int
    points_out: int

    @property
    def balance(self) -> int:
        return self.points_in - self.points_out


def account_lines(accounts: QuerySet[Account], *, at: datetime) -> list[AccountLine]:
    """The given accounts but those opened after `at`, in their order. Cheap for a page of accounts, whatever
    their number of postings per wallet; for totals ask `trial_balance`.
    """
    shown = list(accounts.select_related("brand"))
    came, went = (_of_accounts(shown, end, at) for end in ("target", "source"))
    return [
        AccountLine(one.label, AccountKind(one.kind), one.brand, came.get(one.pk, 0), went.get(one.pk, 0))
        for one in shown
        if one.opened_at <= at
    ]


def _sums(postings: QuerySet[Posting], column: str) -> dict[Any, int]:
    return dict(postings.order_by().values_list(column).annotate(Sum("points")))


def _of_accounts(accounts: list[Account], end: str, at: datetime) -> dict[int, int]:
    postings = Posting.objects.filter(**{f"{end}__in": accounts}, posted_at__lte=at)
    return _sums(postings, end)
