"""The life of a batch: money and serials are reserved together or not at all, and every code is counted
once.
"""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from giftcodes import queries
from giftcodes import services as giftcodes
from giftcodes.errors import BatchRefused, CodeNotUsable, SeriesFull
from giftcodes.models import (
    MAX_CODES_PER_BATCH,
    MAX_LIVE_CODES,
    SERIALS_PER_SERIES,
    Activation,
    Batch,
    BatchState,
    Channel,
    Delivery,
    Series,
    Void,
)
from giftcodes.services import ChannelSize
from ledger import audit
from ledger import queries as ledger_queries
from ledger import services as ledger
from ledger.errors import InsufficientPoints
from ledger.models import MAX_POINTS, Transfer
from tests import make
from tests.make import NOON

pytestmark = pytest.mark.django_db


def test_a_batch_reserves_its_money_and_its_serials() -> None:
    brand = make.brand(funds=10_000)

    batch = make.batch(
        brand=brand, face_points=100, channels=[ChannelSize("ポスター", 30), ChannelSize("shop", 20)]
    )

    assert (batch.size, batch.first_serial, batch.state) == (50, 0, BatchState.APPROVED)
    assert ledger_queries.funds_of(brand) == 5_000
    assert ledger_queries.balance_of(batch.unclaimed) == 5_000
    assert Series.objects.values_list("next_serial", "live_codes").get(digit=1) == (50, 50)
    channels = Channel.objects.filter(batch=batch).order_by("first_serial")
    assert list(channels.values_list("name", "first_serial", "size")) == [
        ("ポスター", 0, 30),
        ("shop", 30, 20),
    ]
    assert Delivery.objects.get(batch=batch).sealed_at is None


def test_the_next_batch_continues_where_the_last_one_ended() -> None:
    first, second = make.batch(size=7), make.batch(size=5)
    assert (second.series_id, second.first_serial) == (first.series_id, first.first_serial + 7)


def test_an_order_has_one_batch() -> None:
    brand, recipient = make.brand(funds=10_000), make.user(is_staff=True)
    giftcodes.open_series(digit=1, at=NOON)
    ask = partial(
        giftcodes.create_batch, order_key="one", brand=brand, terms=make.terms(), recipient=recipient, at=NOON
    )
    ask(channels=[ChannelSize("poster", 1)])

    with pytest.raises(BatchRefused, match="already"):
        ask(channels=[ChannelSize("poster", 2)])
    assert ledger_queries.funds_of(brand) == 9_500


@pytest.mark.parametrize(
    ("spoilt", "says"),
    [
        ({"channels": [ChannelSize("poster", 0)]}, "at least one code"),
        ({"channels": [ChannelSize("poster", -5), ChannelSize("shop", 10)]}, "at least one code"),
        ({"channels": [ChannelSize("poster", MAX_CODES_PER_BATCH + 1)]}, "10,000,000"),
        ({"channels": [ChannelSize("same", 1), ChannelSize("same", 1)]}, "names differ"),
        ({"channels": [ChannelSize("", 1)]}, "channel name"),
        ({"channels": [ChannelSize("a\u202eb", 1)]}, "channel name"),
        ({"channels": [ChannelSize("a\nb", 1)]}, "channel name"),
        ({"channels": [ChannelSize("x" * 41, 1)]}, "channel name"),
        ({"channels": [ChannelSize(f"c{n}", 1) for n in range(201)]}, "200 channels"),
        ({"face_points": 0}, "at least 1 point"),
        ({"face_points": -1}, "at least 1 point"),
        ({"claim_until": NOON - timedelta(days=1)}, "ends after it begins"),
        ({"claim_from": NOON - timedelta(days=9), "claim_until": NOON - timedelta(days=8)}, "in the future"),
        ({"lot_life_days": 0}, "at least one day"),
        ({"limit_per_member": 0}, "at least 1"),
    ],
)
def test_what_an_order_may_not_ask_is_refused_and_nothing_is_reserved(
    spoilt: dict[str, Any], says: str
) -> None:
    brand = make.brand(funds=10**11)
    before = Transfer.objects.count()

    with pytest.raises(BatchRefused, match=says):
        make.batch(brand=brand, **spoilt)

    assert ledger_queries.funds_of(brand) == 10**11
    assert (Batch.objects.count(), Transfer.objects.count()) == (0, before)
    assert make.batch(brand=brand).size == 10  # the set-up works but for what was spoiled


