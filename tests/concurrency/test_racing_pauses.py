"""Claims against a pause: what was let in is claimed before the pause is over with, and nothing after it."""

import threading

import pytest
from django.db import connection, transaction

from giftcodes import locking
from giftcodes import services as giftcodes
from giftcodes.errors import CodeNotUsable
from giftcodes.models import BatchState, Claim
from tests import make
from tests.concurrency.racing import race
from tests.make import NOON

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]

CLAIMS = 12


@pytest.mark.parametrize("waits", [True, False], ids=["as it is", "control: without the lock"])
def test_whatever_is_claimed_was_claimed_before_the_pause_was_over(
    waits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The claims stand in their transactions, decided and not committed, when the pause comes."""
    batch = make.live_batch(size=CLAIMS)
    members, codes = [make.member() for _ in range(4)], [make.code_of(batch, place) for place in range(4)]
    by = make.user()
    decided, may_end = threading.Barrier(5, timeout=30), threading.Event()
    if not waits:
        monkeypatch.setattr(locking, "own_batch", lambda _batch_id: None)

    def claim(place: int) -> object:
        with transaction.atomic():
            claimed = giftcodes.claim_code(text=codes[place], member=members[place], at=NOON)
            decided.wait()
            may_end.wait(30)
        return claimed

    def pause() -> int:
        decided.wait()
        if waits:  # or it would wait for ever; without the lock the claims go on only after it
            threading.Timer(0.5, may_end.set).start()
        giftcodes.pause_batch(batch_id=batch.pk, reason="printed twice", by=by, at=NOON)
        seen = Claim.objects.filter(batch=batch).count()
        may_end.set()
        return seen

    *claims, seen = race(*[lambda place=place: claim(place) for place in range(4)], pause)
    assert not any(isinstance(each, Exception) for each in claims), claims
    assert seen == (4 if waits else 0)
    assert Claim.objects.filter(batch=batch).count() == 4


def test_of_claims_and_a_pause_at_once_none_comes_in_afterwards() -> None:
    batch = make.live_batch(size=CLAIMS)
    members = [make.member() for _ in range(CLAIMS)]
    codes = [make.code_of(batch, place) for place in range(CLAIMS)]
    by = make.user()

    def claim(place: int) -> object:
        return giftcodes.claim_code(text=codes[place], member=members[place], at=NOON)

    def pause() -> int:
        giftcodes.pause_batch(batch_id=batch.pk, reason="printed twice", by=by, at=NOON)
        return Claim.objects.filter(batch=batch).count()

    calls = [lambda place=place: claim(place) for place in range(CLAIMS)]
    *claims, seen = race(*calls, pause)
    refused = [each for each in claims if isinstance(each, Exception)]
    assert all(isinstance(each, CodeNotUsable) for each in refused), refused
    assert Claim.objects.filter(batch=batch).count() == seen == CLAIMS - len(refused)
    batch.refresh_from_db()
    assert batch.state == BatchState.PAUSED
    assert connection.in_atomic_block is False
