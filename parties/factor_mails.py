"""A mail to the owner of second factors when they change: it may not have been them."""

import logging
import smtplib

from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.utils import translation

from parties.models import User
from parties.staff_models import Act

logger = logging.getLogger(__name__)


def tell_owner(user: User, act: Act) -> None:
    """Tell that this was done. A mail that can't be sent is noted in the log and stops nothing."""
    if not user.email:
        return
    with translation.override(user.language or "ja"):
        context = {"act": act.label, "address": user.email}
        subject = render_to_string("parties/mail/factor_subject.txt", context).strip()
        text = render_to_string("parties/mail/factor_message.txt", context)
    try:
        send_mail(subject, text, None, [user.email])
    except (smtplib.SMTPException, OSError) as failure:
        logger.warning("No mail about the second factor of user %s: %s.", user.pk, type(failure).__name__)
