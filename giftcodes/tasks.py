"""Nudges for the workers. What has to be done stands in the tables: a lost message costs a moment."""

import logging
import time

from celery import shared_task
from django.conf import settings
from kombu.exceptions import ChannelError, OperationalError
from redis.exceptions import RedisError

from giftcodes import delivery_queries, queries, services
from giftcodes.errors import GiftcodesError, JournalBusy, JournalError
from ledger.errors import SealKeyMissing
from ledger.statements import database_time

# What the brokers raise when they are away, or full.
_QUEUE_FAILED = (OperationalError, ChannelError, RedisError, OSError)
_SECONDS_PER_TASK = 10.0  # then the next message: one long order must not keep a worker from everything else
GIFTS_PER_STEP = 500

logger = logging.getLogger(__name__)


def nudge_minting(batch_id: int) -> None:
    """Ask a worker to mint the batch, soon if the queue can be reached, else when the next sweep finds it.

    Call it after the transaction that made the batch has been committed.
    """
    try:
        mint_batch.apply_async((batch_id,), retry=False)
    except _QUEUE_FAILED:
        logger.warning("The queue can't be reached: a sweep will find batch %s.", batch_id)


@shared_task(acks_late=True, ignore_result=True)
def mint_batch(batch_id: int) -> None:
    """Mint for some seconds, then ask for the rest. Any number of messages, early or late, have one effect.

    A message that finds the batch in other hands ends there, so that duplicates die out.
    """
    if _mint_until(time.monotonic() + _SECONDS_PER_TASK, batch_id):
        nudge_minting(batch_id)


def nudge_delivery(delivery_id: int) -> None:
    """Ask a worker to make an approved delivery. Call it after the commit."""
    try:
        make_delivery.apply_async((delivery_id,), retry=False)
    except _QUEUE_FAILED:
        logger.warning("The queue can't be reached: a sweep will find delivery %s.", delivery_id)


@shared_task(acks_late=True, ignore_result=True)
def make_delivery(delivery_id: int) -> None:
    """Make parts of it for some seconds, then ask for the rest; as `mint_batch`."""
    if _make_until(time.monotonic() + _SECONDS_PER_TASK, delivery_id):
        nudge_delivery(delivery_id)


@shared_task(acks_late=True, ignore_result=True)
def sweep_deliveries() -> None:
    """Go on with approved deliveries, for half the time to the next sweep at most."""
    deadline = time.monotonic() + settings.SWEEP_SECONDS / 2
    for delivery_id in delivery_queries.unmade_delivery_ids(limit=100):
        try:
            _make_until(deadline, delivery_id)
        except (GiftcodesError, OSError):
            logger.exception("Delivery %s can't be made now: the next sweep tries again.", delivery_id)
        if time.monotonic() >= deadline:
            break


@shared_task(acks_late=True, ignore_result=True)
def sweep_batches() -> None:
    """Do what no message is under way for: go on with unminted batches, close those whose window has passed.

    It mints by itself instead of sending messages, and for half the time to the next sweep at most: sweeps
    and messages can't pile up, however long an order takes.
    """
    deadline = time.monotonic() + settings.SWEEP_SECONDS / 2
    services.close_due_batches(at=database_time())
    for batch_id in queries.unminted_batch_ids(limit=100):
        try:
            _mint_until(deadline, batch_id)
        except (GiftcodesError, OSError):
            logger.exception("Batch %s can't be minted now: the next sweep tries again.", batch_id)
        if time.monotonic() >= deadline:
            break


@shared_task(acks_late=True, ignore_result=True)
def ship_claims() -> None:
    """Claims into the journal outside the database. What can't be shipped now waits in the database; claims
    go on.

    Only outside production does a journal begin beside claims by itself: there it may be the wrong folder.
    """
    try:
        services.ship_claims(begin=not settings.IS_PRODUCTION)
    except JournalBusy:
        return  # the other one is at it
    except (JournalError, SealKeyMissing, OSError) as failure:
        logger.error(  # a sentence for the operator, each second; not a traceback
            "Claims are not being journaled (%s: %s). They go on, and are shipped when this is mended: make"
            " room in %s, or do what it says.",
            type(failure).__name__,
            failure,
            settings.CLAIM_JOURNAL_DIR,
        )


@shared_task(acks_late=True, ignore_result=True)
def prune_tries() -> None:
    """Delete refused tries that are as old as they may become, and counts that nobody looks back to."""
    services.prune_tries(at=database_time())


@shared_task(acks_late=True, ignore_result=True)
def expire_gifts() -> None:
    """End gifts that are past their time, for half the time to the next call at most; and tell whose orders
    are nearly used up.
    """
    services.tell_low_budgets(at=database_time())
    deadline = time.monotonic() + settings.SWEEP_SECONDS / 2
    while services.expire_gifts(at=database_time(), limit=GIFTS_PER_STEP):
        if time.monotonic() >= deadline:
            break


def _mint_until(deadline: float, batch_id: int) -> bool:
    """Mint chunk after chunk up to the deadline; whether there is more to do."""
    while services.mint_next_chunk(batch_id=batch_id, at=database_time()):
        if time.monotonic() >= deadline:
            return True
    return False


def _make_until(deadline: float, delivery_id: int) -> bool:
    """Make part after part up to the deadline; whether there is more to do."""
    while services.make_next_part(delivery_id=delivery_id, at=database_time()):
        if time.monotonic() >= deadline:
            return True
    return False
