"""The table of rules. A rule is never edited once orders were checked by it: it ends (`valid_until`), and a
new one begins. So each version of the table can be computed for ever; its name is the day of its last
change.
"""

from datetime import date
from itertools import chain

from campaigns.legal import others, premiums, prepaid
from campaigns.legal.answers import Check, Finding, Rule
from campaigns.legal.facts import Facts

# Limits that are older than any order here; each source says since when.
_FIRST = date(2023, 6, 1)

RULES: tuple[Rule, ...] = (
    Rule(
        "to_all_each",
        _FIRST,
        "総付制限告示 1; 消費者庁 景品に関するQ&A (総付景品, Q111)",
        premiums.to_all_each,
    ),
    Rule("to_all_not_by_chance", _FIRST, "懸賞制限告示 1; 総付制限告示 1", premiums.to_all_not_by_chance),
    Rule("lottery_each", _FIRST, "懸賞制限告示 2; 消費者庁 景品規制の概要", premiums.lottery_each),
    Rule("lottery_total", _FIRST, "懸賞制限告示 3; 消費者庁 景品規制の概要", premiums.lottery_total),
    Rule("joint_setting", _FIRST, "懸賞制限告示 4", premiums.joint_setting),
    Rule("joint_each", _FIRST, "懸賞制限告示 4; 消費者庁 景品規制の概要", premiums.joint_each),
    Rule("joint_total", _FIRST, "懸賞制限告示 4; 消費者庁 景品規制の概要", premiums.joint_total),
    Rule("open_untied", _FIRST, "景品表示法 2条3項", premiums.open_untied),
    Rule("no_card_collecting", _FIRST, "懸賞制限告示 5", premiums.no_card_collecting),
    Rule("discount_only", _FIRST, "消費者庁 景品に関するQ&A (値引き・ポイント)", premiums.discount_only),
    Rule(
        "points_elsewhere",
        _FIRST,
        "消費者庁 景品に関するQ&A; businesslawyers.jp practices 159",
        premiums.points_elsewhere,
    ),
    Rule("stealth_marketing", date(2023, 10, 1), "令和5年 内閣府告示19号", others.stealth_marketing),
    Rule("given_free", _FIRST, "資金決済法 3条", prepaid.given_free),
    Rule("six_months", _FIRST, "資金決済法 4条2号; 民法 140条, 143条", prepaid.six_months),
    Rule("registration", _FIRST, "資金決済法 7条", prepaid.registration),
    Rule("threshold", _FIRST, "資金決済法 5条, 14条", prepaid.threshold),
    Rule("high_value", date(2023, 6, 1), "資金決済法 (2023-06-01 改正)", prepaid.high_value),
    Rule("withholding", _FIRST, "国税庁 No.2813", others.withholding),
    Rule("age_of_industry", _FIRST, "20歳未満飲酒・喫煙禁止法; 青少年保護育成条例", others.age_of_industry),
    Rule("guardians", _FIRST, "民法 5条", others.guardians),
    Rule("industry_notice", _FIRST, "業種別景品告示; 公正競争規約", others.industry_notice),
)


def version_on(day: date) -> str:
    """The version of the table that is in force that day: since when it has been as it is, "2023-10-01". On
    days before the first rule, that of the first.
    """
    return str(max((change for change in _changes() if change <= day), default=min(_changes())))


def rules_of(version: str) -> tuple[Rule, ...]:
    """The rules of that version. ValueError for what is none."""
    day = date.fromisoformat(version)
    if day not in _changes():
        raise ValueError(f"no version of the table: {version}")
    return tuple(
        rule
        for rule in RULES
        if rule.valid_from <= day and (rule.valid_until is None or day < rule.valid_until)
    )


def check(facts: Facts, *, on: date) -> Check:
    """What each rule in force on that day, in Japan, finds; rules that are not about these facts find
    nothing.
    """
    version = version_on(on)
    judged = ((rule, rule.judge(facts)) for rule in rules_of(version))
    return Check(
        version,
        tuple(
            Finding(rule.id, found.answer, found.reason, found.formula, rule.source, rule.valid_from)
            for rule, found in judged
            if found is not None
        ),
    )


def _changes() -> set[date]:
    ends = (rule.valid_until for rule in RULES if rule.valid_until is not None)
    return set(chain((rule.valid_from for rule in RULES), ends))
