"""An extension against the closing of its batch: it ends later or it is closed, never both."""

import threading
from datetime import timedelta

import pytest
from django.db import transaction

from giftcodes import locking
from giftcodes import services as giftcodes
from giftcodes.errors import BatchRefused
from giftcodes.models import Batch, BatchState
from tests import make
from tests.concurrency.racing import race

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]


@pytest.mark.parametrize("waits", [True, False], ids=["as it is", "control: without the lock"])
def test_a_batch_whose_extension_is_under_way_is_not_closed(
    waits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The extension is decided and not committed when the closing comes at the old end."""
    batch = make.live_batch(size=4)
    ends, people = batch.claim_until, [make.user(), make.user()]
    decided, may_end = threading.Barrier(2, timeout=30), threading.Event()
    if not waits:
        monkeypatch.setattr(locking, "own_batch", lambda _batch_id: None)

    def extend() -> None:
        with transaction.atomic():
            giftcodes.extend_batch(
                batch_id=batch.pk,
                until_before=ends,
                until=ends + timedelta(days=1),
                reason="late posters",
                requested_by=people[0],
                approved_by=people[1],
                at=ends - timedelta(seconds=1),
            )
            decided.wait()
            may_end.wait(1)

    def close() -> int:
        decided.wait()
        return giftcodes.close_batch(batch_id=batch.pk, at=ends)

    extended, closed = race(extend, close)
    assert extended is None, extended
    batch = Batch.objects.get(pk=batch.pk)
    assert batch.claim_until == ends + timedelta(days=1)
    if waits:
        assert isinstance(closed, BatchRefused), closed
        assert batch.state == BatchState.ACTIVE
    else:
        assert batch.state == BatchState.CLOSED
