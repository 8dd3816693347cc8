"""The funnel to campaigns, orders, deposits and disputes."""

from django.db.models import QuerySet

from campaigns.alert_models import Alert, AlertRule
from campaigns.approval_models import ApprovalRule
from campaigns.dispute_models import Dispute
from campaigns.extension_models import ExtensionRequest
from campaigns.mailing_models import Mailing
from campaigns.models import Campaign, Deposit, Order
from campaigns.support_models import SupportAct
from giftcodes import access as giftcodes_access
from giftcodes.models import Batch
from parties.access import Person, held_roles, is_operator, reachable_brands
from parties.errors import NotReachable
from parties.models import Role

SUPPORT = (Role.SUPPORT, Role.AUDITOR)


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


def reachable_rules(user: Person, *roles: Role) -> QuerySet[ApprovalRule]:
    """Rules of two approvers of the brands that `user` reaches with one of `roles`."""
    return ApprovalRule.objects.filter(brand__in=reachable_brands(user, *roles))


def reachable_deposits(user: Person, *roles: Role) -> QuerySet[Deposit]:
    """Deposits of the brands that `user` reaches with one of `roles`."""
    return Deposit.objects.filter(brand__in=reachable_brands(user, *roles))


def access_deposit(user: Person, deposit_id: int, *roles: Role) -> Deposit:
    """The deposit, if `user` reaches it with one of `roles`; else NotReachable."""
    deposit = reachable_deposits(user, *roles).filter(pk=deposit_id).first()
    if deposit is None:
        raise NotReachable
    return deposit


def reachable_disputes(user: Person, *roles: Role) -> QuerySet[Dispute]:
    """Tickets about codes of the brands that `user` reaches. Those about no known code, and all others, are
    the operator's.
    """
    if is_operator(user, *roles) or (not roles and bool(user.is_active) and user.is_superuser):
        return Dispute.objects.all()
    return Dispute.objects.filter(brand__in=reachable_brands(user, *roles))


def access_dispute(user: Person, dispute_id: int, *roles: Role) -> Dispute:
    """The ticket, if `user` reaches it with one of `roles`; else NotReachable."""
    dispute = reachable_disputes(user, *roles).filter(pk=dispute_id).first()
    if dispute is None:
        raise NotReachable
    return dispute


def is_support(user: Person) -> bool:
    """Whether the person has the support desk: support and auditors, and superusers to look."""
    return any(role in SUPPORT for role, _is_operator in held_roles(user)) or _looks_at_all(user)


def batches_of_support(user: Person) -> QuerySet[Batch]:
    """Batches whose codes the person is told about at the support desk."""
    return giftcodes_access.reachable_batches(user, *(() if _looks_at_all(user) else SUPPORT))


def reachable_support_acts(user: Person, *roles: Role) -> QuerySet[SupportAct]:
    """Look-ups by support about codes of the brands that `user` reaches. All others are the operator's."""
    if is_operator(user, *roles) or (not roles and _looks_at_all(user)):
        return SupportAct.objects.all()
    return SupportAct.objects.filter(brand__in=reachable_brands(user, *roles))


def _looks_at_all(user: Person) -> bool:
    return bool(user.is_active) and user.is_superuser


def reachable_extensions(user: Person, *roles: Role) -> QuerySet[ExtensionRequest]:
    """Requests for later ends of claim windows of the brands that `user` reaches with one of `roles`."""
    return ExtensionRequest.objects.filter(order__in=reachable_orders(user, *roles))


def reachable_mailings(user: Person, *roles: Role) -> QuerySet[Mailing]:
    """Mailings of gifts of the brands that `user` reaches with one of `roles`."""
    return Mailing.objects.filter(campaign__brand__in=reachable_brands(user, *roles))


def access_mailing(user: Person, mailing_id: int, *roles: Role) -> Mailing:
    """The mailing, if `user` reaches it with one of `roles`; else NotReachable."""
    mailing = reachable_mailings(user, *roles).filter(pk=mailing_id).first()
    if mailing is None:
        raise NotReachable
    return mailing


def reachable_alerts(user: Person, *roles: Role) -> QuerySet[Alert]:
    """Alerts of the brands that `user` reaches; those of no brand are the operator's."""
    if is_operator(user, *roles) or (not roles and _looks_at_all(user)):
        return Alert.objects.all()
    return Alert.objects.filter(brand__in=reachable_brands(user, *roles))


def access_alert(user: Person, alert_id: int, *roles: Role) -> Alert:
    """The alert, if `user` reaches it with one of `roles`; else NotReachable."""
    alert = reachable_alerts(user, *roles).filter(pk=alert_id).first()
    if alert is None:
        raise NotReachable
    return alert


def reachable_alert_rules(user: Person, *roles: Role) -> QuerySet[AlertRule]:
    """Alert settings of the brands that `user` reaches."""
    return AlertRule.objects.filter(brand__in=reachable_brands(user, *roles))
