"""What changes orders, deposits, conditions and disputes, and what support looks up. Call it through the
module: `from campaigns import services as campaigns`.
"""

from campaigns.services.alert_mails import mail_alerts
from campaigns.services.alerts import MINDERS, acknowledge_alert, look_for_alerts, wish_for_mails
from campaigns.services.approvals import (
    add_rule,
    ask_to_retire_rule,
    keep_rule,
    remind_approvers,
    retire_rule,
)
from campaigns.services.audiences import make_audiences
from campaigns.services.channels import channels_of, replace_channels
from campaigns.services.claim_counts import count_claims, note_look
from campaigns.services.conditions import (
    Tick,
    discard_conditions,
    publish_conditions,
    unless_accepted,
    write_conditions,
)
from campaigns.services.deliveries import approve_delivery, request_delivery
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
from campaigns.services.extensions import (
    approve_extension,
    reject_extension,
    request_extension,
    take_back_extension,
)
from campaigns.services.giving import give_gifts
from campaigns.services.leaving import close_account
from campaigns.services.monthly_mails import send_months, want_monthly_mails
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
from campaigns.services.reorders import reorder_withdrawn
from campaigns.services.sandbox_codes import code_behind
from campaigns.services.sandbox_stock import stock_sandbox, stock_sandboxes
from campaigns.services.sheets import count_large_campaigns, count_sheets
from campaigns.services.sign_offs import sign_off
from campaigns.services.support import Addressed, find_by_address, find_by_code, unmask_member
from campaigns.services.try_counts import count_try

__all__ = [
    "MINDERS",
    "Addressed",
    "Approved",
    "Asked",
    "Tick",
    "acknowledge_alert",
    "activate_codes",
    "add_rule",
    "add_to_dispute",
    "answer_dispute",
    "approve_delivery",
    "approve_extension",
    "approve_order",
    "ask_to_retire_rule",
    "channels_of",
    "close_account",
    "code_behind",
    "confirm_deposit",
    "count_claims",
    "count_large_campaigns",
    "count_opening",
    "count_sheets",
    "count_try",
    "discard_conditions",
    "discard_order",
    "erase_dispute_texts",
    "find_by_address",
    "find_by_code",
    "give_gifts",
    "hold_campaign",
    "hold_draft",
    "keep_rule",
    "look_for_alerts",
    "mail_alerts",
    "make_audiences",
    "note_look",
    "open_dispute",
    "pause_codes",
    "prune_dispute_texts",
    "publish_conditions",
    "publish_page",
    "reject_deposit",
    "reject_extension",
    "reject_order",
    "remind_approvers",
    "reopen_order",
    "reopen_stale_orders",
    "reorder_withdrawn",
    "replace_channels",
    "request_delivery",
    "request_deposit",
    "request_extension",
    "resolve_dispute",
    "resume_codes",
    "retire_rule",
    "send_months",
    "sign_off",
    "stock_sandbox",
    "stock_sandboxes",
    "submit_order",
    "take_back_extension",
    "take_page_offline",
    "tell_answers",
    "unless_accepted",
    "unmask_member",
    "want_monthly_mails",
    "wish_for_mails",
    "withdraw_dispute",
    "write_conditions",
]
