"""The ledger in the admin: what finance sees and does, and what nobody else does."""

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from ledger import reports
from ledger import services as ledger
from ledger.models import (
    Account,
    AccountKind,
    Adjustment,
    DaySeal,
    Hold,
    Lot,
    LotUse,
    Receivable,
    Settlement,
    Transfer,
    transfer_id_of,
)
from parties.models import Role, User
from tests import make
from tests.campaigns.pages import signed_in
from tests.ledger.finance import asked_for, closed, page_of, text_of
from tests.ledger.town import DAY, Town, busy
from tests.make import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("december")]
MODELS = (Account, Adjustment, DaySeal, Hold, LotUse, Receivable, Settlement, Transfer)
REPORTS = ("liability", "breakage", "trial-balance")


@pytest.fixture
def town() -> Town:
    row = Town()
    busy(row)
    return row


@pytest.fixture
def operator() -> User:
    return make.staff(Role.FINANCE, None)


def report(name: str, **asked: str) -> tuple[str, dict[str, str]]:
    return reverse(f"admin:ledger_report_{name}"), asked


# --- What is seen ---------------------------------------------------------------------------------


@pytest.mark.both
def test_the_operators_people_open_every_page(town: Town, operator: User) -> None:
    closed(town, operator)
    asked_for(town, operator)
    ledger.take_back(key="all", original_id=transfer_id_of("grant:a"), at=NOON + 8 * DAY)
    ledger.seal_due_days(at=NOON + 40 * DAY, limit=3)
    for role in (Role.FINANCE, Role.AUDITOR):
        client = signed_in(make.staff(role, None))
        for model in MODELS:
            listed = text_of(client, reverse(f"admin:ledger_{model._meta.model_name}_changelist"))
            rows = model._default_manager.all()
            assert rows
            assert any(page_of(row) in listed for row in rows)
            # What a page shows of a row does not depend on who reads it.
            for row in rows if role == Role.FINANCE else rows[:2]:
                text_of(client, page_of(row))
        for name in REPORTS:
            text_of(client, *report(name))
        text_of(client, page_of(town.wallet, "statement"))


def test_nothing_is_typed_into_a_table(operator: User) -> None:
    request = Client().get("/").wsgi_request
    request.user = operator
    for model in (*MODELS, Lot):
        own = admin.site.get_model_admin(model)
        assert not own.has_change_permission(request)
        assert not own.has_delete_permission(request)
        assert own.has_add_permission(request) == (model in (Adjustment, Settlement))


def rows_of_the_bakery(town: Town, operator: User) -> dict[str, Any]:
    """A row of each kind that concerns the bakery, and not the third brand."""
    settlement = closed(town, operator)
    spent = transfer_id_of("spend:bread")
    ledger.take_back(key="all", original_id=transfer_id_of("grant:a"), at=NOON + 8 * DAY)
    return {
        "transfer": Transfer.objects.get(pk=transfer_id_of("grant:a")),
        "use": LotUse.objects.filter(transfer=spent, points__gt=0).first(),
        "receivable": Receivable.objects.get(funder=town.bakery),
        "settlement": settlement,
        "account": Account.objects.get(kind=AccountKind.FUNDS, brand=town.bakery),
        "adjustment": asked_for(
            town,
            operator,
            brand_id=town.bakery.pk,
            asked=ledger.TakeBackAsked(spent, 10),
        ),
        "hold": ledger.hold_points(
            wallet_id=town.wallet.pk,
            store_id=town.oven.pk,
            points=5,
            key="oven",
            expires_at=NOON + 9 * DAY,
            at=NOON + 8 * DAY,
        ),
    }


READ_BY = {
    "transfer": {Role.FINANCE, Role.AUDITOR, Role.SUPPORT},
    "use": {Role.FINANCE, Role.AUDITOR, Role.SUPPORT},
    "hold": {Role.FINANCE, Role.AUDITOR, Role.SUPPORT},
    "account": {Role.FINANCE, Role.AUDITOR, Role.SUPPORT},
    "adjustment": {Role.FINANCE, Role.AUDITOR, Role.SUPPORT},
    "receivable": {Role.FINANCE, Role.AUDITOR},
    "settlement": {Role.FINANCE, Role.AUDITOR},
}


