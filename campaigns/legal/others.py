"""Rules that hold for every form: who may take part, what is posted, what is withheld."""

from campaigns.legal.answers import Answer, Judged, asks_if, passes_if, yen
from campaigns.legal.facts import Facts, Industry, LegalForm
from campaigns.legal.premiums import LOTTERIES

AGES = {Industry.ALCOHOL: 20, Industry.TOBACCO: 20, Industry.ADULT: 18}
GUARDED_BELOW = 16
WITH_RULES_OF_THEIR_OWN = (
    Industry.NEWSPAPERS,
    Industry.MAGAZINES,
    Industry.REAL_ESTATE,
    Industry.MEDICAL,
)
UNTAXED = 500_000
# 10.21 % in hundredths of a percent.
WITHHELD_PER_10_000 = 1_021


def stealth_marketing(facts: Facts) -> Judged | None:
    """A post that we ask for says that it is advertising."""
    if not facts.statement.asks_for_posts:
        return None
    return passes_if(facts.statement.shows_advertisement, "labelled")


def withholding(facts: Facts) -> Judged | None:
    """Of a prize over 500,000 yen, 10.21 % of what is above is withheld, rounded down."""
    if facts.statement.form not in (*LOTTERIES, LegalForm.OPEN):
        return None
    tax = withheld_of(facts.code_yen)
    is_over = facts.code_yen > UNTAXED
    formula = f"{yen(facts.code_yen)} ≤ {yen(UNTAXED)}"
    if is_over:
        formula = f"({yen(facts.code_yen)} − {yen(UNTAXED)}) × 10.21 % = {yen(tax)}"
    return asks_if(is_over, "prize", formula)


def withheld_of(prize_yen: int) -> int:
    """What is withheld of a prize, in whole yen, rounded down."""
    return max(prize_yen - UNTAXED, 0) * WITHHELD_PER_10_000 // 10_000


def age_of_industry(facts: Facts) -> Judged | None:
    """Alcohol and tobacco from 20 years, goods for adults from 18."""
    least = AGES.get(facts.statement.industry)
    if least is None:
        return None
    is_kept = facts.statement.least_age >= least
    return passes_if(is_kept, "old_enough", f"{facts.statement.least_age} {'≥' if is_kept else '<'} {least}")


def guardians(facts: Facts) -> Judged | None:
    """Whoever is under 16 takes part with the consent of a guardian."""
    age = facts.statement.least_age
    if age >= GUARDED_BELOW:
        return Judged(Answer.PASS, "old_enough", f"{age} ≥ {GUARDED_BELOW}")
    return passes_if(facts.statement.has_guardian_consent, "consent", f"{age} < {GUARDED_BELOW}")


def industry_notice(facts: Facts) -> Judged | None:
    """Four industries have limits of their own, by notice and fair competition code."""
    if facts.statement.industry not in WITH_RULES_OF_THEIR_OWN:
        return None
    return Judged(Answer.ASK_COUNSEL, "ask_own_rules")
