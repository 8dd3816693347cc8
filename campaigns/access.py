"""The funnel to campaigns, orders and deposits."""

from django.db.models import QuerySet

from campaigns.models import Campaign, Deposit, Order
from parties.access import Person, reachable_brands
from parties.errors import NotReachable
from parties.models import Role


def reachable_campaigns(user: Person, *roles: Role) -> QuerySet[Campaign]:
    """Campaigns of the brands that `user` reaches with one of `roles`."""
    return Campaign.objects.filter(brand__in=reachable_brands(user, *roles))


def access_campaign(user: Person, campaign_id: int, *roles: Role) -> Campaign:
    """The campaign, if `user` reaches it with one of `roles`; else NotReachable."""
    campaign = reachable_campaigns(user, *roles).filter(pk=campaign_id).first()
    if campaign is None:
        raise NotReachable
    return campaign


def reachable_orders(user: Person, *roles: Role) -> QuerySet[Order]:
    """Orders of the brands that `user` reaches with one of `roles`."""
    return Order.objects.filter(campaign__brand__in=reachable_brands(user, *roles))


def access_order(user: Person, order_id: int, *roles: Role) -> Order:
    """The order, if `user` reaches it with one of `roles`; else NotReachable."""
    order = reachable_orders(user, *roles).filter(pk=order_id).first()
    if order is None:
        raise NotReachable
    return order


def reachable_deposits(user: Person, *roles: Role) -> QuerySet[Deposit]:
    """Deposits of the brands that `user` reaches with one of `roles`."""
    return Deposit.objects.filter(brand__in=reachable_brands(user, *roles))


def access_deposit(user: Person, deposit_id: int, *roles: Role) -> Deposit:
    """The deposit, if `user` reaches it with one of `roles`; else NotReachable."""
    deposit = reachable_deposits(user, *roles).filter(pk=deposit_id).first()
    if deposit is None:
        raise NotReachable
    return deposit