def test_a_brands_people_see_its_rows_and_no_others(town: Town, operator: User) -> None:
    rows, foreign = rows_of_the_bakery(town, operator), make.brand(program=town.program)
    for role in Role:
        own, stranger = signed_in(make.staff(role, town.bakery)), signed_in(make.staff(role, foreign))
        for name, row in rows.items():
            seen = 200 if role in READ_BY[name] else 404
            assert own.get(page_of(row)).status_code == seen, (role, name)
            assert stranger.get(page_of(row)).status_code == 404, (role, name)
            if role in READ_BY[name]:
                listed = stranger.get(reverse(f"admin:ledger_{row._meta.model_name}_changelist"))
                assert page_of(row) not in listed.content.decode(), (role, name)


def test_wallets_lots_and_days_are_the_operators_alone(town: Town) -> None:
    ledger.seal_due_days(at=NOON + 40 * DAY, limit=1)
    seal = DaySeal.objects.get(program=town.program)
    pages = [page_of(town.wallet), page_of(town.wallet, "statement"), page_of(town.wallet.lots.all()[0])]
    pages += [page_of(seal), reverse("admin:ledger_dayseal_manifest", args=(seal.pk,))]
    for role in Role:
        client = signed_in(make.staff(role, town.books))
        for address in pages:
            assert client.get(address).status_code in (403, 404), (role, address)


def test_reports_are_for_finance_and_auditors(town: Town) -> None:
    readers = (Role.FINANCE, Role.AUDITOR)
    for role in Role:
        for person in (make.staff(role, town.books), make.staff(role, None)):
            client = signed_in(person)
            for name in REPORTS:
                assert client.get(*report(name)).status_code == (200 if role in readers else 403), role
            assert ("reports/liability" in text_of(client, reverse("admin:index"))) == (role in readers)


@pytest.mark.both
def test_a_program_out_of_reach_is_not_reported_on(town: Town) -> None:
    client = signed_in(make.staff(Role.FINANCE, town.books))
    foreign = make.brand().program
    for wanted in (str(foreign.pk), "x", "٣", "9" * 30):
        assert client.get(*report("liability", program=wanted)).status_code == 404


def test_a_settlement_transfer_shows_a_brand_its_own_postings_alone(town: Town, operator: User) -> None:
    third = make.brand(program=town.program, name="Third brand", funds=1_000)
    town.grant(third, 500, key="third", at=NOON + 7 * DAY, days=1)
    town.spend(400, key="of the third", at=NOON + 8 * DAY)
    settlement = closed(town, operator)
    transfer = Transfer.objects.get(pk=transfer_id_of(f"settle:{settlement.public_id.hex}"))
    own = text_of(signed_in(make.staff(Role.FINANCE, town.bakery)), page_of(transfer))
    assert "Third brand" not in own
    assert "Third brand" in text_of(signed_in(operator), page_of(transfer))
    part = text_of(signed_in(make.staff(Role.FINANCE, town.bakery)), page_of(settlement))
    assert "Third brand" not in part
    assert "the part of the statement" in part


# --- Reports --------------------------------------------------------------------------------------


