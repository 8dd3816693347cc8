"""The link of an invitation, and its confirmation, under racers."""

import threading
from functools import partial
from typing import Any

import pytest

from parties import invitation_services as invitations
from parties.errors import InvitationRefused
from parties.invitation_models import StaffInvitation
from parties.models import StaffRole, User
from tests.concurrency.racing import race
from tests.factors import just_now
from tests.make import NOON
from tests.parties.invitations import accept, asked, confirmed, team

pytestmark = pytest.mark.django_db(transaction=True)


def test_control_looking_first_lets_a_link_through_eight_times() -> None:
    invitation, _token = confirmed(team())
    gate = threading.Barrier(8, timeout=30)

    def is_open() -> bool:
        found = StaffInvitation.objects.get(pk=invitation.pk).state == "confirmed"
        gate.wait()
        return found

    assert race(*[is_open] * 8) == [True] * 8


def test_of_eight_uses_of_a_link_at_once_one_counts() -> None:
    invitation, token = confirmed(team())
    outcomes: list[Any] = race(*[partial(accept, token)] * 8)
    refusals = [outcome for outcome in outcomes if isinstance(outcome, InvitationRefused)]
    assert len(refusals) == 7
    person = User.objects.get(email=invitation.email)
    assert StaffRole.objects.filter(user=person).count() == 1


def test_of_a_confirmation_and_a_refusal_at_once_one_counts() -> None:
    of = team()
    invitation = asked(of)
    confirm = partial(
        invitations.confirm_invitation, invitation_id=invitation.pk, user=of.other, **just_now(NOON)
    )
    reject = partial(invitations.reject_invitation, invitation_id=invitation.pk, user=of.other, at=NOON)
    outcomes: list[Any] = race(*[confirm] * 4, *[reject] * 4)
    assert len([outcome for outcome in outcomes if isinstance(outcome, InvitationRefused)]) == 7
    invitation.refresh_from_db()
    assert invitation.state in {"confirmed", "rejected"}
