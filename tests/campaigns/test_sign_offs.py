"""Where a rule asks for counsel, somebody other than the requester signs that counsel was asked."""

from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from campaigns import audit, errors, legal_facts
from campaigns import services as campaigns
from campaigns.legal import LegalForm, Tie
from campaigns.legal_models import LegalCheck, LegalSignOff
from campaigns.models import Campaign, Order
from parties.errors import NotReachable
from parties.models import Role, StaffRole
from tests import make
from tests.campaigns import promos
from tests.campaigns.promos import nothing_is_reserved
from tests.make import NOON

pytestmark = pytest.mark.django_db


def asks_counsel(team: promos.Team) -> Campaign:
    return promos.campaign(team, legal_form=LegalForm.OPEN, tie=Tie.NONE)


def sign(order: Order, by: Any, **changes: Any) -> LegalSignOff:
    said: dict[str, Any] = {
        "counsel": "弁護士 甲野花子",
        "note": "Looked at on 1 November: fine.",
        "verified_at": NOON,
        "at": NOON,
    }
    return campaigns.sign_off(order_id=order.pk, user=by, **said | changes)


def check_of(order: Order) -> LegalCheck:
    check = legal_facts.latest_check(order)
    assert check is not None
    return check


def test_what_asks_for_counsel_is_approved_only_when_another_person_has_signed() -> None:
    team = promos.team()
    order = promos.submitted(team, promotion=asks_counsel(team))
    with pytest.raises(errors.SignOffMissing):
        promos.approve(order, team.approver)
    assert nothing_is_reserved(team)
    signed = sign(order, team.approver)
    assert (signed.signed_by, signed.requested_by, signed.signed_at) == (team.approver, team.marketer, NOON)
    promos.approve(order, team.approver)


def test_a_sign_off_is_by_an_approver_who_did_not_ask_once_and_names_counsel() -> None:
    team = promos.team()
    both = make.staff(Role.APPROVER, team.brand)
    StaffRole.objects.create(user=both, brand=team.brand, role=Role.MARKETER)
    order = promos.draft(team, promotion=asks_counsel(team))
    order = campaigns.submit_order(order_id=order.pk, user=both, at=NOON)
    with pytest.raises(errors.OwnOrder):
        sign(order, both)
    for stranger in (team.marketer, team.finance, make.staff(Role.APPROVER, make.brand())):
        with pytest.raises(NotReachable):
            sign(order, stranger)
    for lacking in ({"counsel": " "}, {"note": ""}, {"counsel": "x" * 81}, {"note": "x" * 501}):
        with pytest.raises(errors.CounselNotNamed):
            sign(order, team.approver, **lacking)
    sign(order, team.approver)
    with pytest.raises(errors.SignedAlready):
        sign(order, make.staff(Role.APPROVER, team.brand))
    assert LegalSignOff.objects.get().signed_by == team.approver


def test_nobody_signs_where_nothing_asks_for_it_or_nothing_waits() -> None:
    team = promos.team()
    with pytest.raises(errors.SignOffNeedless):
        sign(promos.submitted(team), team.approver)
    with pytest.raises(errors.OrderNotOpen):
        sign(promos.draft(team, promotion=asks_counsel(team)), team.approver)


def test_a_new_submission_needs_a_new_sign_off() -> None:
    team = promos.team()
    order = promos.submitted(team, promotion=asks_counsel(team))
    sign(order, team.approver)
    campaigns.reopen_order(order_id=order.pk, user=team.marketer, at=NOON)
    anew = campaigns.submit_order(order_id=order.pk, user=team.marketer, at=NOON)
    with pytest.raises(errors.SignOffMissing):
        promos.approve(anew, team.approver)
    sign(anew, team.approver)
    promos.approve(anew, team.approver)
    assert not list(audit.differences())


def test_the_database_wants_two_people_for_a_sign_off() -> None:
    team = promos.team()
    check = check_of(promos.submitted(team, promotion=asks_counsel(team)))
    signed = {"signed_at": NOON, "counsel": "A", "note": "B", "requested_by": team.marketer}
    with pytest.raises(IntegrityError), transaction.atomic():
        LegalSignOff.objects.create(legal_check=check, signed_by=team.marketer, **signed)
    LegalSignOff.objects.create(legal_check=check, signed_by=team.approver, **signed)


def test_approval_asks_for_no_less_than_submission_and_goes_by_what_has_fallen_away() -> None:
    team = promos.team(funds=30_000_000)
    sold = {"legal_form": LegalForm.SOLD, "tie": Tie.NONE, "limit_per_member": 1}
    size: dict[str, Any] = {"face_points": 50_000, "channels": {"shop": 120}}
    first, second = (
        promos.submitted(team, promotion=promos.campaign(team, **sold), **size) for _ in range(2)
    )
    campaigns.reopen_order(order_id=first.pk, user=team.marketer, at=NOON)
    with pytest.raises(errors.SignOffMissing):
        promos.approve(second, team.approver)
    sign(second, team.approver)
    promos.approve(second, team.approver)


@pytest.mark.sqlite  # PostgreSQL lets nobody do this
def test_the_audit_names_a_check_that_was_changed_and_a_sign_off_that_is_gone() -> None:
    team = promos.team()
    order = promos.submitted(team, promotion=asks_counsel(team))
    sign(order, team.approver)
    promos.approve(order, team.approver)
    assert not list(audit.differences())
    check = check_of(order)
    content = check.content | {"version": "2099-01-01"}
    LegalCheck.objects.filter(pk=check.pk).update(content=content)
    LegalSignOff.objects.all().delete()
    found = [(row.subject, row.found) for row in audit.differences() if row.check == audit.AS_CHECKED]
    subject = f"legal check {check.pk}"
    assert found == [(subject, legal_facts.sha256_of(content)), (subject, "none")]


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_postgresql_refuses_to_change_checks_and_sign_offs() -> None:
    team = promos.team()
    sign(promos.submitted(team, promotion=asks_counsel(team)), team.approver)
    for name in ("campaigns_legalcheck", "campaigns_legalsignoff"):
        for change in (f"UPDATE {name} SET id = id", f"DELETE FROM {name}", f"TRUNCATE {name} CASCADE"):
            refused = pytest.raises(DatabaseError, match="append-only")
            with refused, transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(change)
    assert LegalSignOff.objects.count() == LegalCheck.objects.count() == 1
