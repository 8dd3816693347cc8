"""Gifts: issued at once, looked at, revealed, withdrawn."""

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar

from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns import mailing_queries, sandbox
from campaigns import services as campaigns
from campaigns.api import shapes
from campaigns.api.staging import staging_of_gifts
from giftcodes import gift_queries
from giftcodes import services as giftcodes
from giftcodes.errors import GiftRefused
from giftcodes.gift_models import MAX_RECIPIENT_LENGTH, Gift, GiftState
from giftcodes.gift_queries import Cursor
from giftcodes.services import IssuedGift
from giftcodes.services.gift_wishes import GiftWanted
from ledger.statements import database_time
from parties.api.acts import KEY_PARAMETER, REPLAYED, REPLAYED_HEADER
from parties.api.base import (
    PartnerView,
    brand_of,
    client_of,
    idempotency_key,
    key_of,
    limit_of,
    page_answer,
    place_in,
)
from parties.api.documented import (
    NO_NUL,
    REUSED,
    WRONG,
    body_refusals,
    id_parameter,
    page_parameters,
    refusals,
)
from parties.api.fields import Text, said_in
from parties.api.staged import answer_staged
from parties.api_models import Scope
from parties.errors import ScopeMissing

GIFT_ID = id_parameter("gift_id", "The gift's id, as `issue_gift` answered it.")

_NO_PAGE = "Not a page of this list, or no such filter: `invalid_request`."
_NONE = "You have no such gift: `not_found`."
_ISSUING = body_refusals(
    {
        400: f"{WRONG}, `gift_refused`, `idempotency_key_wrong`.",
        404: "You have no such campaign: `not_found`.",
        409: "`budget_exhausted`, `not_issuing`, or the same request is under way: `twin_in_flight`.",
        422: REUSED,
        429: "Too many calls, or too many points for this day: `too_many_calls`, `daily_points_exceeded`.",
    }
)


