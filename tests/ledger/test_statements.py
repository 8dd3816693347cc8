"""Several statements in one round trip: what comes back, and what is left after a failure."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.db import DatabaseError, IntegrityError, OperationalError, connection, connections, transaction

from ledger.statements import Statement, as_instant, fold, run_together
from parties.models import Program
from tests import make

INSERT = (
    "INSERT INTO parties_program (slug, name, unit_label, yen_per_point, created_at)"
    " VALUES (%s, %s, 'pt', 1, %s)"
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
