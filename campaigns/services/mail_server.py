"""The mail server, so spoken to that a failure says whether the mail may have gone out."""

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.core.mail import get_connection
from django.core.mail.backends.base import BaseEmailBackend


class NotReached(Exception):
    """No connection: it was told nothing. The message is the kind of failure."""


# It said no, or heard nothing: the mail did not go out. What breaks off later may have.
NOT_SENT = (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused, NotReached)
BROKEN_OFF = (smtplib.SMTPException, OSError)


@contextmanager
def mail_server() -> Iterator[BaseEmailBackend]:
    """A connection to it, to send by. NotReached if there is none."""
    mailer: BaseEmailBackend = get_connection()
    try:
        mailer.open()
    except BROKEN_OFF as failure:
        raise NotReached(type(failure).__name__) from failure
    try:
        yield mailer
    finally:
        with suppress(*BROKEN_OFF):  # what was sent is sent
            mailer.close()
