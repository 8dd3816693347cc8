"""Days that the law on prepaid means of payment counts by; all in Japan."""

import calendar
from collections.abc import Iterator
from datetime import date

MONTHS = 6
BASE_DAYS = ((3, 31), (9, 30))


def last_day_of_six_months(issued_on: date) -> date:
    """The last day within six months of the day of issue, which itself is not counted (民法 140, 143): the
    day of the same number in the sixth month after, or that month's last day if it has none.

    At the ends of months this is never later than what the Civil Code allows (from 28 February it would be
    to 31 August, here it is to the 28th): a rule that exempts from duties is read narrowly.
    """
    months = issued_on.month - 1 + MONTHS
    year, month = issued_on.year + months // 12, months % 12 + 1
    return date(year, month, min(issued_on.day, calendar.monthrange(year, month)[1]))


def base_days(first: date, last: date) -> Iterator[date]:
    """Each 31 March and 30 September from `first` to `last`, both within: what is unused then counts."""
    for year in range(first.year, last.year + 1):
        for month, day in BASE_DAYS:
            if first <= date(year, month, day) <= last:
                yield date(year, month, day)
