"""The tables that grow are cut while claims go on, are the same to everybody, and can be joined again."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import count

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, connections
from django.utils import translation
from pytest_django import DjangoDbBlocker

from config.postgresql import partitions
from config.postgresql.ranges import CLAIMS, POSTINGS, Ranges
from giftcodes import audit as giftcodes_audit
from giftcodes import directory
from giftcodes import services as giftcodes
from giftcodes.models import Batch, Claim
from ledger import audit as ledger_audit
from ledger import queries
from ledger.models import Account
from ledger.services.spending import spend_points
from ledger.statements import database_time
from parties.models import Brand, Member, Store
from tests import make, prepared
from tests.faults.workers import wait_for

BOTH = (POSTINGS, CLAIMS)


@contextmanager
def another_database(name: str, *, template: str) -> Iterator[None]:
    """All connections of this process go to a new copy of `template`; it is dropped afterwards."""
    chosen, home = connections.settings["default"], connections.settings["default"]["NAME"]

    def at_the_server(sql: str) -> None:
        connections.close_all()
        chosen["NAME"] = "postgres"
        with connection.cursor() as cursor:
            cursor.execute(sql)
        connections.close_all()

    at_the_server(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    at_the_server(f"CREATE DATABASE {name} TEMPLATE {template}")
    chosen["NAME"] = name
    try:
        yield
    finally:
        at_the_server(f"DROP DATABASE {name} WITH (FORCE)")
        chosen["NAME"] = home


@pytest.fixture(scope="module")
def migrated(django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """The name of an empty database with all tables."""
    name = f"{connections.settings['default']['NAME']}_migrated"
    with django_db_blocker.unblock(), another_database(name, template="template1"):
        prepared.fill_postgresql(os.environ["DATABASE_URL"], name)
        yield name


@pytest.fixture
def _scratch(migrated: str, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """A database of this test's own, sound at its end."""
    directory.forget()
    with django_db_blocker.unblock(), another_database(f"{migrated}_copy", template=migrated):
        yield
        assert [*ledger_audit.differences(), *giftcodes_audit.differences()] == []


def cut(**options: object) -> str:
    said = StringIO()
    with translation.override("en"):
        call_command("partition", stdout=said, **options)
    return said.getvalue()


def live_batch(brand: Brand | None = None) -> Batch:
    now = database_time()
    window = {"claim_from": now - timedelta(days=1), "claim_until": now + timedelta(days=9)}
    return make.live_batch(size=2_000, brand=brand, approved_at=now, **window)


def claim(batch: Batch, place: int, member: Member, *, is_sandbox: bool = False) -> None:
    giftcodes.claim_code(text=make.code_of(batch, place), member=member, is_sandbox=is_sandbox)


def spend(member: Member, store: Store, key: str) -> None:
    wallet = Account.objects.get(member=member)
    spend_points(wallet_id=wallet.pk, store_id=store.pk, points=300, key=key, at=database_time())


@contextmanager
def claims_going_on(batch: Batch, *, first: int) -> Iterator[list[int]]:
    """Somebody claims code after code, from that place on, for the time of the block; the places claimed."""
    member, claimed, stop = make.member(), list[int](), threading.Event()

    def work() -> None:
        try:
            for place in count(first):
                claim(batch, place, member)
                claimed.append(place)
                if stop.wait(0.005):
                    return
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield claimed
    finally:
        stop.set()
        thread.join()