def test_without_funds_nothing_is_reserved() -> None:
    brand = make.brand(funds=4_999)

    with pytest.raises(InsufficientPoints):
        make.batch(brand=brand, size=10, face_points=500)

    assert ledger_queries.funds_of(brand) == 4_999
    assert Series.objects.get(digit=1).next_serial == 0
    assert not Batch.objects.exists()


@pytest.mark.parametrize(
    "almost_full",
    [{"live_codes": MAX_LIVE_CODES - 9}, {"next_serial": SERIALS_PER_SERIES - 9}],
    ids=["density", "serials"],
)
def test_a_series_is_filled_to_its_stop_and_not_one_code_further(almost_full: dict[str, int]) -> None:
    brand = make.brand(funds=100_000)
    giftcodes.open_series(digit=1, at=NOON)
    Series.objects.update(**almost_full)

    with pytest.raises(SeriesFull):
        make.batch(brand=brand, size=10)
    assert ledger_queries.funds_of(brand) == 100_000
    assert make.batch(brand=brand, size=9).size == 9


def test_a_full_series_gives_way_to_the_next_one_and_never_to_the_sandbox() -> None:
    giftcodes.open_series(digit=1, at=NOON)
    giftcodes.open_series(digit=9, at=NOON)
    Series.objects.filter(digit=1).update(live_codes=MAX_LIVE_CODES)
    with pytest.raises(SeriesFull):
        make.batch()

    giftcodes.open_series(digit=4, at=NOON)
    assert make.batch().series_id == 4


def test_the_outlook_warns_before_the_stop() -> None:
    giftcodes.open_series(digit=1, at=NOON)
    assert not queries.outlook(10_000_000).is_warning
    assert queries.outlook(10_000_001).is_warning
    assert not queries.outlook(100_000_000).is_full
    assert queries.outlook(100_000_001).is_full


def test_only_a_minted_batch_can_be_activated_and_twice_is_harmless() -> None:
    batch = make.batch(activation=Activation.BY_HAND)
    with pytest.raises(BatchRefused):
        giftcodes.activate_batch(batch_id=batch.pk, at=NOON)

    Batch.objects.filter(pk=batch.pk).update(state="minted", minted_codes=batch.size, minted_at=NOON)
    giftcodes.activate_batch(batch_id=batch.pk, at=NOON)
    giftcodes.activate_batch(batch_id=batch.pk, at=NOON + timedelta(hours=1))

    batch.refresh_from_db()
    assert (batch.state, batch.activated_at) == (BatchState.ACTIVE, NOON)
    giftcodes.close_batch(batch_id=batch.pk, at=batch.claim_until)
    with pytest.raises(BatchRefused):
        giftcodes.activate_batch(batch_id=batch.pk, at=NOON)


def test_closing_returns_the_points_of_unclaimed_codes_once() -> None:
    batch = make.live_batch(size=10, face_points=500)
    giftcodes.claim_code(text=make.code_of(batch), member=make.member(), at=NOON)

    with pytest.raises(BatchRefused):
        giftcodes.close_batch(batch_id=batch.pk, at=batch.claim_until - timedelta(microseconds=1))
    assert giftcodes.close_batch(batch_id=batch.pk, at=batch.claim_until) == 9
    assert giftcodes.close_batch(batch_id=batch.pk, at=batch.claim_until) == 9

    assert ledger_queries.funds_of(batch.brand) == 4_500
    assert ledger_queries.balance_of(batch.unclaimed) == 0
    assert Series.objects.get(digit=1).live_codes == 0
    assert queries.counts_of(Batch.objects.get(pk=batch.pk)) == queries.BatchCounts(
        10, claimed=1, voided=0, expired=9
    )
    assert not list(audit.differences())


def test_the_counts_of_closed_batches_are_known_without_their_claims() -> None:
    closed = []
    for number, make_batch in enumerate((make.live_batch, make.live_batch, make.gift_batch)):
        batch = make_batch(size=10)
        if batch.issues_gifts:
            Batch.objects.filter(pk=batch.pk).update(state="active", activated_at=NOON)
            make.gifts(batch)
        else:
            for place in range(number + 2):
                giftcodes.claim_code(text=make.code_of(batch, place), member=make.member(), at=NOON)
            if number:
                serial = batch.first_serial + 9
                giftcodes.void_codes(
                    batch_id=batch.pk, first_serial=serial, last_serial=serial, **make.decided(batch)
                )
        giftcodes.close_batch(batch_id=batch.pk, at=batch.claim_until)
        closed.append(Batch.objects.get(pk=batch.pk))
    known = queries.counts_of_closed(closed)
    assert known == [queries.counts_of(batch) for batch in closed]
    assert [(counts.claimed, counts.voided) for counts in known] == [(2, 0), (3, 1), (0, 0)]


