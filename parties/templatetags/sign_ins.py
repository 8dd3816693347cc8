"""How people are told with what somebody signed in; the audit log keeps the word of the machine."""

from django import template
from django.utils.translation import gettext as _

register = template.Library()


@register.filter
def way(reason: str) -> str:
    """In words; what people wrote stays as it is."""
    words = {
        "password": _("password"),
        "second factor": _("second factor"),
        "totp": _("authenticator app"),
        "webauthn": _("passkey"),
        "recovery_codes": _("recovery code"),
    }
    return words.get(reason, reason)
