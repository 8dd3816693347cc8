"""Reports as of any instant: right to the point, equal to each other, the same whenever they are asked."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest

from ledger import audit, queries, reports
from ledger import services as ledger
from ledger.expiry import JAPAN
from ledger.models import Account, AccountKind, Reason
from ledger.reports import Step
from parties.models import Brand, Program
from tests import make
from tests.ledger.town import Town, busy
from tests.make import NOON

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
LONG_AGO, LATER = datetime(2026, 1, 1, tzinfo=UTC), NOON + 90 * DAY


@pytest.fixture
def town() -> Town:
    return Town()


def balances(program: Program, at: datetime) -> dict[str, int]:
    return {line.kind: line.balance for line in reports.trial_balance(program, at=at)}


def everything(town: Town, at: datetime) -> list[Any]:
    """Each report of the town as of one instant."""
    statement = reports.wallet_statement(town.wallet, starts_at=LONG_AGO, ends_at=at)
    lines = reports.account_lines(Account.objects.filter(program=town.program).order_by("pk"), at=at)
    return [
        reports.liability(town.program, at=at),
        reports.realised_breakage(town.program, at=at),
        reports.expected_breakage(town.program, at=at),
        reports.trial_balance(town.program, at=at),
        reports.liability_series(town.program, at=at, step=Step.DAY, steps=30),
        lines,
        (statement.opening_points, statement.closing_points),
        [(entry.points, entry.reason, entry.brand, entry.store) for entry in statement.entries],
    ]


def test_liability_names_funder_month_points_and_yen(town: Town) -> None:
    make.live_batch(brand=town.bakery, size=10, face_points=500)
    town.grant(town.bakery, 300, key="a", days=10)
    town.grant(town.bakery, 200, key="b", days=40)
    town.grant(town.books, 70, key="c", days=10)
    owed = reports.liability(town.program, at=NOON)
    bakery, books = owed.funders
    assert (bakery.unclaimed_points, bakery.wallet_points, bakery.overdue_points) == (5_000, 500, 0)
    assert bakery.months == [(date(2026, 11, 1), 300), (date(2026, 12, 1), 200)]
    assert (books.unclaimed_points, books.wallet_points) == (0, 70)
    assert (owed.points, owed.yen) == (5_570, 11_140)
    assert owed.months == [(date(2026, 11, 1), 370), (date(2026, 12, 1), 200)]


def test_an_end_at_midnight_belongs_to_the_month_that_people_see(town: Town) -> None:
    last_of_november = (datetime(2026, 11, 30, tzinfo=JAPAN) - NOON.astimezone(JAPAN)).days + 1
    town.grant(town.bakery, 300, key="a", days=last_of_november)
    assert town.wallet.lots.get().expires_at == datetime(2026, 12, 1, tzinfo=JAPAN)
    assert reports.liability(town.program, at=NOON).months == [(date(2026, 11, 1), 300)]


def test_a_lot_is_expired_from_its_own_end_on_booked_or_not(town: Town) -> None:
    end = town.grant(town.bakery, 300, key="a").expires_at
    before, after = reports.liability(town.program, at=end - DAY), reports.liability(town.program, at=end)
    assert (before.points, before.funders[0].overdue_points) == (300, 0)
    assert (after.points, after.funders[0].overdue_points) == (0, 300)
    assert reports.realised_breakage(town.program, at=end - DAY) == []
    (realised,) = reports.realised_breakage(town.program, at=end)
    assert (realised.brand, realised.month, realised.points) == (town.bakery, date(2026, 11, 1), 300)
    # Booking it moves the points, and changes neither what was owed nor what has expired.
    ledger.expire_lots(at=end + DAY)
    assert reports.liability(town.program, at=end + DAY).points == 0
    assert reports.realised_breakage(town.program, at=end + DAY) == [realised]
    assert balances(town.program, end + DAY)["breakage"] == 300
    assert reports.liability(town.program, at=end) == after


def test_liability_and_breakage_equal_the_trial_balance(town: Town) -> None:
    busy(town)
    ledger.expire_lots(at=NOON + 11 * DAY)
    town.grant(town.bakery, 10, key="late", at=NOON + 12 * DAY, days=1)
    for day in range(20):
        at = NOON + day * DAY
        sums, owed = balances(town.program, at), reports.liability(town.program, at=at)
        overdue = sum(funder.overdue_points for funder in owed.funders)
        assert sum(sums.values()) == 0
        assert sum(funder.unclaimed_points for funder in owed.funders) == sums["unclaimed"]
        assert sum(funder.wallet_points for funder in owed.funders) + overdue == sums["wallet"]
        assert sum(funder.held_points for funder in owed.funders) == sums.get("held", 0)
        realised = sum(line.points for line in reports.realised_breakage(town.program, at=at))
        assert realised == sums.get("breakage", 0) + overdue
    assert not list(audit.differences())


def test_the_answer_for_a_past_instant_never_changes(town: Town) -> None:
    busy(town)
    moments = [NOON, NOON + 2 * DAY, NOON + 4 * DAY + timedelta(hours=1), NOON + 9 * DAY, NOON + 11 * DAY]
    before = [everything(town, at) for at in moments]
    ledger.expire_holds(at=NOON + 20 * DAY)
    while ledger.expire_lots(at=NOON + 20 * DAY):
        pass
    town.grant(town.books, 5_000, key="more", at=NOON + 21 * DAY)
    town.spend(4_000, key="much", at=NOON + 22 * DAY)
    make.live_batch(brand=town.books, size=3, face_points=5, approved_at=NOON + 22 * DAY)
    assert [everything(town, at) for at in moments] == before
    assert everything(town, NOON + 23 * DAY) != everything(town, NOON + 11 * DAY)


def test_a_cohort_tells_what_became_of_each_granted_point(town: Town) -> None:
    busy(town)
    (bakery, books) = reports.expected_breakage(town.program, at=NOON + 7 * DAY)
    (cohort,) = bakery.cohorts
    assert (cohort.month, cohort.granted_points, cohort.spent_points) == (date(2026, 11, 1), 1_000, 360)
    assert (cohort.held_points, cohort.expired_points, cohort.remaining_points) == (30, 0, 610)
    assert (bakery.rate, bakery.points) == (None, None)
    (cohort,) = books.cohorts
    assert (cohort.granted_points, cohort.taken_back_points, cohort.remaining_points) == (477, 77, 400)


def test_expected_breakage_is_that_of_cohorts_that_are_over(town: Town) -> None:
    past = NOON - 60 * DAY
    town.grant(town.bakery, 300, key="past", at=past, days=20)
    town.spend(200, key="some", at=past + DAY)
    town.grant(town.bakery, 1_000, key="now", at=NOON, days=90)
    town.grant(town.books, 500, key="first", at=NOON, days=90)
    bakery, books = reports.expected_breakage(town.program, at=NOON)
    assert bakery.rate == Fraction(1, 3)
    assert bakery.points == 333  # of 1,000, rounded down
    assert (books.rate, books.points) == (None, None)  # it has no past
    town.spend(900, key="most", at=NOON + DAY, store=town.oven)
    bakery, _ = reports.expected_breakage(town.program, at=NOON + DAY)
    assert bakery.points == 100  # no more than remain


def test_what_expired_of_an_open_cohort_is_not_expected_once_more(town: Town) -> None:
    past = NOON - 60 * DAY
    town.grant(town.bakery, 300, key="past", at=past, days=20)
    town.spend(150, key="some", at=past + DAY)
    town.grant(town.bakery, 400, key="short", at=NOON, days=2)
    town.grant(town.bakery, 600, key="long", at=NOON, days=90)
    (bakery,) = reports.expected_breakage(town.program, at=NOON + 10 * DAY)
    (_, cohort) = bakery.cohorts
    assert (bakery.rate, cohort.expired_points, cohort.is_over) == (Fraction(1, 2), 400, False)
    assert bakery.points == 100  # half of 1,000, of which 400 have expired


def test_a_statement_opens_goes_on_and_closes(town: Town) -> None:
    busy(town)
    statement = reports.wallet_statement(town.wallet, starts_at=NOON + DAY, ends_at=NOON + 5 * DAY)
    assert statement.opening_points == 1_400
    told = [(entry.reason, entry.points, str(entry.store or entry.brand)) for entry in statement.entries]
    assert told == [
        (Reason.SPEND, -250, "Books Main shop"),
        (Reason.HOLD, -100, "Books Main shop"),
        (Reason.RELEASE, 40, "Books Main shop"),
        (Reason.SPEND, -90, "Bakery Oven"),
        (Reason.REVERSE, 40, "Bakery Oven"),
        (Reason.GRANT, 77, "Books"),
    ]
    assert statement.opening_points + sum(entry.points for entry in statement.entries) == 1_117
    assert statement.closing_points == 1_117
    assert [entry.original for entry in statement.entries if entry.original] == [Reason.SPEND]


def test_a_long_statement_says_that_it_is_cut_and_keeps_its_balances(town: Town) -> None:
    for number in range(5):
        town.grant(town.bakery, 10, key=f"n{number}", at=NOON + number * DAY)
    statement = reports.wallet_statement(town.wallet, starts_at=NOON, ends_at=LATER, limit=3)
    assert (len(statement.entries), statement.is_cut, statement.closing_points) == (3, True, 50)


def test_the_accounts_of_a_trial_balance_add_up_to_their_kinds(town: Town) -> None:
    busy(town)
    lines = reports.account_lines(Account.objects.filter(program=town.program), at=NOON + 5 * DAY)
    for kind in reports.trial_balance(town.program, at=NOON + 5 * DAY):
        own = [line for line in lines if line.kind == kind.kind]
        assert len(own) == kind.accounts
        assert sum(line.points_in for line in own) == kind.points_in
        assert sum(line.points_out for line in own) == kind.points_out


@pytest.mark.parametrize("step", Step)
def test_a_series_ends_with_the_balance_of_the_instant(town: Town, step: Step) -> None:
    busy(town)
    at = NOON + 5 * DAY
    wallets = Account.objects.filter(program=town.program, kind=AccountKind.WALLET)
    series = reports.balance_series(wallets, at=at, step=step, steps=12)
    assert len(series) == 12
    assert series[-1][1] == queries.balance_at(town.wallet, at=at)
    steps = reports.liability_series(town.program, at=at, step=step, steps=12)
    owed = reports.liability(town.program, at=at)
    assert steps[-1][1:] == tuple(
        sum(points)
        for points in zip(
            *((line.unclaimed_points, line.wallet_points, line.held_points) for line in owed.funders),
            strict=True,
        )
    )


def test_each_day_of_a_series_is_the_balance_at_its_end(town: Town) -> None:
    busy(town)
    wallets = Account.objects.filter(pk=town.wallet.pk)
    for start, points in reports.balance_series(wallets, at=NOON + 9 * DAY, step=Step.DAY, steps=15)[:-1]:
        end = start + DAY - timedelta(microseconds=1)
        assert points == queries.balance_at(town.wallet, at=end)


@pytest.mark.parametrize("steps", [1, 60])
def test_a_series_takes_one_query_whatever_its_length(
    town: Town, steps: int, django_assert_num_queries: Any
) -> None:
    wallets = Account.objects.filter(pk=town.wallet.pk)
    with django_assert_num_queries(1):
        reports.balance_series(wallets, at=NOON, step=Step.DAY, steps=steps)
    with django_assert_num_queries(4):
        reports.liability_series(town.program, at=NOON, step=Step.DAY, steps=steps)


@pytest.mark.parametrize("steps", [0, 61])
def test_a_series_has_a_bounded_number_of_steps(town: Town, steps: int) -> None:
    with pytest.raises(ValueError, match="steps"):
        reports.balance_series(Account.objects.all(), at=NOON, step=Step.DAY, steps=steps)


def test_a_brand_sees_what_it_has_funded_alone(town: Town) -> None:
    busy(town)
    own = Brand.objects.filter(pk=town.books.pk)
    at = NOON + 7 * DAY
    assert [line.brand for line in reports.liability(town.program, at=at, brands=own).funders] == [town.books]
    assert [line.brand for line in reports.expected_breakage(town.program, at=at, brands=own)] == [town.books]
    assert reports.realised_breakage(town.program, at=NOON + 30 * DAY, brands=own) == []
    (step,) = reports.liability_series(town.program, at=at, step=Step.DAY, steps=1, brands=own)
    assert step[1:] == (0, 400, 0)
