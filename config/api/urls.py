"""Where each door of the partner API stands: below /api/v1/."""

from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from campaigns.api.campaigns import CampaignView
from campaigns.api.gifts import GiftBatchView, GiftsView, GiftView, GiftVoidView
from config.api.errors import no_such_address
from ledger.api.holds import CaptureView, HoldsView, HoldView, ReleaseView
from ledger.api.members import BalanceView, LookupView, LotsView, MemberView, TransactionsView
from ledger.api.points import EarnView, ReverseView, SpendView
from parties.api.events import EventsView
from parties.api.me import MeView
from redemption_site.api.claims import ClaimsView


class HealthView(APIView):
    """Whether the API answers: without a key."""

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(
        operation_id="get_health",
        tags=["Key"],
        summary="Ask whether the API answers",
        responses=inline_serializer(
            "Health", {"alive": serializers.BooleanField(help_text="Always true: else nobody answers.")}
        ),
    )
    def get(self, request: Request) -> Response:  # noqa: ARG002
        """Whether the API answers. It asks neither for a key nor the database."""
        return Response({"alive": True}, headers={"Cache-Control": "no-store"})


@csrf_exempt  # no session opens anything here; else a POST would get a page about its cookie
def nothing_here(request: HttpRequest, rest: str = "") -> JsonResponse:  # noqa: ARG001
    """Addresses below the API's that do not exist."""
    return no_such_address()


urlpatterns = [
    path("healthz", HealthView.as_view(), name="api_health"),
    path("me", MeView.as_view(), name="api_me"),
    path("gifts", GiftsView.as_view(), name="api_gifts"),
    path("gifts/batch", GiftBatchView.as_view(), name="api_gift_batch"),
    path("gifts/<uuid:gift_id>", GiftView.as_view(), name="api_gift"),
    path("gifts/<uuid:gift_id>/void", GiftVoidView.as_view(), name="api_gift_void"),
    path("campaigns/<slug:campaign>", CampaignView.as_view(), name="api_campaign"),
    path("events", EventsView.as_view(), name="api_events"),
    path("claims", ClaimsView.as_view(), name="api_claims"),
    path("members/lookup", LookupView.as_view(), name="api_member_lookup"),
    path("members/<str:member_id>", MemberView.as_view(), name="api_member"),
    path("members/<str:member_id>/balance", BalanceView.as_view(), name="api_member_balance"),
    path("members/<str:member_id>/lots", LotsView.as_view(), name="api_member_lots"),
    path("members/<str:member_id>/transactions", TransactionsView.as_view(), name="api_member_transactions"),
    path("earn", EarnView.as_view(), name="api_earn"),
    path("spend", SpendView.as_view(), name="api_spend"),
    path("holds", HoldsView.as_view(), name="api_holds"),
    path("holds/<uuid:hold_id>", HoldView.as_view(), name="api_hold"),
    path("holds/<uuid:hold_id>/capture", CaptureView.as_view(), name="api_hold_capture"),
    path("holds/<uuid:hold_id>/release", ReleaseView.as_view(), name="api_hold_release"),
    path("transfers/<uuid:transfer_id>/reverse", ReverseView.as_view(), name="api_transfer_reverse"),
    path("<path:rest>", nothing_here),
    path("", nothing_here),
]
