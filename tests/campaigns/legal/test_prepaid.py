"""資金決済法: codes sold for money, on both sides of each day and each number of the law."""

from datetime import date, timedelta
from typing import Any

import pytest

from campaigns.legal import Answer, LegalForm, UsedAt
from campaigns.legal.dates import base_days, last_day_of_six_months
from tests.campaigns.legal.rows import answer, facts, found

PASS, FAIL, ASK = Answer.PASS, Answer.FAIL, Answer.ASK_COUNSEL
DAY = timedelta(days=1)


def sold(**changes: Any) -> Any:
    return facts(LegalForm.SOLD, **changes)


@pytest.mark.parametrize(
    ("issued_on", "last"),
    [
        (date(2026, 8, 31), date(2027, 2, 28)),
        (date(2027, 8, 31), date(2028, 2, 29)),  # a leap year
        (date(2026, 8, 28), date(2027, 2, 28)),
        (date(2026, 8, 29), date(2027, 2, 28)),
        (date(2027, 8, 29), date(2028, 2, 29)),
        (date(2027, 8, 28), date(2028, 2, 28)),
        (date(2099, 8, 31), date(2100, 2, 28)),  # no leap year
        (date(2028, 2, 29), date(2028, 8, 29)),
        (date(2026, 4, 1), date(2026, 10, 1)),
        (date(2026, 10, 31), date(2027, 4, 30)),
        (date(2026, 12, 31), date(2027, 6, 30)),
    ],
)
def test_six_months_end_on_their_day_and_not_one_later(issued_on: date, last: date) -> None:
    assert last_day_of_six_months(issued_on) == last
    for usable_until, expected in ((last - DAY, PASS), (last, PASS), (last + DAY, FAIL)):
        asked = sold(is_six_months_stated=True, issued_on=issued_on, usable_until=usable_until)
        assert answer("six_months", asked) == expected


def test_the_exemption_is_judged_only_where_it_is_stated_and_then_nothing_else_is_asked() -> None:
    elsewhere = {"used_at": UsedAt.OTHERS, "order_yen": 10_000_001, "usable_until": date(2027, 3, 31)}
    stated, not_stated = sold(**elsewhere, is_six_months_stated=True), sold(**elsewhere)
    assert [answer(rule, stated) for rule in ("six_months", "registration", "threshold")] == [
        PASS,
        None,
        None,
    ]
    assert [answer(rule, not_stated) for rule in ("six_months", "registration", "threshold")] == [
        None,
        FAIL,
        ASK,
    ]


def test_codes_that_are_good_at_others_need_a_registration_first() -> None:
    assert answer("registration", sold(used_at=UsedAt.OTHERS)) == FAIL
    assert answer("registration", sold(used_at=UsedAt.OTHERS, registration="関東財務局長 第00000号")) == PASS
    assert found("registration", sold(used_at=UsedAt.OWN)) is None


@pytest.mark.parametrize(("unused", "expected"), [(10_000_000, PASS), (10_000_001, ASK)])
@pytest.mark.parametrize("base_day", [date(2027, 3, 31), date(2027, 9, 30)])
def test_more_than_10_000_000_yen_unused_on_3_31_or_9_30_asks_counsel(
    base_day: date, unused: int, expected: Answer
) -> None:
    asked = sold(order_yen=unused, issued_on=base_day, usable_until=base_day)
    assert answer("threshold", asked) == expected
    shared = sold(order_yen=1, sold_elsewhere_yen=unused - 1, issued_on=base_day, usable_until=base_day)
    assert answer("threshold", shared) == expected


@pytest.mark.parametrize(
    ("first", "last", "days"),
    [
        (date(2027, 1, 1), date(2027, 3, 30), []),
        (date(2027, 1, 1), date(2027, 3, 31), [date(2027, 3, 31)]),
        (date(2027, 4, 1), date(2027, 9, 29), []),
        (date(2027, 4, 1), date(2027, 9, 30), [date(2027, 9, 30)]),
        (date(2026, 10, 1), date(2027, 9, 30), [date(2027, 3, 31), date(2027, 9, 30)]),
    ],
)
def test_base_days_are_31_march_and_30_september(first: date, last: date, days: list[date]) -> None:
    assert list(base_days(first, last)) == days
    asked = sold(order_yen=10_000_001, issued_on=first, usable_until=last)
    assert answer("threshold", asked) == (ASK if days else PASS)


@pytest.mark.parametrize(
    ("code_yen", "limit", "codes", "expected"),
    [
        (100_000, 1, 10, PASS),
        (100_001, 1, 10, ASK),
        (100_000, 3, 10, PASS),  # 300,000 in a month and account
        (100_000, 4, 10, ASK),
        (60_000, 5, 10, PASS),
        (300_000 // 7 + 1, 7, 10, ASK),
        (100_000, None, 3, PASS),  # no limit: all codes of the order
        (100_000, None, 4, ASK),
        (100_000, 4, 3, PASS),  # nobody can get a fourth
    ],
)
def test_codes_of_more_than_100_000_or_300_000_a_month_ask_counsel(
    code_yen: int, limit: int | None, codes: int, expected: Answer
) -> None:
    asked = sold(code_yen=code_yen, limit_per_member=limit, codes=codes)
    assert answer("high_value", asked) == expected


def test_what_is_given_free_is_no_prepaid_means_of_payment() -> None:
    rules = ("six_months", "registration", "threshold", "high_value")
    for form in set(LegalForm) - {LegalForm.SOLD}:
        asked = facts(form, code_yen=10**9, used_at=UsedAt.OTHERS)
        assert answer("given_free", asked) == PASS
        assert [found(rule, asked) for rule in rules] == [None] * 4
    assert found("given_free", sold()) is None
