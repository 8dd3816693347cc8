"""Several workers found the same figures due."""

from datetime import datetime

import pytest

from ledger.models import Sheet
from ledger.services import sheets
from ledger.services.sheets import AGAIN, Counted, count_due_sheets, figures_of
from tests.concurrency.racing import race
from tests.make import NOON

pytestmark = pytest.mark.django_db(transaction=True)
WORKERS = 8


@pytest.fixture
def counted_at(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """When costly figures, which are there, were counted; all workers have found them due."""
    times: list[datetime] = []

    def figures(*, at: datetime) -> list[int]:
        times.append(at)
        return [len(times)]

    counted = Counted("raced", list[int], figures)
    monkeypatch.setattr(sheets, "COSTLY_MS", 0)
    figures_of(counted, at=NOON)
    found = Sheet.objects.get()
    monkeypatch.setattr(sheets, "_due", lambda _at: [found])
    race(*[lambda: count_due_sheets([counted], at=NOON + AGAIN)] * WORKERS)
    return times


def test_one_of_them_counts(counted_at: list[datetime]) -> None:
    assert counted_at == [NOON, NOON + AGAIN]


@pytest.fixture
def no_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    def whoever_comes(sheet: Sheet, *, at: datetime) -> bool:
        return bool(Sheet.objects.filter(pk=sheet.pk).update(next_count_at=at + AGAIN))

    monkeypatch.setattr(sheets, "_take", whoever_comes)


@pytest.mark.usefixtures("no_filter", "counted_at")
def test_control_without_the_filter_all_of_them_count(counted_at: list[datetime]) -> None:
    assert len(counted_at) == 1 + WORKERS
