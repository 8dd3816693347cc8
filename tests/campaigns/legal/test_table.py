"""The table itself and the rules for every form: versions, words, ages, posts, taxes."""

import hashlib
import json
from datetime import date

import pytest

from campaigns.legal import Answer, Facts, Industry, LegalForm, Tie, check, rules_of, version_on
from campaigns.legal.others import withheld_of
from campaigns.legal.table import RULES
from campaigns.legal.words import REASONS
from campaigns.legal.words import RULES as RULE_WORDS
from tests.campaigns.legal.rows import answer, facts, found

PASS, FAIL, ASK = Answer.PASS, Answer.FAIL, Answer.ASK_COUNSEL
PINNED = {"2023-06-01": "0a90a2846b9418e4", "2023-10-01": "c5a2e199564752e9"}
BEFORE_STEALTH, STEALTH = date(2023, 9, 30), date(2023, 10, 1)


def test_hidden_advertising_is_forbidden_from_2023_10_01_on() -> None:
    asked = facts(LegalForm.TO_ALL, asks_for_posts=True)
    assert answer("stealth_marketing", asked, on=BEFORE_STEALTH) is None
    assert answer("stealth_marketing", asked, on=STEALTH) == FAIL
    labelled = facts(LegalForm.TO_ALL, asks_for_posts=True, shows_advertisement=True)
    assert answer("stealth_marketing", labelled, on=STEALTH) == PASS
    assert found("stealth_marketing", facts(LegalForm.TO_ALL), on=STEALTH) is None


@pytest.mark.parametrize(
    ("day", "version"),
    [
        (date(2020, 1, 1), "2023-06-01"),
        (date(2023, 6, 1), "2023-06-01"),
        (BEFORE_STEALTH, "2023-06-01"),
        (STEALTH, "2023-10-01"),
        (date(2026, 11, 28), "2023-10-01"),
    ],
)
def test_a_version_is_named_after_the_day_since_when_the_table_is_so(day: date, version: str) -> None:
    assert version_on(day) == version
    assert check(facts(LegalForm.TO_ALL), on=day).version == version


def test_old_versions_stay_computable_and_what_is_none_is_refused() -> None:
    old, new = (tuple(rule.id for rule in rules_of(version)) for version in ("2023-06-01", "2023-10-01"))
    assert set(new) - set(old) == {"stealth_marketing"}
    assert set(old) < set(new)
    with pytest.raises(ValueError, match="no version"):
        rules_of("2023-10-02")


def test_the_same_facts_give_the_same_check() -> None:
    asked = facts(LegalForm.LOTTERY, planned_sales_yen=1_000, asks_for_posts=True)
    assert check(asked, on=STEALTH) == check(asked, on=date(2026, 11, 28))


@pytest.mark.parametrize(
    ("prize", "expected", "tax"),
    [(500_000, PASS, 0), (500_001, ASK, 0), (500_010, ASK, 1), (1_000_000, ASK, 51_050), (500_098, ASK, 10)],
)
def test_of_a_prize_over_500_000_yen_a_part_is_withheld_rounded_down(
    prize: int, expected: Answer, tax: int
) -> None:
    assert withheld_of(prize) == tax
    assert answer("withholding", facts(LegalForm.OPEN, tie=Tie.NONE, code_yen=prize)) == expected


@pytest.mark.parametrize(
    ("industry", "age", "expected"),
    [
        (Industry.ALCOHOL, 19, FAIL),
        (Industry.ALCOHOL, 20, PASS),
        (Industry.TOBACCO, 19, FAIL),
        (Industry.TOBACCO, 20, PASS),
        (Industry.ADULT, 17, FAIL),
        (Industry.ADULT, 18, PASS),
        (Industry.GENERAL, 0, None),
    ],
)
def test_alcohol_and_tobacco_are_from_20_adult_goods_from_18(
    industry: Industry, age: int, expected: Answer | None
) -> None:
    asked = facts(LegalForm.TO_ALL, industry=industry, least_age=age, has_guardian_consent=True)
    assert answer("age_of_industry", asked) == expected


@pytest.mark.parametrize(
    ("age", "consent", "expected"),
    [(0, False, FAIL), (15, False, FAIL), (15, True, PASS), (16, False, PASS), (0, True, PASS)],
)
def test_below_16_a_guardian_consents(age: int, consent: bool, expected: Answer) -> None:
    asked = facts(LegalForm.TO_ALL, least_age=age, has_guardian_consent=consent)
    assert answer("guardians", asked) == expected


def test_industries_with_rules_of_their_own_ask_counsel() -> None:
    for industry in (Industry.NEWSPAPERS, Industry.MAGAZINES, Industry.REAL_ESTATE, Industry.MEDICAL):
        assert answer("industry_notice", facts(LegalForm.TO_ALL, industry=industry)) == ASK
    assert found("industry_notice", facts(LegalForm.TO_ALL)) is None


def corners() -> list[Facts]:
    """Facts that take each rule both ways, as far as flags and large values do."""
    flags = (
        "is_by_chance",
        "collects_kinds",
        "is_use_restricted",
        "is_mixed",
        "asks_for_posts",
        "shows_advertisement",
        "is_six_months_stated",
        "has_guardian_consent",
    )
    rows = []
    for form in LegalForm:
        for bits in range(2 ** len(flags)):
            stated = {name: bool(bits >> place & 1) for place, name in enumerate(flags)}
            late = date(2027, 12, 31) if bits % 3 else date(2026, 12, 1)
            rows.append(
                facts(
                    form,
                    tie=list(Tie)[bits % 3],
                    code_yen=(1, 600_000)[bits % 2],
                    used_at=("own", "others")[bits // 2 % 2],
                    registration=("", "1")[bits // 4 % 2],
                    industry=list(Industry)[bits % len(Industry)],
                    joint_kind=("region", None)[bits // 8 % 2],
                    joint_parties=2,
                    least_age=(0, 20)[bits // 5 % 2],
                    codes=(1, 100)[bits // 7 % 2],
                    limit_per_member=None,
                    usable_until=late,
                    **stated,
                )
            )
    return rows


def test_every_rule_and_every_reason_has_its_words_and_none_is_left_over() -> None:
    reasons = {row.reason for asked in corners() for row in check(asked, on=STEALTH).findings}
    reasons |= {"ask_value", "within_total"}  # need a number of their own, and have tests above
    assert reasons == set(REASONS)
    assert set(RULE_WORDS) == {rule.id for rule in RULES}


@pytest.mark.parametrize(("version", "digest"), PINNED.items())
def test_a_rule_is_never_edited_it_ends_and_another_begins(version: str, digest: str) -> None:
    """What each version finds of these facts is pinned. If this fails, orders that were checked by the
    version could not be computed again: leave its rules, and add new ones with a day of their own.
    """
    found = [check(asked, on=date.fromisoformat(version)).findings for asked in corners()]
    assert hashlib.sha256(json.dumps(found, default=str).encode()).hexdigest()[:16] == digest


def test_a_check_can_be_written_as_json() -> None:
    for asked in corners()[:50]:
        rows = [
            row._asdict() | {"valid_from": str(row.valid_from)} for row in check(asked, on=STEALTH).findings
        ]
        assert json.loads(json.dumps(rows)) == rows


def test_rules_have_one_id_each_and_end_after_they_begin() -> None:
    for version in ("2023-06-01", "2023-10-01"):
        ids = [rule.id for rule in rules_of(version)]
        assert len(ids) == len(set(ids))
    assert all(rule.valid_until is None or rule.valid_until > rule.valid_from for rule in RULES)
