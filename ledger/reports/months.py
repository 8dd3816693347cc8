"""Months in Japan, as the database sees them."""

from datetime import timedelta

from django.db.models import DateTimeField, ExpressionWrapper, F
from django.db.models.functions import TruncMonth

from ledger.expiry import JAPAN


def month_of(column: str) -> TruncMonth:
    """The month, in Japan, in which the moment lies: its first instant."""
    return TruncMonth(column, tzinfo=JAPAN)


def last_month_of(column: str) -> TruncMonth:
    """The last month that lies before the exclusive end: midnight of the 1st of April ends in March, as
    people say it.
    """
    last = ExpressionWrapper(F(column) - timedelta(microseconds=1), output_field=DateTimeField())
    return TruncMonth(last, tzinfo=JAPAN)
