"""Breakage: points that members let expire or gave up, and those that they can be expected to."""

from collections import defaultdict
from datetime import date, datetime
from fractions import Fraction
from typing import Any, NamedTuple

from django.db.models import Max, Q, QuerySet, Sum

from ledger.models import Lot, LotUse, UseKind
from ledger.reports.liability import past_end
from ledger.reports.months import last_month_of, month_of
from parties.models import Brand, Program


class Realised(NamedTuple):
    """Points of one funder that nobody had used when they ended, in one month (its first day, in Japan): at
    their own end, or when their member gave them up.
    """

    brand: Brand
    month: date
    points: int


class Cohort(NamedTuple):
    """The points of one funder that were granted in one month (its first day, in Japan), and what became of
    them.

    granted = spent + held + taken back + expired + given up + remaining. `is_over` if the last of them has
    passed its end.
    """

    month: date
    granted_points: int
    spent_points: int
    held_points: int
    taken_back_points: int
    expired_points: int
    forfeited_points: int
    remaining_points: int
    is_over: bool

    @property
    def kept_points(self) -> int:
        """What members were left with: the basis of the rate."""
        return self.granted_points - self.taken_back_points

    @property
    def unused_points(self) -> int:
        """What nobody used. Whoever gives points up would not have used them either."""
        return self.expired_points + self.forfeited_points

    def expected_points(self, rate: Fraction) -> int:
        """How many of those that remain are expected to expire, if the whole cohort does so at `rate`."""
        further = max(0, int(self.kept_points * rate) - self.unused_points)
        return min(self.remaining_points, further)


class Estimate(NamedTuple):
    """What is expected of one funder's points. `rate` is exact, and None as long as no cohort is over."""

    brand: Brand
    cohorts: list[Cohort]
    rate: Fraction | None

    @property
    def open_cohorts(self) -> list[Cohort]:
        return [cohort for cohort in self.cohorts if not cohort.is_over]

    @property
    def points(self) -> int | None:
        """Points in wallets that are expected to expire; None without a rate."""
        if self.rate is None:
            return None
        return sum(cohort.expected_points(self.rate) for cohort in self.open_cohorts)


def realised_breakage(
    program: Program, *, at: datetime, brands: QuerySet[Brand] | None = None
) -> list[Realised]:
    """What has expired or was given up by `at`, by funder and by the month in which it could last be used.

    A point has expired from its own end on, whether it is booked already or not. The sum is therefore the
    balance of the breakage accounts and the overdue points of `liability`.
    """
    payers = {brand.pk: brand for brand in _payers(program, brands)}
    sums: dict[tuple[int, date], int] = defaultdict(int)
    for rows, lot, column, sign in _expired(list(payers), at):
        grouped = rows.order_by().values_list(f"{lot}funder", last_month_of(f"{lot}expires_at"))
        for funder_id, month, points in grouped.annotate(Sum(column)):
            sums[funder_id, month.date()] += sign * points
    given_up = LotUse.objects.filter(kind=UseKind.FORFEIT, posted_at__lte=at, funder__in=list(payers))
    by_month = given_up.order_by().values_list("funder", month_of("posted_at"))
    for funder_id, month, points in by_month.annotate(Sum("points")):
        sums[funder_id, month.date()] += points
    known = [Realised(payers[funder], month, points) for (funder, month), points in sums.items() if points]
    return sorted(known, key=lambda line: (line.brand.name, line.brand.pk, line.month))


def _expired(payers: list[int], at: datetime) -> list[tuple[QuerySet[Any], str, str, int]]:
    """What was granted to lots past their end, less their uses, but for those that are expiries."""
    lots = Lot.objects.filter(granted_at__lte=at, expires_at__lte=at, funder__in=payers)
    uses = LotUse.objects.filter(posted_at__lte=at, lot__expires_at__lte=at, lot__funder__in=payers)
    return [
        (lots, "", "granted_points", 1),
        (uses.exclude(kind=UseKind.EXPIRY), "lot__", "points", -1),
    ]


