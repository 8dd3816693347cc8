"""Campaigns, orders and deposits in the admin."""

from campaigns.admin.campaign import CampaignAdmin
from campaigns.admin.deposit import DepositAdmin
from campaigns.admin.order import OrderAdmin

__all__ = ["CampaignAdmin", "DepositAdmin", "OrderAdmin"]
