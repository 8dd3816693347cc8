"""When points end: by days, by month, on a fixed day; always at midnight in Japan."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import ExpiryRefused
from ledger.expiry import JAPAN, ExpiryPolicy, end_after_days

_FROM = datetime(2020, 1, 1, tzinfo=UTC)
MOMENTS = st.integers(0, 70 * 365 * 86_400 * 10**6).map(lambda micros: _FROM + timedelta(microseconds=micros))
POLICIES = st.one_of(
    st.integers(1, 3_660).map(ExpiryPolicy.after_days),
    st.integers(0, 120).map(ExpiryPolicy.at_month_end),
    st.dates(date(1000, 1, 1)).map(ExpiryPolicy.on_date),
)


def japan(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=JAPAN)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("policy", "at", "end"),
    [
        ("days:1", japan(2026, 11, 2, 0, 0), japan(2026, 11, 4)),
        ("days:1", japan(2026, 11, 2, 23, 59, 59, 999_999), japan(2026, 11, 4)),
        ("days:1", japan(2026, 11, 3, 0, 0), japan(2026, 11, 5)),
        ("days:1", japan(2028, 2, 28, 12), japan(2028, 3, 1)),  # through the leap day
        ("days:1", japan(2027, 2, 28, 12), japan(2027, 3, 2)),
        ("days:3660", japan(2026, 11, 2), japan(2036, 11, 10)),
        ("month_end:0", japan(2026, 11, 1, 0, 0), japan(2026, 12, 1)),
        ("month_end:0", japan(2026, 11, 30, 23, 59, 59, 999_999), japan(2026, 12, 1)),
        ("month_end:0", japan(2026, 12, 1, 0, 0), japan(2027, 1, 1)),
        ("month_end:0", japan(2028, 2, 1), japan(2028, 3, 1)),
        ("month_end:1", japan(2026, 12, 31, 12), japan(2027, 2, 1)),
        ("month_end:1", japan(2027, 1, 31, 12), japan(2027, 3, 1)),  # there is no 31st of February
        ("month_end:3", japan(2026, 8, 31, 12), japan(2026, 12, 1)),
        ("month_end:3", japan(2026, 9, 30, 12), japan(2027, 1, 1)),
        ("month_end:120", japan(2026, 12, 31, 12), japan(2037, 1, 1)),
        ("date:2027-03-31", japan(2027, 3, 31, 23, 59, 59, 999_999), japan(2027, 4, 1)),
        ("date:2028-02-29", japan(2026, 11, 2), japan(2028, 3, 1)),
    ],
)
def test_points_end_at_the_midnight_after_their_last_day(policy: str, at: datetime, end: datetime) -> None:
    assert ExpiryPolicy.parse(policy).end(at) == end


def test_the_day_of_the_grant_is_that_of_japan() -> None:
    still_october = datetime(2026, 10, 31, 14, 59, 59, 999_999, tzinfo=UTC)
    november = still_october + timedelta(microseconds=1)

    assert ExpiryPolicy.at_month_end(0).end(still_october) == japan(2026, 11, 1)
    assert ExpiryPolicy.at_month_end(0).end(november) == japan(2026, 12, 1)


@pytest.mark.parametrize("change_of_clocks", [date(2027, 3, 14), date(2027, 3, 28), date(2027, 11, 7)])
def test_clocks_that_change_elsewhere_change_nothing(change_of_clocks: date) -> None:
    for zone in (ZoneInfo("America/New_York"), ZoneInfo("Europe/Berlin"), timezone(timedelta(hours=-11))):
        for hour in range(0, 24, 3):
            at = datetime(
                change_of_clocks.year, change_of_clocks.month, change_of_clocks.day, hour, tzinfo=zone
            )
            for text in ("days:1", "days:180", "month_end:0", "month_end:3"):
                policy = ExpiryPolicy.parse(text)
                assert policy.end(at) == policy.end(at.astimezone(UTC))


def test_a_fixed_day_is_valid_to_its_end_and_refused_from_then_on() -> None:
    policy = ExpiryPolicy.on_date(date(2027, 3, 31))

    assert policy.end(japan(2027, 3, 31, 23, 59, 59, 999_999)) == japan(2027, 4, 1)
    with pytest.raises(ExpiryRefused):
        policy.end(japan(2027, 4, 1))


def test_a_fixed_day_is_not_farther_ahead_than_days_may_be() -> None:
    granted_at = japan(2026, 11, 2)
    last = date(2026, 11, 2) + timedelta(days=3_660)

    assert ExpiryPolicy.on_date(last).end(granted_at) == ExpiryPolicy.after_days(3_660).end(granted_at)
    with pytest.raises(ExpiryRefused):
        ExpiryPolicy.on_date(last + timedelta(days=1)).end(granted_at)
    with pytest.raises(ExpiryRefused):
        ExpiryPolicy.on_date(date.max).end(granted_at)


@pytest.mark.parametrize("days", [0, -1, 3_661, True, 1.0, "1"])
def test_days_out_of_bounds_are_refused(days: Any) -> None:
    with pytest.raises(ExpiryRefused):
        ExpiryPolicy.after_days(days)
    with pytest.raises(ValueError, match="not within 1 to 3,660"):
        end_after_days(japan(2026, 11, 2), days=days)


@pytest.mark.parametrize("months", [-1, 121, False, 0.0, "0"])
def test_months_out_of_bounds_are_refused(months: Any) -> None:
    with pytest.raises(ExpiryRefused):
        ExpiryPolicy.at_month_end(months)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "days",
        "days:",
        "days:0",
        "days:3661",
        "days:+1",
        "days: 1",
        "days:01",
        "days:1.0",
        "days:1_0",
        "days:１８０",  # full-width digits, which Python takes for a number
        "Days:1",
        "weeks:1",
        "month_end:-1",
        "month_end:-0",
        "month_end:121",
        "date:2027-02-29",
        "date:20270331",
        "date:2027-W13-3",
        "date:2027-3-31",
        " days:1",
        "days:1\n",
    ],
)
def test_what_is_not_written_as_a_policy_is_refused(text: str) -> None:
    with pytest.raises(ExpiryRefused):
        ExpiryPolicy.parse(text)


@given(policy=POLICIES)
def test_a_policy_reads_as_it_was_written(policy: ExpiryPolicy) -> None:
    assert ExpiryPolicy.parse(str(policy)) == policy
    assert len(str(policy)) <= 20  # the column it is kept in


@given(at=MOMENTS, days=st.integers(1, 3_660), months=st.integers(0, 120))
def test_points_end_at_a_midnight_in_japan_after_the_grant(at: datetime, days: int, months: int) -> None:
    for policy in (ExpiryPolicy.after_days(days), ExpiryPolicy.at_month_end(months)):
        end = policy.end(at).astimezone(JAPAN)
        assert end > at
        assert (end.hour, end.minute, end.second, end.microsecond) == (0, 0, 0, 0)
    assert ExpiryPolicy.at_month_end(months).end(at).astimezone(JAPAN).day == 1


@given(one=MOMENTS, other=MOMENTS, days=st.integers(1, 3_660), months=st.integers(0, 120))
def test_who_is_granted_later_keeps_points_at_least_as_long(
    one: datetime, other: datetime, days: int, months: int
) -> None:
    earlier, later = sorted([one, other])
    for policy in (ExpiryPolicy.after_days(days), ExpiryPolicy.at_month_end(months)):
        assert policy.end(earlier) <= policy.end(later)
