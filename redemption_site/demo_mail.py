"""The demo's post: a mail is kept in memory for the page that asked for it, and never leaves the machine."""

import hashlib
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

SECONDS_KEPT = 15 * 60


class EmailBackend(BaseEmailBackend):
    """Keeps the newest mail to each address. Anywhere but in the demo it refuses to be made, for it gives
    sign-in codes to whoever asks."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if settings.TOKUTEN_ENV != "demo":
            raise ImproperlyConfigured(
                "Mails are shown on the page in the demo only; set EMAIL_URL to a mail server."
            )
        super().__init__(*args, **kwargs)

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            for address in message.recipients():
                cache.set(_key(address), f"{message.subject}\n\n{message.body}", SECONDS_KEPT)
        return len(email_messages)


def mail_to(address: str) -> str | None:
    """Subject and text of the newest mail to the address, in the demo; None everywhere else."""
    if settings.TOKUTEN_ENV != "demo":
        return None
    mail: str | None = cache.get(_key(address))
    return mail


def _key(address: str) -> str:
    return f"demo-mail:{hashlib.sha256(address.lower().encode()).hexdigest()}"
