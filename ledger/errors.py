"""Refusals of the ledger."""


class LedgerError(Exception):
    """Root of what the ledger refuses. `code` is stable and meant for machines; words are chosen at the
    edge.
    """

    code = "ledger_error"


class InsufficientPoints(LedgerError):
    """A guarded account would go below its floor."""

    code = "insufficient_points"


class PointsHeld(LedgerError):
    """Some points of the wallet are set aside for a checkout: it has to end first."""

    code = "points_held"


class LimitExceeded(LedgerError):
    """A balance would pass 10^12 points, in either direction: no account holds more."""

    code = "limit_exceeded"


class KeyReused(LedgerError):
    """The key was used before, with another input. Nothing was done."""

    code = "key_reused"


class MoveRefused(LedgerError):
    """What no ledger holds: same ends, points that are no whole number of 1..10^12, two programs, a wallet
    without a lot, or a key of more than 120 characters.
    """

    code = "move_refused"


class ReversalRefused(LedgerError):
    """More than is left of the original would be taken back, or it is of a kind that can't be."""

    code = "reversal_refused"


class ExpiryRefused(LedgerError, ValueError):
    """No end of points: out of bounds, a day that has passed, or not written as an expiry policy is."""

    code = "expiry_refused"


class HoldEnded(LedgerError):
    """The hold was captured, released or has expired before: it ends once."""

    code = "hold_ended"


class AdjustmentRefused(LedgerError):
    """The adjustment can't be asked for, or not be decided now, or by this person. `rule` is stable."""

    code = "adjustment_refused"

    def __init__(self, message: str, *, rule: str = "") -> None:
        super().__init__(message)
        self.rule = rule


class SettlementRefused(LedgerError):
    """The statement can't be prepared, or not be decided now, or by this person. `rule` is stable."""

    code = "settlement_refused"

    def __init__(self, message: str, *, rule: str = "") -> None:
        super().__init__(message)
        self.rule = rule


class DayNotClosable(LedgerError):
    """The day has not ended, or one before it is still open."""

    code = "day_not_closable"


class DayClosed(LedgerError):
    """The moment lies in a day that is closed: the ledger takes no more rows for it."""

    code = "day_closed"

    @classmethod
    def is_meant_by(cls, error: Exception) -> bool:
        """Whether a database error is how PostgreSQL's trigger refuses such a row (migration 0004)."""
        text = str(error)
        return text.startswith("the day of ") and " is closed" in text


class SealRefused(LedgerError):
    """The day is not closed, one before it is not sealed, or its manifest or its rows are not what they
    were.
    """

    code = "seal_refused"


class SealKeyMissing(LedgerError):
    """A seal was made with a key that LEDGER_SEAL_KEYS does not have."""

    code = "seal_key_missing"


class NotCountedYet(LedgerError):
    """Figures that take longer to count than a page may, and that no worker has counted yet."""

    code = "not_counted_yet"
