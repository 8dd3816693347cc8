"""Events, for whoever would rather ask than be told; the same that webhooks bring."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from parties.api.base import PartnerView, brand_of, cursor_to, limit_of, place_in
from parties.api.documented import HAS_MORE, ROWS, page_parameters, refusals
from parties.api_models import Scope
from parties.event_models import EventType
from parties.event_queries import as_told, events_after, place_of

_EVENT = inline_serializer(
    "Event",
    {
        "id": serializers.CharField(
            help_text="The same in every delivery: by it, an event is worked on once."
        ),
        "type": serializers.ChoiceField(EventType.values, help_text="What happened."),
        "timestamp": serializers.DateTimeField(help_text="When it happened."),
        "object": serializers.CharField(help_text="What it happened to."),
        "sequence": serializers.IntegerField(help_text="Counts the events of one object, from 1."),
        "data": serializers.DictField(help_text="What there is to know about it, by its type."),
    },
    many=True,
    help_text=ROWS,
)
_PAGE = inline_serializer(
    "EventPage",
    {
        "data": _EVENT,
        "has_more": serializers.BooleanField(help_text=HAS_MORE),
        "next_cursor": serializers.CharField(
            allow_null=True, help_text="Give it as `after` next time. Null: nothing has happened yet."
        ),
    },
)


class EventsView(PartnerView):
    """What happened."""

    scopes: ClassVar = {"GET": Scope.EVENTS_READ}

    @extend_schema(
        operation_id="list_events",
        tags=["Events"],
        summary="Read events in their order",
        parameters=page_parameters("after"),
        responses={
            200: _PAGE,
            **refusals({400: "Not a page of this list: `invalid_request`."}),
        },
    )
    def get(self, request: Request) -> Response:
        """Read to the end, wait, and go on behind the last cursor: every event comes once, none is missed."""
        limit, after = limit_of(request), place_in(request, "after", parts=2)
        found = events_after(brand=brand_of(request), after=after, limit=limit + 1)
        page = found[:limit]
        place = place_of(page[-1]) if page else after
        return Response(
            {
                "data": [as_told(event) for event in page],
                "has_more": len(found) > limit,
                "next_cursor": None if place is None else cursor_to(place),
            }
        )
