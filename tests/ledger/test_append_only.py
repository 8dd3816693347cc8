"""Nothing in the ledger is edited or deleted: on PostgreSQL the database refuses it, even to the owner of the
tables.
"""

import uuid

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from giftcodes import services as giftcodes
from giftcodes.models import Batch
from ledger import services as ledger
from ledger.models import AccountKind
from tests import make
from tests.make import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]

FROZEN = ["size = size + 1", "first_serial = first_serial + 1", "face_points = 1", "claim_until = now()"]
TABLES = ["ledger_transfer", "ledger_posting", "giftcodes_claim", "giftcodes_void", "giftcodes_batchswitch"]


@pytest.fixture
def a_row_in_each_table() -> None:
    batch = make.live_batch()
    giftcodes.claim_code(text=make.code_of(batch), member=make.member(), at=NOON)
    giftcodes.void_codes(
        batch_id=batch.pk,
        first_serial=batch.first_serial + 1,
        last_serial=batch.first_serial + 2,
        **make.decided(batch),
    )
    giftcodes.pause_batch(batch_id=batch.pk, reason="printed twice", by=make.user(), at=NOON)


@pytest.mark.usefixtures("a_row_in_each_table")
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("change", ["UPDATE {0} SET id = id", "DELETE FROM {0}", "TRUNCATE {0} CASCADE"])
def test_postgresql_refuses_to_change_history(table: str, change: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        rows = cursor.fetchone()[0]
        assert rows > 0
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            cursor.execute(change.format(table))
        cursor.execute(f"SELECT count(*) FROM {table}")
        assert cursor.fetchone()[0] == rows


@pytest.mark.usefixtures("a_row_in_each_table")
@pytest.mark.parametrize("table", ["ledger_account", "giftcodes_batch"])
def test_postgresql_keeps_what_hot_rows_point_to_without_a_foreign_key_check(table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            cursor.execute(f"DELETE FROM {table}")


@pytest.mark.parametrize("change", FROZEN)
def test_postgresql_keeps_the_range_and_the_terms_of_a_batch(change: str) -> None:
    batch = make.batch()
    with connection.cursor() as cursor, pytest.raises(DatabaseError, match="frozen"), transaction.atomic():
        cursor.execute(f"UPDATE giftcodes_batch SET {change} WHERE id = {batch.pk}")


def test_postgresql_refuses_ranges_that_overlap() -> None:
    batch = make.batch(size=10)
    overlapping = Batch.objects.get(pk=batch.pk)
    overlapping.pk, overlapping.order_key, overlapping.public_id = None, "another", uuid.uuid4()
    overlapping.first_serial += 9
    overlapping.unclaimed = ledger.open_account(
        program=batch.brand.program, kind=AccountKind.UNCLAIMED, label="another", brand=batch.brand, at=NOON
    )

    with pytest.raises(IntegrityError, match="giftcodes_batch_disjoint"), transaction.atomic():
        overlapping.save(force_insert=True)
    overlapping.first_serial += 1
    overlapping.save(force_insert=True)
