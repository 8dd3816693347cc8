"""Gifts in one round trip: the same as in two, and nothing at all where anything is not as it was."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection

from giftcodes import audit as giftcodes_audit
from giftcodes import directory, gift_queries
from giftcodes import services as giftcodes
from giftcodes.errors import BudgetExhausted, GiftKeyReused, GiftRefused, NotIssuing, WorthMore
from giftcodes.gift_models import Gift, GiftRequest
from giftcodes.models import Batch
from giftcodes.services import GiftWanted, Issued, quick_gifts
from ledger import audit as ledger_audit
from ledger import pipeline
from parties.api_models import ApiClient
from parties.event_models import Event
from parties.models import Role
from tests import make
from tests.giftcodes.test_gift_crashes import killed_at
from tests.giftcodes.test_gifts import sent
from tests.make import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]


def issue(batch: Batch, client: ApiClient, key: str, *wanted: GiftWanted, **changes: Any) -> Issued:
    fields: dict[str, Any] = {"group": batch.limit_group, "gifts": wanted or [GiftWanted()], "at": NOON}
    return giftcodes.issue_gifts(client=client, key=key, **fields | changes)


def begun(**fields: Any) -> tuple[Batch, ApiClient]:
    """A batch from which this process has issued a gift, with the key `first`."""
    batch = make.gift_batch(**{"size": 100} | fields)
    client = make.api_client(batch.brand)
    issue(batch, client, "first")
    return batch, client


def trips_of(call: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> list[int]:
    return [len(trip) for trip in sent(call, monkeypatch)]


def no_differences() -> None:
    assert [*ledger_audit.differences(), *giftcodes_audit.differences()] == []


def test_gifts_are_as_they_would_be_in_two_round_trips(monkeypatch: pytest.MonkeyPatch) -> None:
    batch, client = begun(face_points=500)
    wanted = [
        GiftWanted(recipient_ref="user-1", metadata={"order": "A-1"}),
        GiftWanted(points=2_000, recipient_ref="user-2"),
        GiftWanted(points=1),
    ]
    found: list[Issued] = []
    assert trips_of(lambda: found.append(issue(batch, client, "quick", *wanted)), monkeypatch) == [1]
    quick_gifts._last.clear()
    assert trips_of(lambda: found.append(issue(batch, client, "thorough", *wanted)), monkeypatch) == [3, 2]

    def alike(issued: Issued) -> list[Any]:
        return [gift[4:] for gift in issued.gifts]  # but for numbers, code and link

    quick, thorough = found
    assert alike(quick) == alike(thorough)
    assert not quick.is_replay
    for gift in [*quick.gifts, *thorough.gifts]:
        row = Gift.objects.get(pk=gift.serial_number)
        kept = (row.public_id, row.points, row.claim_until, row.issued_at, row.recipient_ref, row.metadata)
        assert kept == (
            gift.public_id,
            gift.points,
            gift.claim_until,
            NOON,
            gift.recipient_ref,
            gift.metadata,
        )
        event = Event.objects.get(object_id=str(gift.public_id))
        assert (event.type, event.occurred_at, event.data["points"]) == ("gift.issued", NOON, gift.points)
        claimed = giftcodes.claim_code(text=gift.code, member=make.member(), at=NOON)
        assert claimed.points == gift.points
    no_differences()


def test_by_the_databases_clock_gift_request_and_event_are_of_one_moment() -> None:
    batch, client = begun(claim_until=NOON + timedelta(days=365 * 20))
    [gift] = issue(batch, client, "quick", at=None).gifts
    request = GiftRequest.objects.get(issued=gift.serial_number)
    event = Event.objects.get(object_id=str(gift.public_id))
    assert gift.issued_at == request.requested_at == event.occurred_at
    assert abs(gift.issued_at - connection_time()) < timedelta(minutes=5)


def connection_time() -> Any:
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        return cursor.fetchone()[0]


def test_a_repeat_is_found_in_the_same_round_trip(monkeypatch: pytest.MonkeyPatch) -> None:
    batch, client = begun()
    first = issue(batch, client, "quick", GiftWanted(recipient_ref="user-1"))
    again: list[Issued] = []

    def repeat() -> None:
        again.append(issue(batch, client, "quick", GiftWanted(recipient_ref="user-1")))

    assert trips_of(repeat, monkeypatch) == [1, 1]  # and the gifts
    assert again == [first._replace(is_replay=True)]
    with pytest.raises(GiftKeyReused):
        issue(batch, client, "quick", GiftWanted(recipient_ref="user-2"))
    assert (Gift.objects.count(), GiftRequest.objects.count()) == (2, 2)


def newer_order(batch: Batch) -> Batch:
    later = {"approved_at": NOON + timedelta(minutes=1), "limit_group": batch.limit_group}
    return make.gift_batch(brand=batch.brand, size=100, face_points=700, **later)


def test_a_newer_order_is_drawn_from_as_soon_as_there_is_one() -> None:
    batch, client = begun(brand=make.brand(funds=1_000_000), limit_group="campaign:1")
    newer = newer_order(batch)
    for key in ("second", "third"):
        [gift] = issue(batch, client, key).gifts
        assert Gift.objects.get(pk=gift.serial_number).batch == newer
        assert gift.points == 700


def test_nothing_is_issued_while_it_is_paused_before_its_window_or_after_it() -> None:
    batch, client = begun()
    marketer = make.staff(Role.MARKETER, batch.brand)
    for moment in (batch.claim_from - timedelta(seconds=1), batch.claim_until):
        with pytest.raises(NotIssuing):
            issue(batch, client, "second", at=moment)
    giftcodes.pause_batch(batch_id=batch.pk, reason="wrong poster", by=marketer, at=NOON)
    with pytest.raises(NotIssuing):
        issue(batch, client, "second")
    giftcodes.resume_batch(batch_id=batch.pk, reason="mended", by=marketer, at=NOON)
    assert not issue(batch, client, "second").is_replay


def test_what_the_order_does_not_allow_is_refused_as_ever() -> None:
    batch, client = begun()
    refused = [
        (GiftWanted(points=2_001), "points"),
        (GiftWanted(claim_until=batch.claim_until + timedelta(seconds=1)), "claim_until"),
    ]
    for wanted, rule in refused:
        with pytest.raises(GiftRefused, match=rule):
            issue(batch, client, "second", GiftWanted(), wanted)
    assert Gift.objects.count() == 1
    ends = NOON + timedelta(hours=1)
    assert issue(batch, client, "second", GiftWanted(claim_until=ends)).gifts[0].claim_until == ends


def test_the_last_gifts_are_drawn_from_all_strands_and_then_there_are_none() -> None:
    batch, client = begun(size=160)
    rest = [GiftWanted()] * 159
    assert len(issue(batch, client, "rest", *rest).gifts) == 159
    with pytest.raises(BudgetExhausted):
        issue(batch, client, "more")
    assert gift_queries.left_of(batch) == (0, 0)
    no_differences()


@pytest.mark.parametrize("is_remembered", [True, False])
def test_never_more_points_than_were_allowed(is_remembered: bool) -> None:
    batch, client = begun(brand=make.brand(funds=1_000_000), limit_group="campaign:1", face_points=500)
    newer_order(batch)  # of 700
    if not is_remembered:
        quick_gifts._last.clear()
    likely = giftcodes.likely_worth(brand_id=batch.brand_id, group="campaign:1", gifts=[GiftWanted()] * 2)
    assert likely == (1_000 if is_remembered else None)
    with pytest.raises(WorthMore) as dearer:
        issue(batch, client, "second", GiftWanted(), GiftWanted(), at_most=1_000)
    assert dearer.value.points == 1_400
    assert Gift.objects.count() == 1
    assert len(issue(batch, client, "second", GiftWanted(), GiftWanted(), at_most=1_400).gifts) == 2
    with pytest.raises(WorthMore):
        issue(batch, client, "third", at_most=699)
    assert not issue(batch, client, "third", GiftWanted(points=699), at_most=699).is_replay


def test_a_process_remembers_only_so_many_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick_gifts, "MOST_REMEMBERED", 2)
    for _ in range(3):
        begun()
    assert len(quick_gifts._last) == 1


def test_what_it_remembers_of_another_database_does_no_harm() -> None:
    batch, client = begun()
    place = (batch.brand_id, batch.limit_group)
    was = quick_gifts._last[place]
    directory.forget()
    for change in (
        {"most_points": was.most_points + 1},
        {"claim_until": was.claim_until + timedelta(days=1)},
        {"first_serial": 10**8},
    ):
        quick_gifts._last[place] = was._replace(**change)
        [gift] = issue(batch, client, f"key {change}").gifts
        assert gift.claim_until == batch.claim_until
        assert quick_gifts._last[place] == was
    no_differences()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_kept", [False, True])
def test_a_connection_cut_around_the_statement_costs_a_retry(
    is_kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch, client = begun()
    exchange = pipeline._exchange

    def cut(link: Any, calls: Any) -> Any:
        if is_kept:
            exchange(link, calls)
        link.close()
        raise psycopg.OperationalError("the connection is lost")

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "_exchange", cut)
        with pytest.raises(OperationalError):
            issue(batch, client, "second")
    connection.close()
    assert Gift.objects.count() == (2 if is_kept else 1)
    again = issue(batch, client, "second")
    assert again.is_replay == is_kept
    assert Gift.objects.count() == 2
    no_differences()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("step", ["before the quick issue", "after the quick issue"])
def test_of_a_killed_caller_another_one_gets_the_gift(step: str) -> None:
    batch = make.gift_batch(size=100)
    client = make.api_client(batch.brand)
    killed_at(step, batch, client, 1)
    is_kept = step == "after the quick issue"
    assert Gift.objects.count() == (2 if is_kept else 1)
    assert issue(batch, client, "order-1").is_replay == is_kept
    assert (Gift.objects.count(), GiftRequest.objects.count()) == (2, 2)
    assert gift_queries.left_of(batch).gifts == 98
    no_differences()