def rows_of(sql: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return [" ".join(map(str, row)) for row in cursor.fetchall()]


def shape(table: str) -> list[str]:
    """What the catalogue says of the table, but who its parent is."""
    of = f"'{table}'::regclass"
    asked = [
        f"attname, atttypid, attnotnull, attidentity FROM pg_attribute WHERE attrelid = {of} AND attnum > 0",
        f"pg_get_serial_sequence('{table}', 'id')",
        f"conname, pg_get_constraintdef(oid), convalidated FROM pg_constraint WHERE conrelid = {of}",
        f"indexdef FROM pg_indexes WHERE tablename = '{table}'",
        f"pg_get_triggerdef(oid), tgenabled FROM pg_trigger WHERE tgrelid = {of} AND NOT tgisinternal",
        f"unnest(relacl)::text FROM pg_class WHERE oid = {of}",
    ]
    return [row for what in asked for row in rows_of(f"SELECT {what} ORDER BY 1")]


def forget_foreign_row(ranges: Ranges, value: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(f"DELETE FROM {ranges.table} WHERE {ranges.column} >= {value}")


def names_of(ranges: Ranges) -> list[str]:
    return [part.name for part in partitions.partitions_of(ranges)]


def foreign_row(ranges: Ranges, value: str) -> str:
    """SQL that copies some row of the table to a place in another range."""
    if ranges is CLAIMS:
        columns, values = (
            "id, batch_id, member_id, points, claimed_at",
            f"{value}, batch_id, member_id, points, claimed_at",
        )
    else:
        columns, values = (
            "transfer_id, source_id, target_id, points, posted_at",
            f"transfer_id, source_id, target_id, points, {value}",
        )
    return f"INSERT INTO {ranges.table} ({columns}) SELECT {values} FROM {ranges.table} LIMIT 1"


def test_postings_are_cut_where_a_quarter_begins_in_japan() -> None:
    new_year = datetime(2026, 12, 31, 15, 0, tzinfo=UTC)
    before = POSTINGS.floor(new_year - timedelta(microseconds=1))
    assert before == datetime(2026, 9, 30, 15, 0, tzinfo=UTC)
    assert POSTINGS.after(before) == POSTINGS.floor(new_year) == new_year
    assert POSTINGS.tag(new_year) == "2027_01"


def test_claims_are_cut_every_hundred_million_serials_and_between_series() -> None:
    assert (CLAIMS.floor(1_999_999_999), CLAIMS.floor(2_000_000_000)) == (1_900_000_000, 2_000_000_000)
    assert CLAIMS.after(1_900_000_000) == 2_000_000_000


@pytest.mark.postgresql
@pytest.mark.usefixtures("_scratch")
def test_a_live_site_is_cut_and_put_together_again() -> None:
    batch, member = live_batch(), make.member()
    store = make.store(brand=batch.brand)
    shapes = [shape(ranges.table) for ranges in BOTH]
    for place in range(3):
        claim(batch, place, member)
    spend(member, store, "before")

    with claims_going_on(batch, first=100) as claimed:
        wait_for(lambda: len(claimed) > 5)
        cut()
        claim(batch, 3, member)
        spend(member, store, "between")
        so_far = len(claimed)
        wait_for(lambda: len(claimed) > so_far)
    assert Claim.objects.count() == len(claimed) + 4
    for ranges in BOTH:
        first, *later, default = partitions.partitions_of(ranges)
        assert (first.start, default.end, len(later) >= 3) == (None, None, True)
        assert rows_of(f"SELECT count(*) FROM {first.name}") == rows_of(
            f"SELECT count(*) FROM {ranges.table}"
        )
    assert [*ledger_audit.differences(), *giftcodes_audit.differences()] == []

    with claims_going_on(batch, first=1_000) as more:
        wait_for(lambda: len(more) > 5)
        cut(undo=True)
        spend(member, store, "after")
    assert Claim.objects.count() == len(claimed) + len(more) + 4
    assert [shape(ranges.table) for ranges in BOTH] == shapes
    wallet = Account.objects.get(member=member)
    assert queries.balance_of(wallet) == queries.balance_at(wallet, at=database_time()) == 4 * 500 - 3 * 300


@pytest.mark.postgresql
@pytest.mark.usefixtures("_scratch")
def test_the_sandbox_is_kept_apart_from_the_first_partition() -> None:
    batch, member = live_batch(), make.member()
    shapes = [shape(ranges.table) for ranges in BOTH]
    tried = live_batch(make.brand(program=make.program(is_sandbox=True), funds=1_000_000))
    claim(batch, 0, member)
    claim(tried, 0, member, is_sandbox=True)
    assert stopped_after(2 * 4 + 1, undo=False)  # its claims go on while the table is prepared
    claim(tried, 1, member, is_sandbox=True)
    cut()
    claim(tried, 2, member, is_sandbox=True)
    first, *later = partitions.partitions_of(CLAIMS)
    assert (first.start, first.end) == (None, 1_200_000_000)
    assert rows_of(f"SELECT count(*) FROM {first.name}") == ["1"]
    assert [part.start for part in later if part.start and part.start >= 9_000_000_000][:1] == [9_000_000_000]
    assert rows_of("SELECT id FROM giftcodes_claim_9000000000") == [
        str(9 * 10**9 + place) for place in range(3)
    ]
    with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
        cursor.execute("DELETE FROM giftcodes_claim_9000000000")
    assert [*ledger_audit.differences(), *giftcodes_audit.differences()] == []
    cut(undo=True)
    assert Claim.objects.count() == 4
    assert [shape(ranges.table) for ranges in BOTH] == shapes


@pytest.mark.postgresql
@pytest.mark.usefixtures("_scratch")
def test_the_table_is_read_beside_its_writers_and_not_again_under_the_lock() -> None:
    claim(live_batch(), 0, make.member())
    said: list[str | None] = []
    with connection.cursor() as cursor:
        cursor.execute("SET client_min_messages = debug1")
    connection.connection.add_notice_handler(lambda notice: said.append(notice.message_primary))
    cut()
    for ranges in BOTH:
        proof = f'partition constraint for table "{ranges.table}_first" is implied by existing constraints'
        assert proof in said


@pytest.mark.postgresql
@pytest.mark.usefixtures("_scratch")
def test_every_partition_refuses_to_change_history() -> None:
    claim(live_batch(), 0, make.member())
    cut()
    changes = ["UPDATE {0} SET points = points", "DELETE FROM {0}", "TRUNCATE {0}"]
    for ranges in BOTH:
        first = names_of(ranges)[0]
        for table in (ranges.table, first):
            for change in changes:
                with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
                    cursor.execute(change.format(table))
        for table in names_of(ranges)[1:]:  # no rows yet
            with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
                cursor.execute(f"TRUNCATE {table}")


@pytest.mark.postgresql
@pytest.mark.usefixtures("_scratch")
def test_queries_look_at_the_partitions_they_need_alone() -> None:
    cut(ahead=8)
    second = partitions.partitions_of(POSTINGS)[1]
    inside = f"posted_at >= '{second.start}' AND posted_at < '{second.end}'"
    day = "\n".join(rows_of(f"EXPLAIN SELECT sum(points) FROM ledger_posting WHERE {inside}"))
    assert {name for name in names_of(POSTINGS) if name in day} == {second.name}
    until = "\n".join(
        rows_of(f"EXPLAIN SELECT * FROM ledger_posting WHERE source_id = 1 AND posted_at < '{second.end}'")
    )
    # The default may hold any row that has no range, so it is looked at for an open end.
    assert {name for name in names_of(POSTINGS) if name in until} <= {
        "ledger_posting_first",
        second.name,
        "ledger_posting_default",
    }
    one = "\n".join(rows_of("EXPLAIN SELECT * FROM giftcodes_claim WHERE id = 1000000001"))
    assert {name for name in names_of(CLAIMS) if name in one} == {"giftcodes_claim_first"}


@pytest.mark.postgresql
@pytest.mark.usefixtures("_scratch")
@pytest.mark.parametrize("ranges", BOTH, ids=lambda ranges: ranges.table)
def test_no_row_is_refused_and_the_default_becomes_a_range(ranges: Ranges) -> None:
    batch = live_batch()
    claim(batch, 0, make.member())
    cut()
    last = partitions.partitions_of(ranges)[-2]
    beyond = ranges.after(ranges.after(last.end))
    try:
        with connection.cursor() as cursor:
            cursor.execute(foreign_row(ranges, ranges.literal(beyond)))
        assert rows_of(f"SELECT count(*) FROM {ranges.table}_default") == ["1"]
        cut()
        name = f"{ranges.table}_{ranges.tag(beyond)}"
        assert rows_of(f"SELECT count(*) FROM {name}") == ["1"]
        assert rows_of(f"SELECT count(*) FROM {ranges.table}_default") == ["0"]
        with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {name}")
        cut(undo=True)
        assert not partitions.is_partitioned(ranges)
        assert (
            int(
                rows_of(
                    f"SELECT count(*) FROM {ranges.table} WHERE {ranges.column} >= {ranges.literal(beyond)}"
                )[0]
            )
            == 1
        )
    finally:
        forget_foreign_row(ranges, ranges.literal(beyond))


@pytest.mark.postgresql
@pytest.mark.usefixtures("_scratch")
def test_cut_off_after_any_step_it_goes_on_where_it_was() -> None:
    claim(live_batch(), 0, make.member())
    shapes = [shape(ranges.table) for ranges in BOTH]
    for undo in (False, True):
        for done in count(1):
            if not stopped_after(done, undo=undo):
                break
            claim(live_batch(), 0, make.member())
        assert all(partitions.is_partitioned(ranges) is not undo for ranges in BOTH)
    assert [shape(ranges.table) for ranges in BOTH] == shapes


def stopped_after(steps: int, *, undo: bool) -> bool:
    """Run it, and stop it when it has taken so many steps; whether it came to that."""

    class Stopped(Exception):
        pass

    class Said(StringIO):
        def write(self, text: str) -> int:
            nonlocal steps
            steps -= 1
            if steps < 0:
                raise Stopped
            return super().write(text)

    try:
        call_command("partition", stdout=Said(), undo=undo)
    except Stopped:
        return True
    return False


@pytest.mark.postgresql
@pytest.mark.usefixtures("_scratch")
def test_a_plan_can_be_read_before_anything_happens() -> None:
    shapes = [shape(ranges.table) for ranges in BOTH]
    plan = cut(dry_run=True)
    assert "ATTACH PARTITION ledger_posting_first" in plan
    assert "CREATE TABLE giftcodes_claim_default" in plan
    assert [shape(ranges.table) for ranges in BOTH] == shapes
    cut()
    assert "DETACH PARTITION giftcodes_claim_first" in cut(dry_run=True, undo=True)
    assert all(partitions.is_partitioned(ranges) for ranges in BOTH)


@pytest.mark.postgresql
@pytest.mark.usefixtures("_scratch")
@pytest.mark.parametrize(
    ("made", "why"),
    [
        ("CREATE TABLE remark (posting bigint REFERENCES ledger_posting)", "remark has a foreign key"),
        ("CREATE VIEW claimed AS SELECT id FROM giftcodes_claim", "view claimed reads"),
    ],
)
def test_what_points_at_a_table_is_named_before_anything_happens(made: str, why: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(made)
    with pytest.raises(CommandError, match=why):
        cut()
    assert not any(partitions.is_partitioned(ranges) for ranges in BOTH)


@pytest.mark.sqlite
@pytest.mark.django_db
def test_sqlite_is_told_that_it_has_none() -> None:
    with pytest.raises(CommandError, match="Only PostgreSQL has partitions"):
        cut()
