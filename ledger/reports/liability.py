"""What is owed to members: points of unclaimed codes, points in wallets, points that are held."""

from collections import defaultdict
from datetime import date, datetime
from typing import Any, NamedTuple

from django.db.models import BooleanField, Case, Q, QuerySet, Sum, Value, When

from ledger.models import AccountKind, Lot, LotUse, Posting, UseKind
from ledger.reports.months import last_month_of
from parties.models import Brand, Program


class MonthLine(NamedTuple):
    """Points in wallets of one funder that end in one month (its first day, in Japan)."""

    month: date
    points: int


class FunderLiability(NamedTuple):
    """What one brand has funded and members can still use, in points. `overdue_points` lie in wallets too,
    but have passed their end and wait for the expiry run: they are owed no more.
    """

    brand: Brand
    unclaimed_points: int
    wallet_points: int
    held_points: int
    overdue_points: int
    months: list[MonthLine]

    @property
    def points(self) -> int:
        return self.unclaimed_points + self.wallet_points + self.held_points


class Liability(NamedTuple):
    """The liability of a program, or of some of its brands, at an instant."""

    at: datetime
    yen_per_point: int
    funders: list[FunderLiability]

    @property
    def points(self) -> int:
        return sum(funder.points for funder in self.funders)

    @property
    def yen(self) -> int:
        return self.points * self.yen_per_point

    @property
    def months(self) -> list[MonthLine]:
        """Points in wallets by the month in which they end, all funders together."""
        sums: dict[date, int] = defaultdict(int)
        for line in (line for funder in self.funders for line in funder.months):
            sums[line.month] += line.points
        return [MonthLine(month, sums[month]) for month in sorted(sums)]


def liability(program: Program, *, at: datetime, brands: QuerySet[Brand] | None = None) -> Liability:
    """What members could still claim, spend or get back at `at`, by the brand that pays, of the whole
    program or of `brands` of it alone.

    Of the whole program, unclaimed and held points are the balances of those kinds in `trial_balance`, and
    wallet points with overdue points are that of wallets.
    """
    payers = program.brands.all() if brands is None else program.brands.filter(pk__in=brands.values("pk"))
    unclaimed = _unclaimed(payers, at)
    held = _held(payers, at)
    wallets = _left_in_lots(payers, at)
    return Liability(
        at,
        program.yen_per_point,
        [
            _funder(brand, unclaimed.get(brand.pk, 0), held.get(brand.pk, 0), wallets.get(brand.pk, {}))
            for brand in payers.order_by("name", "pk")
        ],
    )


def _funder(brand: Brand, unclaimed: int, held: int, left: dict[tuple[bool, date], int]) -> FunderLiability:
    open_months = sorted((month, points) for (past, month), points in left.items() if not past and points)
    return FunderLiability(
        brand=brand,
        unclaimed_points=unclaimed,
        wallet_points=sum(points for _month, points in open_months),
        held_points=held,
        overdue_points=sum(points for (past, _month), points in left.items() if past),
        months=[MonthLine(month, points) for month, points in open_months],
    )


def _unclaimed(brands: QuerySet[Brand], at: datetime) -> dict[int, int]:
    sums: dict[int, int] = defaultdict(int)
    for end, sign in (("target", 1), ("source", -1)):
        own = {f"{end}__kind": AccountKind.UNCLAIMED, f"{end}__brand__in": brands}
        postings = Posting.objects.filter(posted_at__lte=at, **own).order_by()
        for brand_id, points in postings.values_list(f"{end}__brand").annotate(Sum("points")):
            sums[brand_id] += sign * points
    return sums


def _held(brands: QuerySet[Brand], at: datetime) -> dict[int, int]:
    holds = LotUse.objects.filter(kind=UseKind.HOLD, posted_at__lte=at, funder__in=brands).order_by()
    return dict(holds.values_list("funder").annotate(Sum("points")))


def _left_in_lots(brands: QuerySet[Brand], at: datetime) -> dict[int, dict[tuple[bool, date], int]]:
    """Per funder, what is left by (past its end, month of the end): what was granted less the uses up to
    `at`.
    """
    sums: dict[int, dict[tuple[bool, date], int]] = defaultdict(lambda: defaultdict(int))
    lots = Lot.objects.filter(granted_at__lte=at, funder__in=brands)
    uses = LotUse.objects.filter(lot__isnull=False, posted_at__lte=at, lot__funder__in=brands)
    for rows, lot, column, sign in ((lots, "", "granted_points", 1), (uses, "lot__", "points", -1)):
        grouped: QuerySet[Any, Any] = rows.order_by().values_list(
            f"{lot}funder", past_end(at, f"{lot}expires_at"), last_month_of(f"{lot}expires_at")
        )
        for funder_id, past, month, points in grouped.annotate(Sum(column)):
            sums[funder_id][bool(past), month.date()] += sign * points
    return sums


def past_end(at: datetime, column: str) -> Case:
    """Whether the exclusive end in the column has passed at `at`."""
    passed = When(Q(**{f"{column}__lte": at}), then=Value(value=True))
    return Case(passed, default=Value(value=False), output_field=BooleanField())