def test_a_batch_that_was_not_minted_is_not_closed() -> None:
    batch = make.batch()
    with pytest.raises(BatchRefused):
        giftcodes.close_batch(batch_id=batch.pk, at=batch.claim_until)


def test_the_sweep_closes_what_is_due_and_nothing_else() -> None:
    due = make.live_batch(claim_until=NOON + timedelta(days=1))
    later = make.live_batch(claim_until=NOON + timedelta(days=2))
    unminted = make.batch(claim_until=NOON + timedelta(days=1))

    assert giftcodes.close_due_batches(at=NOON + timedelta(days=1)) == 1

    states = {row.pk: row.state for row in Batch.objects.all()}
    assert states == {due.pk: "closed", later.pk: "active", unminted.pk: "approved"}


def test_a_batch_that_can_not_be_closed_does_not_hold_up_the_others() -> None:
    stuck = make.live_batch(claim_until=NOON + timedelta(days=1))
    due = make.live_batch(claim_until=NOON + timedelta(days=2))
    ledger.deposit_funds(brand=stuck.brand, points=MAX_POINTS, key="full", at=NOON)

    assert giftcodes.close_due_batches(at=NOON + timedelta(days=3)) == 1

    assert Batch.objects.get(pk=stuck.pk).state == BatchState.ACTIVE
    assert Batch.objects.get(pk=due.pk).state == BatchState.CLOSED


def test_voiding_withdraws_a_range_and_spares_claimed_codes() -> None:
    batch, member = make.live_batch(size=10, face_points=500), make.member()
    giftcodes.claim_code(text=make.code_of(batch, 3), member=member, at=NOON)

    withdrawn = giftcodes.void_codes(
        batch_id=batch.pk,
        first_serial=batch.first_serial + 2,
        last_serial=batch.first_serial + 5,
        **make.decided(batch),
    )

    assert withdrawn == 3
    assert ledger_queries.funds_of(batch.brand) == 1_500
    assert ledger_queries.balance_of(batch.unclaimed) == 6 * 500
    with pytest.raises(CodeNotUsable):
        giftcodes.claim_code(text=make.code_of(batch, 2), member=member, at=NOON)
    assert giftcodes.claim_code(text=make.code_of(batch, 3), member=member, at=NOON).is_repeat
    assert giftcodes.claim_code(text=make.code_of(batch, 6), member=member, at=NOON).points == 500
    assert not list(audit.differences())


def test_voids_that_overlap_count_each_code_once() -> None:
    batch = make.live_batch(size=20, face_points=5)
    first = batch.first_serial
    ranges = [(2, 4), (8, 9), (0, 19), (0, 19), (5, 5)]

    counts = [
        giftcodes.void_codes(
            batch_id=batch.pk, first_serial=first + begin, last_serial=first + end, **make.decided(batch)
        )
        for begin, end in ranges
    ]

    assert counts == [3, 2, 15, 0, 0]
    assert ledger_queries.balance_of(batch.unclaimed) == 0
    assert Series.objects.get(digit=1).live_codes == 0
    parts = Void.objects.order_by("first_serial").values_list("first_serial", "last_serial")
    assert [(begin - first, end - first) for begin, end in parts] == [
        (0, 1),
        (2, 4),
        (5, 7),
        (8, 9),
        (10, 19),
    ]
    assert giftcodes.close_batch(batch_id=batch.pk, at=batch.claim_until) == 0
    assert Series.objects.get(digit=1).live_codes == 0


def test_voiding_needs_a_range_of_the_batch_a_reason_and_two_people() -> None:
    batch, other = make.live_batch(size=10), make.live_batch(size=10)
    people = make.decided(batch)
    good = {
        "batch_id": batch.pk,
        "first_serial": batch.first_serial,
        "last_serial": batch.first_serial + 1,
    } | people

    for spoilt in (
        {"last_serial": other.first_serial},
        {"first_serial": batch.first_serial + 2},
        {"reason": "  "},
        {"approved_by": people["requested_by"]},
    ):
        with pytest.raises(BatchRefused):
            giftcodes.void_codes(**(good | spoilt))
    assert not Void.objects.exists()
    assert giftcodes.void_codes(**good) == 2
    with pytest.raises(IntegrityError), transaction.atomic():
        Void.objects.create(
            batch=batch,
            first_serial=batch.first_serial + 5,
            last_serial=batch.first_serial + 6,
            codes=1,
            reason="x",
            requested_by=people["requested_by"],
            approved_by=people["requested_by"],
            voided_at=NOON,
        )
