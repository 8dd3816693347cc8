"""The legal check of an order: Japanese rules as a versioned table. Pure; engineering input, not legal
advice.

`check(facts, on=day)` is all that the rest needs; `facts` says what is asked, `table` which rules there are.
"""

from campaigns.legal.answers import Answer, Check, Finding
from campaigns.legal.facts import Facts, Industry, JointKind, LegalForm, Statement, Tie, UsedAt
from campaigns.legal.table import check, rules_of, version_on

__all__ = [
    "Answer",
    "Check",
    "Facts",
    "Finding",
    "Industry",
    "JointKind",
    "LegalForm",
    "Statement",
    "Tie",
    "UsedAt",
    "check",
    "rules_of",
    "version_on",
]
