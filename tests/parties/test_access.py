"""The funnel: who reaches which brand, and that nobody reaches more."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from parties import access
from parties.errors import NotReachable
from parties.models import Brand, Member, Role, Store
from tests import make

pytestmark = pytest.mark.django_db


def names(rows: object) -> set[Brand]:
    return set(rows)  # type: ignore[call-overload, no-any-return]


@pytest.mark.parametrize("role", Role)
def test_staff_reach_their_own_brand_and_no_other(role: Role) -> None:
    own, other = make.brand(), make.brand()
    person = make.staff(role, own)
    assert names(access.reachable_brands(person)) == {own} == names(access.reachable_brands(person, role))
    assert access.access_brand(person, own.pk, role) == own
    with pytest.raises(NotReachable):
        access.access_brand(person, other.pk)
    for another in set(Role) - {role}:
        assert not access.reachable_brands(person, another).exists()
        with pytest.raises(NotReachable):
            access.access_brand(person, own.pk, another)


def test_a_role_in_one_brand_is_none_in_another() -> None:
    one, two = make.brand(), make.brand()
    person = make.staff(Role.MARKETER, one)
    person.staff_roles.create(brand=two, role=Role.AUDITOR)
    assert names(access.reachable_brands(person)) == {one, two}
    assert names(access.reachable_brands(person, Role.MARKETER)) == {one}
    assert access.holds_role(person, two.pk, Role.AUDITOR)
    assert not access.holds_role(person, two.pk, Role.MARKETER)


def test_the_operators_people_reach_every_brand_with_their_role_alone() -> None:
    brands = {make.brand(), make.brand()}
    person = make.staff(Role.FINANCE, None)
    assert names(access.reachable_brands(person, Role.FINANCE)) == brands
    assert not access.reachable_brands(person, Role.APPROVER).exists()
    assert access.is_operator(person)
    assert not access.is_operator(person, Role.APPROVER)


def test_held_roles_say_which_are_the_operators() -> None:
    person = make.staff(Role.FINANCE, None)
    person.staff_roles.create(brand=make.brand(), role=Role.AUDITOR)
    person.staff_roles.create(brand=make.brand(), role=Role.FINANCE)
    make.staff(Role.SUPPORT, make.brand())
    assert access.held_roles(person) == {
        (Role.FINANCE, True),
        (Role.FINANCE, False),
        (Role.AUDITOR, False),
    }


def test_the_admin_looks_roles_up_once_per_request(rf: RequestFactory) -> None:
    person = make.staff(Role.FINANCE, make.brand())
    for _ in range(2):
        request = rf.get("/")
        request.user = person
        with CaptureQueriesContext(connection) as asked:
            for model in (Store, Member):  # of a brand, of the operator's
                admin.site.get_model_admin(model).get_model_perms(request)
        assert len(asked) == 1


def test_a_superuser_looks_at_every_brand_and_holds_no_role() -> None:
    brand = make.brand()
    person = make.user(is_staff=True, is_superuser=True)
    assert names(access.reachable_brands(person)) == {brand}
    for role in Role:
        assert not access.reachable_brands(person, role).exists()
        assert not access.holds_role(person, brand.pk, role)


def test_whoever_is_inactive_no_staff_or_nobody_reaches_nothing() -> None:
    brand = make.brand()
    gone = make.staff(Role.MARKETER, brand)
    gone.is_active = False
    member = make.user()
    member.staff_roles.create(brand=brand, role=Role.MARKETER)
    former_superuser = make.user(is_superuser=True)
    for person in (gone, member, former_superuser, AnonymousUser()):
        assert not access.reachable_brands(person).exists()
        assert not access.reachable_programs(person).exists()
        assert not access.reachable_users(person).exists()
        assert not access.reachable_members(person).exists()
        assert not access.holds_role(person, brand.pk, Role.MARKETER)
        assert not access.is_operator(person)


def test_no_role_named_is_no_role_held() -> None:
    brand = make.brand()
    assert not access.holds_role(make.staff(Role.MARKETER, brand), brand.pk)


def test_stores_and_roles_are_those_of_the_reached_brands() -> None:
    own, other = make.brand(), make.brand()
    store = make.store(brand=own)
    make.store(brand=other)
    person, operator = make.staff(Role.AUDITOR, own), make.staff(Role.AUDITOR, None)
    make.staff(Role.AUDITOR, other)
    assert list(access.reachable_stores(person)) == [store]
    assert set(access.reachable_staff_roles(person)) == set(person.staff_roles.all())
    assert access.reachable_staff_roles(operator).count() == 3


def test_programs_are_those_of_the_reached_brands() -> None:
    own, other = make.brand(), make.brand()
    assert set(access.reachable_programs(make.staff(Role.MARKETER, own))) == {own.program}
    assert access.reachable_programs(make.staff(Role.AUDITOR, None)).count() == 2
    assert access.reachable_programs(make.user(is_staff=True, is_superuser=True)).count() == 2
    assert other.program != own.program


def test_members_are_the_operators_and_log_ins_a_superusers() -> None:
    brand = make.brand()
    member = make.member()
    person, operator = make.staff(Role.SUPPORT, brand), make.staff(Role.SUPPORT, None)
    superuser = make.user(is_staff=True, is_superuser=True)
    assert not access.reachable_members(person).exists()
    assert set(access.reachable_members(operator, Role.SUPPORT)) == {member}
    assert not access.reachable_members(operator, Role.FINANCE).exists()
    assert not access.reachable_users(operator).exists()
    assert access.reachable_users(superuser).filter(pk=person.pk).exists()
    assert not access.reachable_users(superuser, Role.SUPPORT).exists()


def test_a_member_is_made_at_the_first_visit_and_found_at_the_next() -> None:
    user = make.user()
    assert access.member_of(user) == access.member_of(user)
    assert Member.objects.count() == 1
    with pytest.raises(NotReachable):
        access.member_of(AnonymousUser())