class GiftsView(PartnerView):
    """Issue a gift; list gifts."""

    scopes: ClassVar = {"POST": Scope.GIFTS_ISSUE, "GET": Scope.GIFTS_READ}

    @extend_schema(
        operation_id="issue_gift",
        tags=["Gifts"],
        summary="Issue a gift",
        parameters=[KEY_PARAMETER, REPLAYED_HEADER],
        request=shapes.OneGift,
        responses={201: shapes.IssuedGiftShape, **_ISSUING},
        examples=[
            OpenApiExample(
                "For an order",
                {"campaign": sandbox.GIFTS, "recipient_ref": "order-1042"},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """One gift with its code, at once. The idempotency key works for ever: the same body gives the same
        gift again, with `Idempotent-Replayed: true`; the code is derived anew, it is stored nowhere.
        """
        key, data = idempotency_key(request), said_in(shapes.OneGift, request)
        try:
            return _issue_staged(
                request,
                key,
                data["campaign"],
                [shapes.wanted(data)],
                lambda gifts, at: shapes.shown_with_code(gifts[0], at=at),
                is_list=False,
            )
        except GiftRefused as refusal:  # of one gift its place in the list says nothing
            raise GiftRefused(refusal.rule) from refusal

    @extend_schema(
        operation_id="list_gifts",
        tags=["Gifts"],
        summary="List gifts",
        parameters=[
            *page_parameters(most=gift_queries.MAX_GIFTS_PER_PAGE),
            OpenApiParameter(
                "recipient_ref",
                {"type": "string", "maxLength": MAX_RECIPIENT_LENGTH, "pattern": NO_NUL},
                description="Gifts with this recipient_ref alone.",
            ),
            OpenApiParameter(
                "status",
                str,
                enum=GiftState.values,
                description="Gifts with this status alone.",
                examples=[OpenApiExample("Those not claimed yet", "issued")],
            ),
        ],
        responses={200: shapes.GIFT_PAGE, **refusals({400: _NO_PAGE})},
    )
    def get(self, request: Request) -> Response:
        """Gifts without their codes, those of the newest request first."""
        status = request.query_params.get("status")
        if status is not None and status not in GiftState.values:
            raise ValidationError(
                {"status": [_("One of %(values)s.") % {"values": ", ".join(GiftState.values)}]}
            )
        place, at = place_in(request, parts=2), database_time()
        page = gift_queries.gifts_of(
            brand_of(request).pk,
            at=at,
            after=Cursor(*place) if place else None,
            recipient_ref=_recipient_in(request),
            status=GiftState(status) if status else None,
            limit=limit_of(request, most=gift_queries.MAX_GIFTS_PER_PAGE),
        )
        return page_answer([shapes.shown(gift, at=at) for gift in page.gifts], page.following)


class GiftBatchView(PartnerView):
    """Issue many gifts."""

    scopes: ClassVar = {"POST": Scope.GIFTS_ISSUE}

    @extend_schema(
        operation_id="issue_gifts",
        tags=["Gifts"],
        summary="Issue up to 1,000 gifts",
        parameters=[KEY_PARAMETER, REPLAYED_HEADER],
        request=shapes.ManyGifts,
        responses={201: shapes.MANY_ISSUED, **_ISSUING},
        examples=[
            OpenApiExample(
                "For two orders",
                {
                    "campaign": sandbox.GIFTS,
                    "gifts": [
                        {"recipient_ref": "order-1043"},
                        {"recipient_ref": "order-1044", "metadata": {"shelf": "A7"}},
                    ],
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """All or none, in one transaction, with one idempotency key."""
        key, data = idempotency_key(request), said_in(shapes.ManyGifts, request)
        wanted = [shapes.wanted(gift) for gift in data["gifts"]]
        return _issue_staged(
            request,
            key,
            data["campaign"],
            wanted,
            lambda gifts, at: {"data": [shapes.shown_with_code(gift, at=at) for gift in gifts]},
            is_list=True,
        )


class GiftView(PartnerView):
    """One gift."""

    scopes: ClassVar = {"GET": Scope.GIFTS_READ}

    @extend_schema(
        operation_id="get_gift",
        tags=["Gifts"],
        summary="Look at a gift",
        parameters=[
            GIFT_ID,
            OpenApiParameter(
                "reveal",
                bool,
                description="With its code; needs the scope gifts:reveal, and is recorded. The code of a gift"
                " that a mailing sent is its recipient's alone: 404.",
            ),
        ],
        responses={
            200: shapes.GiftShape,
            **refusals({400: "`reveal` is neither true nor false: `invalid_request`.", 404: _NONE}),
        },
    )
    def get(self, request: Request, gift_id: uuid.UUID) -> Response:
        """What has become of a gift. Its code is shown only with `reveal=true`."""
        reveal, at = request.query_params.get("reveal", "false"), database_time()
        if reveal not in ("true", "false"):
            raise ValidationError({"reveal": [_("true or false.")]})
        gift = _gift(request, gift_id)
        if reveal == "false":
            return Response(shapes.shown(gift, at=at))
        if Scope.GIFTS_REVEAL.value not in key_of(request).scopes:
            raise ScopeMissing(Scope.GIFTS_REVEAL.value)
        if mailing_queries.is_of_a_mailing(gift):  # its code is in somebody's mail, and nobody else's
            raise Http404
        revealed = giftcodes.reveal_gift(gift=gift, client=client_of(request), at=at)
        return Response(shapes.shown_with_code(revealed, at=at))


class GiftVoidView(PartnerView):
    """Withdraw a gift."""

    scopes: ClassVar = {"POST": Scope.GIFTS_VOID}

    @extend_schema(
        operation_id="void_gift",
        tags=["Gifts"],
        summary="Withdraw a gift",
        parameters=[GIFT_ID],
        request=shapes.VoidWish,
        examples=[
            OpenApiExample("An order that was given up", {"reason": "order cancelled"}, request_only=True)
        ],
        responses={
            200: shapes.GiftShape,
            **body_refusals(
                {400: f"{WRONG}, `gift_refused`.", 404: _NONE, 409: "It was claimed: `gift_claimed`."}
            ),
        },
    )
    def post(self, request: Request, gift_id: uuid.UUID) -> Response:
        """Only if nobody has claimed it: its points go back to the brand's funds. Again is harmless."""
        data, at = said_in(shapes.VoidWish, request), database_time()
        gift = giftcodes.void_gift(
            gift=_gift(request, gift_id), client=client_of(request), reason=data["reason"], at=at
        )
        return Response(shapes.shown(gift, at=at))


def _issue_staged(
    request: Request,
    key: str,
    name: str,
    gifts: list[GiftWanted],
    shown: Callable[[list[IssuedGift], datetime], dict[str, Any]],
    *,
    is_list: bool,
) -> Response:
    """The answer with the gifts, as `shown` shows them at a moment; in a sandbox late or lost, if that is
    asked for.
    """

    def act() -> Response:
        issued = campaigns.give_gifts(
            client=client_of(request), key=key, name=name, gifts=gifts, is_list=is_list
        )
        headers = {REPLAYED: "true"} if issued.is_replay else {}
        # The clock is asked only where something may have become of them.
        at = database_time() if issued.is_replay else issued.gifts[0].issued_at
        return Response(shown(issued.gifts, at), status=201, headers=headers)

    return answer_staged(staging_of_gifts(client_of(request), [gift.recipient_ref for gift in gifts]), act)


def _recipient_in(request: Request) -> str:
    """The recipient_ref that is asked for; ValidationError for what none can be."""
    field = Text(max_length=MAX_RECIPIENT_LENGTH, allow_blank=True)
    try:
        text: str = field.run_validation(request.query_params.get("recipient_ref", ""))
    except ValidationError as refusal:
        raise ValidationError({"recipient_ref": refusal.detail}) from None
    return text


def _gift(request: Request, gift_id: uuid.UUID) -> Gift:
    gift = gift_queries.gift_of(brand_of(request).pk, gift_id)
    if gift is None:
        raise Http404
    return gift
