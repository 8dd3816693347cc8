"""What a brand may see of a member: `/members/lookup`, `/members/{id}`, `/balance`, `/lots`, `/transactions`.

Nothing personal: no address, no name, nothing of other brands but when points end.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from ledger import partner_access
from ledger.models import HoldState, Lot, Reason
from ledger.reports import partners
from ledger.reports.partners import BrandEntry
from ledger.services import partner_lookups
from ledger.statements import database_time
from parties.api.base import PartnerView, brand_of, page_of
from parties.api.documented import (
    HAS_MORE,
    NEXT_CURSOR,
    ROWS,
    WRONG,
    body_refusals,
    id_parameter,
    page_parameters,
    refusals,
)
from parties.api.fields import Body, MemberNaming, Text, said_in
from parties.api_models import Scope
from parties.errors import MemberNotNamed, NotReachable
from parties.known_members import How, Named, read_naming
from parties.models import Brand, Member

_TAGS = ["Members"]
_NOBODY = {404: "Your brand knows no such member: `not_found`."}
_MEMBER_ID = id_parameter("member_id", "The member's id, as answers say it; no number and no name.")
_PAGE = [_MEMBER_ID, *page_parameters()]
_MEMBER = inline_serializer(
    "Member",
    {
        "id": serializers.UUIDField(help_text="The member's, the same at every brand."),
        "known_by": serializers.ListField(
            child=serializers.ChoiceField(partner_access.KNOWN_BY),
            help_text="Why your brand may ask: points it gave or took, a number or name of its own, its site"
            " that the member signs in to, a card that was just shown.",
        ),
    },
)
_BALANCE = inline_serializer(
    "Balance",
    {
        "member": serializers.UUIDField(help_text="The member's id."),
        "points": serializers.IntegerField(help_text="What can be spent now, at any brand of the program."),
        "held_points": serializers.IntegerField(help_text="Set aside for checkouts, not in `points`."),
        "next_to_expire": inline_serializer(
            "NextToExpire",
            {
                "points": serializers.IntegerField(help_text="How many end first."),
                "expires_at": serializers.DateTimeField(help_text="Exclusive: from then on they are gone."),
            },
            allow_null=True,
            help_text="The points that end first; null if there are none.",
        ),
        "at": serializers.DateTimeField(help_text="When this was so."),
    },
)


def _page(name: str, row: Any) -> Any:
    fields = {
        "data": row,
        "has_more": serializers.BooleanField(help_text=HAS_MORE),
        "next_cursor": serializers.CharField(allow_null=True, help_text=NEXT_CURSOR),
    }
    return inline_serializer(name, fields)


_LOTS = _page(
    "Lots",
    inline_serializer(
        "Lot",
        {
            "points": serializers.IntegerField(help_text="How many end then."),
            "expires_at": serializers.DateTimeField(help_text="Exclusive: from then on they are gone."),
            "is_ours": serializers.BooleanField(help_text="Whether your brand has paid for them."),
        },
        many=True,
        help_text=ROWS,
    ),
)
_TRANSACTIONS = _page(
    "Transactions",
    inline_serializer(
        "Transaction",
        {
            "id": serializers.UUIDField(help_text="Of the transfer, or of the hold."),
            "kind": serializers.ChoiceField(Reason.values, help_text="What was done."),
            "points": serializers.IntegerField(help_text="As the wallet sees it: negative if they left it."),
            "store": serializers.CharField(allow_null=True, help_text="The code of the store."),
            "reference": serializers.CharField(allow_null=True, help_text="Yours, as it was sent."),
            "original": serializers.UUIDField(allow_null=True, help_text="The transfer that was taken back."),
            "hold": inline_serializer(
                "HoldOutcome",
                {
                    "state": serializers.ChoiceField(HoldState.values, help_text="What became of it so far."),
                    "captured_points": serializers.IntegerField(help_text="How many of them were spent."),
                },
                allow_null=True,
                help_text="Of a hold: how it ended.",
            ),
            "at": serializers.DateTimeField(help_text="When it was done."),
        },
        many=True,
        help_text=ROWS,
    ),
)


class LookupBody(Body):
    """Either of the two, and not both."""

    documented: ClassVar = {"minProperties": 1, "maxProperties": 1}

    card_token = Text(
        required=False, max_length=200, help_text="What a till has read from the member's card, as it came."
    )
    member = MemberNaming(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) != 1:
            raise ValidationError(
                ErrorDetail(_("Give either card_token or member, and not both."), code="one_of")
            )
        return attrs


class LookupView(PartnerView):
    """From what a till or an app knows to the member's id. A POST, because a token must be in no log."""

    scopes: ClassVar = {"POST": Scope.MEMBERS_READ}

    @extend_schema(
        operation_id="look_up_member",
        summary="Find a member by card, number or your own name",
        description="Reading a card opens its member to your brand for ten minutes: look, spend, hold."
        " `member` finds those who are known already; it makes nobody.",
        tags=_TAGS,
        request=LookupBody,
        responses={200: _MEMBER}
        | body_refusals(
            _NOBODY
            | {
                400: f"{WRONG}, `member_not_named`, `card_token_typing_error`.",
                409: "No card shows this now: `card_token_not_usable`.",
            }
        ),
        examples=[
            OpenApiExample("A card", {"card_token": "1000 0000 0000 0000 0005"}, request_only=True),
            OpenApiExample("A number", {"member": "number:2900000000018"}, request_only=True),
        ],
    )
    def post(self, request: Request) -> Response:
        """Find a member by card, number or your own name."""
        said, brand, at = said_in(LookupBody, request), brand_of(request), database_time()
        if "card_token" in said:
            member = partner_lookups.read_card(brand=brand, token=said["card_token"], at=at)
        else:
            member = partner_access.access_member(brand=brand, named=said["member"], at=at)
        return Response(_told(brand, member, at))


