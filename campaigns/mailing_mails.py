"""The mail to one recipient, whole: who it comes from, where a report about it goes, how to have no more."""

from email.utils import formataddr, parseaddr
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.urls import reverse

from campaigns import mailing_sealing as sealing
from campaigns.mailing_models import Mailing, Recipient
from campaigns.mailing_texts import Mail

TEST = "test"  # in the place of a recipient's number, where there is none


def opt_out_link(recipient_number: str) -> str:
    """The address of the page that ends the brand's mails to a recipient: the signed number says whose."""
    return settings.SITE_URL + reverse("stop_mailings", args=[recipient_number])


def message_to(
    recipient: Recipient, address: str, mail: Mail, *, connection: BaseEmailBackend
) -> EmailMessage:
    """The mail as it is handed over. Where MAIL_BOUNCE_ADDRESS is set the envelope's sender carries the
    signed number of the recipient, so that a report of a bounce says whom it is about; the Message-ID carries
    it always.
    """
    number = sealing.number_of(recipient.pk)
    headers = {
        "List-Unsubscribe": f"<{opt_out_link(number)}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Message-ID": f"<mailing-{number}-{recipient.tries}@{urlsplit(settings.SITE_URL).hostname}>",
    }
    return _message(recipient.mailing, address, mail, headers, connection, envelope=bounce_address(number))


def test_message(mailing: Mailing, address: str, mail: Mail) -> EmailMessage:
    """The mail to whoever tries it out."""
    return _message(mailing, address, mail, {}, None, envelope=parseaddr(settings.DEFAULT_FROM_EMAIL)[1])


def bounce_address(number: str) -> str:
    """Where reports about the recipient's mail go: `bounces+12.ab34@example.jp`."""
    local, _at, domain = settings.MAIL_BOUNCE_ADDRESS.rpartition("@")
    return f"{local}+{number}@{domain}" if local else parseaddr(settings.DEFAULT_FROM_EMAIL)[1]


def _message(
    mailing: Mailing,
    address: str,
    mail: Mail,
    headers: dict[str, str],
    connection: BaseEmailBackend | None,
    *,
    envelope: str,
) -> EmailMessage:
    sender = formataddr((mailing.sender_name, parseaddr(settings.DEFAULT_FROM_EMAIL)[1]))
    return EmailMessage(
        mail.subject,
        mail.body,
        envelope,  # Django's envelope sender; what people see is the header
        [address],
        headers={"From": sender, "Auto-Submitted": "auto-generated"} | headers,
        connection=connection,
    )
