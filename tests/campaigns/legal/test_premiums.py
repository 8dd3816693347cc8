"""景品表示法: each limit on both of its sides, with the law's number in the row."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from campaigns.legal import Answer, JointKind, LegalForm, Tie, UsedAt
from tests.campaigns.legal.rows import answer, facts, found

PASS, FAIL, ASK = Answer.PASS, Answer.FAIL, Answer.ASK_COUNSEL


def tied(form: LegalForm, price: int | None, code_yen: int, **changes: Any) -> Any:
    """An order whose code is tied to a price, or to a visit (None)."""
    tie = Tie.VISIT if price is None else Tie.PURCHASE
    return facts(form, tie=tie, tied_price_yen=price, code_yen=code_yen, **changes)


@pytest.mark.parametrize(
    ("price", "code_yen", "expected"),
    [
        (None, 200, PASS),  # no purchase asked: the price counts as 100 yen
        (None, 201, FAIL),
        (1, 200, PASS),
        (999, 200, PASS),  # below 1,000 yen: 200 yen
        (999, 201, FAIL),
        (1_000, 200, PASS),  # from 1,000 yen: 20 %
        (1_000, 201, FAIL),
        (1_004, 201, FAIL),  # 200.8 yen
        (1_005, 201, PASS),
        (5_000, 1_000, PASS),
        (5_000, 1_001, FAIL),
    ],
)
def test_a_gift_to_all_is_worth_200_yen_or_20_percent(
    price: int | None, code_yen: int, expected: Answer
) -> None:
    assert answer("to_all_each", tied(LegalForm.TO_ALL, price, code_yen)) == expected


@pytest.mark.parametrize(
    ("price", "code_yen", "expected"),
    [
        (None, 2_000, PASS),  # no purchase asked: 20 × 100 yen
        (None, 2_001, FAIL),
        (500, 10_000, PASS),
        (500, 10_001, FAIL),
        (4_999, 99_980, PASS),  # below 5,000 yen: 20 times
        (4_999, 99_981, FAIL),
        (5_000, 100_000, PASS),  # from 5,000 yen: 100,000 yen
        (5_000, 100_001, FAIL),
        (5_001, 100_000, PASS),
        (5_001, 100_001, FAIL),
        (1_000_000, 100_001, FAIL),
    ],
)
def test_a_prize_is_worth_20_times_the_price_or_100_000_yen(
    price: int | None, code_yen: int, expected: Answer
) -> None:
    asked = tied(LegalForm.LOTTERY, price, code_yen, planned_sales_yen=10**12)
    assert answer("lottery_each", asked) == expected


@pytest.mark.parametrize(
    ("form", "rule", "percent"),
    [(LegalForm.LOTTERY, "lottery_total", 2), (LegalForm.JOINT_LOTTERY, "joint_total", 3)],
)
@pytest.mark.parametrize(
    ("over", "expected"), [(-1, PASS), (0, PASS), (1, FAIL)], ids=["one yen less", "exactly", "one yen more"]
)
def test_all_prizes_are_worth_2_or_3_percent_of_the_planned_sales(
    form: LegalForm, rule: str, percent: int, over: int, expected: Answer
) -> None:
    sales = 10_000_000
    total = sales * percent // 100 + over
    alone = facts(form, planned_sales_yen=sales, code_yen=1, order_yen=total)
    assert answer(rule, alone) == expected
    with_others = facts(
        form, planned_sales_yen=sales, code_yen=1, order_yen=total - 150_000, others_yen=150_000
    )
    assert answer(rule, with_others) == expected


def test_a_part_of_a_yen_of_the_limit_is_no_yen() -> None:
    """2 % of 149 yen are 2.98."""
    for total, expected in ((2, PASS), (3, FAIL)):
        asked = facts(LegalForm.LOTTERY, planned_sales_yen=149, code_yen=1, order_yen=total)
        assert answer("lottery_total", asked) == expected


def test_the_largest_amounts_are_exact() -> None:
    sales = 10**12 - 1
    for over, expected in ((0, PASS), (1, FAIL)):
        asked = facts(
            LegalForm.LOTTERY, planned_sales_yen=sales, code_yen=1, order_yen=sales * 2 // 100 + over
        )
        assert answer("lottery_total", asked) == expected


@pytest.mark.parametrize("price", [None, 1, 1_000_000])
@pytest.mark.parametrize(("code_yen", "expected"), [(300_000, PASS), (300_001, FAIL)])
def test_a_prize_of_a_joint_lottery_is_worth_300_000_yen_whatever_the_price(
    price: int | None, code_yen: int, expected: Answer
) -> None:
    assert answer("joint_each", tied(LegalForm.JOINT_LOTTERY, price, code_yen)) == expected


@pytest.mark.parametrize(
    ("kind", "parties", "expected"),
    [(JointKind.STREET, 2, ASK), (JointKind.REGION, 40, ASK), (JointKind.TRADE, 1, FAIL), (None, 2, FAIL)],
)
def test_a_joint_lottery_is_held_by_several_and_looked_at_by_counsel(
    kind: JointKind | None, parties: int, expected: Answer
) -> None:
    asked = facts(LegalForm.JOINT_LOTTERY, joint_kind=kind, joint_parties=parties)
    assert answer("joint_setting", asked) == expected


@pytest.mark.parametrize(("tie", "expected"), [(Tie.NONE, ASK), (Tie.VISIT, FAIL), (Tie.PURCHASE, FAIL)])
def test_an_open_lottery_has_no_tie_and_asks_counsel(tie: Tie, expected: Answer) -> None:
    assert answer("open_untied", facts(LegalForm.OPEN, tie=tie)) == expected


def test_an_open_lottery_has_no_limit_of_value() -> None:
    asked = facts(LegalForm.OPEN, tie=Tie.NONE, code_yen=10**9)
    rules = ("to_all_each", "lottery_each", "lottery_total", "joint_each", "joint_total")
    assert [found(rule, asked) for rule in rules] == [None] * 5


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (LegalForm.LOTTERY, FAIL),
        (LegalForm.JOINT_LOTTERY, FAIL),
        (LegalForm.TO_ALL, ASK),
        (LegalForm.OPEN, ASK),
        (LegalForm.DISCOUNT, None),
    ],
)
def test_collecting_different_kinds_is_forbidden_in_every_lottery(
    form: LegalForm, expected: Answer | None
) -> None:
    assert answer("no_card_collecting", facts(form, collects_kinds=True)) == expected
    if expected is not None:
        assert answer("no_card_collecting", facts(form)) == PASS


def test_a_gift_to_all_is_not_left_to_chance() -> None:
    assert answer("to_all_not_by_chance", facts(LegalForm.TO_ALL)) == PASS
    assert answer("to_all_not_by_chance", facts(LegalForm.TO_ALL, is_by_chance=True)) == FAIL


@pytest.mark.parametrize(
    "exception", ["is_by_chance", "is_use_restricted", "is_mixed"], ids=["won", "restricted", "mixed"]
)
def test_own_points_are_a_discount_but_for_three_exceptions(exception: str) -> None:
    assert answer("discount_only", facts(LegalForm.DISCOUNT)) == PASS
    assert answer("discount_only", facts(LegalForm.DISCOUNT, **{exception: True})) == FAIL


def test_points_that_are_good_elsewhere_are_no_discount_but_a_premium_of_full_value() -> None:
    assert answer("points_elsewhere", facts(LegalForm.DISCOUNT, used_at=UsedAt.OWN)) == PASS
    assert answer("points_elsewhere", facts(LegalForm.DISCOUNT, used_at=UsedAt.OTHERS)) == FAIL
    assert answer("points_elsewhere", facts(LegalForm.TO_ALL, used_at=UsedAt.OTHERS)) == PASS


@given(price=st.integers(1, 10**12), code_yen=st.integers(1, 10**12))
@example(price=10**12 - 1, code_yen=2 * 10**11 - 1)
def test_limits_are_those_of_exact_fractions(price: int, code_yen: int) -> None:
    to_all = Fraction(200) if price < 1_000 else Fraction(price) * 20 / 100
    lottery = min(Fraction(20) * price, Fraction(100_000))
    for form, rule, cap in (
        (LegalForm.TO_ALL, "to_all_each", to_all),
        (LegalForm.LOTTERY, "lottery_each", lottery),
    ):
        assert answer(rule, tied(form, price, code_yen)) == (PASS if code_yen <= cap else FAIL)
    for form, rule, percent in (
        (LegalForm.LOTTERY, "lottery_total", 2),
        (LegalForm.JOINT_LOTTERY, "joint_total", 3),
    ):
        asked = facts(form, planned_sales_yen=price, code_yen=1, order_yen=code_yen)
        assert answer(rule, asked) == (PASS if code_yen <= Fraction(price) * percent / 100 else FAIL)


def test_a_formula_has_its_numbers_put_in() -> None:
    row = found("lottery_each", tied(LegalForm.LOTTERY, 4_999, 99_981, planned_sales_yen=10**9))
    assert row is not None
    assert row.formula == "99,981 > 20 × 4,999 = 99,980"
    asked = facts(LegalForm.LOTTERY, planned_sales_yen=1_000, code_yen=1, order_yen=15, others_yen=5)
    row = found("lottery_total", asked)
    assert row is not None
    assert row.formula == "15 + 5 = 20 ≤ 1,000 × 2 % = 20"
