"""`GET /me`: what a key may do."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from parties.api.base import PartnerView, key_of
from parties.api.documented import refusals
from parties.api_models import Scope

_ME = inline_serializer(
    "Me",
    {
        "client": inline_serializer(
            "MeClient", {"id": serializers.UUIDField(), "name": serializers.CharField()}
        ),
        "brand": inline_serializer(
            "MeBrand", {"slug": serializers.CharField(), "name": serializers.CharField()}
        ),
        "program": inline_serializer(
            "MeProgram",
            {
                "slug": serializers.CharField(),
                "name": serializers.CharField(),
                "unit_label": serializers.CharField(),
                "yen_per_point": serializers.IntegerField(),
            },
        ),
        "mode": serializers.ChoiceField(["live", "test"]),
        "key": serializers.CharField(help_text="The beginning of the key, by which people tell keys apart."),
        "scopes": serializers.ListField(child=serializers.ChoiceField(Scope.values)),
        "expires_at": serializers.DateTimeField(allow_null=True),
        "limits": inline_serializer(
            "MeLimits",
            {
                "calls_per_second": serializers.IntegerField(),
                "calls_at_once": serializers.IntegerField(),
                "points_per_day": serializers.IntegerField(),
            },
        ),
    },
)


class MeView(PartnerView):
    """What this key may do, for whom, and how much of it."""

    scopes: ClassVar = {"GET": None}

    @extend_schema(operation_id="get_me", responses={200: _ME, **refusals()}, tags=["Key"])
    def get(self, request: Request) -> Response:
        """What this key may do, for which brand, and its limits."""
        key = key_of(request)
        client, brand = key.client, key.client.brand
        program = brand.program
        return Response(
            {
                "client": {"id": client.public_id, "name": client.name},
                "brand": {"slug": brand.slug, "name": brand.name},
                "program": {
                    "slug": program.slug,
                    "name": program.name,
                    "unit_label": program.unit_label,
                    "yen_per_point": program.yen_per_point,
                },
                "mode": "test" if program.is_sandbox else "live",
                "key": key.prefix,
                "scopes": key.scopes,
                "expires_at": key.expires_at,
                "limits": {
                    "calls_per_second": client.rate_per_second,
                    "calls_at_once": client.burst,
                    "points_per_day": client.points_per_day,
                },
            }
        )
