"""Balances over time, for charts: a bounded number of steps, and the same few queries for any number."""

from datetime import datetime, time, timedelta
from typing import Any, NamedTuple

from django.db import models
from django.db.models import BigIntegerField, Case, DateTimeField, F, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Greatest, TruncDay, TruncMonth
from django.utils.translation import gettext_lazy as _

from ledger.expiry import JAPAN
from ledger.models import Account, AccountKind, Lot, LotUse, Posting, UseKind
from parties.models import Brand, Program

MAX_STEPS = 60


class Step(models.TextChoices):
    DAY = "day", _("by day")
    MONTH = "month", _("by month")


class LiabilityStep(NamedTuple):
    """Points at the end of a step (or at `at`, in the last one), as they were booked by then."""

    starts_at: datetime
    unclaimed_points: int
    wallet_points: int
    held_points: int


def balance_series(
    accounts: QuerySet[Account], *, at: datetime, step: Step, steps: int
) -> list[tuple[datetime, int]]:
    """(beginning of the day or month in Japan, points at its end) for the last `steps` up to `at`, all
    accounts together. One query. ValueError for fewer than 1 or more than 60 steps.
    """
    starts = _starts(at, step, steps)
    ids = accounts.order_by().values("pk")
    postings = Posting.objects.filter(Q(source__in=ids) | Q(target__in=ids), posted_at__lte=at)
    came = Case(When(target__in=ids, then=F("points")), default=Value(0), output_field=BigIntegerField())
    went = Case(When(source__in=ids, then=F("points")), default=Value(0), output_field=BigIntegerField())
    moved = _by_step(postings, "posted_at", starts, step, came - went)
    return list(zip(starts, _running(starts, moved), strict=True))


def liability_series(
    program: Program, *, at: datetime, step: Step, steps: int, brands: QuerySet[Brand] | None = None
) -> list[LiabilityStep]:
    """Unclaimed, wallet and held points of the program (or of what `brands` of it have funded) over time.
    Four queries for any number of steps. ValueError like `balance_series`.
    """
    payers = program.brands.all() if brands is None else program.brands.filter(pk__in=brands.values("pk"))
    unclaimed = balance_series(
        Account.objects.filter(kind=AccountKind.UNCLAIMED, brand__in=payers), at=at, step=step, steps=steps
    )
    starts = [start for start, _points in unclaimed]
    lots = Lot.objects.filter(funder__in=payers, granted_at__lte=at)
    uses = LotUse.objects.filter(funder__in=payers, lot__isnull=False, posted_at__lte=at)
    granted = _by_step(lots, "granted_at", starts, step, F("granted_points"))
    used = _by_step(uses, "posted_at", starts, step, F("points"))
    held = _by_step(uses.filter(kind=UseKind.HOLD), "posted_at", starts, step, F("points"))
    in_wallets = {start: granted.get(start, 0) - used.get(start, 0) for start in granted.keys() | used.keys()}
    columns = zip(unclaimed, _running(starts, in_wallets), _running(starts, held), strict=True)
    return [LiabilityStep(start, points, wallet, kept) for (start, points), wallet, kept in columns]


def _starts(at: datetime, step: Step, steps: int) -> list[datetime]:
    """Beginnings of the last `steps` days or months in Japan, the oldest first; the last one holds `at`."""
    if not 1 <= steps <= MAX_STEPS:
        raise ValueError(f"1 to {MAX_STEPS} steps")
    day = at.astimezone(JAPAN).date()
    if step == Step.DAY:
        days = [day - timedelta(days=back) for back in range(steps - 1, -1, -1)]
    else:
        months = [day.year * 12 + day.month - 1 - back for back in range(steps - 1, -1, -1)]
        days = [day.replace(year=month // 12, month=month % 12 + 1, day=1) for month in months]
    return [datetime.combine(day, time(), tzinfo=JAPAN) for day in days]


def _by_step(
    rows: QuerySet[Any], moment: str, starts: list[datetime], step: Step, points: Any
) -> dict[datetime | None, int]:
    """The sum of each step; under None, of everything before the first one."""
    just_before = starts[0] - timedelta(microseconds=1)
    clamped = Greatest(F(moment), Value(just_before, output_field=DateTimeField()))
    begins = (TruncDay if step == Step.DAY else TruncMonth)(clamped, tzinfo=JAPAN)
    grouped = rows.order_by().annotate(begins=begins).values_list("begins").annotate(total=Sum(points))
    return {start if start >= starts[0] else None: total for start, total in grouped}


def _running(starts: list[datetime], moved: dict[datetime | None, int]) -> list[int]:
    sums, points = [], moved.get(None, 0)
    for start in starts:
        points += moved.get(start, 0)
        sums.append(points)
    return sums
