"""A mail to a user whose ways to sign in have changed: it may not have been them."""

import logging

from allauth.account.adapter import get_adapter
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from parties.models import User

PASSKEY_ADDED = _("A passkey was added.")
PASSKEY_REMOVED = _("A passkey was removed.")
ACCOUNT_CONNECTED = _("An account of another service was connected.")
ACCOUNT_REMOVED = _("An account of another service was removed.")

logger = logging.getLogger(__name__)


def tell_owner(user: User, what: str | Promise) -> None:
    """Send the mail, to users with an address. The change has been made: it stands without the mail."""
    if not user.email:
        return
    try:
        get_adapter().send_mail("redemption_site/mail/ways_in_changed", user.email, {"what": what})
    except OSError:  # smtplib's errors are among them
        logger.exception("a notice about ways to sign in was not sent")
