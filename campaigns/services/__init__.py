"""What changes orders, deposits and conditions. Call it through the module:
`from campaigns import services as campaigns`.
"""

from campaigns.services.conditions import (
    Tick,
    discard_conditions,
    publish_conditions,
    unless_accepted,
    write_conditions,
)
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
    "Tick",
    "activate_codes",
    "approve_order",
    "confirm_deposit",
    "discard_conditions",
    "discard_order",
    "hold_campaign",
    "hold_draft",
    "publish_conditions",
    "reject_deposit",
    "reject_order",
    "reopen_order",
    "reopen_stale_orders",
    "request_deposit",
    "submit_order",
    "unless_accepted",
    "write_conditions",
]
