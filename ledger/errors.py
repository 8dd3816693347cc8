"""Refusals of the ledger."""


class LedgerError(Exception):
    """Root of what the ledger refuses. `code` is stable and meant for machines; words are chosen at the
    edge.
    """

    code = "ledger_error"


class InsufficientPoints(LedgerError):
    """A guarded account would go below its floor."""

    code = "insufficient_points"


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
    """More than is left of the original would be taken back, or the original is itself a reversal."""

    code = "reversal_refused"
