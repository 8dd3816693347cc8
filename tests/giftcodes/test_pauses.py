"""A batch that is paused: nothing of it is claimed or issued, and nothing of it is lost."""

from datetime import timedelta

import pytest

from giftcodes import audit, gift_queries, queries
from giftcodes import services as giftcodes
from giftcodes.errors import BatchRefused, CodeNotUsable, NotIssuing
from giftcodes.models import Batch, BatchState, BatchSwitch
from giftcodes.queries import SerialState
from ledger import audit as ledger_audit
from tests import make
from tests.make import NOON

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def pause(batch: Batch, reason: str = "printed twice") -> bool:
    return giftcodes.pause_batch(batch_id=batch.pk, reason=reason, by=make.user(), at=NOON)


def resume(batch: Batch, reason: str = "it was the draft") -> bool:
    return giftcodes.resume_batch(batch_id=batch.pk, reason=reason, by=make.user(), at=NOON + HOUR)


def claim(batch: Batch, place: int = 0) -> None:
    giftcodes.claim_code(text=make.code_of(batch, place), member=make.member(), at=NOON + HOUR)


def state_of(batch: Batch, place: int) -> SerialState:
    status = queries.status_of_serial(batch.first_claim_id + place, at=NOON + HOUR)
    assert status is not None
    return status.state


def test_no_code_is_claimed_until_the_batch_goes_on() -> None:
    batch = make.live_batch(size=5)
    claim(batch, 0)
    assert pause(batch)
    with pytest.raises(CodeNotUsable):
        claim(batch, 1)
    assert [state_of(batch, place) for place in (0, 1)] == [SerialState.CLAIMED, SerialState.PAUSED]
    assert resume(batch)
    claim(batch, 1)
    assert [*ledger_audit.differences(), *audit.differences()] == []


def test_no_gift_is_issued_and_none_that_was_is_claimed_until_it_goes_on() -> None:
    batch = make.gift_batch()
    client = make.api_client(batch.brand)
    issued = make.gifts(batch, client=client, key="order-1")[0]
    assert pause(batch)
    with pytest.raises(NotIssuing):
        make.gifts(batch, client=client, key="order-2")
    assert make.gifts(batch, client=client, key="order-1")[0] == issued  # it was issued before
    with pytest.raises(CodeNotUsable):
        giftcodes.claim_code(text=issued.code, member=make.member(), at=NOON)
    assert resume(batch)
    make.gifts(batch, client=client, key="order-2")
    giftcodes.claim_code(text=issued.code, member=make.member(), at=NOON)
    assert gift_queries.budget_of(batch).issued.gifts == 2
    assert [*ledger_audit.differences(), *audit.differences()] == []


def test_each_act_leaves_one_row_and_a_repeat_none() -> None:
    batch = make.live_batch()
    assert [pause(batch), pause(batch), resume(batch), resume(batch)] == [True, False, True, False]
    rows = BatchSwitch.objects.order_by("pk").values_list("is_pause", "reason", "switched_at")
    assert list(rows) == [(True, "printed twice", NOON), (False, "it was the draft", NOON + HOUR)]


@pytest.mark.parametrize("reason", ["", "  ", "x" * 201, "a\0"])
def test_without_a_reason_nothing_happens(reason: str) -> None:
    batch = make.live_batch()
    with pytest.raises(BatchRefused) as refusal:
        pause(batch, reason)
    assert refusal.value.rule == "reason"
    batch.refresh_from_db()
    assert batch.state == BatchState.ACTIVE


def test_a_batch_that_is_not_active_is_not_paused_and_one_that_is_goes_nowhere() -> None:
    batch = make.batch()
    for act in (pause, resume):
        with pytest.raises(BatchRefused) as refusal:
            act(batch)
        assert refusal.value.rule == "switch"
    closed = make.live_batch()
    giftcodes.close_batch(batch_id=closed.pk, at=closed.claim_until)
    with pytest.raises(BatchRefused):
        pause(closed)
    assert not BatchSwitch.objects.exists()


def test_a_paused_batch_is_closed_at_its_end_and_can_be_withdrawn_from() -> None:
    batch = make.live_batch(size=5)
    pause(batch)
    first = batch.first_serial
    voided = giftcodes.void_codes(
        batch_id=batch.pk, first_serial=first, last_serial=first, **make.decided(batch)
    )
    assert voided == 1
    assert giftcodes.close_due_batches(at=batch.claim_until) == 1
    batch.refresh_from_db()
    assert (batch.state, batch.expired_codes) == (BatchState.CLOSED, 4)
    assert [*ledger_audit.differences(), *audit.differences()] == []


def test_a_code_in_the_reason_is_not_kept() -> None:
    batch, by = make.live_batch(size=1), make.user()
    code = make.code_of(batch)
    giftcodes.pause_batch(batch_id=batch.pk, reason=f"{code} was posted", by=by, at=NOON)
    assert BatchSwitch.objects.get().reason == f"••••-••••-••••-{code[-4:]} was posted"
