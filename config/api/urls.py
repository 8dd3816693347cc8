"""Where each door of the partner API stands: below /api/v1/."""

from django.http import HttpRequest, JsonResponse
from django.urls import path
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.api.errors import plain_answer
from parties.api.me import MeView


class HealthView(APIView):
    """Whether the API answers: without a key."""

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(
        operation_id="get_health",
        tags=["Key"],
        responses=inline_serializer("Health", {"alive": serializers.BooleanField()}),
    )
    def get(self, request: Request) -> Response:  # noqa: ARG002
        """Whether the API answers. It asks neither for a key nor the database."""
        return Response({"alive": True}, headers={"Cache-Control": "no-store"})


def nothing_here(request: HttpRequest, rest: str = "") -> JsonResponse:  # noqa: ARG001
    """Addresses below the API's that do not exist."""
    return plain_answer("not_found")


urlpatterns = [
    path("healthz", HealthView.as_view(), name="api_health"),
    path("me", MeView.as_view(), name="api_me"),
    path("<path:rest>", nothing_here),
    path("", nothing_here),
]
