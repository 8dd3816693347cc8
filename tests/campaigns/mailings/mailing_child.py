"""A worker in a process of its own, killed while the mail server has a mail.

    python -m tests.campaigns.mailings.mailing_child MOMENT

What the mail server took is told on the output: whom it was for, and no code.
"""

import os
import signal
import sys
from collections.abc import Sequence
from datetime import datetime

import django
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend


class Deadly(BaseEmailBackend):
    """Takes the mail, and then the sender dies."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        print(email_messages[0].to[0], flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
        return 1


def main(moment: str) -> None:
    django.setup()
    from django.conf import settings

    from campaigns.services import mailing_sending

    settings.EMAIL_BACKEND = "tests.campaigns.mailings.mailing_child.Deadly"
    mailing_sending.send_step(at=datetime.fromisoformat(moment))


if __name__ == "__main__":
    main(*sys.argv[1:])
