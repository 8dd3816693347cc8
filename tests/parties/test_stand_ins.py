"""Two stand for people in sandboxes: nobody can sign in with them, and they reach nothing else."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from parties import access
from parties.api_models import StandIn
from parties.api_services import open_sandbox
from parties.models import Role, User
from parties.sandboxes import stand_ins
from tests import make
from tests.make import NOON

pytestmark = pytest.mark.django_db


def test_there_are_two_for_ever() -> None:
    both = stand_ins(at=NOON)
    assert stand_ins(at=NOON + timedelta(days=1)) == both
    assert len(set(both)) == User.objects.count() == 2
    with pytest.raises(IntegrityError), transaction.atomic():
        StandIn.objects.create(place=3, user=make.user())


def test_nobody_signs_in_with_them() -> None:
    for user in stand_ins(at=NOON):
        assert (user.is_active, user.is_staff, user.email, user.has_usable_password()) == (
            False,
            False,
            None,
            False,
        )
        browser = Client()
        browser.force_login(user)
        assert browser.get("/admin/").status_code == 302  # to the sign-in


def test_they_reach_sandboxes_alone_and_only_in_a_role() -> None:
    twin = open_sandbox(brand=make.brand(), at=NOON)
    for user in stand_ins(at=NOON):
        for role in (Role.MARKETER, Role.APPROVER, Role.FINANCE):
            assert list(access.reachable_brands(user, role)) == [twin]
        assert not access.reachable_brands(user).exists()
        assert not access.is_operator(user, *Role)
        assert not access.holds_role(user, twin.pk, *Role)


@pytest.mark.parametrize("made", ["is_active", "is_staff", "is_superuser"])
def test_one_that_was_made_a_person_stands_for_nobody_any_more(made: str) -> None:
    open_sandbox(brand=make.brand(), at=NOON)
    user = stand_ins(at=NOON)[0]
    assert access.reachable_brands(user, Role.FINANCE).exists()
    setattr(user, made, True)
    assert not access.reachable_brands(user, Role.FINANCE).exists()


def test_any_other_log_in_that_is_not_active_reaches_nothing() -> None:
    open_sandbox(brand=make.brand(), at=NOON)
    stand_ins(at=NOON)
    other = User.objects.create(is_active=False)
    assert not access.reachable_brands(other, *Role).exists()
