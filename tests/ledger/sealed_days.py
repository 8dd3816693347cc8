"""Days of a small ledger with a row of every kind in every sealed table, closed and sealed."""

import uuid
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from django.conf import settings
from django.db import connection, models

from giftcodes import services as giftcodes
from ledger import seal_audit, seals
from ledger import services as ledger
from ledger.audit import Difference
from ledger.models import DaySeal, Transfer
from tests import make
from tests.make import NOON

FIRST, SECOND, THIRD = date(2026, 11, 1), date(2026, 11, 2), date(2026, 11, 3)
DAYS = (FIRST, SECOND, THIRD)
LATER = NOON + timedelta(days=1)

Column: TypeAlias = "models.Field[Any, Any]"
Rows = models.QuerySet[models.Model]


def two_programs() -> None:
    """Three days in two programs: deposits on the first; on the second claims, grants, spends and holds, one
    captured in part; on the third a reversal, a release, an expiry and one more spend.
    """
    batch = make.live_batch(size=3)
    for place in range(3):
        giftcodes.claim_code(text=make.code_of(batch, place), member=make.member(), at=NOON)
    funder = make.brand(funds=10_000)
    wallet, store = make.rich_wallet((500, 1), (500, 60), funder=funder)
    spend = partial(ledger.spend_points, wallet_id=wallet.pk, store_id=store.pk)
    spent = spend(points=120, key="second", at=NOON)
    hold = partial(ledger.hold_points, wallet_id=wallet.pk, store_id=store.pk, at=NOON)
    end = NOON + timedelta(days=2)
    one, other = hold(points=70, key="one", expires_at=end), hold(points=80, key="other", expires_at=end)
    ledger.capture_hold(hold_id=one.pk, points=50, at=NOON)
    ledger.reverse_transfer(key="back", original_id=spent.transfer_id, points=20, at=LATER)
    ledger.release_hold(hold_id=other.pk, at=LATER)
    spend(points=30, key="third", at=LATER)
    ledger.expire_lots(at=LATER + timedelta(hours=11, minutes=59))


def seal(*days: date) -> list[DaySeal]:
    """Close and seal the days at noon of the day after each."""
    sealed = []
    for day in days:
        at = NOON + (day - SECOND) + timedelta(days=1)
        ledger.close_day(day=day, at=at)
        sealed += ledger.seal_day(day=day, at=at)
    return sealed


def found() -> list[Difference]:
    return list(seal_audit.differences())


def named() -> dict[str, str]:
    """The rows that the audit names, and what it says of each."""
    return {one.subject: one.found for one in found() if one.check == seal_audit.ROW}


def literal(value: object) -> str:
    if isinstance(value, datetime):
        value = connection.ops.adapt_datetimefield_value(value)
    return (
        str(value) if isinstance(value, int) else f"'{value.hex if isinstance(value, uuid.UUID) else value}'"
    )


def another(field: Column, value: object) -> object:
    """Another value that fits into the column."""
    if isinstance(value, datetime):
        return value + timedelta(seconds=1)
    if isinstance(value, uuid.UUID) or field.get_internal_type() == "UUIDField":
        return uuid.uuid4()
    if value is None:
        return uuid.uuid4() if getattr(field, "related_model", None) is Transfer else 7
    return value + 1_000_003 if isinstance(value, int) else "tampered"


def where(model: type[models.Model], pk: object) -> str:
    return f"{model._meta.pk.column} = {literal(pk)}"


def subject(model: type[models.Model], pk: object, day: str) -> str:
    return f"{model._meta.db_table} {pk.hex if isinstance(pk, uuid.UUID) else pk} of {day}"


def day_of(model: type[models.Model], pk: object) -> str:
    """The day of whose manifests one has the row."""
    name = f"{model._meta.db_table} {pk.hex if isinstance(pk, uuid.UUID) else pk} "
    (path,) = (
        path
        for path in seals.manifests_in(seal_folder()).values()
        if any(line.startswith(name) for line in path.read_text().splitlines())
    )
    return path.stem


def seal_folder() -> Path:
    folder: Path = settings.SEALS_DIR
    return folder
