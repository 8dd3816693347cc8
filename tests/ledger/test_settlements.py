"""A statement is prepared by one person and closed by another, counts each use once, and never changes."""

from datetime import datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from ledger import audit
from ledger import services as ledger
from ledger.errors import SettlementRefused
from ledger.files.content import frozen_content, recounted_content
from ledger.files.csv import canonical_csv, fingerprint
from ledger.models import (
    LotUse,
    Posting,
    Reason,
    Settlement,
    SettlementState,
    Transfer,
)
from ledger.netting import Due
from parties.errors import NotReachable
from parties.models import Role
from tests import make
from tests.factors import just_now
from tests.ledger.coalition import (
    NOVEMBER_ENDS,
    OCTOBER_ENDS,
    Coalition,
    balances_of,
    coalition,
    lines_of,
    november,
    october,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def shops() -> Coalition:
    return coalition()


def test_a_statement_counts_by_funder_acceptor_and_store(shops: Coalition) -> None:
    shops.spend(shops.cafe, shops.main_street, 300, at=october(5))
    shops.spend(shops.cafe, shops.main_street, 200, at=october(6))
    shops.spend(shops.books, shops.station, 120, at=october(7))
    shops.spend(shops.books, shops.park, 80, at=october(31, 23))

    statement = shops.prepare()

    assert (statement.starts_at, statement.ends_at) == (
        datetime.fromisoformat("2026-10-01T00:00+09:00"),
        OCTOBER_ENDS,
    )
    assert (statement.state, statement.previous) == (SettlementState.PREPARED, None)
    assert lines_of(statement) == {
        ("みどり", "ふくろ", "b-01"): (2, 500, 500),
        ("ふくろ", "みどり", "c-01"): (1, 120, 120),
        ("ふくろ", "みどり", "c-02"): (1, 80, 80),
    }
    assert not Transfer.objects.filter(reason=Reason.SETTLE).exists()
    assert not list(audit.differences())


def test_closing_moves_accepted_points_to_what_their_funders_cleared(shops: Coalition) -> None:
    shops.spend(shops.cafe, shops.main_street, 500, at=october(5))
    shops.spend(shops.books, shops.station, 120, at=october(7))
    shops.spend(shops.drugs, shops.harbour, 30, at=october(8))

    closed = shops.settle()

    assert (closed.state, closed.decided_by) == (SettlementState.CLOSED, shops.second)
    assert balances_of(shops.cafe, shops.books, shops.drugs) == [(0, 500), (0, 120), (0, 30)]
    content = frozen_content(closed)
    assert content.dues == [
        Due(shops.cafe.slug, shops.books.slug, 380)
    ]  # and the drugstore nothing to itself
    assert (content.total.points, content.total.uses) == (650, 3)
    assert not list(audit.differences())


def test_the_sum_of_the_stores_is_the_pair_and_the_sum_of_the_pairs_the_whole(shops: Coalition) -> None:
    for number, store in enumerate([shops.station, shops.park, shops.main_street, shops.harbour], start=1):
        for funder in (shops.cafe, shops.books, shops.drugs):
            shops.spend(funder, store, 10 * number + funder.pk % 7 + 1, at=october(number))
    content = frozen_content(shops.prepare())

    assert len(content.lines) == 12
    assert len(content.pairs) == 9
    for pair in content.pairs:
        lines = [line for line in content.lines if (line.names.funder, line.names.acceptor) == pair[:2]]
        assert pair.points == sum(line.points for line in lines) == pair.yen
        assert pair.uses == len(lines)
    assert content.total.points == sum(LotUse.objects.values_list("points", flat=True))


def test_yen_are_points_times_the_value_of_a_point_on_the_day_it_was_prepared() -> None:
    shops = coalition(yen_per_point=3)
    shops.spend(shops.cafe, shops.main_street, 500, at=october(5))
    prepared = shops.prepare()
    shops.program.yen_per_point = 7
    shops.program.save()

    closed = shops.close(prepared)

    assert [line.yen for line in closed.lines.all()] == [1_500]
    assert closed.yen_per_point == 3


def test_the_last_instant_counts_and_the_next_does_not(shops: Coalition) -> None:
    shops.spend(shops.cafe, shops.main_street, 1, at=OCTOBER_ENDS - timedelta(microseconds=1))
    shops.spend(shops.cafe, shops.main_street, 2, at=OCTOBER_ENDS)

    assert frozen_content(shops.settle()).total.points == 1
    assert frozen_content(shops.settle(NOVEMBER_ENDS)).total.points == 2


def test_a_late_row_goes_to_the_next_statement_and_is_shown_as_late(shops: Coalition) -> None:
    shops.spend(shops.cafe, shops.main_street, 500, at=october(5))
    october_statement = shops.settle()
    before = canonical_csv(frozen_content(october_statement))
    shops.spend(shops.cafe, shops.main_street, 40, at=october(30))
    shops.spend(shops.cafe, shops.main_street, 7, at=november(3))

    next_statement = shops.settle(NOVEMBER_ENDS)

    (line,) = frozen_content(next_statement).lines
    assert (line.uses, line.points, line.earlier_points) == (2, 47, 40)
    assert canonical_csv(recounted_content(october_statement)) == before
    assert next_statement.starts_at == OCTOBER_ENDS
    assert next_statement.previous == october_statement
    assert not list(audit.differences())


def test_a_row_of_the_very_end_that_is_written_after_it_is_counted_once_and_is_not_late(
    shops: Coalition,
) -> None:
    shops.spend(shops.cafe, shops.main_street, 500, at=october(5))
    shops.settle()
    shops.spend(shops.cafe, shops.main_street, 40, at=OCTOBER_ENDS)

    (line,) = frozen_content(shops.settle(NOVEMBER_ENDS)).lines

    assert (line.uses, line.points, line.earlier_points) == (1, 40, 0)
    assert not list(audit.differences())


def test_a_row_written_while_a_statement_waits_is_not_in_it(shops: Coalition) -> None:
    shops.spend(shops.cafe, shops.main_street, 500, at=october(5))
    waiting = shops.prepare()
    shops.spend(shops.cafe, shops.main_street, 40, at=october(30))

    closed = shops.close(waiting)

    assert frozen_content(closed).total.points == 500
    assert frozen_content(shops.settle(NOVEMBER_ENDS)).total.points == 40
    assert not list(audit.differences())


def test_a_reversal_in_the_next_month_makes_a_pair_owe_the_other_way(shops: Coalition) -> None:
    spent = shops.spend(shops.cafe, shops.main_street, 500, at=october(5))
    shops.settle()
    ledger.reverse_transfer(key="back", original_id=spent.transfer_id, points=120, at=november(4))

    closed = shops.settle(NOVEMBER_ENDS)

    assert frozen_content(closed).dues == [Due(shops.books.slug, shops.cafe.slug, 120)]
    assert balances_of(shops.cafe, shops.books) == [(0, 380), (0, 0)]
    assert not list(audit.differences())


def test_a_pair_that_sums_to_nothing_moves_nothing(shops: Coalition) -> None:
    spent = shops.spend(shops.cafe, shops.main_street, 500, at=october(5))
    ledger.reverse_transfer(key="back", original_id=spent.transfer_id, at=october(6))

    closed = shops.settle()

    assert lines_of(closed) == {("みどり", "ふくろ", "b-01"): (2, 0, 0)}
    assert not Transfer.objects.filter(reason=Reason.SETTLE).exists()
    assert not list(audit.differences())


def test_months_in_which_nothing_was_used_are_statements_too(shops: Coalition) -> None:
    first = shops.settle()
    second = shops.settle(NOVEMBER_ENDS)

    assert (first.starts_at, first.ends_at) == (
        datetime.fromisoformat("2026-10-01T00:00+09:00"),
        OCTOBER_ENDS,
    )
    assert (second.starts_at, second.previous) == (OCTOBER_ENDS, first)
    assert frozen_content(second).total.uses == 0
    assert not list(audit.differences())


def test_the_first_statement_begins_with_the_month_of_the_first_use(shops: Coalition) -> None:
    shops.dated = datetime.fromisoformat("2026-07-01T00:00+09:00")
    shops.spend(shops.cafe, shops.main_street, 1, at=datetime.fromisoformat("2026-07-31T23:59+09:00"))

    assert shops.prepare().starts_at == datetime.fromisoformat("2026-07-01T00:00+09:00")


def test_programs_do_not_see_each_other(shops: Coalition) -> None:
    other = coalition()
    shops.spend(shops.cafe, shops.main_street, 500, at=october(5))
    other.spend(other.cafe, other.main_street, 7, at=october(5))

    assert frozen_content(shops.settle()).total.points == 500
    assert frozen_content(other.settle()).total.points == 7


@pytest.mark.parametrize(
    ("ends_at", "at", "rule"),
    [
        (OCTOBER_ENDS + timedelta(hours=9), november(9), "midnight"),
        (NOVEMBER_ENDS, november(30, 23), "future"),
        (OCTOBER_ENDS, november(9), "order"),
        (OCTOBER_ENDS - timedelta(days=1), november(9), "order"),
    ],
)
def test_a_period_ends_at_a_midnight_that_has_passed_after_the_one_before(
    shops: Coalition, ends_at: datetime, at: datetime, rule: str
) -> None:
    shops.settle()

    with pytest.raises(SettlementRefused) as refused:
        shops.prepare(ends_at, at=at)

    assert refused.value.rule == rule
    assert shops.prepare(NOVEMBER_ENDS, at=NOVEMBER_ENDS).ends_at == NOVEMBER_ENDS


def test_preparing_twice_prepares_once_and_for_another_person_not_at_all(shops: Coalition) -> None:
    first = shops.prepare()

    assert shops.prepare() == first
    with pytest.raises(SettlementRefused) as refused:
        ledger.prepare_settlement(
            program_id=shops.program.pk, ends_at=OCTOBER_ENDS, user=shops.second, at=november(2)
        )
    assert refused.value.rule == "waiting"
    assert Settlement.objects.count() == 1


def test_only_the_operators_finance_prepares_and_decides(shops: Coalition) -> None:
    waiting = shops.prepare()
    others = [
        make.staff(Role.FINANCE, shops.cafe),
        make.staff(Role.SUPPORT, None),
        make.staff(Role.AUDITOR, None),
        make.user(is_superuser=True, is_staff=True),
        make.user(),
    ]

    for person in others:
        with pytest.raises(NotReachable):
            ledger.prepare_settlement(
                program_id=shops.program.pk, ends_at=OCTOBER_ENDS, user=person, at=november(2)
            )
        with pytest.raises(NotReachable):
            ledger.close_settlement(
                settlement_id=waiting.pk, user=person, sha256=waiting.sha256, **just_now(november(2))
            )
        with pytest.raises(NotReachable):
            ledger.reject_settlement(settlement_id=waiting.pk, user=person, at=november(2))
    assert shops.close(waiting).state == SettlementState.CLOSED


def test_a_program_or_a_statement_that_does_not_exist_is_not_reachable(shops: Coalition) -> None:
    with pytest.raises(NotReachable):
        ledger.prepare_settlement(program_id=0, ends_at=OCTOBER_ENDS, user=shops.first, at=november(2))
    with pytest.raises(NotReachable):
        ledger.reject_settlement(settlement_id=0, user=shops.first, at=november(2))


def test_whoever_prepared_a_statement_does_not_decide_it(shops: Coalition) -> None:
    waiting = shops.prepare()

    with pytest.raises(SettlementRefused) as refused:
        ledger.close_settlement(
            settlement_id=waiting.pk, user=shops.first, sha256=waiting.sha256, **just_now(november(2))
        )
    assert refused.value.rule == "same_person"
    with pytest.raises(SettlementRefused) as refused:
        ledger.reject_settlement(settlement_id=waiting.pk, user=shops.first, at=november(2))
    assert refused.value.rule == "same_person"


def test_closing_needs_the_fingerprint_of_the_statement(shops: Coalition) -> None:
    waiting = shops.prepare()

    for seen in ("0" * 64, "", "é"):
        with pytest.raises(SettlementRefused) as refused:
            ledger.close_settlement(
                settlement_id=waiting.pk, user=shops.second, sha256=seen, **just_now(november(2))
            )
        assert refused.value.rule == "fingerprint"
    assert shops.close(waiting).state == SettlementState.CLOSED


def test_a_statement_whose_uses_have_changed_is_not_closed(shops: Coalition) -> None:
    spent = shops.spend(shops.cafe, shops.main_street, 500, at=october(5))
    waiting = shops.prepare()
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            "UPDATE ledger_lotuse SET points = 400 WHERE transfer_id = %s",
            [spent.transfer_id if connection.vendor == "postgresql" else spent.transfer_id.hex],
        )
        assert cursor.rowcount == 1

    with pytest.raises(SettlementRefused) as refused:
        shops.close(waiting)

    assert refused.value.rule == "changed"
    assert Settlement.objects.get().state == SettlementState.PREPARED


