"""Every check of statements is shown a difference that only it must find."""

import pytest

from ledger import services as ledger
from ledger import settlement_audit
from ledger.audit import run_checks
from ledger.models import Settlement
from tests.ledger.coalition import NOVEMBER_ENDS, Coalition, coalition, november, october
from tests.tampering import each_past_the_guards

pytestmark = pytest.mark.django_db


@pytest.fixture
def closed() -> Settlement:
    """Two closed statements and a prepared one of a program; the second is given."""
    shops: Coalition = coalition()
    spent = shops.spend(shops.cafe, shops.main_street, 500, at=october(5))
    shops.spend(shops.drugs, shops.station, 70, at=october(6))
    shops.settle()
    ledger.reverse_transfer(key="back", original_id=spent.transfer_id, points=100, at=november(4))
    shops.spend(shops.books, shops.station, 30, at=november(6))
    shops.spend(shops.books, shops.station, 40, at=october(31))
    settled = shops.settle(NOVEMBER_ENDS)
    shops.spend(shops.cafe, shops.harbour, 9, at=november(30))
    shops.prepare(NOVEMBER_ENDS.replace(year=2027, month=1))
    return settled


def _found() -> list[str]:
    return [difference.check for difference in run_checks(settlement_audit.CHECKS)]


def test_sound_statements_have_no_difference(closed: Settlement) -> None:
    assert not list(run_checks(settlement_audit.CHECKS))
    assert not list(settlement_audit.changed_fingerprints())


COUNTS, WORTH = "a statement counts its uses", "a line is worth its points"
FOLLOWS, MOVED = "statements follow each other", "a closed statement has moved its points"
BELONGS = "a settling transfer belongs to a closed statement"
ACCEPTED = "accepted points are used and not settled"
CLEARED = "cleared points are settled and not corrected"
_LINE = "WHERE id = (SELECT MIN(id) FROM ledger_settlementline WHERE settlement_id = {0.pk})"
_LAST_USE = "WHERE id = (SELECT MAX(id) FROM ledger_lotuse WHERE id <= {0.last_use_id} AND points > 0)"
_POSTING = """WHERE id = (
    SELECT MIN(p.id) FROM ledger_posting p JOIN ledger_transfer t ON t.id = p.transfer_id
    WHERE t.reason = 'settle' AND t.posted_at > '2026-11-20')"""


CASES = [
    (COUNTS, "UPDATE ledger_lotuse SET points = points + 1 " + _LAST_USE),
    (COUNTS, "UPDATE ledger_lotuse SET posted_at = '2026-11-04' " + _LAST_USE),  # late no more
    (COUNTS, "UPDATE ledger_lotuse SET kind = 'hold', acceptor_id = NULL " + _LAST_USE),
    (COUNTS, "DELETE FROM ledger_lotuse " + _LAST_USE),
    (COUNTS, "UPDATE ledger_settlementline SET uses = uses + 1 " + _LINE),
    (COUNTS, "UPDATE ledger_settlementline SET earlier_points = 7 " + _LINE),
    (COUNTS, "DELETE FROM ledger_settlementline " + _LINE),
    (COUNTS, "UPDATE ledger_settlement SET last_use_id = last_use_id - 1 WHERE id = {0.pk}"),
    (WORTH, "UPDATE ledger_settlementline SET yen = yen + 1 " + _LINE),
    (WORTH, "UPDATE ledger_settlement SET yen_per_point = 2 WHERE id = {0.pk}"),
    (FOLLOWS, "UPDATE ledger_settlement SET starts_at = '2026-10-30' WHERE id = {0.pk}"),
    (FOLLOWS, "UPDATE ledger_settlement SET last_use_id = 1000000000 WHERE id = {0.previous_id}"),
    (FOLLOWS, "UPDATE ledger_settlement SET state = 'rejected' WHERE id = {0.previous_id}"),
    (MOVED, "UPDATE ledger_posting SET points = points + 1 " + _POSTING),
    (MOVED, "UPDATE ledger_posting SET source_id = target_id, target_id = source_id " + _POSTING),
    (
        MOVED,
        "UPDATE ledger_settlement SET public_id = '{1}' WHERE id = {0.pk}",
    ),
    (BELONGS, "UPDATE ledger_settlement SET state = 'rejected' WHERE id = {0.pk}"),
    (BELONGS, "UPDATE ledger_settlement SET decided_at = '2026-12-24' WHERE id = {0.pk}"),
    (ACCEPTED, "UPDATE ledger_posting SET points = points + 1 " + _POSTING),
    (ACCEPTED, "DELETE FROM ledger_lotuse " + _LAST_USE),
    (CLEARED, "UPDATE ledger_posting SET points = points + 1 " + _POSTING),
    (CLEARED, "UPDATE ledger_settlementline SET points = points + 1 " + _LINE),
]


def test_every_check_is_shown_what_it_must_find(closed: Settlement) -> None:
    statements = (sql.format(closed, "0" * 32) for _check, sql in CASES)
    for (check, _sql), shown in zip(CASES, each_past_the_guards(statements), strict=True):
        assert check in _found(), shown


def test_no_check_goes_without_a_case() -> None:
    assert {check for check, _sql in CASES} == set(settlement_audit.CHECKS)


def test_whatever_changes_a_statement_changes_its_fingerprint(closed: Settlement) -> None:
    statements = [
        "UPDATE ledger_settlement SET program_name = 'another' WHERE id = {0.pk}",
        "UPDATE ledger_settlement SET yen_per_point = 2 WHERE id = {0.pk}",
        "UPDATE ledger_settlement SET starts_at = '2026-10-30' WHERE id = {0.pk}",
        "UPDATE ledger_settlement SET prepared_at = '2026-10-30' WHERE id = {0.pk}",
        "UPDATE ledger_settlement SET public_id = '{1}' WHERE id = {0.pk}",
        "UPDATE ledger_settlement SET sha256 = 'another' WHERE id = {0.pk}",
        "UPDATE ledger_settlementline SET funder_name = 'another' " + _LINE,
        "UPDATE ledger_settlementline SET store_code = 'another' " + _LINE,
        "UPDATE ledger_lotuse SET points = points + 1 " + _LAST_USE,
        "UPDATE ledger_lotuse SET store_id = store_id + 1 " + _LAST_USE,
        "DELETE FROM ledger_lotuse " + _LAST_USE,
        "DELETE FROM ledger_settlementline " + _LINE,
    ]
    for sql in each_past_the_guards(sql.format(closed, "0" * 32) for sql in statements):
        subjects = [subject for subject, _expected, _found in settlement_audit.changed_fingerprints()]
        assert f"settlement {closed.pk}" in subjects, sql
