"""Mails to members besides the sign-in code: each in their own language, plain text."""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.template.loader import render_to_string
from django.utils import translation

from parties import consents as parties
from parties.models import User


def language_of(user: User | AnonymousUser) -> str:
    """The language of mails to this person; Japanese for whoever never said."""
    return getattr(user, "language", "") or settings.LANGUAGE_CODE


def remember_language(user: User | AnonymousUser) -> None:
    """The language of this page is that of mails, too, unless the person has said another."""
    if isinstance(user, User) and not user.language:
        parties.prefer_language(user_id=user.pk, language=translation.get_language() or "")


def compose(
    name: str,
    context: dict[str, Any],
    *,
    to: str,
    language: str,
    headers: dict[str, str] | None = None,
    connection: BaseEmailBackend | None = None,
) -> EmailMessage:
    """The mail of `mail/<name>_subject.txt` and `_message.txt`, to one address."""
    with translation.override(language):
        subject = " ".join(render_to_string(f"redemption_site/mail/{name}_subject.txt", context).split())
        body = render_to_string(f"redemption_site/mail/{name}_message.txt", context)
    return EmailMessage(subject, body, to=[to], headers=headers, connection=connection)
