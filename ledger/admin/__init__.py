"""The ledger in the admin: looked at, and acted upon through services alone."""

from ledger.admin import accounts, adjustments, days, lots, settlements, transfers

__all__ = ["accounts", "adjustments", "days", "lots", "settlements", "transfers"]
