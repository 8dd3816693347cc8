"""What PostgreSQL refuses by itself: history of guesses, locks and alarms is not edited."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import DatabaseError, models, transaction
from django.utils import timezone

from giftcodes.guard_models import Alarm, AlarmKind, Attempt, ClaimLock, LockLift
from tests import make

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]


def attempt(days: int) -> models.Model:
    at = timezone.now() - timedelta(days=days)
    known = {"outcome": "unknown", "series": 1, "is_in_issued_range": False}
    return Attempt.objects.create(
        reference=f"DAY{days}", at=at, person="p", address="a", network="n", **known
    )


def lock() -> ClaimLock:
    now = timezone.now()
    until = now + timedelta(days=1)
    return ClaimLock.objects.create(
        reference="LOCK", person="p", member=make.member(), locked_at=now, locked_until=until
    )


def lift() -> models.Model:
    return LockLift.objects.create(
        lock=lock(), reason="because", lifted_by=make.user(), lifted_at=timezone.now()
    )


def alarm() -> models.Model:
    return Alarm.objects.create(kind=AlarmKind.CLOSED, at=timezone.now(), tries=300, unknown=30)


@pytest.mark.parametrize(
    "create", [lambda: attempt(1), lock, lift, alarm], ids=["try", "lock", "lift", "alarm"]
)
def test_rows_are_neither_edited_nor_deleted(create: Callable[[], models.Model]) -> None:
    row = create()
    for change in (row.save, row.delete):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


def test_an_old_try_may_go() -> None:
    row = attempt(91)
    row.delete()
    assert not Attempt.objects.exists()
