"""Every address of the admin x every role of the operator: what its people see and do in the rows of a brand,
and in what belongs to no brand. Their roles count for all brands; none counts for more than it says.
"""

import pytest
from django.db import transaction
from django.urls import reverse

from giftcodes.guard_models import Alarm, Attempt, ClaimLock
from giftcodes.models import Series
from ledger.models import DaySeal, Lot, Settlement
from parties.invitation_models import StaffInvitation
from parties.models import Member, MembershipNumber, Role, StaffRole
from parties.notice_models import ExpiryNotice
from tests import make
from tests.campaigns import promos
from tests.campaigns.pages import signed_in
from tests.campaigns.test_every_admin_address import CLOSED, DOORS, EVERY, SHOWN, TYPED, _address, models
from tests.campaigns.test_scopes import OPERATORS_ONLY, SEEN_BY, WRITES, address, listed, rows_of
from tests.parties import invitations

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]

_CARE = {Role.SUPPORT, Role.AUDITOR}
# What belongs to no brand.
SEEN_BY_OPERATORS = {
    Series: EVERY,
    Lot: {*_CARE, Role.FINANCE},
    Member: {*_CARE, Role.FINANCE},
    DaySeal: {Role.FINANCE, Role.AUDITOR},
    MembershipNumber: _CARE,
    ExpiryNotice: _CARE,
    Attempt: _CARE,
    ClaimLock: _CARE,
    Alarm: _CARE,
}
# What the operator's role opens, and that of a brand does not.
MORE_DOORS = {
    "ledger/settlement/<id>/close/": {Role.FINANCE},
    "ledger/settlement/<id>/reject/": {Role.FINANCE},
}
MORE_ADDED = {Settlement: {Role.FINANCE}}


def test_the_table_names_what_belongs_to_no_brand() -> None:
    assert set(SEEN_BY_OPERATORS) == OPERATORS_ONLY


@pytest.mark.usefixtures("unrendered")
@pytest.mark.parametrize("role", Role)
def test_the_operators_people_see_rows_of_all_brands_that_their_role_shows(role: Role) -> None:
    rows = [rows_of(promos.team()) for _brand in range(2)]
    client = signed_in(make.staff(role, None))
    seen = SEEN_BY | SEEN_BY_OPERATORS
    for model in models().values():
        opens = role in seen.get(model, set())
        assert (listed(client, model).status_code == 200) == opens, model
        add = client.get(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add")).status_code
        adds = (WRITES | MORE_ADDED).get(model, set())
        assert (add == 200) == (role in adds), model
        found = [of[model] for of in rows if model in of] or list(model._default_manager.all()[:1])
        for row in found:
            for page in ("change", "history"):
                assert (client.get(address(row, page)).status_code == 200) == opens, (model, page)
            assert client.get(address(row, "delete")).status_code in CLOSED, model


@pytest.mark.usefixtures("unrendered")
@pytest.mark.parametrize("role", Role)
def test_the_operators_people_act_where_their_role_acts(role: Role) -> None:
    rows = rows_of(promos.team())
    client = signed_in(make.staff(role, None))
    for door, roles in DOORS.items():
        with transaction.atomic():  # what one door does is not there for the next one
            status = client.post(_address(door, rows), TYPED).status_code
            transaction.set_rollback(True)
        assert (status not in CLOSED) == (role in roles | MORE_DOORS.get(door, set())), (door, status)
    for page, roles in SHOWN.items():
        assert (client.get(_address(page, rows)).status_code == 200) == (role in roles), page


def test_roles_of_the_operator_are_shown_and_taken_by_the_operator_alone() -> None:
    of, operators = promos.team(), invitations.team(of_operator=True)
    held, waiting = operators.asker.staff_roles.get(), invitations.asked(operators)
    taken = make.staff(Role.SUPPORT, None).staff_roles.get()
    remove = reverse("admin:parties_staffrole_remove", args=(taken.pk,))
    for role in Role:
        client = signed_in(make.staff(role, of.brand))
        for row in (held, waiting):
            assert client.get(address(row, "change")).status_code == 404, (role, row)
        assert client.post(remove, {"reason": "x"}).status_code == 404
        assert (
            client.post(reverse("admin:parties_staffinvitation_confirm", args=(waiting.pk,))).status_code
            in CLOSED
        )
        assert list(listed(client, StaffRole).context["cl"].queryset.filter(brand=None)) == []
    for role in (Role.MARKETER, Role.SUPPORT, Role.AUDITOR):
        assert signed_in(make.staff(role, None)).post(remove, {"reason": "x"}).status_code == 404, role
    signed_in(operators.other).post(remove, {"reason": "left"})
    assert not StaffRole.objects.filter(pk=taken.pk).exists()
    signed_in(operators.other).post(reverse("admin:parties_staffinvitation_confirm", args=(waiting.pk,)))
    assert StaffInvitation.objects.get(pk=waiting.pk).state == "confirmed"


@pytest.mark.usefixtures("unrendered")
def test_a_superuser_who_holds_no_role_acts_at_no_door_of_money() -> None:
    rows = rows_of(promos.team())
    client = signed_in(make.user(is_staff=True, is_superuser=True))
    kept = ("parties/", "campaigns/campaign/")
    for door in DOORS:
        if not door.startswith(kept):
            status = client.post(_address(door, rows), TYPED).status_code
            assert status in CLOSED, (door, status)