def figures(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


def test_the_liability_page_says_what_the_report_says(town: Town, operator: User) -> None:
    at = NOON + 7 * DAY
    owed = reports.liability(town.program, at=at)
    asked = report("liability", program=str(town.program.pk), at="2026-11-09T12:00")
    said = figures(text_of(signed_in(operator), *asked))
    assert f"{owed.points:,} <small>pt" in said
    assert f"<dt>Yen</dt><dd>{owed.yen:,}</dd>" in said
    for funder in owed.funders:
        assert f"{funder.wallet_points:,}</td>" in said
    assert "<polyline" in said


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_of_a_past_moment_never_changes(town: Town, operator: User, name: str) -> None:
    client = signed_in(operator)
    asked = report(name, at="2026-11-09T12:00", csv="1", program=str(town.program.pk))
    before = client.get(*asked).content
    ledger.expire_lots(at=NOON + 30 * DAY)
    closed(town, operator)
    town.spend(100, key="later", at=NOON + 20 * DAY)
    assert client.get(*asked).content == before
    assert client.get(*report(name, csv="1", program=str(town.program.pk))).content != before


def test_a_brands_reports_hold_its_own_points_alone(town: Town) -> None:
    client = signed_in(make.staff(Role.FINANCE, town.books))
    for name in REPORTS:
        said = client.get(*report(name, csv="1")).content.decode()
        assert "Books" in said
        assert "Bakery" not in said
    assert "wallet:" not in client.get(*report("trial-balance", csv="1")).content.decode()


def test_the_breakage_page_shows_its_formula(town: Town, operator: User) -> None:
    said = text_of(
        signed_in(operator), *report("breakage", program=str(town.program.pk), at="2026-11-03T12:00")
    )
    assert "rate = sum of expired ÷ sum of (granted − taken back)" in said
    assert "There is no estimate" in said


def test_the_breakage_page_tells_months_that_are_over_from_those_with_an_estimate(
    town: Town, operator: User
) -> None:
    ledger.expire_lots(at=NOON + 45 * DAY)
    town.grant(town.bakery, 1_000, key="of the next month", at=NOON + 45 * DAY, days=90)
    asked = {"program": str(town.program.pk), "at": "2026-12-20T12:00"}
    said = figures(text_of(signed_in(operator), *report("breakage", **asked)))
    assert ">over</td>" in said
    assert "Expected to expire:" in said


def test_an_account_that_never_held_a_point_has_a_page(town: Town, operator: User) -> None:
    empty = make.wallet(make.member(), town.program)
    assert "Nothing was posted yet." in text_of(signed_in(operator), page_of(empty))


def test_a_cell_that_a_spreadsheet_would_run_is_plain_text(town: Town, operator: User) -> None:
    make.brand(program=town.program, name="=HYPERLINK(1)", funds=5)
    town.program.save()
    said = signed_in(operator).get(*report("liability", csv="1", program=str(town.program.pk)))
    assert b"'=HYPERLINK(1)" in said.content
    assert said["Content-Type"] == "text/csv; charset=utf-8"


def test_a_wallet_statement_can_be_looked_at_and_taken_along(town: Town, operator: User) -> None:
    client = signed_in(operator)
    asked = {"start": "2026-11-03T12:00", "end": "2026-11-07T11:59"}
    said = figures(text_of(client, page_of(town.wallet, "statement"), asked))
    assert "1,400 <small>pt" in said
    assert "Main shop" in said
    assert "reversal (points spent)" in said
    lines = client.get(page_of(town.wallet, "statement"), asked | {"csv": "1"}).content.decode()
    assert "1117" in lines
    for wrong in ({"start": "x", "end": "y"}, {"start": "2026-11-07T00:00", "end": "2026-11-03T00:00"}):
        assert "Closing balance" not in text_of(client, page_of(town.wallet, "statement"), wrong)
    funds = Account.objects.get(kind=AccountKind.FUNDS, brand=town.books)
    assert client.get(page_of(funds, "statement")).status_code == 404


def test_a_transfer_is_found_by_its_key_and_names_its_reversal(town: Town, operator: User) -> None:
    client = signed_in(operator)
    listed = text_of(client, reverse("admin:ledger_transfer_changelist"), {"q": "spend:bread"})
    spent = Transfer.objects.get(pk=transfer_id_of("spend:bread"))
    reversal = Transfer.objects.get(original=spent)
    assert page_of(spent) in listed
    assert page_of(reversal) not in listed
    assert page_of(reversal) in text_of(client, page_of(spent))
    assert page_of(spent) in text_of(client, page_of(reversal))
    for posted in ("today", "week", "month", "last_month", "nonsense"):
        client.get(reverse("admin:ledger_transfer_changelist"), {"posted": posted, "reason__exact": "spend"})
