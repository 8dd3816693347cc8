"""Rules on premiums (景品表示法): how much may be given with a transaction, and how.

Whole yen throughout: a percentage is multiplied first and divided once, rounded down. As values are whole
yen, a value within the rounded limit is within the exact one, and the reverse.
"""

from campaigns.legal.answers import Answer, Judged, asks_if, passes_if, within, yen
from campaigns.legal.facts import Facts, LegalForm, Statement, Tie, UsedAt

# 総付景品: 消費者庁 FAQ.
PRICE_WITHOUT_PURCHASE = 100
SMALL_PRICE, SMALL_CAP = 1_000, 200
TO_ALL_PERCENT = 20
# 一般懸賞, 共同懸賞: 懸賞制限告示 2 to 4.
LOTTERY_TIMES, LOTTERY_MIDDLE_PRICE, LOTTERY_CAP = 20, 5_000, 100_000
LOTTERY_PERCENT = 2
JOINT_CAP, JOINT_PERCENT = 300_000, 3

TIED = (LegalForm.TO_ALL, LegalForm.LOTTERY, LegalForm.JOINT_LOTTERY)
LOTTERIES = (LegalForm.LOTTERY, LegalForm.JOINT_LOTTERY)


def price_of(statement: Statement) -> int:
    """What the transaction counts as (取引価額)."""
    return statement.tied_price_yen if statement.tied_price_yen is not None else PRICE_WITHOUT_PURCHASE


def to_all_each(facts: Facts) -> Judged | None:
    """The value of one gift to all: up to 200 yen below a price of 1,000 yen, else 20 % of it."""
    if facts.statement.form != LegalForm.TO_ALL:
        return None
    price = price_of(facts.statement)
    cap = SMALL_CAP if price < SMALL_PRICE else price * TO_ALL_PERCENT // 100
    how = (
        f"({yen(price)} < {yen(SMALL_PRICE)})"
        if price < SMALL_PRICE
        else f"{yen(price)} × {TO_ALL_PERCENT} %"
    )
    return passes_if(facts.code_yen <= cap, "within_cap", within(facts.code_yen, cap, how))


def to_all_not_by_chance(facts: Facts) -> Judged | None:
    """A gift to all that chance or skill decides is a lottery."""
    if facts.statement.form != LegalForm.TO_ALL:
        return None
    return passes_if(not facts.statement.is_by_chance, "to_all")


def lottery_each(facts: Facts) -> Judged | None:
    """The value of one prize: 20 times the price below 5,000 yen, else 100,000 yen."""
    if facts.statement.form != LegalForm.LOTTERY:
        return None
    price = price_of(facts.statement)
    if price < LOTTERY_MIDDLE_PRICE:
        cap, how = LOTTERY_TIMES * price, f"{LOTTERY_TIMES} × {yen(price)}"
    else:
        cap, how = LOTTERY_CAP, f"({yen(price)} ≥ {yen(LOTTERY_MIDDLE_PRICE)})"
    return passes_if(facts.code_yen <= cap, "within_cap", within(facts.code_yen, cap, how))


def lottery_total(facts: Facts) -> Judged | None:
    """All prizes of the campaign together: 2 % of the planned sales."""
    return _share_of_sales(facts, LegalForm.LOTTERY, LOTTERY_PERCENT)


def joint_each(facts: Facts) -> Judged | None:
    """The value of one prize of a joint lottery: 300,000 yen, whatever the price."""
    if facts.statement.form != LegalForm.JOINT_LOTTERY:
        return None
    formula = f"{yen(facts.code_yen)} {'≤' if facts.code_yen <= JOINT_CAP else '>'} {yen(JOINT_CAP)}"
    return passes_if(facts.code_yen <= JOINT_CAP, "within_cap", formula)


def joint_total(facts: Facts) -> Judged | None:
    """All prizes together: 3 % of the planned sales of all who take part."""
    return _share_of_sales(facts, LegalForm.JOINT_LOTTERY, JOINT_PERCENT)


def joint_setting(facts: Facts) -> Judged | None:
    """Whether those who take part are a considerable part of their region, street or trade is no number."""
    if facts.statement.form != LegalForm.JOINT_LOTTERY:
        return None
    parties = facts.statement.joint_parties or 0
    if facts.statement.joint_kind is None or parties < 2:
        return Judged(Answer.FAIL, "not_joint", f"{yen(parties)} < 2")
    return Judged(Answer.ASK_COUNSEL, "ask_considerable", yen(parties))


def open_untied(facts: Facts) -> Judged | None:
    """An open lottery has no limit, but no tie to a transaction either, which a lawyer looks at."""
    if facts.statement.form != LegalForm.OPEN:
        return None
    if facts.statement.tie != Tie.NONE:
        return Judged(Answer.FAIL, "tied")
    return Judged(Answer.ASK_COUNSEL, "ask_untied")


def no_card_collecting(facts: Facts) -> Judged | None:
    """To collect different kinds (カード合わせ) is forbidden in every lottery."""
    if facts.statement.form in LOTTERIES:
        return passes_if(not facts.statement.collects_kinds, "no_collecting")
    if facts.statement.form in (LegalForm.TO_ALL, LegalForm.OPEN):
        return asks_if(facts.statement.collects_kinds, "no_collecting")
    return None


def discount_only(facts: Facts) -> Judged | None:
    """Own points are a discount, and no premium, unless won by chance, restricted in use, or mixed with
    premiums.
    """
    statement = facts.statement
    if statement.form != LegalForm.DISCOUNT:
        return None
    if statement.is_by_chance:
        return Judged(Answer.FAIL, "won_by_chance")
    if statement.is_use_restricted:
        return Judged(Answer.FAIL, "restricted_use")
    if statement.is_mixed:
        return Judged(Answer.FAIL, "mixed_with_premiums")
    return Judged(Answer.PASS, "discount")


def points_elsewhere(facts: Facts) -> Judged | None:
    """Points that are good at others are a premium, of the value that is got there."""
    statement = facts.statement
    if statement.form == LegalForm.DISCOUNT:
        return passes_if(statement.used_at == UsedAt.OWN, "own_shops")
    if statement.form in TIED and statement.used_at == UsedAt.OTHERS:
        return Judged(Answer.PASS, "counts_in_full", yen(facts.code_yen))
    return None


def _share_of_sales(facts: Facts, form: LegalForm, percent: int) -> Judged | None:
    if facts.statement.form != form:
        return None
    sales = facts.statement.planned_sales_yen or 0
    cap = sales * percent // 100
    parts = yen(facts.total_yen)
    if facts.others_yen:
        parts = f"{yen(facts.order_yen)} + {yen(facts.others_yen)} = {parts}"
    sign = "≤" if facts.total_yen <= cap else ">"
    formula = f"{parts} {sign} {yen(sales)} × {percent} % = {yen(cap)}"
    return passes_if(facts.total_yen <= cap, "within_total", formula)
