"""What changes orders and deposits. Call it through the module: `from campaigns import services as
campaigns`.
"""

from campaigns.services.deposits import confirm_deposit, reject_deposit, request_deposit
from campaigns.services.orders import (
    activate_codes,
    approve_order,
    discard_order,
    hold_campaign,
    hold_draft,
    reject_order,
    reopen_order,
    reopen_stale_orders,
    submit_order,
)

__all__ = [
    "activate_codes",
    "approve_order",
    "confirm_deposit",
    "discard_order",
    "hold_campaign",
    "hold_draft",
    "reject_deposit",
    "reject_order",
    "reopen_order",
    "reopen_stale_orders",
    "request_deposit",
    "submit_order",
]
