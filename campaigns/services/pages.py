"""From a draft to a public page, and back as long as nobody holds a code that leads there."""

from datetime import datetime

from django.db import transaction

from campaigns import access
from campaigns.errors import PageInUse
from campaigns.models import Campaign, Order, OrderState
from campaigns.services.orders import hold_campaign
from parties.models import Role, User


@transaction.atomic
def publish_page(*, campaign_id: int, user: User, at: datetime) -> Campaign:
    """Let everybody see the campaign's page. Repeating it changes nothing.

    NotReachable for anybody but a marketer of the brand.
    """
    campaign = _hold(user, campaign_id)
    if campaign.published_at is None:
        _record(campaign, at, "published", by=user, at=at)
    return campaign


@transaction.atomic
def take_page_offline(*, campaign_id: int, user: User, at: datetime) -> Campaign:
    """Make the page a draft again. Repeating it changes nothing; an order that waits can't be approved then.

    NotReachable for anybody but a marketer of the brand, PageInUse once an order has been approved: people
    come with its codes for as long as they find one, and have to be told how things stand.
    """
    campaign = _hold(user, campaign_id)
    if Order.objects.filter(campaign=campaign, state=OrderState.APPROVED).exists():
        raise PageInUse
    if campaign.published_at is not None:
        _record(campaign, None, "taken offline", by=user, at=at)
    return campaign


def _hold(user: User, campaign_id: int) -> Campaign:
    """The campaign, read while this transaction holds it: approvals do likewise, so either sees the
    other.
    """
    access.access_campaign(user, campaign_id, Role.MARKETER)
    hold_campaign(campaign_id=campaign_id)
    return access.access_campaign(user, campaign_id, Role.MARKETER)


def _record(
    campaign: Campaign, published_at: datetime | None, reason: str, *, by: User, at: datetime
) -> None:
    """Write the state of the held campaign, and its line of history."""
    campaign.published_at = published_at
    Campaign.objects.filter(pk=campaign.pk).update(published_at=published_at)
    Campaign.history.bulk_history_create(
        [campaign], update=True, default_user=by, default_date=at, default_change_reason=reason
    )
