"""What finance and auditors ask, as of any instant: the answer for a past instant never changes.

Only rows whose own moment is at or before `at` count. A lot is expired from its own `expires_at` on,
whether the expiry run has booked that already or not. Everything is summed by the database; nothing here
changes a row.
"""

from ledger.reports.breakage import Cohort, Estimate, Realised, expected_breakage, realised_breakage
from ledger.reports.history import MAX_STEPS, LiabilityStep, Step, balance_series, liability_series
from ledger.reports.liability import FunderLiability, Liability, MonthLine, liability
from ledger.reports.searching import EntryKind, Sought, count_entries, kind_of, search_entries
from ledger.reports.stories import Part, Story, story_of
from ledger.reports.trial import AccountLine, KindLine, account_lines, trial_balance
from ledger.reports.wallets import (
    StatementEntry,
    WalletStatement,
    entries_of,
    postings_of,
    wallet_statement,
)

__all__ = [
    "MAX_STEPS",
    "AccountLine",
    "Cohort",
    "EntryKind",
    "Estimate",
    "FunderLiability",
    "KindLine",
    "Liability",
    "LiabilityStep",
    "MonthLine",
    "Part",
    "Realised",
    "Sought",
    "StatementEntry",
    "Step",
    "Story",
    "WalletStatement",
    "account_lines",
    "balance_series",
    "count_entries",
    "entries_of",
    "expected_breakage",
    "kind_of",
    "liability",
    "liability_series",
    "postings_of",
    "realised_breakage",
    "search_entries",
    "story_of",
    "trial_balance",
    "wallet_statement",
]
