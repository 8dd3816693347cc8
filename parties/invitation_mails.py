"""The mails with links: to an invited person, and to one of the staff who needs a new password."""

import logging
import smtplib

from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.utils import translation

from parties.invitation_models import StaffInvitation
from parties.models import User

logger = logging.getLogger(__name__)


def send_invitation(invitation: StaffInvitation, *, link: str) -> bool:
    """To the invited address, in the language that was chosen for it. Whether it went out."""
    with translation.override(invitation.language):
        context = {"invitation": invitation, "link": link, "role": invitation.get_role_display()}
        return _send("invitation", context, invitation.email, f"invitation {invitation.pk}")


def send_new_password(person: User, *, link: str) -> bool:
    """To the address that the person signs in with. Whether it went out."""
    with translation.override(person.language or "ja"):
        context: dict[str, object] = {"address": person.email, "link": link}
        return _send("new_password", context, person.email or "", f"user {person.pk}")


def _send(name: str, context: dict[str, object], address: str, told_as: str) -> bool:
    subject = render_to_string(f"parties/mail/{name}_subject.txt", context).strip()
    text = render_to_string(f"parties/mail/{name}_message.txt", context)
    try:
        send_mail(" ".join(subject.split()), text, None, [address])
    except (smtplib.SMTPException, OSError) as failure:
        logger.warning("No mail for %s: %s.", told_as, type(failure).__name__)
        return False
    return True
