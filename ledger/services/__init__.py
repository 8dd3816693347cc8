"""What changes the ledger. Every change is one more transfer; nothing is edited or deleted."""

from ledger.services.accounts import (
    open_accepted,
    open_account,
    open_breakage,
    open_cleared,
    open_funds,
    open_held,
    open_wallet,
    open_world,
)
from ledger.services.adjustments import (
    Asked,
    CorrectionAsked,
    GrantAsked,
    TakeBackAsked,
    confirm_adjustment,
    reject_adjustment,
    request_adjustment,
)
from ledger.services.days import close_day, seal_day, seal_due_days, set_aside_manifests
from ledger.services.deposits import deposit_funds
from ledger.services.expiries import expire_lots
from ledger.services.forfeits import Forfeited, forfeit_points
from ledger.services.grants import Granted, grant_claimed, grant_points
from ledger.services.holds import capture_hold, expire_holds, hold_points, release_hold
from ledger.services.leaving import GivenUp, close_membership
from ledger.services.log_days import seal_due_log_days
from ledger.services.notices import queue_notices
from ledger.services.posting import Move, post_transfer
from ledger.services.reversals import TakenBack, reverse_transfer, take_back
from ledger.services.settlements import (
    close_settlement,
    correct_settlement,
    note_settlement,
    prepare_settlement,
    reject_settlement,
)
from ledger.services.spending import Spent, spend_points

__all__ = [
    "Asked",
    "CorrectionAsked",
    "Forfeited",
    "GivenUp",
    "GrantAsked",
    "Granted",
    "Move",
    "Spent",
    "TakeBackAsked",
    "TakenBack",
    "capture_hold",
    "close_day",
    "close_membership",
    "close_settlement",
    "confirm_adjustment",
    "correct_settlement",
    "deposit_funds",
    "expire_holds",
    "expire_lots",
    "forfeit_points",
    "grant_claimed",
    "grant_points",
    "hold_points",
    "note_settlement",
    "open_accepted",
    "open_account",
    "open_breakage",
    "open_cleared",
    "open_funds",
    "open_held",
    "open_wallet",
    "open_world",
    "post_transfer",
    "prepare_settlement",
    "queue_notices",
    "reject_adjustment",
    "reject_settlement",
    "release_hold",
    "request_adjustment",
    "reverse_transfer",
    "seal_day",
    "seal_due_days",
    "seal_due_log_days",
    "set_aside_manifests",
    "spend_points",
    "take_back",
]
