"""A mail server for tests: it keeps what it took, and answers or dies as a test tells it to."""

from collections.abc import Callable, Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

BACKEND = "tests.campaigns.mailings.postbox.Postbox"
taken: list[EmailMessage] = []
# Called with each mail before it is taken, and after; what they raise is what the sender sees.
before: list[Callable[[EmailMessage], None]] = []
after: list[Callable[[EmailMessage], None]] = []


class Killed(BaseException):
    """The process dies here: nothing catches it, and nothing that comes after runs."""


class Postbox(BaseEmailBackend):
    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            for hook in before:
                hook(message)
            taken.append(message)
            for hook in after:
                hook(message)
        return len(email_messages)


def empty() -> None:
    for kept in (taken, before, after):
        kept.clear()


def recipients() -> list[str]:
    return [address for message in taken for address in message.to]
