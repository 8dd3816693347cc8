"""Nudges for the workers: notices before points expire. The tables say what is due."""

import time
from collections.abc import Callable

from celery import shared_task
from django.conf import settings

from ledger.statements import database_time
from redemption_site import notices


@shared_task(acks_late=True, ignore_result=True)
def send_notices() -> None:
    """Queue the notices that are due, then send those that wait: in steps, for half the time to the next run
    at most. Stopped in the middle, or run twice at once, nobody is told twice, but by a mail that was cut off.
    """
    deadline = time.monotonic() + settings.NOTICE_SECONDS / 2
    if settings.NOTICE_DAYS:
        _step_until(deadline, notices.queue_step)
    _step_until(deadline, notices.send_step)


def _step_until(deadline: float, step: Callable[..., int]) -> None:
    """At least one step; more while there is something left to do, up to the deadline."""
    while step(at=database_time()) and time.monotonic() < deadline:
        pass
