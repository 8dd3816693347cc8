"""Figures that take long to count: kept with their moment, counted again while somebody asks for them."""

from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import NamedTuple

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction

from ledger.errors import NotCountedYet
from ledger.expiry import JAPAN
from ledger.models import AccountKind, Sheet
from ledger.plain import pack, unpack
from ledger.services import sheets
from ledger.services.sheets import AGAIN, ASKED_WITHIN, FORGOTTEN, Counted, count_due_sheets, figures_of
from parties.models import Brand
from tests import make
from tests.make import NOON

pytestmark = pytest.mark.django_db


class Line(NamedTuple):
    day: date
    points: int


class Counter:
    """Counts how often it was asked to count."""

    def __init__(self) -> None:
        self.asked: list[datetime] = []
        self.counted = Counted("lines", list[Line], self.lines)

    def lines(self, number: int, *, at: datetime) -> list[Line]:
        self.asked.append(at)
        return [Line(date(2026, 11, 1), number + len(self.asked))]


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Counter:
    """Whatever is counted counts as costly."""
    monkeypatch.setattr(sheets, "COSTLY_MS", 0)
    return Counter()


def test_what_is_quick_is_counted_each_time_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "COSTLY_MS", 10**9)
    counter = Counter()
    for number in range(2):
        at = NOON + timedelta(seconds=number)
        assert figures_of(counter.counted, 7, at=at) == ([Line(date(2026, 11, 1), 8 + number)], at)
    assert not Sheet.objects.exists()


def test_what_took_long_is_shown_with_its_moment(slow: Counter) -> None:
    first = figures_of(slow.counted, 7, at=NOON)
    later = figures_of(slow.counted, 7, at=NOON + timedelta(hours=3))
    assert (first.figures, first.counted_at) == ([Line(date(2026, 11, 1), 8)], NOON)
    assert later == first
    assert figures_of(slow.counted, 8, at=NOON).figures != first.figures
    assert slow.asked == [NOON, NOON]


def test_it_is_counted_again_when_due_as_long_as_somebody_asks(slow: Counter) -> None:
    figures_of(slow.counted, 7, at=NOON)
    assert count_due_sheets([slow.counted], at=NOON + AGAIN - timedelta(seconds=1)) == 0
    again = NOON + AGAIN
    assert count_due_sheets([slow.counted], at=again) == 1
    assert count_due_sheets([slow.counted], at=again) == 0
    assert figures_of(slow.counted, 7, at=again).counted_at == again
    assert count_due_sheets([slow.counted], at=NOON + ASKED_WITHIN) == 0
    figures_of(slow.counted, 7, at=NOON + ASKED_WITHIN)
    assert count_due_sheets([slow.counted], at=NOON + ASKED_WITHIN) == 1
    count_due_sheets([slow.counted], at=NOON + ASKED_WITHIN + FORGOTTEN + timedelta(seconds=1))
    assert not Sheet.objects.exists()


