"""What the rules answer."""

from collections.abc import Callable
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from campaigns.legal.facts import Facts


class Answer(StrEnum):
    """PASS; FAIL forbids the order; ASK_COUNSEL: a lawyer has to look at it, and somebody to sign."""

    PASS = "pass"  # noqa: S105  # no password
    FAIL = "fail"
    ASK_COUNSEL = "ask_counsel"


class Finding(NamedTuple):
    """What one rule found. `reason` is a stable name, which `legal.words` has the words for; `formula` has
    the numbers put in, in signs that need no translation, or is "".
    """

    rule: str
    answer: Answer
    reason: str
    formula: str
    source: str
    valid_from: date


class Judged(NamedTuple):
    """What a rule says of facts that it is about."""

    answer: Answer
    reason: str
    formula: str = ""


class Rule(NamedTuple):
    """A rule of the table. `judge` gives None for facts that it is not about. In force from `valid_from` to
    `valid_until` (exclusive; None: until further notice).
    """

    id: str
    valid_from: date
    source: str
    judge: Callable[[Facts], Judged | None]
    valid_until: date | None = None


class Check(NamedTuple):
    """The findings of all rules of one version of the table, in its order."""

    version: str
    findings: tuple[Finding, ...]

    @property
    def failed(self) -> tuple[Finding, ...]:
        return tuple(row for row in self.findings if row.answer == Answer.FAIL)

    @property
    def to_ask(self) -> tuple[Finding, ...]:
        return tuple(row for row in self.findings if row.answer == Answer.ASK_COUNSEL)


def passes_if(is_right: bool, reason: str, formula: str = "") -> Judged:
    """PASS or FAIL."""
    return Judged(Answer.PASS if is_right else Answer.FAIL, reason if is_right else f"not_{reason}", formula)


def asks_if(is_doubtful: bool, reason: str, formula: str = "") -> Judged:
    """ASK_COUNSEL or PASS."""
    return Judged(
        Answer.ASK_COUNSEL if is_doubtful else Answer.PASS,
        f"ask_{reason}" if is_doubtful else reason,
        formula,
    )


def within(value: int, cap: int, how: str) -> str:
    """The comparison with the numbers put in: 5,000 ≤ 20 × 500 = 10,000, or > where it is more."""
    return f"{yen(value)} {'≤' if value <= cap else '>'} {how} = {yen(cap)}"


def yen(value: int) -> str:
    """Whole yen with thousands apart, the same in every language."""
    return f"{value:,}"
