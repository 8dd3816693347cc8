"""What gifts and campaigns look like in the API: what is read, and what is answered."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.validators import RegexValidator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema_field, inline_serializer
from rest_framework import serializers

from giftcodes.gift_models import MAX_GIFTS_AT_ONCE, MAX_RECIPIENT_LENGTH, Gift, GiftState
from giftcodes.gift_queries import status_of
from giftcodes.services import IssuedGift
from giftcodes.services.gift_wishes import MAX_METADATA, MAX_METADATA_NAME, MAX_METADATA_TEXT, GiftWanted
from parties.api.documented import HAS_MORE, NEXT_CURSOR, NO_NUL, ROWS
from parties.api.fields import Body, Moment, Points, Rows, ShortName, Text, shown_name


@extend_schema_field(
    {
        "type": "object",
        "maxProperties": MAX_METADATA,
        "propertyNames": {"minLength": 1, "maxLength": MAX_METADATA_NAME, "pattern": NO_NUL},
        "additionalProperties": {"type": "string", "maxLength": MAX_METADATA_TEXT, "pattern": NO_NUL},
    }
)
class MetadataField(serializers.DictField):
    """The partner's own notes: up to 20 names of 40 characters with texts of 500."""

    default_error_messages = {"not_a_dict": gettext_lazy("Give an object: names with texts.")}
    child = Text(max_length=MAX_METADATA_TEXT, allow_blank=True)

    def to_internal_value(self, data: Any) -> dict[str, str]:
        try:
            found: dict[str, str] = super().to_internal_value(data)
        except serializers.ValidationError as refusal:
            raise _with_names_shown(refusal) from None
        if len(found) > MAX_METADATA or not all(1 <= len(name) <= MAX_METADATA_NAME for name in found):
            said = {"names": MAX_METADATA, "length": MAX_METADATA_NAME}
            raise serializers.ValidationError(
                _("Up to %(names)s names of 1 to %(length)s characters.") % said, code="too_many"
            )
        return found


def _with_names_shown(refusal: serializers.ValidationError) -> serializers.ValidationError:
    detail = refusal.detail
    if isinstance(detail, dict):
        detail = {shown_name(name): found for name, found in detail.items()}
    return serializers.ValidationError(detail)


class GiftWish(Body):
    """One gift that is asked for."""

    points = Points(required=False, allow_null=True, help_text="What the order says, if left out.")
    recipient_ref = Text(
        max_length=MAX_RECIPIENT_LENGTH,
        required=False,
        default="",
        allow_blank=True,
        help_text="Your own name for whoever gets it: an order number, a hashed address. No personal data.",
    )
    claim_until = Moment(
        required=False, allow_null=True, help_text="An exclusive end, no later than that of the order."
    )
    metadata = MetadataField(
        required=False, default=dict, help_text="Your own notes; given back as they came."
    )


class OneGift(GiftWish):
    """A gift, and the campaign that gives it."""

    campaign = ShortName(help_text="The campaign's short name.")


class ManyGifts(Body):
    """Gifts of one campaign, all or none."""

    campaign = ShortName(help_text="The campaign's short name.")
    gifts = Rows(
        child=GiftWish(), min_length=1, max_length=MAX_GIFTS_AT_ONCE, help_text="`{}` for each plain one."
    )


_NOT_BLANK = r"^[^\x00]*[^\s\x00][^\x00]*$"


class VoidWish(Body):
    """Why a gift is withdrawn."""

    reason = Text(
        max_length=200,
        validators=[RegexValidator(_NOT_BLANK, gettext_lazy("Give a reason, not only spaces."), "blank")],
        help_text="For whoever looks at it later; members do not see it.",
    )


class GiftShape(serializers.Serializer[Any]):
    """A gift, without its code."""

    id = serializers.UUIDField(help_text="Of the gift.")
    serial = serializers.CharField(help_text="The public number of the code, for logs and support.")
    points = serializers.IntegerField(help_text="What it is worth.")
    claim_until = serializers.DateTimeField(help_text="Exclusive: from then on it can't be claimed.")
    status = serializers.ChoiceField(GiftState.values, help_text="What became of it so far.")
    recipient_ref = serializers.CharField(help_text="Yours, as it was sent.")
    metadata = serializers.DictField(
        child=serializers.CharField(), help_text="Your own notes, as they were sent."
    )
    issued_at = serializers.DateTimeField(help_text="When it was issued.")


class IssuedGiftShape(GiftShape):
    """A gift with its code: whoever has it has the points."""

    code = serializers.CharField(help_text="16 digits. A string: never a number.")
    url = serializers.URLField(
        help_text="Opens the page with the code filled in; the code rides in the fragment."
    )


MANY_ISSUED = inline_serializer(
    "ManyIssuedGifts", {"data": IssuedGiftShape(many=True, help_text="In the order of the request.")}
)
GIFT_PAGE = inline_serializer(
    "GiftPage",
    {
        "data": GiftShape(many=True, help_text=ROWS),
        "has_more": serializers.BooleanField(help_text=HAS_MORE),
        "next_cursor": serializers.CharField(allow_null=True, help_text=NEXT_CURSOR),
    },
)


class AmountShape(serializers.Serializer[Any]):
    """So many gifts, worth so many points."""

    gifts = serializers.IntegerField(help_text="How many gifts.")
    points = serializers.IntegerField(help_text="What they are worth together.")


class BudgetShape(serializers.Serializer[Any]):
    """Where the money of the orders is that issue by API."""

    reserved = AmountShape(help_text="By approved orders, for the whole of their time.")
    issued = AmountShape(help_text="All that were ever issued, whatever became of them.")
    claimed = AmountShape(help_text="Issued and claimed.")
    voided = AmountShape(help_text="Issued and withdrawn.")
    expired = AmountShape(help_text="Issued, and never claimed in time.")
    left = AmountShape(help_text="What can still be issued.")


class CampaignShape(serializers.Serializer[Any]):
    """A campaign."""

    id = serializers.SlugField(help_text="Its short name, as in the address of its page.")
    name = serializers.CharField(help_text="As members see it.")
    state = serializers.ChoiceField(
        ["not_begun", "running", "paused", "ended"], help_text="Where it is in its time."
    )
    starts_at = serializers.DateTimeField(help_text="From then on codes can be claimed.")
    ends_at = serializers.DateTimeField(help_text="Exclusive: from then on it is over.")
    budget = BudgetShape(help_text="Of its orders that are issued by API.")


def wanted(data: Mapping[str, Any]) -> GiftWanted:
    """What the engine is asked for."""
    return GiftWanted(
        points=data.get("points"),
        recipient_ref=data.get("recipient_ref", ""),
        claim_until=data.get("claim_until"),
        metadata=data.get("metadata", {}),
    )


def shown(gift: Gift, *, at: datetime) -> dict[str, Any]:
    """A gift without its code."""
    return _shown(gift, gift.pk, status_of(gift, at=at))


def shown_with_code(gift: IssuedGift, *, at: datetime) -> dict[str, Any]:
    """A gift with its code."""
    return {
        **_shown(gift, gift.serial_number, status_of(gift, at=at)),
        "code": gift.code,
        "url": gift.url,
    }


def _shown(gift: Gift | IssuedGift, serial_number: int, status: GiftState) -> dict[str, Any]:
    return {
        "id": gift.public_id,
        "serial": str(serial_number),
        "points": gift.points,
        "claim_until": gift.claim_until,
        "status": status.value,
        "recipient_ref": gift.recipient_ref,
        "metadata": gift.metadata,
        "issued_at": gift.issued_at,
    }
