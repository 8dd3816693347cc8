"""A recipient tells support their address: what was mailed to it is found. The address is kept nowhere."""

from typing import Any

import pytest
from django.urls import reverse

from campaigns.errors import SupportRefused
from campaigns.services.support import MAX_MISSES, find_by_address
from campaigns.support_models import ActKind, SupportAct
from parties.models import Role, User
from tests import make
from tests.campaigns import promos
from tests.campaigns.mailings import lists
from tests.campaigns.pages import signed_in
from tests.make import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]
ADDRESS = "hana@example.jp"


@pytest.fixture
def team() -> promos.Team:
    return promos.team()


def find(user: User, typed: str) -> Any:
    return signed_in(user).post(reverse("admin:campaigns_supportact_desk"), {"wanted": typed}, follow=True)


def test_support_of_the_brand_finds_the_gifts_of_an_address_however_it_is_typed(team: promos.Team) -> None:
    mailing = lists.sent(team)
    gift = lists.row(mailing).gift
    assert gift is not None
    answer = find(make.staff(Role.SUPPORT, team.brand), " ＨＡＮＡ@Example.jp ")
    assert reverse("admin:campaigns_supportact_code", args=(gift.pk,)) in answer.content.decode()
    assert ADDRESS not in answer.content.decode().lower()
    (row,) = SupportAct.objects.filter(kind=ActKind.ADDRESS)
    assert (row.is_found, row.brand, row.member, row.reason) == (True, team.brand, None, "")


def test_another_brand_finds_nothing_and_that_it_asked_is_kept(team: promos.Team) -> None:
    lists.sent(team)
    stranger = make.staff(Role.SUPPORT, make.brand())
    answer = find(stranger, ADDRESS)
    assert "has mailed no gift to this address" in answer.content.decode()
    assert [(row.is_found, row.brand) for row in SupportAct.objects.all()] == [(False, None)]


def test_members_are_told_to_the_operators_support_alone(team: promos.Team) -> None:
    lists.sent(team)
    member = make.member()
    assert member.user is not None
    User.objects.filter(pk=member.user.pk).update(email=ADDRESS)
    of_brand, of_operator = make.staff(Role.SUPPORT, team.brand), make.staff(Role.SUPPORT, None)
    page = reverse("admin:campaigns_supportact_member", args=(member.pk,))
    assert page not in find(of_brand, ADDRESS).content.decode()
    assert page in find(of_operator, ADDRESS).content.decode()
    assert SupportAct.objects.filter(user=of_brand, member=None).count() == 1
    assert set(SupportAct.objects.filter(user=of_operator).values_list("brand", "member")) == {
        (team.brand.pk, None),
        (None, member.pk),
    }


def test_whoever_misses_too_often_is_refused(team: promos.Team) -> None:
    supporter = make.staff(Role.SUPPORT, team.brand)
    for number in range(MAX_MISSES):
        assert find_by_address(address=f"{number}@x.example", user=supporter, at=NOON) == (None, [])
    with pytest.raises(SupportRefused):
        find_by_address(address=ADDRESS, user=supporter, at=NOON)
