"""What a member's card shows now, and whose card it was that a till has read."""

import hmac
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from parties import card_tokens
from parties.errors import CardTokenNotUsable, CardTokenTypingError
from parties.models import Member, MemberCard


class ShownToken(NamedTuple):
    """A token, and the exclusive instant at which it ends."""

    digits: str
    ends_at: datetime


def card_of(member: Member) -> MemberCard | None:
    """The member's card, if they have made one."""
    return MemberCard.objects.filter(member=member).first()


def token_of(card: MemberCard, *, at: datetime) -> ShownToken:
    """What the card shows at `at`: good from then on for more than 59 and at most 60 seconds."""
    second = _second(at)
    digits = card_tokens.spell(
        card_number=card.number, member_id=card.member_id, second=second, key=_key(settings.SECRET_KEY)
    )
    begun = at.replace(microsecond=0)
    return ShownToken(digits, begun + timedelta(seconds=card_tokens.SECONDS_GOOD))


def read_card_token(text: object, *, at: datetime) -> Member:
    """The member whose card showed this token within the minute before `at`, the database's time.

    `text` is what a till has scanned or somebody typed. CardTokenTypingError if it can't be a token, which
    says nothing about any card; else CardTokenNotUsable, one refusal for every reason: no such card, another
    number by now, a wrong digest, too old, of the future, a member who has closed the account or may not sign
    in. Reading changes nothing, so the same token may be read again until it ends.
    """
    try:
        token = card_tokens.read(text)
    except card_tokens.NotAToken as fault:
        raise CardTokenTypingError(fault.reason.value) from None
    card = MemberCard.objects.select_related("member__user").filter(number=token.card_number).first()
    second = card_tokens.second_of(token, now=_second(at))
    wanted = card_tokens.mark_of(
        card_number=token.card_number,
        member_id=card.member_id if card else 0,
        second=second or 0,
        key=_key(settings.SECRET_KEY),
    )
    is_right = hmac.compare_digest(wanted, token.mark)
    user = card.member.user if card else None
    if card is None or second is None or not is_right or user is None or not user.is_active:
        raise CardTokenNotUsable
    return card.member


def _second(at: datetime) -> int:
    return int(at.timestamp())


@lru_cache(maxsize=2)
def _key(secret: str) -> bytes:
    kdf = HKDF(hashes.SHA256(), 32, salt=None, info=b"parties/v1/card-token")
    return kdf.derive(secret.encode())