def expected_breakage(
    program: Program, *, at: datetime, brands: QuerySet[Brand] | None = None
) -> list[Estimate]:
    """What is expected to expire of the points that are in wallets at `at`, funder by funder, from their
    past.

    A cohort is what a funder granted in one month. Over the cohorts that are wholly past their end:

        rate = sum(expired + given up) / sum(granted - taken back)

    and of a cohort that is not, rounded down to whole points:

        expected = min(remaining, max(0, (granted - taken back) x rate - expired - given up))

    What has expired of an open cohort already is realised and not expected once more. Without a cohort that
    is over there is no rate and no estimate. Whole numbers and fractions throughout.
    """
    cohorts = _cohorts(program, at, brands)
    return [
        Estimate(brand, cohorts[brand.pk], _rate(cohorts[brand.pk]))
        for brand in _payers(program, brands)
        if cohorts[brand.pk]
    ]


def _rate(cohorts: list[Cohort]) -> Fraction | None:
    over = [cohort for cohort in cohorts if cohort.is_over]
    kept = sum(cohort.kept_points for cohort in over)
    return Fraction(sum(cohort.unused_points for cohort in over), kept) if kept else None


def _cohorts(program: Program, at: datetime, brands: QuerySet[Brand] | None) -> dict[int, list[Cohort]]:
    payers = _payers(program, brands).values("pk")
    lots = Lot.objects.filter(granted_at__lte=at, funder__in=payers).order_by()
    past = Q(expires_at__lte=at)
    granted = lots.values_list("funder", month_of("granted_at")).annotate(
        points=Sum("granted_points"),
        past_points=Sum("granted_points", filter=past),
        last_end=Max("expires_at"),
    )
    used = _uses_by_cohort(payers, at)
    cohorts: dict[int, list[Cohort]] = defaultdict(list)
    for funder_id, month, points, past_points, last_end in granted.order_by("funder", month_of("granted_at")):
        uses = used[funder_id, month]
        gone = sum(uses.values())
        gone_past = sum(count for (_kind, is_past), count in uses.items() if is_past)
        # What is left of lots past their end has expired, booked or not.
        overdue = (past_points or 0) - gone_past
        cohorts[funder_id].append(
            Cohort(
                month=month.date(),
                granted_points=points,
                spent_points=_of_kind(uses, UseKind.SPEND),
                held_points=_of_kind(uses, UseKind.HOLD),
                taken_back_points=_of_kind(uses, UseKind.WITHDRAWAL),
                expired_points=_of_kind(uses, UseKind.EXPIRY) + overdue,
                forfeited_points=_of_kind(uses, UseKind.FORFEIT),
                remaining_points=points - gone - overdue,
                is_over=last_end <= at,
            )
        )
    return cohorts


_Uses = dict[tuple[str, bool], int]


def _of_kind(uses: _Uses, wanted: UseKind) -> int:
    return sum(points for (kind, _past), points in uses.items() if kind == wanted)


def _uses_by_cohort(payers: QuerySet[Brand, Any], at: datetime) -> dict[tuple[int, datetime], _Uses]:
    uses = LotUse.objects.filter(posted_at__lte=at, lot__funder__in=payers).order_by()
    grouped = uses.values_list(
        "lot__funder", month_of("lot__granted_at"), "kind", past_end(at, "lot__expires_at")
    )
    sums: dict[tuple[int, datetime], _Uses] = defaultdict(dict)
    for funder_id, month, kind, past, points in grouped.annotate(Sum("points")):
        sums[funder_id, month][kind, bool(past)] = points
    return sums


def _payers(program: Program, brands: QuerySet[Brand] | None) -> QuerySet[Brand]:
    own = program.brands.order_by("name", "pk")
    return own if brands is None else own.filter(pk__in=brands.values("pk"))
