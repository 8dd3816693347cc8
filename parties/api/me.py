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
            "MeClient",
            {
                "id": serializers.UUIDField(help_text="Of the API client."),
                "name": serializers.CharField(help_text="As the admin shows it."),
            },
            help_text="The system that the key belongs to.",
        ),
        "brand": inline_serializer(
            "MeBrand",
            {
                "slug": serializers.CharField(help_text="Its short name, in addresses."),
                "name": serializers.CharField(help_text="As members see it."),
            },
            help_text="The brand that it acts for.",
        ),
        "program": inline_serializer(
            "MeProgram",
            {
                "slug": serializers.CharField(help_text="Its short name."),
                "name": serializers.CharField(help_text="As members see it."),
                "unit_label": serializers.CharField(help_text="What its points are called."),
                "yen_per_point": serializers.IntegerField(help_text="What a point is worth."),
            },
            help_text="Whose points it deals with.",
        ),
        "mode": serializers.ChoiceField(["live", "test"], help_text="`test`: nothing is worth anything."),
        "key": serializers.CharField(help_text="The beginning of the key, by which people tell keys apart."),
        "scopes": serializers.ListField(
            child=serializers.ChoiceField(Scope.values), help_text="What it may do."
        ),
        "expires_at": serializers.DateTimeField(
            allow_null=True, help_text="From then on it opens nothing; null: it has no end."
        ),
        "limits": inline_serializer(
            "MeLimits",
            {
                "calls_per_second": serializers.IntegerField(
                    help_text="So many calls come back each second."
                ),
                "calls_at_once": serializers.IntegerField(help_text="So many may come in one burst."),
                "points_per_day": serializers.IntegerField(
                    help_text="So many may be given and issued from midnight to midnight (Japan time)."
                ),
            },
            help_text="How much it may do; all keys of the client together.",
        ),
    },
)


class MeView(PartnerView):
    """What this key may do, for whom, and how much of it."""

    scopes: ClassVar = {"GET": None}

    @extend_schema(
        operation_id="get_me", summary="Look at your key", responses={200: _ME, **refusals()}, tags=["Key"]
    )
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
