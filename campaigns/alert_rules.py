"""When alerts are raised: what holds without a setting, and the arithmetic. Pure.

An unusual hour is judged against the same hour of the days before, by median and median absolute deviation
(MAD), which a few odd days can't move, unlike mean and standard deviation (Iglewicz and Hoaglin, How to
Detect and Handle Outliers, 1993; Leys et al., Journal of Experimental Social Psychology 49, 2013):

    limit = median + k * max(1.4826 * MAD, sqrt(median), 1)

1.4826 makes the MAD of a normal distribution its standard deviation. Claims that come one by one vary by the
root of their number even where the last weeks happened to be alike, hence sqrt(median).
"""

from collections.abc import Sequence
from datetime import timedelta
from math import sqrt
from statistics import median
from typing import NamedTuple

from campaigns.alert_models import AlertKind, BrandAlertKind

DAYS_COMPARED = 28
LEAST_DAYS = 7  # of a campaign before an hour of it can be unusual
LEAST_CLAIMS = 30  # in an hour that is unusual
_MAD_TO_DEVIATION = 1.4826


class Setting(NamedTuple):
    """`threshold` in the unit of its kind; see DEFAULTS."""

    threshold: int
    is_mailed: bool


DEFAULTS = {
    BrandAlertKind.BUDGET_LOW: Setting(10, True),  # percent of the order's points or gifts
    BrandAlertKind.FUNDS_LOW: Setting(10, True),  # percent of the last deposit
    BrandAlertKind.CLAIM_RATE: Setting(6, True),  # k
    BrandAlertKind.WINDOW_BEGINS: Setting(3, False),  # days
    BrandAlertKind.WINDOW_ENDS: Setting(7, True),  # days
    BrandAlertKind.NOT_READY: Setting(3, True),  # days
}
BOUNDS = {  # least and most
    BrandAlertKind.BUDGET_LOW: (1, 90),
    BrandAlertKind.FUNDS_LOW: (1, 90),
    BrandAlertKind.CLAIM_RATE: (3, 20),
    BrandAlertKind.WINDOW_BEGINS: (1, 30),
    BrandAlertKind.WINDOW_ENDS: (1, 60),
    BrandAlertKind.NOT_READY: (1, 30),
}

# The operator's.
LATE_AFTER = {
    "minting": timedelta(hours=1),
    "files": timedelta(hours=1),
    "closing": timedelta(minutes=30),
    "expiry": timedelta(hours=1),
    "webhooks": timedelta(minutes=15),
    "notices": timedelta(hours=1),
    "answers": timedelta(hours=1),
    "alert_mails": timedelta(hours=1),
    "monthly_mails": timedelta(hours=3),
    "mailings": timedelta(hours=1),
}
SERIES_USED_PERCENT = 80  # of its serial numbers
DEAD_AFTER = timedelta(minutes=10)  # the watch looks each minute


class Usual(NamedTuple):
    """What an hour of a campaign is like: its median, and from where on it is unusual; `calm` is where an
    alert ends.
    """

    median: int
    limit: float
    calm: float


def usual(days: Sequence[int], *, k: int) -> Usual | None:
    """From the claims of the same hour of earlier days; None if there are too few of them to say.

    >>> usual([40, 38, 44, 41, 39, 300, 42, 40], k=6)
    Usual(median=40, limit=78.7..., calm=59.6...)
    >>> usual([40, 38], k=6)
    """
    if len(days) < LEAST_DAYS:
        return None
    middle = median(days)
    deviation = max(_MAD_TO_DEVIATION * median(abs(day - middle) for day in days), sqrt(middle), 1)
    return Usual(int(middle), middle + k * deviation, middle + k * deviation / 2)


def is_short(left: int, of: int, *, percent: int) -> bool:
    """Whether at most so many hundredths are left.

    >>> is_short(10, 100, percent=10), is_short(11, 100, percent=10)
    (True, False)
    """
    return left * 100 <= of * percent


def stays_short(left: int, of: int, *, percent: int) -> bool:
    """Whether an alert about it goes on: until a fifth more is left, so that it doesn't come and go.

    >>> stays_short(12, 100, percent=10), stays_short(13, 100, percent=10)
    (True, False)
    """
    return left * 1_000 <= of * percent * 12


def kind_of_brand(kind: str) -> BrandAlertKind | None:
    """The kind, if it is one that brands tune."""
    return BrandAlertKind(kind) if kind in BrandAlertKind.values else None


def is_operators(kind: str) -> bool:
    """Whether alerts of the kind are the operator's."""
    return kind in AlertKind.values and kind_of_brand(kind) is None
