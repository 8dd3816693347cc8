"""The link that ends notices: signed, good for ever, and good for that alone."""

from uuid import UUID

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.urls import reverse

from parties.models import Member

_SIGNER = "redemption_site/v1/stop-notices"


def link_of(member: Member) -> str:
    """The whole address of the page with the button."""
    token = Signer(salt=_SIGNER, sep=".").sign(member.public_id.hex)
    return settings.SITE_URL + reverse("stop_notices", args=[token])


def member_number(token: str) -> UUID | None:
    """Whose link it is; None for what was not signed here."""
    try:
        return UUID(hex=Signer(salt=_SIGNER, sep=".").unsign(token))
    except BadSignature:
        return None
