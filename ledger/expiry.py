"""When points end. Pure; ends are exclusive instants, at midnight in Japan."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Self
from zoneinfo import ZoneInfo

from ledger.errors import ExpiryRefused

JAPAN = ZoneInfo("Asia/Tokyo")
MAX_DAYS = 3_660
MAX_MONTHS = 120


class PolicyKind(StrEnum):
    """By what the last valid day is reckoned; the values are what a policy is written with."""

    DAYS = "days"
    MONTH_END = "month_end"
    DATE = "date"


@dataclass(frozen=True, slots=True)
class ExpiryPolicy:
    """How long granted points live: so many days, to the end of a month, or through a fixed day.

    `str` and `parse` are each other's inverse: "days:180", "month_end:3", "date:2027-03-31". Made by
    `after_days`, `at_month_end` and `on_date`; ExpiryRefused (a ValueError) for what is out of bounds.
    """

    kind: PolicyKind
    value: int | date

    @classmethod
    def after_days(cls, days: int) -> Self:
        """Through the `days`-th day after the day of the grant: 1 to 3,660."""
        return cls(PolicyKind.DAYS, _within(days, 1, MAX_DAYS))

    @classmethod
    def at_month_end(cls, months: int) -> Self:
        """Through the last day of the month that is `months` after that of the grant: 0 (the same) to
        120.
        """
        return cls(PolicyKind.MONTH_END, _within(months, 0, MAX_MONTHS))

    @classmethod
    def on_date(cls, last_day: date) -> Self:
        """Through that day."""
        return cls(PolicyKind.DATE, last_day)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The policy that `str` writes so, to the letter; ExpiryRefused for anything else."""
        kind, _, value = text.partition(":")
        try:
            policy = {
                PolicyKind.DAYS: lambda: cls.after_days(int(value)),
                PolicyKind.MONTH_END: lambda: cls.at_month_end(int(value)),
                PolicyKind.DATE: lambda: cls.on_date(date.fromisoformat(value)),
            }[PolicyKind(kind)]()
        except ExpiryRefused:
            raise
        except ValueError as error:
            raise ExpiryRefused(f"no end of points: {text!r}") from error
        if str(policy) != text:  # other digits, spaces, leading zeros, other forms of a date
            raise ExpiryRefused(f"no end of points: {text!r}")
        return policy

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"

    def end(self, at: datetime) -> datetime:
        """The first instant at which points granted at `at` (aware) are no longer valid: midnight in Japan.

        ExpiryRefused for a fixed date before that of the grant, or more than 3,660 days after it.
        """
        today = at.astimezone(JAPAN).date()
        return datetime.combine(self._last_day(today) + timedelta(days=1), time(), tzinfo=JAPAN)

    def _last_day(self, today: date) -> date:
        if isinstance(self.value, date):
            if not today <= self.value <= today + timedelta(days=MAX_DAYS):
                raise ExpiryRefused(f"points of {today} can't end on {self.value}: passed, or too far ahead")
            return self.value
        if self.kind == PolicyKind.DAYS:
            return today + timedelta(days=self.value)
        years, month = divmod(today.month + self.value, 12)  # the first of the month after
        return date(today.year + years, month + 1, 1) - timedelta(days=1)


def end_after_days(at: datetime, *, days: int) -> datetime:
    """The first instant at which points granted at `at` are no longer valid: they last through the `days`-th
    day after the day of the grant, in Japan time, so that the last valid minute shown to people is 23:59 of
    that day.
    """
    return ExpiryPolicy.after_days(days).end(at)


def _within(number: int, least: int, most: int) -> int:
    if type(number) is not int or not least <= number <= most:
        raise ExpiryRefused(f"{number!r} is not within {least} to {most:,}")
    return number