class MemberView(PartnerView):
    """One member."""

    scopes: ClassVar = {"GET": Scope.MEMBERS_READ}

    @extend_schema(
        operation_id="get_member",
        summary="Look at a member",
        description="Whether your brand knows them, and by what.",
        tags=_TAGS,
        parameters=[_MEMBER_ID],
        responses={200: _MEMBER} | refusals(_NOBODY),
    )
    def get(self, request: Request, member_id: str) -> Response:
        """Look at a member."""
        member, at = _asked_for(request, member_id)
        return Response(_told(brand_of(request), member, at))


class BalanceView(PartnerView):
    """What the member can spend."""

    scopes: ClassVar = {"GET": Scope.MEMBERS_READ}

    @extend_schema(
        operation_id="get_balance",
        summary="Look at a member's points",
        description="Points of the program, whoever gave them.",
        tags=_TAGS,
        parameters=[_MEMBER_ID],
        responses={200: _BALANCE} | refusals(_NOBODY),
    )
    def get(self, request: Request, member_id: str) -> Response:
        """Look at a member's points."""
        member, at = _asked_for(request, member_id)
        balance = partners.partner_balance(partners.wallet_of(member, brand_of(request)), at=at)
        next_to_expire = {"points": balance.next_points, "expires_at": balance.next_end}
        return Response(
            {
                "member": member.public_id,
                "points": balance.points,
                "held_points": balance.held_points,
                "next_to_expire": next_to_expire if balance.next_end else None,
                "at": at,
            }
        )


class LotsView(PartnerView):
    """Which points end when."""

    scopes: ClassVar = {"GET": Scope.MEMBERS_READ}

    @extend_schema(
        operation_id="list_lots",
        summary="List which points end when",
        description="The points that can be spent, soonest to end first, which is how they are spent.",
        tags=_TAGS,
        parameters=_PAGE,
        responses={200: _LOTS} | refusals(_NOBODY | {400: "Not a page of this list: `invalid_request`."}),
    )
    def get(self, request: Request, member_id: str) -> Response:
        """List which points end when."""
        member, at = _asked_for(request, member_id)
        brand = brand_of(request)
        wallet = partners.wallet_of(member, brand)

        def rows(*, after: list[Any] | None, limit: int) -> Sequence[Lot]:
            return _placed(lambda: partners.lots_behind(wallet, at=at, after=after, limit=limit))

        def shown(lot: Lot) -> dict[str, Any]:
            is_ours = lot.funder_id == brand.pk
            return {"points": lot.remaining_points, "expires_at": lot.expires_at, "is_ours": is_ours}

        return page_of(request, rows, place_of=partners.place_of_lot, shown=shown)


class TransactionsView(PartnerView):
    """What has happened at this brand."""

    scopes: ClassVar = {"GET": Scope.MEMBERS_READ}

    @extend_schema(
        operation_id="list_transactions",
        summary="List a member's transactions at your brand",
        description="The newest first: points your brand gave or took back, what was spent at its stores, and"
        " what of its points has ended. A hold is one row, with what became of it.",
        tags=_TAGS,
        parameters=_PAGE,
        responses={200: _TRANSACTIONS}
        | refusals(_NOBODY | {400: "Not a page of this list: `invalid_request`."}),
    )
    def get(self, request: Request, member_id: str) -> Response:
        """List a member's transactions at your brand."""
        member, _at = _asked_for(request, member_id)
        brand = brand_of(request)
        wallet = partners.wallet_of(member, brand)

        def rows(*, after: list[Any] | None, limit: int) -> Sequence[BrandEntry]:
            return _placed(lambda: partners.entries_at_brand(wallet, brand, after=after, limit=limit))

        return page_of(request, rows, place_of=partners.place_of_entry, shown=_transaction)


def _asked_for(request: Request, member_id: str) -> tuple[Member, datetime]:
    """The member of the address, by their id alone: numbers and names are nobody's to read in a log."""
    try:
        named = read_naming(member_id)
    except MemberNotNamed:
        raise NotReachable(field="member") from None
    if named.how != How.ID:
        raise NotReachable(field="member")
    at = database_time()
    return partner_access.access_member(brand=brand_of(request), named=named, at=at), at


def _told(brand: Brand, member: Member, at: datetime) -> dict[str, Any]:
    found = partner_access.access_member(brand=brand, named=Named(How.ID, str(member.public_id)), at=at)
    known_by = [why for why in partner_access.KNOWN_BY if getattr(found, f"by_{why}")]
    return {"id": member.public_id, "known_by": known_by}


def _transaction(entry: BrandEntry) -> dict[str, Any]:
    told, act = entry
    transfer = told.posting.transfer
    hold = told.hold
    store = told.store or (act.store if act else None)
    return {
        "id": transfer.pk,
        "kind": told.reason.value,
        "points": told.points,
        "store": store.code if store else None,
        "reference": (act.reference if act else "") or None,
        "original": transfer.original_id,
        "hold": {"state": hold.state, "captured_points": hold.captured_points} if hold else None,
        "at": told.posting.posted_at,
    }


def _placed(rows: Callable[[], Sequence[Any]]) -> Sequence[Any]:
    try:
        return rows()
    except ValueError:
        raise ValidationError({"cursor": [_("Give next_cursor of an earlier page, as it came.")]}) from None
