"""The words of the rules, for people: what each is about, and what it found. Law words stand in Japanese."""

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text = str | Promise


class RuleWords(NamedTuple):
    """The name of a rule, and its formula in general."""

    title: Text
    formula: Text


RULES: dict[str, RuleWords] = {
    "to_all_each": RuleWords(
        _("総付景品: value of one code"),
        _("Price below 1,000 yen: up to 200 yen; from 1,000 yen: up to 20 % of the price."),
    ),
    "to_all_not_by_chance": RuleWords(
        _("総付景品: everybody gets one"), _("What chance or skill decides is a lottery (懸賞).")
    ),
    "lottery_each": RuleWords(
        _("一般懸賞: value of one code"),
        _("Price below 5,000 yen: up to 20 times the price; from 5,000 yen: up to 100,000 yen."),
    ),
    "lottery_total": RuleWords(
        _("一般懸賞: value of all codes of the campaign"), _("Up to 2 % of the planned sales.")
    ),
    "joint_setting": RuleWords(
        _("共同懸賞: who holds it together"),
        _("Two businesses or more, a considerable part of a region, a shopping street or a trade."),
    ),
    "joint_each": RuleWords(_("共同懸賞: value of one code"), _("Up to 300,000 yen, whatever the price.")),
    "joint_total": RuleWords(
        _("共同懸賞: value of all codes of the campaign"),
        _("Up to 3 % of the planned sales of all who take part."),
    ),
    "open_untied": RuleWords(
        _("オープン懸賞: no tie to a transaction"),
        _("No limit of value, as long as nobody has to buy, visit or sign anything."),
    ),
    "no_card_collecting": RuleWords(
        _("カード合わせ (collecting different kinds)"), _("Forbidden in every lottery.")
    ),
    "discount_only": RuleWords(
        _("値引き: own points as a discount"),
        _("No premium, unless won by chance, restricted in use, or mixed with premiums."),
    ),
    "points_elsewhere": RuleWords(
        _("Points that are good at other companies"),
        _("They are a premium, and what they are worth there counts."),
    ),
    "stealth_marketing": RuleWords(
        _("ステルスマーケティング (hidden advertising)"),
        _("A post that we ask for shows 「広告」, 「PR」 or 「プロモーション」."),
    ),
    "given_free": RuleWords(
        _("前払式支払手段 (prepaid means of payment)"), _("Only what is sold for money is one.")
    ),
    "six_months": RuleWords(
        _("前払式支払手段: usable within six months"),
        _("Exempt if codes and points end within six months of issue. Prolonging them later voids that."),
    ),
    "registration": RuleWords(
        _("前払式支払手段: usable at other companies"), _("Registered before the first one is issued.")
    ),
    "threshold": RuleWords(
        _("前払式支払手段: unused on 31 March or 30 September"),
        _("Over 10,000,000 yen: notify, and deposit half. Counted as if nothing had been used."),
    ),
    "high_value": RuleWords(
        _("前払式支払手段: codes of high value"),
        _("Over 100,000 yen in a code, or 300,000 yen in a month and account: ask counsel."),
    ),
    "withholding": RuleWords(
        _("源泉徴収 (tax withheld of prizes)"),
        _("Of a prize over 500,000 yen, 10.21 % of what is above, rounded down."),
    ),
    "age_of_industry": RuleWords(
        _("Age for this industry"), _("Alcohol and tobacco: from 20 years; goods for adults: from 18.")
    ),
    "guardians": RuleWords(
        _("保護者の同意 (consent of a guardian)"), _("Needed from everybody below 16 years.")
    ),
    "industry_notice": RuleWords(
        _("業種別告示 (rules of the industry)"),
        _("Newspapers, magazines, real estate and medicine have limits of their own."),
    ),
}

# What was found, by the reason that the rule gave.
REASONS: dict[str, Text] = {
    "within_cap": _("The value is within the limit."),
    "not_within_cap": _("The value is above the limit. Order codes of fewer points, or state another form."),
    "within_total": _("All codes together are within the limit."),
    "not_within_total": _(
        "All codes of the campaign together are above the limit. Order fewer codes or codes of fewer points."
    ),
    "to_all": _("Nothing is left to chance or skill."),
    "not_to_all": _("Chance or skill decides who gets how much: state 一般懸賞 instead."),
    "not_joint": _("A joint lottery is held by two businesses or more: state which, or state 一般懸賞."),
    "ask_considerable": _(
        "Whether so many businesses are a considerable part is a matter of judgement, and a street may do "
        "it only a few times a year."
    ),
    "tied": _("There is a tie to a transaction, so it is no open lottery: state 一般懸賞 or 総付景品."),
    "ask_untied": _("That nothing ties it to a transaction, not even in effect, is a matter of judgement."),
    "no_collecting": _("Nobody has to collect different kinds."),
    "not_no_collecting": _("Collecting different kinds is forbidden here, whatever the value."),
    "ask_no_collecting": _(
        "Collecting different kinds is a lottery of the forbidden sort if chance plays in."
    ),
    "discount": _("A plain discount on later purchases."),
    "won_by_chance": _("Points that are won are a prize: state 一般懸賞."),
    "restricted_use": _("Points for certain goods only are a premium: state 総付景品."),
    "mixed_with_premiums": _("Points beside which premiums can be chosen are a premium: state 総付景品."),
    "own_shops": _("The points are good at the brand's own shops only."),
    "not_own_shops": _("The points are good at other companies too, so they are a premium: state 総付景品."),
    "counts_in_full": _("Counted with their full value in yen."),
    "labelled": _("Posts show that they are advertising."),
    "not_labelled": _("Posts are asked for, and nothing says that they will show that they are advertising."),
    "free": _("The codes are given away free, so this law does not ask anything."),
    "six_months": _("Codes and points end in time."),
    "not_six_months": _(
        "The last points end too late. Shorten the claim window or the life of the points, or don't state "
        "the exemption."
    ),
    "registered": _("Registered, as stated."),
    "not_registered": _("No registration is stated. Nothing may be issued before there is one."),
    "no_base_day": _("Nothing of it can be unused on either day."),
    "unused": _("Not above the limit."),
    "ask_unused": _("Above the limit: the notification and the deposit have to be seen to."),
    "value": _("Not above the limits."),
    "ask_value": _("One account can get more than that in a month. A limit per member would hold it down."),
    "ask_high_code": _("One code is worth more than that."),
    "prize": _("Nothing is withheld."),
    "ask_prize": _("So many yen of each prize have to be withheld and paid to the tax office."),
    "old_enough": _("Old enough."),
    "not_old_enough": _("The campaign lets in people who are too young. State the age that is asked for."),
    "consent": _("A guardian's consent is asked for."),
    "not_consent": _(
        "Younger people may take part, and no consent of a guardian is stated. State it, or an age of 16 or "
        "more."
    ),
    "ask_own_rules": _("The limits of the industry's own notice and fair competition code have to be read."),
}
