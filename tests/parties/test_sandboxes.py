"""Sandboxes: one twin per brand, in one program per live program, apart from all that is worth anything."""

import pytest
from django.urls import reverse
from django.utils import timezone

from ledger import services as ledger
from parties.api_services import open_sandbox
from parties.errors import NotReachable
from parties.models import Brand, Program, Role
from tests import make
from tests.campaigns import promos
from tests.campaigns.pages import signed_in
from tests.make import NOON

pytestmark = pytest.mark.django_db


def test_a_brand_has_one_twin_in_the_sandbox_of_its_program() -> None:
    program = make.program(yen_per_point=5, unit_label="coins")
    first, second = make.brand(program=program), make.brand(program=program)
    twin = open_sandbox(brand=first, at=NOON)
    assert open_sandbox(brand=first, at=NOON) == twin
    assert open_sandbox(brand=twin, at=NOON) == twin
    assert (twin.sandbox_of, twin.created_at) == (first, NOON)
    sandbox = twin.program
    assert (sandbox.is_sandbox, sandbox.yen_per_point, sandbox.unit_label) == (True, 5, "coins")
    assert sandbox != program
    assert open_sandbox(brand=second, at=NOON).program == sandbox
    assert open_sandbox(brand=make.brand(), at=NOON).program != sandbox


def test_its_name_says_that_it_is_one_and_fits() -> None:
    brand = make.brand(name="N" * 80, program=make.program(name="P" * 80))
    twin = open_sandbox(brand=brand, at=NOON)
    assert twin.name == f"[Sandbox] {'N' * 70}"
    assert twin.program.name == f"[Sandbox] {'P' * 70}"


def test_a_sandbox_stays_as_it_was_made_and_nothing_else_is_called_so() -> None:
    twin = open_sandbox(brand=make.brand(), at=NOON)
    browser = signed_in(make.user(is_staff=True, is_superuser=True))
    for row in (twin, twin.program):
        name = row._meta.model_name
        page = reverse(f"admin:parties_{name}_change", args=(row.pk,))
        assert browser.get(page).status_code == 200
        assert browser.post(page, {"name": "Not a sandbox"}).status_code == 403
        answer = browser.post(
            reverse(f"admin:parties_{name}_add"),
            {"slug": "sandbox-9", "name": "X", "unit_label": "pt", "yen_per_point": "1"},
        )
        assert "slug" in answer.context["adminform"].form.errors
    offered = browser.get(reverse("admin:parties_brand_add")).context["adminform"].form.fields["program"]
    assert list(offered.queryset) == [twin.sandbox_of.program]  # type: ignore[union-attr]  # it has one


def test_the_operators_finance_settles_no_sandbox() -> None:
    twin = open_sandbox(brand=make.brand(), at=NOON)
    person = make.staff(Role.FINANCE, None)
    form = signed_in(person).get(reverse("admin:ledger_settlement_add")).context["form"]
    assert list(form.fields["program"].queryset) == [twin.sandbox_of.program]  # type: ignore[union-attr]
    with pytest.raises(NotReachable):
        ledger.prepare_settlement(program_id=twin.program_id, ends_at=NOON, user=person, at=timezone.now())


@pytest.mark.parametrize("report", ["liability", "breakage", "trial-balance"])
def test_reports_are_of_live_programs(report: str) -> None:
    brand = make.brand()
    twin = open_sandbox(brand=brand, at=NOON)
    browser = signed_in(make.staff(Role.AUDITOR, None))
    address = reverse(f"admin:ledger_report_{report}")
    assert browser.get(address).context["asked"].program == brand.program
    assert browser.get(address, {"program": twin.program_id}).status_code == 404


def test_campaigns_of_a_sandbox_owe_nobody_anything() -> None:
    team = promos.team()
    promos.approve(promos.submitted(team), team.approver)
    browser = signed_in(make.staff(Role.AUDITOR, None))
    address = reverse("admin:campaigns_campaign_liability")
    assert len(browser.get(address).context["table"].rows) == 1
    Program.objects.filter(pk=team.brand.program_id).update(is_sandbox=True)
    assert browser.get(address).context["table"].rows == []


def test_the_desk_shows_live_funds_first() -> None:
    brands = [make.brand(name=f"Z {number}") for number in range(5)]
    open_sandbox(brand=brands[0], at=NOON)
    browser = signed_in(make.staff(Role.FINANCE, None))
    shown = [row["brand"] for row in browser.get(reverse("admin:index")).context["funds"]]
    assert shown[:5] == brands
    assert Brand.objects.count() == 6
