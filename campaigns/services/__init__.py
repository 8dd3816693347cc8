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
from campaigns.services.pages import publish_page, take_page_offline

__all__ = [
    "activate_codes",
    "approve_order",
    "confirm_deposit",
    "discard_order",
    "hold_campaign",
    "hold_draft",
    "publish_page",
    "reject_deposit",
    "reject_order",
    "reopen_order",
    "reopen_stale_orders",
    "request_deposit",
    "submit_order",
    "take_page_offline",
]
