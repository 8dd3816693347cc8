"""Who waits for a strand never waits in a circle with whoever takes them all."""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.db.models import F

from giftcodes import services as giftcodes
from giftcodes.gift_models import GiftStrand
from giftcodes.services import GiftWanted, Issued
from tests import make

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]


class Holder:
    """Somebody who is drawing from one strand, in a transaction that is still open."""

    def __init__(self, strand_id: int, *, draws_all: bool) -> None:
        self._may_end, self._has_it = threading.Event(), threading.Event()
        self._strand_id, self._draws_all = strand_id, draws_all
        self._thread = threading.Thread(target=self._hold)
        self._thread.start()
        assert self._has_it.wait(30)

    def end(self) -> None:
        """Commit, and wait until that is done."""
        self._may_end.set()
        self._thread.join(30)

    def _hold(self) -> None:
        try:
            with transaction.atomic():
                strand = GiftStrand.objects.select_for_update().filter(pk=self._strand_id)
                list(strand)
                if self._draws_all:
                    strand.update(next_serial=F("end_serial"), points_left=0)
                self._has_it.set()
                self._may_end.wait(30)
        finally:
            connections.close_all()


def let_wait(*calls: Future[Any]) -> None:
    """Until each of the calls has ended or waits for a lock of somebody else's."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT COUNT(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            waiting = cursor.fetchone()[0]
        if waiting >= sum(not call.done() for call in calls):
            return
        time.sleep(0.01)
    pytest.fail("somebody neither waits nor ends")


def test_a_caller_that_waited_for_a_strand_in_vain_does_not_stand_in_the_way_of_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batch = make.gift_batch(size=32, face_points=5)
    client = make.api_client(batch.brand)
    first, second = GiftStrand.objects.filter(batch=batch).order_by("place").values_list("pk", flat=True)
    monkeypatch.setattr(random, "randrange", lambda _strands: 1)  # the caller would like the second one
    on_first, on_second = Holder(first, draws_all=False), Holder(second, draws_all=True)

    def closed_off(call: Callable[[], Any]) -> Any:
        try:
            return call()
        finally:
            connections.close_all()

    def issue() -> Issued:
        return giftcodes.issue_gifts(
            client=client, key="k", group=batch.limit_group, gifts=[GiftWanted()], at=make.NOON
        )

    def close() -> int:
        return giftcodes.close_batch(batch_id=batch.pk, at=batch.claim_until + timedelta(seconds=1))

    with ThreadPoolExecutor(2) as pool:
        issued: Future[Issued] = pool.submit(closed_off, issue)
        let_wait(issued)
        on_first.end()  # it has drawn nothing
        closed: Future[int] = pool.submit(closed_off, close)
        let_wait(issued, closed)
        on_second.end()  # it has drawn all
        assert len(issued.result(30).gifts) == 1
        assert closed.result(30) == 32
