"""Several statements in one round trip: what comes back, and what is left after a failure."""

import select
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.core.signals import request_finished, request_started
from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    OperationalError,
    ProgrammingError,
    connection,
    connections,
    transaction,
)
from django.db.transaction import TransactionManagementError
from psycopg.conninfo import make_conninfo

from ledger.statements import Statement, as_instant, fold, run_together
from parties.models import Program
from tests import make
from tests.faults.workers import wait_for

INSERT = (
    "INSERT INTO parties_program (slug, name, unit_label, yen_per_point, created_at, is_sandbox)"
    " VALUES (%s, %s, 'pt', 1, %s, false)"
)


def a_program(slug: str) -> Statement:
    return Statement(INSERT, [slug, slug, make.NOON])


def seen_by_others(slug: str) -> bool:
    """Whether another connection finds the row: only what is committed is there for it."""

    def look() -> bool:
        try:
            return Program.objects.filter(slug=slug).exists()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(look).result()


@pytest.mark.django_db
def test_the_rows_of_each_statement_come_back_in_order() -> None:
    with transaction.atomic():
        first, nothing, last = run_together(
            Statement("SELECT %s, %s", [1, 2**40]),
            a_program("one"),
            Statement("SELECT slug, created_at FROM parties_program WHERE slug LIKE 'on%%'", []),
        )
    assert [tuple(map(int, row)) for row in first] == [(1, 2**40)]
    assert nothing == []
    assert [(slug, as_instant(at)) for slug, at in last] == [("one", make.NOON)]


@pytest.mark.django_db
def test_a_prepared_statement_serves_every_value_of_its_types() -> None:
    values = [(1, "a", UUID(int=1)), (2**62, "ü'%s", UUID(int=2**127)), (-5, "", UUID(int=0))]
    for number, text, unique in values:
        with transaction.atomic():
            rows = run_together(
                Statement("SELECT %s + 0, CAST(%s AS text), CAST(%s AS text)", [number, text, unique])
            )
        ((back, same_text, same_unique),) = rows[0]
        assert (back, same_text, UUID(same_unique)) == (number, text, unique)


@pytest.mark.django_db
def test_folded_statements_all_happen_and_the_last_one_answers() -> None:
    last = Statement(INSERT + " RETURNING slug", ["last", "last", make.NOON])
    with transaction.atomic():
        *_, rows = run_together(*fold(a_program("one"), a_program("two"), last))
    assert rows == [("last",)]
    assert set(Program.objects.values_list("slug", flat=True)) == {"one", "two", "last"}


@pytest.mark.django_db
def test_the_first_failure_undoes_all_and_leaves_the_connection_usable() -> None:
    for _ in range(
        2
    ):  # the second time with statements that are prepared already, or not because of the failure
        with pytest.raises(IntegrityError), transaction.atomic():
            run_together(
                a_program("one"), a_program("one"), Statement("SELECT 'never sent before' || %s", ["x"])
            )
        with pytest.raises(DatabaseError), transaction.atomic():
            run_together(a_program("two"), Statement("SELECT no_such_column", []))
    assert not Program.objects.exists()
    with transaction.atomic():
        assert run_together(Statement("SELECT 'never sent before' || %s", ["x"])) == [
            [("never sent beforex",)]
        ]


@pytest.mark.django_db(transaction=True)
def test_the_last_statements_of_a_transaction_may_take_its_commit_along() -> None:
    with transaction.atomic():
        run_together(a_program("one"), is_last=True)
        if (
            connection.vendor == "postgresql"
        ):  # the control: it is the statements that committed, not the block
            assert seen_by_others("one")
    assert seen_by_others("one")


@pytest.mark.django_db(transaction=True)
def test_inside_another_transaction_nothing_is_committed_early() -> None:
    with transaction.atomic():
        with transaction.atomic():
            run_together(a_program("one"), is_last=True)
        assert Program.objects.filter(slug="one").exists()
        transaction.set_rollback(True)
    assert not seen_by_others("one")


@pytest.mark.django_db(transaction=True)
def test_a_failure_among_the_last_statements_commits_nothing() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        run_together(a_program("one"), a_program("one"), is_last=True)
    assert not seen_by_others("one")


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_connection_that_breaks_in_the_middle_is_given_up_and_replaced() -> None:
    with pytest.raises(OperationalError), transaction.atomic():
        run_together(
            a_program("one"), Statement("SELECT pg_terminate_backend(pg_backend_pid())", []), is_last=True
        )
    assert not Program.objects.exists()
    with transaction.atomic():
        assert run_together(Statement("SELECT %s", [datetime(2027, 1, 1, tzinfo=UTC)]))[0]


def _a_request(work: Callable[[], object]) -> object:
    """What Django does around the work of a request."""
    request_started.send(None, environ={})
    try:
        return work()
    finally:
        request_finished.send(None)


def _select(value: object = 1) -> object:
    return run_together(Statement("SELECT CAST(%s AS text)", [value]))[0][0][0]


@pytest.fixture
def kept() -> Iterator[psycopg.Connection[Any]]:
    """A connection that is kept from request to request, as in production."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(connection.settings_dict, "CONN_MAX_AGE", None)
        connection.close()
        connection.connect()
        yield connection.connection
        connection.close()


def _kill(victim: psycopg.Connection[Any]) -> None:
    with psycopg.connect(_dsn(), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [victim.info.backend_pid])
    wait_for(lambda: bool(select.select([victim.fileno()], [], [], 0)[0]), seconds=10)


def _dsn() -> str:
    wanted = ("dbname", "host", "port", "user")
    parameters = connection.get_connection_params()
    return make_conninfo(**{name: parameters[name] for name in wanted if name in parameters})


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("work", [_select, Program.objects.count], ids=["pipeline", "ORM"])
def test_a_request_does_not_notice_that_its_connection_was_lost_since_the_last_one(
    kept: psycopg.Connection[Any], work: Callable[[], object]
) -> None:
    _a_request(work)
    _kill(kept)
    _a_request(work)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("work", [_select, Program.objects.count], ids=["pipeline", "ORM"])
def test_only_the_request_in_which_the_connection_is_lost_fails(
    kept: psycopg.Connection[Any], work: Callable[[], object]
) -> None:
    def killed_in_the_middle() -> None:
        work()
        _kill(kept)
        work()

    with pytest.raises(OperationalError):
        _a_request(killed_in_the_middle)
    _a_request(work)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_statements_that_the_server_forgot_are_prepared_again() -> None:
    _select()
    with connection.cursor() as cursor:
        cursor.execute("DISCARD ALL")
    assert _select() == "1"
    with connection.cursor() as cursor:
        cursor.execute("DISCARD ALL")
    with pytest.raises(ProgrammingError), transaction.atomic():  # a transaction can't go on
        _select()
    with transaction.atomic():
        assert _select() == "1"


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_one_text_takes_values_of_any_type() -> None:
    assert [_select(value) for value in (5, "x", None, 6)] == ["5", "x", None, "6"]


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_value_that_cannot_be_sent_leaves_the_transaction_usable() -> None:
    with transaction.atomic():
        run_together(a_program("one"))
        with pytest.raises(DataError), transaction.atomic():
            run_together(a_program("two"), Statement("SELECT CAST(%s AS text)", ["NUL \x00"]))
    assert list(Program.objects.values_list("slug", flat=True)) == ["one"]


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_is_to_be_rolled_back_takes_no_more_statements() -> None:
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(TransactionManagementError):
            run_together(a_program("one"), is_last=True)
    assert not seen_by_others("one")
