"""A campaign whose gifts a shop's system issues."""

import uuid
from datetime import timedelta
from typing import Any

from campaigns.models import Campaign
from campaigns.queries import limit_group_of
from ledger.statements import database_time
from tests import make
from tests.api.shop import Shop
from tests.redemption_site import visits


def giving_campaign(shop: Shop, *, size: int = 5, face_points: int = 100, **fields: Any) -> Campaign:
    """With an approved order of `size` gifts, once per shop."""
    found = Campaign.objects.filter(brand=shop.brand).first()
    if found is not None:
        return found
    campaign = visits.campaign(brand=shop.brand, slug=f"thanks-{shop.brand.pk}")
    now = database_time()
    make.gift_batch(
        brand=shop.brand,
        size=size,
        face_points=face_points,
        limit_group=limit_group_of(campaign),
        approved_at=now - timedelta(days=2),
        **{"claim_from": now - timedelta(days=1), "claim_until": now + timedelta(days=30)} | fields,
    )
    return campaign


def issued_by(shop: Shop, **body: Any) -> dict[str, Any]:
    """A gift that the shop's system has just issued."""
    campaign = giving_campaign(shop)
    answer = shop.post("gifts", key=str(uuid.uuid4()), campaign=campaign.slug, **body)
    assert answer.status_code == 201, answer.content
    found: dict[str, Any] = answer.json()
    return found
