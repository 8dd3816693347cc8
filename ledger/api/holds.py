"""Points set aside for a checkout: `/holds`, `/holds/{id}`, `/holds/{id}/capture`, `/holds/{id}/release`."""

from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from ledger import partner_access
from ledger.api.points import EXAMPLE_MEMBER, EXAMPLE_STORE, StoreCode, checked_store
from ledger.models import HoldState
from ledger.services import partner_acts
from ledger.services.holds import LONGEST_HOLD, SHORTEST_HOLD
from ledger.services.partner_acts import Asked
from ledger.statements import database_time
from parties.act_models import Verb
from parties.api.acts import KEY_PARAMETER, REPLAYED_HEADER, act_of, answer_with
from parties.api.base import PartnerView, brand_of
from parties.api.documented import REUSED, WRONG, body_refusals, id_parameter, refusals
from parties.api.fields import Body, MemberNaming, Points, Whole, said_in
from parties.api_models import Scope

USUAL_SECONDS = 900
_HOLD_ID = id_parameter("hold_id", "The hold's id.")


def _hold(name: str, *, has_balance: bool = False) -> Any:
    # Fields anew for each: one that belongs to two serializers is shown by the first alone.
    fields: dict[str, serializers.Field[Any, Any, Any, Any]] = {
        "id": serializers.UUIDField(help_text="Of the hold."),
        "member": serializers.UUIDField(
            allow_null=True, help_text="The member's id; null if the member has left."
        ),
        "store": serializers.CharField(help_text="The code of the store."),
        "points": serializers.IntegerField(help_text="How many points were set aside."),
        "state": serializers.ChoiceField(HoldState.values, help_text="What became of it so far."),
        "captured_points": serializers.IntegerField(help_text="How many of them were spent."),
        "capture_transfer": serializers.UUIDField(
            allow_null=True, help_text="What `/transfers/{id}/reverse` takes, once it was captured."
        ),
        "held_at": serializers.DateTimeField(help_text="When they were set aside."),
        "expires_at": serializers.DateTimeField(help_text="Exclusive: from then on it can't be captured."),
        "ended_at": serializers.DateTimeField(
            allow_null=True, help_text="When it was captured or released, or has expired."
        ),
    }
    if has_balance:
        fields["balance"] = serializers.IntegerField(help_text="The wallet's when this was done.")
    return inline_serializer(name, fields)


_HOLD = _hold("Hold")
_HOLD_NOW = _hold("HoldDone", has_balance=True)
_ERRORS = {400: f"{WRONG}, `idempotency_key_wrong`.", 422: REUSED}
_NO_HOLD = "There is no such hold at your stores: `not_found`."


class HoldBody(Body):
    """Whose points are set aside, how many, and for how long."""

    member = MemberNaming()
    points = Points()
    store = StoreCode(required=False, help_text="Needed if the brand has more than one.")
    expires_in = Whole(
        min_value=int(SHORTEST_HOLD.total_seconds()),
        max_value=int(LONGEST_HOLD.total_seconds()),
        default=USUAL_SECONDS,
        help_text="Seconds until they go back by themselves.",
    )


class CaptureBody(Body):
    """How much of it is spent."""

    points = Points(required=False, help_text="All of them, if it is not given; the rest is given back.")


class ReleaseBody(Body):
    """Nothing has to be said."""


class HoldsView(PartnerView):
    """Points are set aside."""

    scopes: ClassVar = {"POST": Scope.POINTS_SPEND}

    @extend_schema(
        operation_id="hold_points",
        summary="Set points aside for a checkout",
        description="They can't be spent otherwise until the hold is captured, released, or expires, which"
        " gives them back.",
        tags=["Holds"],
        parameters=[KEY_PARAMETER, REPLAYED_HEADER],
        request=HoldBody,
        responses={201: _HOLD_NOW}
        | body_refusals(
            _ERRORS
            | {
                400: f"{WRONG}, `member_not_named`, `idempotency_key_wrong`.",
                404: "The brand knows no such member: `not_found`.",
                409: "There are not as many: `insufficient_points`.",
            }
        ),
        examples=[
            OpenApiExample(
                "A checkout",
                {"member": EXAMPLE_MEMBER, "points": 50, "store": EXAMPLE_STORE, "expires_in": 900},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Set points aside for a checkout."""
        act = act_of(request, Verb.HOLD)
        said = said_in(HoldBody, request)
        store = checked_store(brand_of(request), said.get("store"))
        return answer_with(
            partner_acts.hold_for_partner(
                act=act,
                asked=Asked(said["member"], said["points"], store),
                lifetime=timedelta(seconds=said["expires_in"]),
                at=database_time(),
            )
        )


class HoldView(PartnerView):
    """One hold."""

    scopes: ClassVar = {"GET": Scope.POINTS_SPEND}

    @extend_schema(
        operation_id="get_hold",
        summary="Look at a hold",
        description="What became of it so far.",
        tags=["Holds"],
        parameters=[_HOLD_ID],
        responses={200: _HOLD} | refusals({404: _NO_HOLD}),
    )
    def get(self, request: Request, hold_id: UUID) -> Response:
        """Look at a hold."""
        hold = partner_access.access_hold(brand=brand_of(request), hold_id=hold_id)
        return Response(partner_acts.told_hold(hold, at=database_time()))


class CaptureView(PartnerView):
    """What was set aside is spent."""

    scopes: ClassVar = {"POST": Scope.POINTS_SPEND}

    @extend_schema(
        operation_id="capture_hold",
        summary="Spend what a hold set aside",
        description="All of it or `points`; the rest goes back to the member. Before the hold's `expires_at`,"
        " once: with other points it has ended.",
        tags=["Holds"],
        parameters=[_HOLD_ID, KEY_PARAMETER, REPLAYED_HEADER],
        request=CaptureBody,
        responses={200: _HOLD_NOW}
        | body_refusals(
            _ERRORS
            | {
                404: _NO_HOLD,
                409: "It has ended: `hold_ended`, or is smaller than that: `insufficient_points`.",
            }
        ),
        examples=[OpenApiExample("A part", {"points": 40}, request_only=True)],
    )
    def post(self, request: Request, hold_id: UUID) -> Response:
        """Spend what a hold set aside."""
        act = act_of(request, Verb.CAPTURE, hold=hold_id)
        points = said_in(CaptureBody, request).get("points")
        return answer_with(
            partner_acts.capture_for_partner(act=act, hold_id=hold_id, points=points, at=database_time())
        )


class ReleaseView(PartnerView):
    """What was set aside goes back."""

    scopes: ClassVar = {"POST": Scope.POINTS_SPEND}

    @extend_schema(
        operation_id="release_hold",
        summary="Give back what a hold set aside",
        description="The checkout failed or was given up. Harmless for a hold that was released or has"
        " expired.",
        tags=["Holds"],
        parameters=[_HOLD_ID, KEY_PARAMETER, REPLAYED_HEADER],
        request=ReleaseBody,
        responses={200: _HOLD_NOW}
        | body_refusals(_ERRORS | {404: _NO_HOLD, 409: "It was captured: `hold_ended`."}),
    )
    def post(self, request: Request, hold_id: UUID) -> Response:
        """Give back what a hold set aside."""
        act = act_of(request, Verb.RELEASE, hold=hold_id)
        said_in(ReleaseBody, request)
        return answer_with(partner_acts.release_for_partner(act=act, hold_id=hold_id, at=database_time()))
