"""Roles come about by invitations alone, and no single person makes one."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction

from parties import invitation_services as invitations
from parties import role_services
from parties.errors import FactorStale, InvitationRefused, NotReachable
from parties.invitation_models import StaffInvitation
from parties.models import Role, StaffRole, User
from parties.staff_models import Act, AuditRecord
from tests import make
from tests.factors import just_now
from tests.make import NOON
from tests.parties.invitations import PASSWORD, accept, asked, confirmed, team

pytestmark = pytest.mark.django_db


def refused(act: Any, reason: str) -> None:
    with pytest.raises(InvitationRefused) as refusal:
        act()
    assert refusal.value.reason == reason


def test_asked_for_confirmed_and_accepted_by_three_people() -> None:
    of = team()
    invitation = asked(of)
    assert not StaffRole.objects.filter(role=Role.MARKETER).exists()
    _row, token = invitations.confirm_invitation(invitation_id=invitation.pk, user=of.other, **just_now(NOON))
    assert not StaffRole.objects.filter(role=Role.MARKETER).exists()
    person, is_new = accept(token)
    assert is_new
    assert (person.email, person.is_staff, person.is_superuser) == ("hanako@new.example", True, False)
    assert person.check_password(PASSWORD)
    assert [(role.brand, role.role) for role in person.staff_roles.all()] == [(of.brand, "marketer")]
    acts = AuditRecord.objects.filter(brand=of.brand).order_by("pk").values_list("act", "actor")
    assert list(acts) == [
        (Act.REQUESTED, of.asker.pk),
        (Act.CONFIRMED, of.other.pk),
        (Act.ADDED, person.pk),
    ]


def test_the_link_is_kept_as_a_digest_works_once_and_three_days() -> None:
    of = team()
    invitation, token = confirmed(of)
    row = str(StaffInvitation.objects.filter(pk=invitation.pk).values().get())
    assert token not in row
    refused(partial(accept, token, at=NOON + timedelta(days=3)), "gone")
    for _twice in range(2):
        assert invitations.invitation_of(token=token, at=NOON).pk == invitation.pk  # looking uses up nothing
    accept(token)
    refused(partial(accept, token), "gone")
    refused(partial(accept, ""), "gone")


def test_whoever_asked_does_not_confirm_by_the_database_neither() -> None:
    of = team()
    invitation = asked(of)
    confirm = partial(invitations.confirm_invitation, invitation_id=invitation.pk, verified_at=NOON, at=NOON)
    refused(partial(confirm, user=of.asker), "asker")
    with pytest.raises(IntegrityError), transaction.atomic():
        StaffInvitation.objects.filter(pk=invitation.pk).update(
            state="confirmed",
            confirmed_by=of.asker,
            confirmed_at=NOON,
            token_digest="x",
            expires_at=NOON,
            sends=1,
        )
    _row, token = confirm(user=of.other)
    with pytest.raises(IntegrityError), transaction.atomic():
        StaffInvitation.objects.filter(pk=invitation.pk).update(
            state="accepted", accepted_by=of.other, ended_at=NOON, token_digest=""
        )
    refused(partial(confirm, user=make.staff(Role.APPROVER, of.brand)), "not_waiting")
    assert token


def test_nobody_invites_or_confirms_themselves_under_another_spelling() -> None:
    of = team()
    User.objects.filter(pk=of.asker.pk).update(email="asker@x.example")
    User.objects.filter(pk=of.other.pk).update(email="other@x.example")
    for person in (of.asker, of.other):
        person.refresh_from_db()
    for address in ("asker@x.example", "Asker+2@X.example"):
        refused(partial(asked, of, email=address), "own")
    refused(partial(asked, of, email="other+2@x.example"), "mailbox")
    refused(partial(asked, of, email="оther@x.example"), "letters")
    invitation = asked(of, email="other@x.example")
    refused(
        partial(invitations.confirm_invitation, invitation_id=invitation.pk, user=of.other, **just_now(NOON)),
        "own",
    )


def test_two_of_whom_one_came_by_the_others_invitation_decide_nothing_together() -> None:
    of = team()
    _row, token = confirmed(of, role=Role.APPROVER)
    friend, _is_new = accept(token)
    for first, second in ((of.asker, friend), (friend, of.asker), (friend, of.other)):
        invitation = asked(of, email=f"{first.pk}-{second.pk}@new.example", user=first)
        confirm = partial(
            invitations.confirm_invitation, invitation_id=invitation.pk, user=second, **just_now(NOON)
        )
        refused(confirm, "related")
    operator = make.staff(Role.APPROVER, None)
    invitation = asked(of, email="third@new.example")
    invitations.confirm_invitation(invitation_id=invitation.pk, user=operator, **just_now(NOON))


def test_only_those_who_keep_the_roles_there_ask_and_decide() -> None:
    of, elsewhere = team(), team()
    outsiders = [make.staff(role, of.brand) for role in (Role.MARKETER, Role.SUPPORT, Role.AUDITOR)]
    outsiders += [elsewhere.asker, make.user(), make.user(is_staff=True)]
    invitation = asked(of)
    for person in outsiders:
        with pytest.raises(NotReachable):
            asked(of, user=person, email="x@new.example")
        for act in (invitations.reject_invitation, invitations.withdraw_invitation, invitations.send_again):
            with pytest.raises(NotReachable):
                act(invitation_id=invitation.pk, user=person, at=NOON)
        with pytest.raises(NotReachable):
            invitations.confirm_invitation(invitation_id=invitation.pk, user=person, **just_now(NOON))
    with pytest.raises(NotReachable):  # roles of the operator count everywhere
        asked(of, brand_id=None)
    assert asked(team(of_operator=True)).brand is None


def test_confirming_takes_a_fresh_factor() -> None:
    of = team()
    confirm = partial(invitations.confirm_invitation, invitation_id=asked(of).pk, user=of.other, at=NOON)
    for shown in (None, NOON - timedelta(minutes=6)):
        with pytest.raises(FactorStale):
            confirm(verified_at=shown)


def test_somebody_who_works_here_gets_the_role_when_signed_in_and_keeps_the_password() -> None:
    of, known = team(), make.user(email="known@x.example", is_staff=True, password="as before")
    _row, token = confirmed(of, email="Known@x.example")
    for nobody in (None, make.user(is_staff=True)):
        refused(partial(accept, token, signed_in=nobody), "sign_in")
    assert accept(token, signed_in=known) == (known, False)
    known.refresh_from_db()
    assert known.check_password("as before")
    assert known.staff_roles.get().brand == of.brand
    refused(partial(asked, of, email="known@x.example"), "held")


def test_a_closed_log_in_is_not_opened_by_an_invitation() -> None:
    of = team()
    make.user(email="gone@x.example", is_staff=True, is_active=False)
    refused(partial(asked, of, email="gone@x.example"), "inactive")


def test_an_invitation_falls_with_those_who_decided() -> None:
    of = team()
    _row, token = confirmed(of)
    of.asker.staff_roles.all().delete()
    refused(partial(accept, token), "keepers_left")
    waiting = asked(team(of.brand), email="b@new.example")
    waiting.requested_by.staff_roles.all().delete()
    confirm = partial(invitations.confirm_invitation, invitation_id=waiting.pk, user=of.other)
    refused(partial(confirm, **just_now(NOON)), "asker_left")


def test_another_mail_is_another_link_five_times_at_most() -> None:
    of = team()
    invitation, first = confirmed(of)
    again = partial(invitations.send_again, invitation_id=invitation.pk, user=of.asker)
    refused(partial(again, at=NOON + timedelta(days=14)), "not_again")
    _row, second = again(at=NOON)
    refused(partial(accept, first), "gone")
    for _time in range(3):
        again(at=NOON)
    refused(partial(again, at=NOON), "not_again")
    refused(partial(accept, second), "gone")


def test_what_is_turned_down_or_withdrawn_is_over() -> None:
    of = team()
    invitations.reject_invitation(invitation_id=asked(of).pk, user=of.other, at=NOON)
    invitation, token = confirmed(of)
    refused(partial(asked, of), "open")
    invitations.withdraw_invitation(invitation_id=invitation.pk, user=of.asker, at=NOON)
    refused(partial(accept, token), "gone")
    refused(
        partial(invitations.withdraw_invitation, invitation_id=invitation.pk, user=of.asker, at=NOON),
        "not_waiting",
    )


def test_one_person_takes_a_role_away_and_what_invites_to_it() -> None:
    of = team()
    _row, token = confirmed(of)
    person, _is_new = accept(token)
    waiting = asked(of, email=person.email, role=Role.SUPPORT)
    role_services.remove_role(role_id=person.staff_roles.get().pk, user=of.other, reason="left", at=NOON)
    person.refresh_from_db()
    waiting.refresh_from_db()
    assert (person.is_staff, waiting.state) == (False, "withdrawn")
    record = AuditRecord.objects.filter(act=Act.DELETED).get()
    assert (record.actor, record.reason, record.brand) == (of.other, "left", of.brand)


def test_who_never_came_is_forgotten_and_whoever_decided_is_not() -> None:
    of, old = team(), NOON + invitations.KEPT_FOR
    never = [asked(of, email=f"{place}@new.example") for place in range(3)]
    invitations.reject_invitation(invitation_id=never[0].pk, user=of.other, at=NOON)
    invitations.confirm_invitation(invitation_id=never[1].pk, user=of.other, **just_now(NOON))
    _row, token = confirmed(of)
    accept(token)
    assert invitations.forget_uninvited(at=old - timedelta(days=1)) == 0
    assert invitations.forget_uninvited(at=old) == 1
    assert invitations.forget_uninvited(at=old + invitations.KEPT_FOR) == 2
    kept = StaffInvitation.objects.values_list("state", "email", "name", "reason").order_by("pk")
    gone = [(state, "", "", "") for state in ("rejected", "withdrawn", "withdrawn")]
    assert list(kept) == [*gone, ("accepted", "hanako@new.example", "山田花子", "joins the team in April")]
    assert set(StaffInvitation.objects.values_list("requested_by", flat=True)) == {of.asker.pk}


def test_the_audit_log_knows_neither_who_was_invited_nor_an_address() -> None:
    of = team()
    assert of.brand
    invitations.reject_invitation(invitation_id=asked(of).pk, user=of.other, at=NOON)
    nameless = make.user(email="known@x.example", is_staff=True, name="")
    _row, token = confirmed(of, email="known@x.example", name="誰か")
    accept(token, signed_in=nameless)
    role_services.remove_role(role_id=nameless.staff_roles.get().pk, user=of.other, reason="left", at=NOON)
    told = " ".join(f"{row.subject} {row.reason}" for row in AuditRecord.objects.all())
    assert f"#{nameless.pk}" in told
    assert not [text for text in ("山田花子", "誰か", "@", "joins the team") if text in told]


def test_roles_of_another_brand_stay_out_of_reach() -> None:
    of, elsewhere = team(), team()
    with pytest.raises(NotReachable):
        role_services.remove_role(
            role_id=elsewhere.other.staff_roles.get().pk, user=of.asker, reason="x", at=NOON
        )


def test_the_last_approver_is_told_apart() -> None:
    of = team()
    role = of.asker.staff_roles.get()
    assert role_services.is_last_approver(role)
    assert not role_services.is_last_approver(of.other.staff_roles.get())
    second = make.staff(Role.APPROVER, of.brand)
    assert not role_services.is_last_approver(role)
    User.objects.filter(pk=second.pk).update(is_active=False)
    assert role_services.is_last_approver(role)


def test_a_superuser_made_by_the_command_is_in_the_audit_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", email="root@x.example", interactive=False, verbosity=0)
    made = User.objects.get(is_superuser=True)
    record = AuditRecord.objects.get()
    assert (record.actor, record.subject_id, record.reason) == (None, str(made.pk), "createsuperuser")
