"""Campaigns, orders, deposits and disputes in the admin."""

from campaigns.admin.approval_rule import ApprovalRuleAdmin
from campaigns.admin.campaign import CampaignAdmin
from campaigns.admin.deposit import DepositAdmin
from campaigns.admin.dispute import DisputeAdmin
from campaigns.admin.order import OrderAdmin

__all__ = ["ApprovalRuleAdmin", "CampaignAdmin", "DepositAdmin", "DisputeAdmin", "OrderAdmin"]
