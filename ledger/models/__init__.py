"""Append-only double entry in whole points. Invariants and decisions: `ledger/README.md`."""

from ledger.models.adjustments import Adjustment, AdjustmentKind, AdjustmentState
from ledger.models.core import (
    BRAND_KINDS,
    BY_HAND,
    GUARDED_KINDS,
    MAX_KEY_LENGTH,
    MAX_POINTS,
    Account,
    AccountKind,
    Posting,
    Reason,
    ReversalTally,
    Transfer,
    transfer_id_of,
)
from ledger.models.lots import UNUSED_KINDS, Hold, HoldState, Lot, LotUse, Receivable, UseKind
from ledger.models.seals import ClosedDay, DaySeal
from ledger.models.settlements import Settlement, SettlementLine, SettlementNote, SettlementState
from ledger.models.sheets import Sheet

__all__ = [
    "BRAND_KINDS",
    "BY_HAND",
    "GUARDED_KINDS",
    "MAX_KEY_LENGTH",
    "MAX_POINTS",
    "UNUSED_KINDS",
    "Account",
    "AccountKind",
    "Adjustment",
    "AdjustmentKind",
    "AdjustmentState",
    "ClosedDay",
    "DaySeal",
    "Hold",
    "HoldState",
    "Lot",
    "LotUse",
    "Posting",
    "Reason",
    "Receivable",
    "ReversalTally",
    "Settlement",
    "SettlementLine",
    "SettlementNote",
    "SettlementState",
    "Sheet",
    "Transfer",
    "UseKind",
    "transfer_id_of",
]
