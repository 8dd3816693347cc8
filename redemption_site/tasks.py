"""Nudges for the workers: notices before points expire, and sessions that have ended. The tables say what is
due.
"""

import time

from celery import shared_task
from django.conf import settings
from django.contrib.sessions.models import Session

from ledger.statements import database_time
from redemption_site import notices

SESSIONS_AT_ONCE = 10_000


@shared_task(acks_late=True, ignore_result=True)
def drop_ended_sessions() -> int:
    """Delete sessions that have ended, so many at a time: in that of a sign-in that was begun and never
    finished stands an e-mail address, of somebody who may not even be a member. How many went.
    """
    ended = Session.objects.filter(expire_date__lt=database_time()).order_by("expire_date")
    keys = list(ended.values_list("pk", flat=True)[:SESSIONS_AT_ONCE])
    return Session.objects.filter(pk__in=keys).delete()[0]


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