def test_what_has_become_quick_is_kept_no_more(slow: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    figures_of(slow.counted, 7, at=NOON)
    monkeypatch.setattr(sheets, "COSTLY_MS", 10**9)
    count_due_sheets([slow.counted], at=NOON + AGAIN)
    assert not Sheet.objects.exists()


def test_a_past_moment_is_counted_once_for_ever(slow: Counter) -> None:
    past = NOON - timedelta(days=30)
    for later in (NOON, NOON + timedelta(days=1)):
        assert figures_of(slow.counted, 7, at=later, as_of=past).counted_at == past
    assert slow.asked == [past]
    assert count_due_sheets([slow.counted], at=NOON + timedelta(days=2)) == 0


def test_a_moment_that_may_still_change_is_not_kept(slow: Counter) -> None:
    just_now = NOON - sheets.SETTLED + timedelta(seconds=1)
    assert figures_of(slow.counted, 7, at=NOON, as_of=just_now).counted_at == just_now
    assert not Sheet.objects.exists()


def test_an_older_count_never_replaces_a_newer_one(slow: Counter) -> None:
    def counted_meanwhile(number: int, *, at: datetime) -> list[Line]:
        sheets.count_first(slow.counted, number, at=at + timedelta(seconds=1))
        return [Line(date(2026, 11, 1), 0)]

    figures_of(slow.counted._replace(count=counted_meanwhile), 7, at=NOON)
    assert figures_of(slow.counted, 7, at=NOON) == ([Line(date(2026, 11, 1), 8)], NOON + timedelta(seconds=1))


def test_counting_before_anybody_asks_leaves_alone_what_is_known(slow: Counter) -> None:
    assert sheets.count_first(slow.counted, 7, at=NOON)
    assert not sheets.count_first(slow.counted, 7, at=NOON + timedelta(hours=1))
    assert figures_of(slow.counted, 7, at=NOON + timedelta(hours=1)).counted_at == NOON


class Everything(NamedTuple):
    brand: Brand
    kind: AccountKind
    moment: datetime
    day: date
    rate: Fraction | None
    nothing: Fraction | None
    pairs: list[tuple[date, int]]
    text: str
    is_so: bool


def test_figures_come_back_as_they_were() -> None:
    day = date(2026, 11, 28)
    moment = datetime(2026, 11, 28, 3, tzinfo=UTC)
    whole = Everything(
        make.brand(), AccountKind.HELD, moment, day, Fraction(2, 7), None, [(day, 10**15)], "千円", True
    )
    plain = pack(whole)
    assert unpack(Everything, plain) == whole
    assert unpack(list[Everything], [plain, plain]) == [whole, whole]
    with pytest.raises(TypeError, match="float cannot be kept"):
        pack([1.5])


@pytest.mark.parametrize(
    "broken",
    [
        lambda: Sheet.objects.update(subject=""),
        lambda: Sheet.objects.update(next_count_at=NOON),
    ],
)
def test_the_database_holds_it(slow: Counter, broken: Callable[[], object]) -> None:
    figures_of(slow.counted, 7, at=NOON)
    with pytest.raises(IntegrityError), transaction.atomic():
        broken()


class Cancelled(Exception):
    """What PostgreSQL says of a query that took longer than it may."""

    sqlstate = "57014"


class Impatient(Counter):
    """Nobody but a worker has the time to count it."""

    def lines(self, number: int, *, at: datetime) -> list[Line]:
        if not self.asked:
            self.asked.append(at)
            raise OperationalError from Cancelled()
        return super().lines(number, at=at)


PAST = NOON - timedelta(days=9)


@pytest.mark.parametrize("as_of", [None, PAST, PAST.astimezone(JAPAN)])  # people type it in Japan
def test_what_takes_too_long_for_a_page_is_left_to_a_worker(slow: Counter, as_of: datetime | None) -> None:
    counter = Impatient()
    for _ in range(2):
        with pytest.raises(NotCountedYet):
            figures_of(counter.counted, 7, at=NOON, as_of=as_of)
    assert len(counter.asked) == 1
    assert count_due_sheets([counter.counted], at=NOON) == 1
    assert figures_of(counter.counted, 7, at=NOON, as_of=as_of).counted_at == (as_of or NOON)
    assert count_due_sheets([counter.counted], at=NOON + AGAIN) == (as_of is None)
    assert Sheet.objects.count() == 1


@pytest.mark.parametrize("as_of", [None, PAST])
def test_what_a_worker_counts_quickly_is_no_longer_waited_for(
    slow: Counter, monkeypatch: pytest.MonkeyPatch, as_of: datetime | None
) -> None:
    counter = Impatient()
    with pytest.raises(NotCountedYet):
        figures_of(counter.counted, 7, at=NOON, as_of=as_of)
    monkeypatch.setattr(sheets, "COSTLY_MS", 10**9)
    assert count_due_sheets([counter.counted], at=NOON) == 1
    assert figures_of(counter.counted, 7, at=NOON, as_of=as_of).counted_at == (as_of or NOON)


def test_a_moment_just_past_is_left_to_a_worker_once_it_changes_no_more(slow: Counter) -> None:
    counter, just_now = Impatient(), NOON - timedelta(minutes=1)
    settled = just_now + sheets.SETTLED
    with pytest.raises(NotCountedYet):
        figures_of(counter.counted, 7, at=NOON, as_of=just_now)
    assert count_due_sheets([counter.counted], at=settled - timedelta(seconds=1)) == 0
    assert count_due_sheets([counter.counted], at=settled) == 1
    assert figures_of(counter.counted, 7, at=settled, as_of=just_now).counted_at == just_now


def test_what_is_about_too_much_to_be_kept_is_counted_for_the_page(
    slow: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    patience: list[int] = []

    def one_picture(patience_ms: int) -> nullcontext[None]:
        patience.append(patience_ms)
        return nullcontext()

    def of_many(numbers: list[int], *, at: datetime) -> list[Line]:
        return [Line(at.date(), len(numbers))]

    monkeypatch.setattr(sheets, "_one_picture", one_picture)
    many = list(range(1_000, 1_300))
    counted = slow.counted._replace(count=of_many)
    assert figures_of(counted, many, at=NOON).figures == [Line(NOON.date(), 300)]
    assert figures_of(counted, [7], at=NOON).figures == [Line(NOON.date(), 1)]
    assert patience == [0, sheets.PATIENCE_MS]
    assert Sheet.objects.count() == 1


@pytest.mark.parametrize("as_of", [None, PAST])
def test_figures_that_this_release_cannot_read_are_counted_anew(
    slow: Counter, as_of: datetime | None
) -> None:
    figures_of(slow.counted, 7, at=NOON, as_of=as_of)
    Sheet.objects.update(figures=[["2026-11-01", 8, "another column"]])
    for _ in range(2):
        assert figures_of(slow.counted, 7, at=NOON, as_of=as_of).figures == [Line(date(2026, 11, 1), 9)]
    assert len(slow.asked) == 2


def test_a_call_counts_no_more_than_it_may(slow: Counter) -> None:
    for number in range(3):
        figures_of(slow.counted, number, at=NOON)
    due = NOON + AGAIN
    assert [count_due_sheets([slow.counted], at=due, limit=2) for _ in range(3)] == [2, 1, 0]


def test_another_error_is_no_lack_of_patience(slow: Counter) -> None:
    def broken(number: int, *, at: datetime) -> list[Line]:
        raise OperationalError("the connection is gone")

    with pytest.raises(OperationalError, match="is gone"):
        figures_of(slow.counted._replace(count=broken), 7, at=NOON)
    assert not Sheet.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_postgresql_stops_a_query_that_a_page_would_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite has no limit of time, and nothing that sleeps."""
    is_postgresql = connection.vendor == "postgresql"

    def sleepy(*, at: datetime) -> list[Line]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.3)" if is_postgresql else "SELECT 1")
        return [Line(at.date(), 1)]

    counted = Counted("sleepy", list[Line], sleepy)
    monkeypatch.setattr(sheets, "PATIENCE_MS", 50)
    with pytest.raises(NotCountedYet) if is_postgresql else nullcontext():
        figures_of(counted, at=NOON)
    assert count_due_sheets([counted], at=NOON) == is_postgresql
    assert figures_of(counted, at=NOON).figures == [Line(NOON.date(), 1)]
