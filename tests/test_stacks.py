"""No test falls out of both databases, and what holds SQL of its own is asked of both."""

import re
from itertools import chain, combinations
from pathlib import Path

import pytest

from tests import stacks

TESTS = Path(__file__).parent
APPS = ("campaigns", "config", "giftcodes", "ledger", "parties", "redemption_site")
SQL = re.compile(
    r"connections?\.(vendor|cursor)|connection\.(?!vendor|cursor)\w|RawSQL|\.raw\(|\.extra\(|select_for_update"
)
# Each module with SQL of its own, or with locks, and a test of it.
TRIED_BY = {
    "campaigns/services/approvals.py": "campaigns/test_approvals.py",
    "campaigns/services/dispute_texts.py": "campaigns/test_dispute_texts.py",
    "campaigns/services/disputes.py": "campaigns/test_disputes.py",
    "campaigns/services/mailing_answers.py": "campaigns/mailings/test_sending.py",
    "campaigns/services/mailing_repairs.py": "campaigns/mailings/test_repairs.py",
    "campaigns/services/mailing_sending.py": "campaigns/mailings/test_sending.py",
    "campaigns/services/mailings.py": "campaigns/mailings/test_approvals.py",
    "campaigns/services/orders.py": "campaigns/test_orders.py",
    "config/durability.py": "config/test_durability.py",
    "config/health.py": "config/test_health.py",
    "config/management/commands/demo.py": "journeys/test_demo.py",
    "config/management/commands/partition.py": "config/test_partitioning.py",
    "campaigns/services/page_counts.py": "campaigns/test_results.py",
    "campaigns/services/try_counts.py": "redemption_site/test_tries_counted.py",
    "config/postgresql/base.py": "config/test_health.py",
    "config/postgresql/partitions.py": "config/test_partitioning.py",
    "config/postgresql/ranges.py": "config/test_partitioning.py",
    "giftcodes/audit.py": "giftcodes/test_audit.py",
    "giftcodes/guarding/on_database.py": "giftcodes/test_guarding.py",
    "giftcodes/locking.py": "concurrency/test_racing_claims.py",
    "giftcodes/restores.py": "giftcodes/test_replay.py",
    "giftcodes/services/draws.py": "giftcodes/test_gifts.py",
    "giftcodes/services/receipts.py": "giftcodes/test_further_deliveries.py",
    "giftcodes/services/final_ids.py": "giftcodes/test_gifts.py",
    "giftcodes/services/gift_budgets.py": "giftcodes/test_gift_budgets.py",
    "giftcodes/services/gift_claims.py": "giftcodes/test_gift_ends.py",
    "giftcodes/services/gift_ends.py": "giftcodes/test_gift_ends.py",
    "giftcodes/services/gift_replays.py": "giftcodes/test_gift_replay.py",
    "giftcodes/services/gifts.py": "giftcodes/test_gifts.py",
    "giftcodes/services/quick_gifts.py": "giftcodes/test_quick_gifts.py",
    "ledger/audit/checks.py": "ledger/test_audit_of_spending.py",
    "ledger/locking.py": "concurrency/test_racing_ledger.py",
    "ledger/pipeline.py": "ledger/test_transfers.py",
    "ledger/services/expiries.py": "ledger/test_expiries.py",
    "ledger/services/holds.py": "ledger/test_holds.py",
    "ledger/services/recoveries.py": "ledger/test_reversals.py",
    "ledger/services/settlements.py": "ledger/test_settlements.py",
    "ledger/services/sheets.py": "ledger/test_sheets.py",
    "ledger/services/taking.py": "ledger/test_spending.py",
    "ledger/statements.py": "ledger/test_statements.py",
    "parties/consents.py": "redemption_site/test_consents.py",
    "parties/event_queries.py": "parties/test_events.py",
    "parties/events.py": "parties/test_events.py",
    "parties/factor_services.py": "concurrency/test_racing_factors.py",
    "parties/holding.py": "giftcodes/test_void_requests.py",
    "parties/leaving.py": "redemption_site/test_leaving.py",
    "parties/limiting/on_database.py": "parties/test_api_limits.py",
    "parties/moments.py": "parties/test_webhooks.py",
    "parties/prepared.py": "parties/test_prepared.py",
    "parties/site_services.py": "concurrency/test_racing_codes_of_sites.py",
    "parties/webhook_services.py": "parties/test_webhooks.py",
    "redemption_site/identities.py": "concurrency/test_racing_sign_ins.py",
}


def every_choice_of_marks() -> list[set[str]]:
    names = [*stacks.MARKS, "django_db"]
    choices = chain.from_iterable(combinations(names, size) for size in range(len(names) + 1))
    return [set(choice) for choice in choices]


@pytest.mark.parametrize("module", ["ledger/test_lots.py", "api/test_points.py", "browser/test_camera.py"])
@pytest.mark.parametrize("touches_database", [True, False])
def test_every_test_runs_somewhere_or_is_refused(module: str, touches_database: bool) -> None:
    refused = []
    for marks in every_choice_of_marks():
        try:
            chosen = stacks.stacks_of(module, marks, touches_database=touches_database)
        except ValueError:
            refused.append(marks - {"django_db"})
            continue
        assert chosen, marks
        assert chosen <= set(stacks.STACKS), marks
    assert refused
    assert all("postgresql" in marks and len(marks) > 1 for marks in refused)


def test_what_is_the_same_on_both_runs_once_and_the_rest_twice() -> None:
    def stacks_of(module: str, *marks: str, touches_database: bool = True) -> set[str]:
        return stacks.stacks_of(module, set(marks), touches_database=touches_database)

    assert stacks_of("ledger/test_lots.py") == {"sqlite", "postgresql"}
    assert stacks_of("ledger/test_lots.py", touches_database=False) == {"sqlite"}
    assert stacks_of("ledger/test_lots.py", "postgresql") == {"postgresql"}
    assert stacks_of("api/test_points.py") == {"sqlite"}
    assert stacks_of("api/test_points.py", "postgresql") == {"postgresql"}
    assert stacks_of("api/test_points.py", "both") == {"sqlite", "postgresql"}
    assert stacks_of("browser/test_a_new_one.py") == {"sqlite"}


def test_a_deep_run_opens_doors_on_both() -> None:
    for marks in ({"django_db"}, {"both"}):
        assert stacks.stacks_of("api/test_points.py", marks, touches_database=True, is_deep=True) == {
            "sqlite",
            "postgresql",
        }
    assert stacks.stacks_of("api/test_points.py", set(), touches_database=False, is_deep=True) == {"sqlite"}


@pytest.mark.parametrize("door", sorted(stacks.DOORS))
def test_a_door_is_there(door: str) -> None:
    assert (TESTS / door).exists()


def test_each_kind_of_door_is_opened_on_both() -> None:
    marked = {path.relative_to(TESTS) for path in TESTS.rglob("test_*.py") if "mark.both" in path.read_text()}
    kinds = {path.parts[0] for path in marked if stacks.is_door(path.as_posix())}
    assert kinds >= {"api", "browser", "campaigns", "ledger", "parties", "redemption_site"}


def test_every_module_with_sql_of_its_own_is_tried_on_both() -> None:
    root = TESTS.parent
    found = {
        path.relative_to(root).as_posix()
        for app in APPS
        for path in (root / app).rglob("*.py")
        if "migrations" not in path.parts and path.name != "settings.py" and SQL.search(path.read_text())
    }
    assert found == set(TRIED_BY)
    for tested_by in TRIED_BY.values():
        assert (TESTS / tested_by).exists(), tested_by
        assert not stacks.is_door(tested_by), tested_by
