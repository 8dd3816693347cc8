"""The trial balance: what came into each account and what went out of it, up to an instant."""

from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Count, F, OuterRef, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from ledger.models import Account, AccountKind, Posting
from parties.models import Program


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
    came = _by_kind(postings.filter(target__program=program), "target__kind")
    went = _by_kind(postings.filter(source__program=program), "source__kind")
    opened = Account.objects.filter(program=program, opened_at__lte=at)
    counted = dict(opened.order_by().values_list("kind").annotate(Count("pk")))
    return [
        KindLine(kind, counted.get(kind, 0), came.get(kind, 0), went.get(kind, 0))
        for kind in AccountKind
        if kind in counted or kind in came or kind in went
    ]


def account_lines(accounts: QuerySet[Account], *, at: datetime) -> QuerySet[Any]:
    """The given accounts, each with `points_in`, `points_out` and `points_left` up to `at`. Cheap for a
    page of accounts, whatever their number of postings per wallet; for totals ask `trial_balance`.
    """
    opened = accounts.filter(opened_at__lte=at)
    sums = opened.annotate(points_in=_sum_at("target", at), points_out=_sum_at("source", at))
    return sums.annotate(points_left=F("points_in") - F("points_out"))


def _by_kind(postings: QuerySet[Posting], end: str) -> dict[str, int]:
    return dict(postings.order_by().values_list(end).annotate(Sum("points")))


def _sum_at(end: str, at: datetime) -> Coalesce:
    touched = Posting.objects.filter(**{end: OuterRef("pk")}, posted_at__lte=at).order_by().values(end)
    return Coalesce(Subquery(touched.annotate(sum=Sum("points")).values("sum")), Value(0))
