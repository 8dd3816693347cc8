"""Points are given for a purchase and spent at a till: `/earn`, `/spend`, `/transfers/{id}/reverse`."""

from typing import Any, ClassVar
from uuid import UUID

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from ledger import partner_access
from ledger.expiry import MAX_DAYS
from ledger.services import partner_acts
from ledger.services.partner_acts import Asked
from ledger.statements import database_time
from parties.act_models import Verb
from parties.api.acts import KEY_PARAMETER, REPLAYED_HEADER, act_of, answer_with
from parties.api.base import PartnerView, brand_of
from parties.api.documented import REUSED, WRONG, body_refusals, id_parameter
from parties.api.fields import Body, MemberNaming, Points, Reference, Text, Whole, said_in
from parties.api_models import Scope
from parties.models import Brand, Store

USUAL_LIFE_DAYS = 180
_TRANSFER_ID = id_parameter("transfer_id", "The transfer's id, as the act that moved the points answered it.")
_BAD = f"{WRONG}, `member_not_named`, `idempotency_key_wrong`."
_NOBODY = "The brand knows no such member: `not_found`."
EXAMPLE_MEMBER = "ref:sandbox-member"
EXAMPLE_STORE = "sandbox-store"


class StoreCode(Text):
    """The code of one of the brand's stores, as the admin shows it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_length=1, max_length=32, **options)


class EarnBody(Body):
    """Who gets how many points, and for what."""

    member = MemberNaming()
    points = Points()
    store = StoreCode(required=False, help_text="Where it was; not needed.")
    reference = Reference(required=False, help_text="Your receipt or order: no personal data.")
    lot_life_days = Whole(
        min_value=1,
        max_value=MAX_DAYS,
        default=USUAL_LIFE_DAYS,
        help_text="They end at the midnight (Japan time) after so many whole days.",
    )


class SpendBody(Body):
    """Who pays with how many points, and where."""

    member = MemberNaming()
    points = Points()
    store = StoreCode(required=False, help_text="Needed if the brand has more than one.")
    reference = Reference(required=False, help_text="Your receipt or order: no personal data.")


class ReverseBody(Body):
    """How much comes back."""

    points = Points(required=False, help_text="All that is left, if it is not given.")


def _moved(name: str, *, has_end: bool = False) -> Any:
    fields: dict[str, serializers.Field[Any, Any, Any, Any]] = {
        "id": serializers.UUIDField(help_text="Of the transfer: what `/transfers/{id}/reverse` takes."),
        "member": serializers.UUIDField(help_text="The member's id."),
        "points": serializers.IntegerField(help_text="How many points moved."),
        "store": serializers.CharField(allow_null=True, help_text="The code of the store."),
        "reference": serializers.CharField(allow_null=True, help_text="Yours, as it was sent."),
        "at": serializers.DateTimeField(help_text="When it was done."),
        "balance": serializers.IntegerField(help_text="The wallet's when this was done."),
    }
    if has_end:
        fields["expires_at"] = serializers.DateTimeField(help_text="Exclusive: from then on they are gone.")
    return inline_serializer(name, fields)


_EARNED = _moved("Earned", has_end=True)
_SPENT = _moved("Spent")
_REVERSED = inline_serializer(
    "Reversed",
    {
        "id": serializers.UUIDField(help_text="Of the transfer that took it back."),
        "original": serializers.UUIDField(help_text="The transfer that was taken back."),
        "member": serializers.UUIDField(
            allow_null=True, help_text="The member's id; null if the member has left."
        ),
        "points": serializers.IntegerField(help_text="How many points came back."),
        "balance": serializers.IntegerField(help_text="The wallet's when this was done."),
        "at": serializers.DateTimeField(help_text="When it was done."),
    },
)


def checked_store(brand: Brand, code: str | None) -> Store:
    """The store of that code, or the brand's only one; ValidationError names `store`."""
    store = partner_access.store_of(brand=brand, code=code)
    if store is None:
        missing = ErrorDetail(_("Say at which store: the brand has several, or none."), code="required")
        unknown = ErrorDetail(_("The brand has no store of that code."), code="unknown")
        raise ValidationError({"store": [missing if code is None else unknown]})
    return store


