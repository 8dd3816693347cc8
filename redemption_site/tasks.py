"""Nudges for the workers: notices before points expire. The tables say what is due."""

import time

from celery import shared_task
from django.conf import settings

from ledger.statements import database_time
from redemption_site import notices


@shared_task(acks_late=True, ignore_result=True)
def send_notices() -> None:
    """Queue the notices that are due, then send those that wait: in steps, each for a quarter of the time to
    the next run at most. Stopped in the middle, or run twice at once, nobody is told twice but by a mail that
    was cut off.
    """
    quarter = settings.NOTICE_SECONDS / 4
    deadline = time.monotonic() + quarter
    for _step in notices.queue_steps(at=database_time()):
        if time.monotonic() > deadline:
            break
    deadline = time.monotonic() + quarter
    while notices.send_step(at=database_time()) and time.monotonic() < deadline:
        pass
