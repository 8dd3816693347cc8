"""The first requests of one person at once: one member comes of them, and all of them are answered."""

import threading
from functools import partial

import pytest
from django.conf import settings
from django.db import IntegrityError
from django.test import Client

from parties.access import member_of
from parties.errors import NotReachable
from parties.leaving import erase_person
from parties.models import Member, User
from tests import make
from tests.concurrency.racing import race
from tests.make import NOON

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]
RACERS = 8


def test_control_looking_first_fails_for_all_but_one() -> None:
    user, gate = make.user(), threading.Barrier(RACERS, timeout=30)

    def look_then_make() -> Member:
        has_none = not Member.objects.filter(user=user).exists()
        gate.wait()
        assert has_none
        return Member.objects.create(user=user)

    outcomes = race(*[look_then_make] * RACERS)
    assert [type(outcome) for outcome in outcomes].count(IntegrityError) == RACERS - 1


@pytest.mark.parametrize("_round", range(3))
def test_of_eight_who_ask_at_once_all_get_the_one_member(_round: int) -> None:
    user = make.user()
    outcomes = race(*[partial(member_of, user)] * RACERS)
    assert outcomes == [Member.objects.get(user=user)] * RACERS


def test_nobody_becomes_a_member_behind_the_closing_of_their_account() -> None:
    user = make.user()
    erase_person(member_id=member_of(User.objects.get(pk=user.pk)).pk, at=NOON)
    with pytest.raises(NotReachable):
        member_of(user)  # as the request knew them when it began
    assert not Member.objects.filter(closed_at=None).exists()


@pytest.mark.parametrize("address", ["/wallet/", "/wallet/card/", "/account/consents/", "/help/disputes/"])
def test_first_pages_at_once_are_all_answered(address: str) -> None:
    client = Client()
    client.force_login(make.user())
    key = client.cookies[settings.SESSION_COOKIE_NAME].value

    def open_page() -> int:
        browser = Client(raise_request_exception=False)
        browser.cookies[settings.SESSION_COOKIE_NAME] = key
        return browser.get(address).status_code

    assert race(*[open_page] * RACERS) == [200] * RACERS
    assert Member.objects.count() <= 1
