"""Rules on prepaid means of payment (資金決済法): codes that are sold for money."""

from campaigns.legal.answers import Answer, Judged, asks_if, passes_if, yen
from campaigns.legal.dates import base_days, last_day_of_six_months
from campaigns.legal.facts import Facts, LegalForm, UsedAt

THRESHOLD = 10_000_000
HIGH_VALUE_CODE, HIGH_VALUE_MONTH = 100_000, 300_000


def given_free(facts: Facts) -> Judged | None:
    """What nobody paid for is no means of payment in advance, whatever is recorded in it."""
    return None if facts.statement.form == LegalForm.SOLD else Judged(Answer.PASS, "free")


def six_months(facts: Facts) -> Judged | None:
    """Exempt: usable within six months of issue only, which is stated, and kept by this order."""
    if facts.statement.form != LegalForm.SOLD or not facts.statement.is_six_months_stated:
        return None
    limit = last_day_of_six_months(facts.issued_on)
    is_kept = facts.usable_until <= limit
    formula = f"{facts.issued_on} … {facts.usable_until} {'≤' if is_kept else '>'} {limit}"
    return passes_if(is_kept, "six_months", formula)


def registration(facts: Facts) -> Judged | None:
    """Not exempt and usable at others: registered before the first one is issued."""
    statement = facts.statement
    if not _is_not_exempt(facts) or statement.used_at != UsedAt.OTHERS:
        return None
    return passes_if(bool(statement.registration), "registered", statement.registration)


def threshold(facts: Facts) -> Judged | None:
    """Not exempt, and more than 10,000,000 yen unused on a 31 March or 30 September: notify, and deposit
    half. Counted as if nothing of what the brand has sold were used.
    """
    if not _is_not_exempt(facts):
        return None
    day = next(base_days(facts.issued_on, facts.usable_until), None)
    if day is None:
        return Judged(Answer.PASS, "no_base_day", f"{facts.issued_on} … {facts.usable_until}")
    unused = facts.order_yen + facts.sold_elsewhere_yen
    is_over = unused > THRESHOLD
    parts = yen(unused)
    if facts.sold_elsewhere_yen:
        parts = f"{yen(facts.order_yen)} + {yen(facts.sold_elsewhere_yen)} = {parts}"
    return asks_if(is_over, "unused", f"{day}: {parts} {'>' if is_over else '≤'} {yen(THRESHOLD)}")


def high_value(facts: Facts) -> Judged | None:
    """More than 100,000 yen in a code, or 300,000 in a month and account; codes can be e-mailed."""
    if facts.statement.form != LegalForm.SOLD:
        return None
    if facts.code_yen > HIGH_VALUE_CODE:
        return Judged(Answer.ASK_COUNSEL, "ask_high_code", f"{yen(facts.code_yen)} > {yen(HIGH_VALUE_CODE)}")
    # Without a limit one account could take all codes of the order.
    most_codes = min(facts.limit_per_member or facts.codes, facts.codes)
    month = most_codes * facts.code_yen
    is_over = month > HIGH_VALUE_MONTH
    formula = (
        f"{yen(facts.code_yen)} ≤ {yen(HIGH_VALUE_CODE)}, {yen(most_codes)} × {yen(facts.code_yen)} = "
        f"{yen(month)} {'>' if is_over else '≤'} {yen(HIGH_VALUE_MONTH)}"
    )
    return asks_if(is_over, "value", formula)


def _is_not_exempt(facts: Facts) -> bool:
    """An exemption that was stated and is not kept fails by itself."""
    return facts.statement.form == LegalForm.SOLD and not facts.statement.is_six_months_stated
