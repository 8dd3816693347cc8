"""The outbox: written with its cause or not at all, in an order in which no reader misses one."""

import threading
import time
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, connections, transaction

from parties import event_queries, events
from parties.event_models import Event, EventType
from parties.events import NewEvent
from parties.models import Brand
from tests import make
from tests.api.partner import api_client
from tests.make import NOON


def told(brand: Brand, *objects: str, kind: EventType = EventType.GIFT_ISSUED) -> None:
    """One event for each object, in one statement."""
    events.record(
        brand_id=brand.pk, events=[NewEvent(kind, name, {"points": 500}) for name in objects], at=NOON
    )


def partner_brand() -> Brand:
    """A brand whose acts are told to somebody."""
    return api_client().brand


@pytest.mark.django_db
def test_an_event_says_what_happened_to_what() -> None:
    brand = partner_brand()
    told(brand, "gift-1")
    event = Event.objects.get()
    assert (event.brand, event.type, event.object_id, event.sequence) == (brand, "gift.issued", "gift-1", 1)
    assert (event.data, event.occurred_at) == ({"points": 500}, NOON)
    assert event.name == f"evt_{event.public_id.hex}"
    assert bool(event.transaction_number) == (connection.vendor == "postgresql")


@pytest.mark.django_db
def test_events_of_one_object_are_counted_from_one() -> None:
    brand, other = partner_brand(), partner_brand()
    told(brand, "gift-1", "gift-2", "gift-1")
    told(brand, "gift-1")
    told(other, "gift-1")
    rows = Event.objects.order_by("pk").values_list("brand", "object_id", "sequence")
    assert list(rows) == [
        (brand.pk, "gift-1", 1),
        (brand.pk, "gift-2", 1),
        (brand.pk, "gift-1", 2),
        (brand.pk, "gift-1", 3),
        (other.pk, "gift-1", 1),
    ]


@pytest.mark.django_db
def test_a_thousand_events_are_one_statement(django_assert_num_queries: Any) -> None:
    brand = partner_brand()
    with django_assert_num_queries(1):
        told(brand, *(f"gift-{number}" for number in range(1_000)))
    assert [event.object_id for event in Event.objects.order_by("pk")] == [f"gift-{n}" for n in range(1_000)]
    with pytest.raises(ValueError, match="at most"):
        told(brand, *(f"gift-{number}" for number in range(1_001)))


@pytest.mark.django_db
def test_a_brand_without_a_partner_system_has_no_events() -> None:
    told(make.brand(), "gift-1")
    partner_brand()
    assert not Event.objects.exists()


@pytest.mark.django_db
def test_large_particulars_are_refused() -> None:
    large = NewEvent(EventType.GIFT_ISSUED, "gift-1", {"metadata": "x" * 2_000})
    with pytest.raises(ValueError, match="too large"):
        events.record(brand_id=partner_brand().pk, events=[large], at=NOON)


@pytest.mark.django_db(transaction=True)
def test_an_event_goes_with_its_cause() -> None:
    brand = partner_brand()
    with transaction.atomic():
        told(brand, "gift-1")
        transaction.set_rollback(True)
    assert not Event.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("change", [{"sequence": 1}, {"sequence": 0}, {"type": "gift.stolen"}])
def test_the_table_refuses_what_no_event_can_be(change: dict[str, Any]) -> None:
    brand = partner_brand()
    told(brand, "gift-1")
    fields = {"type": "gift.voided", "object_id": "gift-1", "sequence": 2} | change
    with pytest.raises(IntegrityError), transaction.atomic():
        Event.objects.create(brand=brand, data={}, occurred_at=NOON, transaction_number=0, **fields)


@pytest.mark.postgresql
@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE parties_event SET object_id = 'gift-2'",
        "DELETE FROM parties_event",
        "TRUNCATE parties_event CASCADE",
    ],
)
def test_events_stay_as_they_were_written(change: str) -> None:
    told(partner_brand(), "gift-1")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # nothing else may be what refuses to truncate
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            cursor.execute(change)
    assert Event.objects.get().object_id == "gift-1"


