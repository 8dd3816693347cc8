"""Months in Japan. Pure."""

from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from ledger.expiry import JAPAN


class Month(NamedTuple):
    """A calendar month in Japan, by its first day."""

    first_day: date

    @classmethod
    def before(cls, at: datetime) -> "Month":
        """The last one that had ended at `at`."""
        return cls(at.astimezone(JAPAN).date().replace(day=1)).previous

    @property
    def previous(self) -> "Month":
        return Month((self.first_day - timedelta(days=1)).replace(day=1))

    @property
    def next_day(self) -> date:
        """The first day after it."""
        return (self.first_day + timedelta(days=31)).replace(day=1)

    @property
    def begins(self) -> datetime:
        return datetime.combine(self.first_day, time(), tzinfo=JAPAN)

    @property
    def ends(self) -> datetime:
        """Exclusive."""
        return datetime.combine(self.next_day, time(), tzinfo=JAPAN)
