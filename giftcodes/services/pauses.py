"""Codes that can't be claimed for a while, and gifts that are not issued: stopped at once, and going on as if
nothing had been. Nothing is withdrawn, no point moves, and no window gets longer by it.
"""

from datetime import datetime

from django.db import transaction

from giftcodes import locking
from giftcodes.errors import BatchRefused
from giftcodes.masking import mask_codes
from giftcodes.models import Batch, BatchState, BatchSwitch
from parties.models import User

MAX_REASON_LENGTH = 200


def pause_batch(*, batch_id: int, reason: str, by: User, at: datetime) -> bool:
    """From now on no code of an active batch is claimed: claims under way are waited for. No gift of it is
    issued, but for those whose calls are under way, and these can't be claimed either. What was claimed
    stays.

    Whether this call did it: False if it was paused already, and then nothing is recorded. A code in the
    reason is masked. BatchRefused without a reason of 1 to 200 characters, and for a batch in any other
    state.
    """
    return _switch(batch_id, BatchState.ACTIVE, BatchState.PAUSED, reason, by, at)


def resume_batch(*, batch_id: int, reason: str, by: User, at: datetime) -> bool:
    """A paused batch goes on, within the window that it has. Gives back and raises what `pause_batch`
    does.
    """
    return _switch(batch_id, BatchState.PAUSED, BatchState.ACTIVE, reason, by, at)


@transaction.atomic
def _switch(
    batch_id: int, before: BatchState, after: BatchState, reason: str, by: User, at: datetime
) -> bool:
    reason = reason.strip()
    if not 1 <= len(reason) <= MAX_REASON_LENGTH or "\0" in reason:
        raise BatchRefused("pausing and resuming need a reason of 1 to 200 characters", rule="reason")
    reason = mask_codes(reason).text[:MAX_REASON_LENGTH]
    locking.own_batch(batch_id)
    if not Batch.objects.filter(pk=batch_id, state=before).update(state=after):
        state = Batch.objects.values_list("state", flat=True).get(pk=batch_id)
        if state != after:
            raise BatchRefused(f"a batch that is {state} can't become {after}", rule="switch")
        return False
    is_pause = after == BatchState.PAUSED
    BatchSwitch.objects.create(
        batch_id=batch_id, is_pause=is_pause, reason=reason, switched_by=by, switched_at=at
    )
    return True