@pytest.mark.django_db(transaction=True)
def test_a_reader_goes_on_from_the_last_place() -> None:
    brand = partner_brand()
    for number in range(5):
        told(brand, f"gift-{number}", f"gift-{number}")
    told(partner_brand(), "gift-of-another")
    place, read = None, []
    while page := event_queries.events_after(brand=brand, after=place, limit=3):
        place = event_queries.place_of(page[-1])
        read += [(event.object_id, event.sequence) for event in page]
    assert read == [(f"gift-{number}", sequence) for number in range(5) for sequence in (1, 2)]
    told(brand, "gift-5")
    assert [event.object_id for event in event_queries.events_after(brand=brand, after=place, limit=3)] == [
        "gift-5"
    ]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("made_up", [[], [0], [0, 0, 0], [-1, -(2**62)], [2**62, 2**62]])
def test_a_place_that_was_made_up_is_another_place(made_up: list[int]) -> None:
    brand = partner_brand()
    told(brand, "gift-1")
    found = event_queries.events_after(brand=brand, after=made_up, limit=9)
    assert len(found) == (0 if made_up == [2**62, 2**62] else 1)


@pytest.mark.django_db(transaction=True)
def test_a_reader_may_ask_for_some_types() -> None:
    brand = partner_brand()
    told(brand, "gift-1")
    told(brand, "gift-1", kind=EventType.GIFT_CLAIMED)
    found = event_queries.events_after(brand=brand, after=None, limit=9, types=[EventType.GIFT_CLAIMED])
    assert [event.type for event in found] == ["gift.claimed"]
    assert event_queries.events_after(brand=brand, after=None, limit=9, types=[]) == []


class SlowWriter(threading.Thread):
    """Writes an event, and commits when it is told to."""

    def __init__(self, brand: Brand) -> None:
        super().__init__()
        self.brand, self.has_written, self.may_commit = brand, threading.Event(), threading.Event()

    def run(self) -> None:
        try:
            with transaction.atomic():
                told(self.brand, "slow")
                self.has_written.set()
                self.may_commit.wait(30)
        finally:
            self.has_written.set()
            connections.close_all()


def by_id(brand: Brand, after: int) -> list[Event]:
    """The control: how one would read without knowing better."""
    return list(Event.objects.filter(brand=brand, pk__gt=after).order_by("pk"))


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_an_event_that_is_committed_late_is_missed_by_id_and_not_by_place() -> None:
    brand = partner_brand()
    told(brand, "first")
    slow = SlowWriter(brand)
    slow.start()
    assert slow.has_written.wait(30)
    told(brand, "quick")
    naive = by_id(brand, after=0)
    careful = event_queries.events_after(brand=brand, after=None, limit=9)
    assert [event.object_id for event in naive] == ["first", "quick"]
    assert [event.object_id for event in careful] == ["first"]  # "quick" has to wait for what is under way
    slow.may_commit.set()
    slow.join(30)
    assert by_id(brand, after=naive[-1].pk) == []  # the control: missed for ever
    rest = event_queries.events_after(brand=brand, after=event_queries.place_of(careful[-1]), limit=9)
    assert [event.object_id for event in rest] == ["slow", "quick"]


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_reader_beside_many_writers_reads_every_event_once() -> None:
    brand, place = partner_brand(), None
    read: list[tuple[str, int]] = []

    def write(name: str) -> None:
        try:
            for number in range(25):
                with transaction.atomic():
                    told(brand, f"{name}-{number}")
                    told(brand, f"{name}-{number}")
        finally:
            connections.close_all()

    writers = [threading.Thread(target=write, args=(name,)) for name in "abcdef"]
    for writer in writers:
        writer.start()
    deadline = time.monotonic() + 60
    while len(read) < 300 and time.monotonic() < deadline:
        page = event_queries.events_after(brand=brand, after=place, limit=7)
        place = event_queries.place_of(page[-1]) if page else place
        read += [(event.object_id, event.sequence) for event in page]
    assert sorted(read) == sorted((f"{w}-{n}", s) for w in "abcdef" for n in range(25) for s in (1, 2))
    for writer in writers:
        writer.join()
    for w in "abcdef":  # of one object in the order of its sequence
        assert [s for name, s in read if name == f"{w}-0"] == [1, 2]
