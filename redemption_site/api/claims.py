"""`POST /claims`: a brand's own app claims a code for the member whom it has signed in."""

from typing import ClassVar

from django.views.decorators.debug import sensitive_variables
from drf_spectacular.utils import OpenApiExample, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns import services as campaigns
from campaigns.api.staging import staging_of_claim
from campaigns.sandbox import FixedCode
from giftcodes import codec
from giftcodes import services as giftcodes
from giftcodes.errors import CodeNotUsable
from giftcodes.services import PartnerAsker, Proviso
from parties.act_models import Verb
from parties.api.acts import KEY_PARAMETER, REPLAYED_HEADER, act_of, answer_with
from parties.api.base import PartnerView
from parties.api.documented import REUSED, WRONG, body_refusals
from parties.api.fields import Body, MemberNaming, Text, said_in
from parties.api.staged import answer_staged
from parties.api_acts import Act
from parties.api_models import Scope
from parties.known_members import Named
from parties.models import Member
from redemption_site import pace

_CLAIMED = inline_serializer(
    "Claimed",
    {
        "serial": serializers.CharField(help_text="The public number of the code, for support."),
        "member": serializers.UUIDField(help_text="The member's id."),
        "points": serializers.IntegerField(help_text="What the code was worth."),
        "balance": serializers.IntegerField(help_text="The wallet's when this was done."),
        "claimed_at": serializers.DateTimeField(help_text="When it was claimed."),
        "expires_at": serializers.DateTimeField(help_text="Exclusive: from then on they are gone."),
        "was_claimed_before": serializers.BooleanField(
            help_text="Whether this member had claimed it before, here or on the page: nothing was added."
        ),
    },
)


class ClaimBody(Body):
    """Which code, and for whom."""

    code = Text(max_length=200, help_text="As the member typed or scanned it; spaces and dashes are dropped.")
    member = MemberNaming()


class ClaimsView(PartnerView):
    """Codes become points."""

    scopes: ClassVar = {"POST": Scope.CLAIMS_WRITE}

    @extend_schema(
        operation_id="claim_code",
        summary="Claim a code for a member",
        description="The same rules and the same refusal as on the campaign's page. Tries count for the"
        " member: five unknown codes in a day lock that member, and a hundred in an hour, of all your members"
        " together, make your calls wait. Where a campaign asks its participants to accept conditions,"
        " `claim_held_back` sends them to its page. A repeat with the same key is no try; use a fresh key"
        " whenever the member tries again. In a sandbox there is [a fixed code for every"
        " outcome](/api/docs/sandbox/#claims).",
        tags=["Claims"],
        parameters=[KEY_PARAMETER, REPLAYED_HEADER],
        request=ClaimBody,
        responses={201: _CLAIMED}
        | body_refusals(
            {
                400: f"{WRONG}, `not_a_code` (a typing error), `member_not_named`, `idempotency_key_wrong`.",
                404: "Your brand knows no such member: `not_found`.",
                409: "`code_not_usable`, for whatever reason; `claim_held_back`, `proof_needed`: the page"
                " asks for something first.",
                422: REUSED,
                429: "Too many calls or tries: `too_many_calls`, `too_many_tries`, `claiming_locked`.",
            }
        ),
        examples=[
            OpenApiExample(
                "A signed-in member",
                {"code": codec.group(FixedCode.FRESH), "member": "ref:user-1077"},
                request_only=True,
            )
        ],
    )
    @sensitive_variables()
    def post(self, request: Request) -> Response:
        """Claim a code for a member."""
        begun = pace.now()
        act = act_of(request, Verb.CLAIM)
        said = said_in(ClaimBody, request)
        try:
            staging = staging_of_claim(act.client, said["code"])
            return answer_staged(staging, lambda: _claim(act, said["code"], said["member"]))
        except CodeNotUsable:
            pace.wait_for_step(begun)
            raise


@sensitive_variables()
def _claim(act: Act, text: object, named: Named) -> Response:
    code = campaigns.code_behind(text=text, act=act, named=named)
    answer = giftcodes.try_code_for_partner(
        text=code, asker=PartnerAsker(act, named), unless=_unless_accepted
    )
    return answer_with(answer)


def _unless_accepted(member: Member) -> Proviso:
    """Conditions are accepted on the page that shows them: nothing can be ticked here."""
    return campaigns.unless_accepted(member=member, tick=None)