def test_closing_twice_closes_once(shops: Coalition) -> None:
    shops.spend(shops.cafe, shops.main_street, 500, at=october(5))
    closed = shops.settle()

    assert shops.close(closed, at=november(9)) == closed
    with pytest.raises(SettlementRefused) as refused:
        ledger.close_settlement(
            settlement_id=closed.pk,
            user=make.staff(Role.FINANCE, None),
            sha256=closed.sha256,
            verified_at=november(9),
            at=november(9),
        )
    assert refused.value.rule == "decided"
    assert Posting.objects.filter(transfer__reason=Reason.SETTLE).count() == 1
    assert Settlement.objects.get().decided_at == OCTOBER_ENDS + timedelta(days=2)


def test_a_rejected_statement_makes_way_for_another(shops: Coalition) -> None:
    shops.settle()
    shops.spend(shops.cafe, shops.main_street, 500, at=november(5))
    waiting = shops.prepare(NOVEMBER_ENDS)

    rejected = ledger.reject_settlement(settlement_id=waiting.pk, user=shops.second, at=NOVEMBER_ENDS)

    assert (rejected.state, rejected.previous) == (SettlementState.REJECTED, None)
    again = ledger.reject_settlement(settlement_id=waiting.pk, user=shops.second, at=NOVEMBER_ENDS)
    assert again == rejected
    with pytest.raises(SettlementRefused) as refused:
        shops.close(waiting)
    assert refused.value.rule == "decided"
    anew = shops.settle(NOVEMBER_ENDS)
    assert frozen_content(anew).total.points == 500
    assert not list(audit.differences())


