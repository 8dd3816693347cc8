"""Nudges for the workers: what has ended by itself. The tables say what is due; a lost message costs a
moment.
"""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from celery import shared_task
from django.conf import settings
from django.db import OperationalError

from ledger import services
from ledger.errors import LedgerError
from ledger.statements import database_time

_HOLDS_PER_STEP = 500
_LOTS_PER_STEP = 1_000
_SECONDS_PER_RUN = 10.0
# A day that is closed stays closed: a clock that jumps ahead must not close the ledger for years to come.
_CLOCKS_APART = timedelta(days=2)

logger = logging.getLogger(__name__)


@shared_task(acks_late=True, ignore_result=True)
def expire_points() -> None:
    """End the holds that are due, so that their points are back in their lots, then the lots that are due.

    In steps, for half the time to the next run at most: runs can't pile up, however much is due. Stopped in
    the middle, or run twice at once, it comes to the same.
    """
    at, deadline = database_time(), time.monotonic() + settings.EXPIRY_SECONDS / 2
    try:
        _step_until(deadline, partial(services.expire_holds, at=at, limit=_HOLDS_PER_STEP))
    except LedgerError:
        logger.exception("A hold can't be ended now: the next run tries again.")
    _step_until(deadline, partial(services.expire_lots, at=at, limit=_LOTS_PER_STEP))


@shared_task(acks_late=True, ignore_result=True, soft_time_limit=540, time_limit=570)
def seal_days() -> None:
    """Close and seal the days that are over, one after the other, for some seconds; the next run goes on.

    Its limits are those of the longest day: a message comes again after 600 seconds. Twice at once is
    harmless.
    """
    at, deadline = database_time(), time.monotonic() + _SECONDS_PER_RUN
    if at - datetime.now(UTC) > _CLOCKS_APART:
        logger.error(
            "No day is closed: the database's clock says %s. Set it, or the clock of this machine.", at
        )
        return
    try:
        _step_until(deadline, partial(services.seal_due_days, at=at, limit=1))
    except (LedgerError, OSError):
        logger.exception("A day can't be sealed now: the next run tries again.")
    try:
        _step_until(deadline + _SECONDS_PER_RUN, partial(services.seal_due_log_days, at=at, limit=1))
    except (LedgerError, OSError, OperationalError):
        logger.exception("A day of the audit log can't be sealed now: the next run tries again.")


def _step_until(deadline: float, step: Callable[[], int]) -> None:
    """At least one step; more while there is something left to do, up to the deadline."""
    while step() and time.monotonic() < deadline:
        pass
