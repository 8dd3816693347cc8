"""What the database itself refuses, whoever writes: rows that no service makes."""

import uuid

import pytest
from django.db import IntegrityError, connection, transaction

from ledger import services as ledger
from ledger.models import Adjustment, AdjustmentKind, Hold, LotUse, Transfer
from tests import make
from tests.ledger.town import DAY, Town, busy
from tests.make import NOON

pytestmark = pytest.mark.django_db

_END = "UPDATE ledger_hold SET state = '{}', captured_points = {}, ended_at = {} WHERE state = 'open'"


@pytest.fixture
def town() -> Town:
    town = Town()
    busy(town)
    ledger.open_world(program=town.program, at=NOON)
    assert Hold.objects.filter(state="open").exists()
    return town


@pytest.mark.parametrize(
    ("rule", "sql"),
    [
        ("ledger_hold_ended_in_time", _END.format("captured", 1, "expires_at")),
        ("ledger_hold_ended_in_time", _END.format("expired", 0, "held_at")),
        ("ledger_hold_captured_within", _END.format("captured", "points + 1", "held_at")),
        (
            "ledger_brand_account_has_brand",
            "UPDATE ledger_account SET brand_id = 1 WHERE kind IN ('wallet', 'world', 'held')",
        ),
    ],
)
def test_an_update_that_breaks_a_rule_is_refused(town: Town, rule: str, sql: str) -> None:
    with pytest.raises(IntegrityError, match=rule), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.mark.parametrize("kind", ["expiry", "withdrawal"])
def test_what_expired_or_was_taken_back_does_not_come_back_to_its_lot(town: Town, kind: str) -> None:
    use = LotUse.objects.filter(kind="withdrawal").earliest("pk")
    use.pk, use.kind, use.points = None, kind, -1

    with pytest.raises(IntegrityError, match="ledger_use_comes_back"), transaction.atomic():
        use.save(force_insert=True)


@pytest.mark.parametrize("field", ["settlement", "acceptor", "store"])
@pytest.mark.parametrize("kind", [AdjustmentKind.GRANT, AdjustmentKind.TAKE_BACK])
def test_only_a_correction_names_a_statement_and_its_pair(
    town: Town, kind: AdjustmentKind, field: str
) -> None:
    one = make.user()
    grant = {"wallet": town.wallet, "expiry_policy": "days:9"}
    taken = {"original": Transfer.objects.filter(reason="grant").earliest("pk")}
    odd = {"acceptor": town.bakery, "store": town.oven, "settlement_id": 1}
    names = {"settlement": "settlement_id"}.get(field, field)

    with pytest.raises(IntegrityError, match="ledger_adjustment_of_its_kind"), transaction.atomic():
        Adjustment.objects.create(
            public_id=uuid.uuid4(),
            kind=kind,
            brand=town.books,
            points=5,
            reason="odd",
            requested_by=one,
            requested_at=NOON + 9 * DAY,
            fingerprint="0" * 64,
            **(grant if kind == AdjustmentKind.GRANT else taken) | {names: odd[names]},
        )