class EarnView(PartnerView):
    """Points for a purchase."""

    scopes: ClassVar = {"POST": Scope.POINTS_EARN}

    @extend_schema(
        operation_id="earn_points",
        summary="Give points for a purchase",
        description="Points from the funds of your brand to a member, at once. A member named by `number:` or"
        " `ref:` is made at the first use. The points can be spent until `expires_at`.",
        tags=["Points"],
        parameters=[KEY_PARAMETER, REPLAYED_HEADER],
        request=EarnBody,
        responses={201: _EARNED}
        | body_refusals(
            {
                400: _BAD,
                404: _NOBODY,
                409: "Your funds don't suffice, or the wallet is full: `insufficient_points`,"
                " `limit_exceeded`.",
                422: REUSED,
                429: "Too many calls, or too many points for this day: `too_many_calls`,"
                " `daily_points_exceeded`.",
            }
        ),
        examples=[
            OpenApiExample(
                "A purchase",
                {
                    "member": EXAMPLE_MEMBER,
                    "points": 120,
                    "store": EXAMPLE_STORE,
                    "reference": "R-1128-0042",
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Give points for a purchase."""
        act = act_of(request, Verb.EARN)
        said, brand = said_in(EarnBody, request), brand_of(request)
        code = said.get("store")
        asked = Asked(
            said["member"],
            said["points"],
            checked_store(brand, code) if code is not None else None,
            said.get("reference", ""),
        )
        return answer_with(
            partner_acts.earn_for_partner(
                act=act, asked=asked, lot_life_days=said["lot_life_days"], at=database_time()
            )
        )


class SpendView(PartnerView):
    """Points at the till."""

    scopes: ClassVar = {"POST": Scope.POINTS_SPEND}

    @extend_schema(
        operation_id="spend_points",
        summary="Spend points",
        description="Points of a member pay at one of your stores, those that end soonest first, at once. For"
        " a checkout that may still fail, make a hold.",
        tags=["Points"],
        parameters=[KEY_PARAMETER, REPLAYED_HEADER],
        request=SpendBody,
        responses={201: _SPENT}
        | body_refusals(
            {
                400: _BAD,
                404: _NOBODY,
                409: "There are not as many: `insufficient_points`.",
                422: REUSED,
            }
        ),
        examples=[
            OpenApiExample(
                "At a till",
                {
                    "member": EXAMPLE_MEMBER,
                    "points": 80,
                    "store": EXAMPLE_STORE,
                    "reference": "R-1128-0043",
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Spend points."""
        act = act_of(request, Verb.SPEND)
        said = said_in(SpendBody, request)
        store = checked_store(brand_of(request), said.get("store"))
        asked = Asked(said["member"], said["points"], store, said.get("reference", ""))
        return answer_with(partner_acts.spend_for_partner(act=act, asked=asked, at=database_time()))


class ReverseView(PartnerView):
    """What the brand's systems moved comes back."""

    scopes: ClassVar = {"POST": Scope.POINTS_SPEND}

    @extend_schema(
        operation_id="reverse_transfer",
        summary="Take a transfer back",
        description="What was spent at one of your stores comes back to the member's points, each with its"
        " own end; what you gave by `/earn` goes back to your funds. The whole of it or `points`, together"
        " never more than the original.",
        tags=["Points"],
        parameters=[_TRANSFER_ID, KEY_PARAMETER, REPLAYED_HEADER],
        request=ReverseBody,
        responses={201: _REVERSED}
        | body_refusals(
            {
                400: _BAD,
                404: "Your brand has made no such transfer: `not_found`.",
                409: "Not as much is left: `reversal_refused`, or the given points are spent, held or have"
                " ended: `insufficient_points`.",
                422: REUSED,
            }
        ),
        examples=[OpenApiExample("A part", {"points": 30}, request_only=True)],
    )
    def post(self, request: Request, transfer_id: UUID) -> Response:
        """Take a transfer back."""
        act = act_of(request, Verb.REVERSE, transfer=transfer_id)
        points = said_in(ReverseBody, request).get("points")
        return answer_with(
            partner_acts.reverse_for_partner(
                act=act, transfer_id=transfer_id, points=points, at=database_time()
            )
        )
