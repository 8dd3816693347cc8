"""Campaigns, as partner systems see them."""

from datetime import datetime
from typing import ClassVar

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns import sandbox
from campaigns.api import shapes
from campaigns.models import Campaign
from campaigns.queries import campaign_named, is_paused, limit_group_of
from giftcodes import gift_queries
from ledger.statements import database_time
from parties.api.base import PartnerView, brand_of
from parties.api.documented import refusals
from parties.api_models import Scope


class CampaignView(PartnerView):
    """One campaign."""

    scopes: ClassVar = {"GET": Scope.CAMPAIGNS_READ}

    @extend_schema(
        operation_id="get_campaign",
        tags=["Campaigns"],
        summary="Look at a campaign and its budget",
        parameters=[
            OpenApiParameter(
                "campaign",
                OpenApiTypes.STR,
                OpenApiParameter.PATH,
                description="The campaign's short name, as in the address of its page.",
                examples=[OpenApiExample("A campaign", sandbox.GIFTS)],
            )
        ],
        responses={200: shapes.CampaignShape, **refusals({404: "You have no such campaign: `not_found`."})},
    )
    def get(self, request: Request, campaign: str) -> Response:
        """State and budget, in gifts and in points: reserved by approved orders, issued, claimed, left."""
        brand = brand_of(request)
        found = campaign_named(brand, campaign)
        if found is None:
            raise Http404
        budget = gift_queries.budget_of_group(brand.pk, limit_group_of(found))
        return Response(
            {
                "id": campaign,
                "name": found.name,
                "state": _state_of(found, database_time()),
                "starts_at": found.starts_at,
                "ends_at": found.ends_at,
                "budget": {name: amount._asdict() for name, amount in budget._asdict().items()},
            }
        )


def _state_of(campaign: Campaign, at: datetime) -> str:
    if at < campaign.starts_at:
        return "not_begun"
    if at >= campaign.ends_at:
        return "ended"
    return "paused" if is_paused(campaign) else "running"
