"""Campaigns, orders, deposits, disputes and withdrawals of codes in the admin."""

from campaigns.admin.alert import AlertAdmin, AlertRuleAdmin
from campaigns.admin.approval_rule import ApprovalRuleAdmin
from campaigns.admin.campaign import CampaignAdmin
from campaigns.admin.deposit import DepositAdmin
from campaigns.admin.dispute import DisputeAdmin
from campaigns.admin.extensions import ExtensionRequestAdmin
from campaigns.admin.mailings import MailingAdmin
from campaigns.admin.order import OrderAdmin
from campaigns.admin.support import SupportActAdmin
from campaigns.admin.voids import VoidRequestAdmin

__all__ = [
    "AlertAdmin",
    "AlertRuleAdmin",
    "ApprovalRuleAdmin",
    "CampaignAdmin",
    "DepositAdmin",
    "DisputeAdmin",
    "ExtensionRequestAdmin",
    "MailingAdmin",
    "OrderAdmin",
    "SupportActAdmin",
    "VoidRequestAdmin",
]
