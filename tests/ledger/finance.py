"""Pages and acts of finance, for these tests."""

import uuid
from datetime import datetime
from typing import Any

from django.test import Client
from django.urls import reverse

from ledger import services as ledger
from ledger.models import (
    Adjustment,
    Settlement,
    transfer_id_of,
)
from parties.models import Role, User
from tests import make
from tests.ledger.town import DAY, Town
from tests.make import NOON

MONTH_END = datetime.fromisoformat("2026-12-01T00:00:00+09:00")


def page_of(row: Any, what: str = "change") -> str:
    return reverse(f"admin:ledger_{row._meta.model_name}_{what}", args=(row.pk,))


def text_of(client: Client, address: str, data: dict[str, str] | None = None) -> str:
    response = client.get(address, data or {})
    assert response.status_code == 200, (address, response.status_code)
    return response.content.decode()


def prepared(town: Town, by: User) -> Settlement:
    return ledger.prepare_settlement(
        program_id=town.program.pk, ends_at=MONTH_END, user=by, at=MONTH_END + DAY
    )


def closed(town: Town, by: User) -> Settlement:
    settlement = prepared(town, by)
    return ledger.close_settlement(
        settlement_id=settlement.pk,
        user=make.staff(Role.FINANCE, None),
        sha256=settlement.sha256,
        verified_at=MONTH_END + DAY,
        at=MONTH_END + DAY,
    )


def asked_for(town: Town, by: User, **changes: Any) -> Adjustment:
    asked = ledger.TakeBackAsked(transfer_id_of("grant:b"), 10)
    values: dict[str, Any] = {
        "brand_id": town.books.pk,
        "asked": asked,
        "reason": "Wrong receipt 17",
    } | changes
    return ledger.request_adjustment(public_id=uuid.uuid4(), user=by, at=NOON + 8 * DAY, **values)
