"""What changes orders, deposits, conditions and disputes. Call it through the module:
`from campaigns import services as campaigns`.
"""

from campaigns.services.approvals import (
    add_rule,
    ask_to_retire_rule,
    keep_rule,
    remind_approvers,
    retire_rule,
)
from campaigns.services.conditions import (
    Tick,
    discard_conditions,
    publish_conditions,
    unless_accepted,
    write_conditions,
)
from campaigns.services.deposits import confirm_deposit, reject_deposit, request_deposit
from campaigns.services.dispute_notices import tell_answers
from campaigns.services.dispute_texts import erase_dispute_texts, prune_dispute_texts
from campaigns.services.disputes import (
    Asked,
    add_to_dispute,
    answer_dispute,
    open_dispute,
    resolve_dispute,
    withdraw_dispute,
)
from campaigns.services.giving import give_gifts
from campaigns.services.leaving import close_account
from campaigns.services.orders import (
    Approved,
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
from campaigns.services.page_counts import count_opening
from campaigns.services.pages import publish_page, take_page_offline
from campaigns.services.pauses import pause_codes, resume_codes
from campaigns.services.sandbox_codes import code_behind
from campaigns.services.sandbox_stock import stock_sandbox, stock_sandboxes

__all__ = [
    "Approved",
    "Asked",
    "Tick",
    "activate_codes",
    "add_rule",
    "add_to_dispute",
    "answer_dispute",
    "approve_order",
    "ask_to_retire_rule",
    "close_account",
    "code_behind",
    "confirm_deposit",
    "count_opening",
    "discard_conditions",
    "discard_order",
    "erase_dispute_texts",
    "give_gifts",
    "hold_campaign",
    "hold_draft",
    "keep_rule",
    "open_dispute",
    "pause_codes",
    "prune_dispute_texts",
    "publish_conditions",
    "publish_page",
    "reject_deposit",
    "reject_order",
    "remind_approvers",
    "reopen_order",
    "reopen_stale_orders",
    "request_deposit",
    "resolve_dispute",
    "resume_codes",
    "retire_rule",
    "stock_sandbox",
    "stock_sandboxes",
    "submit_order",
    "take_page_offline",
    "tell_answers",
    "unless_accepted",
    "withdraw_dispute",
    "write_conditions",
]