def test_names_of_a_statement_are_those_of_the_day_it_was_prepared(shops: Coalition) -> None:
    shops.spend(shops.cafe, shops.main_street, 500, at=october(5))
    closed = shops.settle()
    before = canonical_csv(frozen_content(closed))
    for row, changes in (
        (shops.program, {"name": "New name"}),
        (shops.cafe, {"name": "New cafe", "slug": "a-new-cafe", "legal_name": "New K.K."}),
        (shops.main_street, {"name": "New street", "code": "z-99"}),
    ):
        type(row)._default_manager.filter(pk=row.pk).update(**changes)

    closed = Settlement.objects.get()

    assert canonical_csv(frozen_content(closed)) == canonical_csv(recounted_content(closed)) == before
    assert fingerprint(recounted_content(closed)) == closed.sha256
    assert "みどりカフェ（みどり珈琲株式会社）".encode() in before
    assert not list(audit.differences())


@pytest.mark.postgresql
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ledger_settlement SET program_name = 'another'",
        "UPDATE ledger_settlement SET sha256 = 'another'",
        "UPDATE ledger_settlement SET last_use_id = last_use_id + 1",
        "UPDATE ledger_settlement SET state = 'prepared', decided_by_id = NULL, decided_at = NULL",
        "UPDATE ledger_settlementline SET points = points",
        "DELETE FROM ledger_settlementline",
        "DELETE FROM ledger_settlement",
    ],
)
def test_the_database_itself_refuses_to_change_a_closed_statement(shops: Coalition, change: str) -> None:
    shops.spend(shops.cafe, shops.main_street, 500, at=october(5))
    shops.settle()

    with pytest.raises(DatabaseError, match="is append-only"), transaction.atomic():
        connection.cursor().execute(change)
