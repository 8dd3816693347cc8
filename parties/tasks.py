"""Nudges for the workers: events on their way to partner systems, invitations. The tables say what is due."""

import logging
import time

from celery import shared_task
from django.conf import settings
from kombu.exceptions import ChannelError, OperationalError
from redis.exceptions import RedisError

from parties import invitation_services, webhook_services
from parties.moments import database_time

# What the brokers raise when they are away, or full.
_QUEUE_FAILED = (OperationalError, ChannelError, RedisError, OSError)

logger = logging.getLogger(__name__)


def nudge_events() -> None:
    """Ask a worker to bring events to their endpoints, soon if the queue can be reached, else at the next
    sweep. Call it after the transaction that recorded them has been committed.
    """
    try:
        bring_events.apply_async(retry=False, expires=settings.WEBHOOK_SECONDS)
    except _QUEUE_FAILED:
        logger.warning("The queue can't be reached: a sweep will bring the events.")


@shared_task(acks_late=True, ignore_result=True)
def bring_events() -> None:
    """Write down what each endpoint is to be told, and send what is due: for the time to the next run, and at
    most one attempt more. Stopped in the middle, or run twice at once, it comes to the same.
    """
    deadline = time.monotonic() + settings.WEBHOOK_SECONDS
    while webhook_services.queue_deliveries(at=database_time()) and time.monotonic() < deadline:
        pass
    while webhook_services.send_due(at=database_time()) and time.monotonic() < deadline:
        pass


@shared_task(acks_late=True, ignore_result=True)
def forget_uninvited() -> None:
    """Delete who was invited to a role and never came."""
    invitation_services.forget_uninvited(at=database_time())
