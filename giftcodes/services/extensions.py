"""A later end of a claim window. The claim statement reads the end of the batch, as ever: no look more."""

from datetime import datetime

from django.db import transaction

from giftcodes import locking
from giftcodes.errors import BatchRefused
from giftcodes.extension_models import BatchExtension
from giftcodes.models import Batch, BatchState
from parties.models import User

_EXTENDABLE = (BatchState.MINTED, BatchState.ACTIVE, BatchState.PAUSED)


def printed_until(batch: Batch) -> datetime:
    """The end of the claim window that stands in the file of the batch, whatever came later."""
    first = BatchExtension.objects.filter(batch=batch).order_by("until_before")
    return first.values_list("until_before", flat=True).first() or batch.claim_until


@transaction.atomic
def extend_batch(
    *,
    batch_id: int,
    until_before: datetime,
    until: datetime,
    reason: str,
    requested_by: User,
    approved_by: User,
    at: datetime,
) -> BatchExtension:
    """Let the codes of a batch be claimed until `until` (exclusive) instead of `until_before`, by an
    amendment that stays; the batch's end follows it.

    Closing is kept out meanwhile, so a batch is extended or closed, and never both. BatchRefused by rule:
    `gifts` (each has an end of its own), `state` (not minted yet, or closed), `changed` (it does not end at
    `until_before`), `window_passed` (it has ended), `later` (`until` is not).
    """
    locking.own_batch(batch_id)
    batch = Batch.objects.get(pk=batch_id)
    rules = {
        "gifts": not batch.issues_gifts,
        "state": batch.state in _EXTENDABLE,
        "changed": batch.claim_until == until_before,
        "window_passed": at < batch.claim_until,
        "later": batch.claim_until < until,
    }
    for rule, is_kept in rules.items():
        if not is_kept:
            raise BatchRefused(f"the claim window can't be extended: {rule}", rule=rule)
    extension = BatchExtension.objects.create(
        batch=batch,
        until_before=until_before,
        until_after=until,
        reason=reason,
        requested_by=requested_by,
        approved_by=approved_by,
        extended_at=at,
    )
    Batch.objects.filter(pk=batch_id).update(claim_until=until)
    return extension
