"""Campaigns, orders, deposits and disputes in the admin."""

from campaigns.admin.campaign import CampaignAdmin
from campaigns.admin.deposit import DepositAdmin
from campaigns.admin.dispute import DisputeAdmin
from campaigns.admin.order import OrderAdmin

__all__ = ["CampaignAdmin", "DepositAdmin", "DisputeAdmin", "OrderAdmin"]
