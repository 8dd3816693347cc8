"""Many callers who all issue in one round trip: one budget, one gift per key, as when they take two."""

import threading
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import transaction

from giftcodes import gift_queries
from giftcodes import services as giftcodes
from giftcodes.errors import BudgetExhausted, GiftKeyReused, TwinInFlight
from giftcodes.gift_models import Gift, GiftRequest
from giftcodes.models import Batch
from giftcodes.services import GiftWanted, Issued, quick_gifts
from parties.api_models import ApiClient
from tests import make
from tests.concurrency.racing import race
from tests.concurrency.test_racing_gifts import no_differences
from tests.make import NOON

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]


def issuing(batch: Batch, client: ApiClient, key: str, *wanted: GiftWanted) -> Callable[[], Issued]:
    asked: dict[str, Any] = {"client": client, "key": key, "group": batch.limit_group, "at": NOON}
    return partial(giftcodes.issue_gifts, gifts=wanted or [GiftWanted()], **asked)


def begun(size: int) -> tuple[Batch, ApiClient]:
    """A batch with `size` gifts left, from which this process has issued one."""
    batch = make.gift_batch(size=size + 1)
    client = make.api_client(batch.brand)
    issuing(batch, client, "first")()
    assert quick_gifts._last
    return batch, client


@pytest.mark.parametrize("size", [10, 160])
def test_of_64_callers_exactly_as_many_get_a_gift_as_there_are(size: int) -> None:
    batch, client = begun(size)
    for number in range(size - 10):
        issuing(batch, client, f"taken-{number}")()

    outcomes = race(*(issuing(batch, client, f"key-{number}") for number in range(64)))

    assert Counter(type(outcome) for outcome in outcomes) == {Issued: 10, BudgetExhausted: 54}, outcomes
    assert Gift.objects.count() == size + 1
    assert gift_queries.left_of(batch) == (0, 0)
    no_differences()


@pytest.mark.parametrize("is_locked", [True, False])
def test_a_hundred_twins_are_one_gift_with_the_lock_or_by_the_unique_key_alone(
    is_locked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_locked:
        unlocked = quick_gifts._ISSUE.replace("pg_try_advisory_xact_lock(%s)", "%s::bigint IS NOT NULL")
        assert unlocked != quick_gifts._ISSUE
        monkeypatch.setattr(quick_gifts, "_ISSUE", unlocked)
    batch, client = begun(20)
    call = issuing(batch, client, "order-1")

    outcomes = race(*[call] * 100)

    issued = [outcome for outcome in outcomes if isinstance(outcome, Issued)]
    assert {type(outcome) for outcome in outcomes} <= {Issued, TwinInFlight}, outcomes
    assert [outcome.is_replay for outcome in issued].count(False) == 1
    assert len({outcome.gifts[0].code for outcome in [*issued, call()]}) == 1
    assert (Gift.objects.count(), GiftRequest.objects.count()) == (2, 2)
    no_differences()


def test_control_with_a_key_each_there_is_a_gift_each() -> None:
    """So it is the key alone that makes one of a hundred."""
    batch, client = begun(20)
    outcomes = race(*(issuing(batch, client, f"order-{number}") for number in range(8)))
    assert len({outcome.gifts[0].code for outcome in outcomes if isinstance(outcome, Issued)}) == 8


def test_a_twin_is_told_at_once_while_the_first_is_under_way() -> None:
    batch, client = begun(20)
    call = issuing(batch, client, "order-1")
    is_issued, told = threading.Event(), threading.Event()

    def issue_slowly() -> Issued:
        with transaction.atomic():
            issued = call()
            is_issued.set()
            told.wait(20)
        return issued

    def ask_meanwhile() -> Issued:
        is_issued.wait(20)
        try:
            return call()
        finally:
            told.set()

    first, twin = race(issue_slowly, ask_meanwhile)
    assert isinstance(first, Issued)
    assert isinstance(twin, TwinInFlight)
    assert call().gifts == first.gifts


def test_of_two_bodies_with_one_key_one_is_issued() -> None:
    batch, client = begun(20)
    calls = [issuing(batch, client, "order-1", GiftWanted(points=100 + number)) for number in range(8)]

    kinds = Counter(type(outcome) for outcome in race(*calls))

    assert kinds[Issued] == 1
    assert set(kinds) <= {Issued, GiftKeyReused, TwinInFlight}
    assert Gift.objects.count() == 2
    no_differences()


def test_whoever_loses_to_a_twin_in_a_transaction_of_their_own_can_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The unique key fails the statement, not what its caller has begun."""
    unlocked = quick_gifts._ISSUE.replace("pg_try_advisory_xact_lock(%s)", "%s::bigint IS NOT NULL")
    unseen = unlocked.replace("WHERE client_id = %s AND key_digest = %s", "WHERE (%s, %s) IS NULL")
    monkeypatch.setattr(quick_gifts, "_ISSUE", unseen.replace("(%s, %s)", "(%s::bigint, %s::text)"))
    batch, client = begun(20)
    first = issuing(batch, client, "order-1")()
    with transaction.atomic():
        again = issuing(batch, client, "order-1")()
    assert again == first._replace(is_replay=True)
    assert Gift.objects.count() == 2
    no_differences()
