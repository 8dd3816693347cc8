"""One person, several browsers at once: one user comes of it, and one way in always stays."""

import threading
from functools import partial
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.contrib.sessions.backends.base import SessionBase
from django.core.cache import cache
from django.db import connections, transaction
from django.test import RequestFactory

from parties.models import User
from redemption_site import identities, round_trips
from redemption_site.identities import Identity, LastWayIn
from redemption_site.round_trips import StateRefused
from tests import make
from tests.concurrency.racing import race

pytestmark = pytest.mark.django_db(transaction=True)
RACERS = 8
HANAKO = Identity("line", "U1", "花子")


@pytest.mark.parametrize("email", [None, "hanako@example.com"])
def test_of_eight_first_sign_ins_at_once_one_user_comes(email: str | None) -> None:
    admitted = race(*[partial(identities.admit_person, HANAKO._replace(email=email))] * RACERS)
    assert {user.pk for user in admitted if isinstance(user, User)} == {User.objects.get().pk}
    assert [user for user in admitted if not isinstance(user, User)] == []
    assert SocialAccount.objects.count() == 1


@pytest.mark.parametrize("_round", range(3))
def test_of_first_sign_ins_by_provider_and_by_mailbox_at_once_one_user_comes(_round: int) -> None:
    email = "hanako@example.com"
    by_provider = partial(identities.admit_person, HANAKO._replace(email=email))
    by_mailbox = partial(User.objects.get_or_create, email=email)
    calls: list[Any] = [by_provider, by_mailbox] * (RACERS // 2)
    outcomes = race(*calls)
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)], outcomes
    assert SocialAccount.objects.get().user == User.objects.get()


def test_an_address_that_is_taken_between_the_look_and_the_insert_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken: list[User] = []
    take_in = identities._take_in

    def meanwhile(identity: Identity, known: User | None) -> User:
        if not taken:
            taken.append(make.user(email=identity.email))
        return take_in(identity, known)

    monkeypatch.setattr(identities, "_take_in", meanwhile)
    assert [identities.admit_person(HANAKO._replace(email="hanako@example.com"))] == taken


def test_control_looking_first_makes_several() -> None:
    gate = threading.Barrier(RACERS, timeout=30)

    def look_then_make() -> bool:
        is_new = not SocialAccount.objects.filter(provider="line", uid="U1").exists()
        gate.wait()
        if is_new:
            User.objects.create(name="花子")
        connections.close_all()
        return is_new

    assert race(*[look_then_make] * RACERS).count(True) > 1
    assert User.objects.count() > 1


def with_two_passkeys() -> tuple[User, list[int]]:
    user = make.user()
    User.objects.update(email=None)
    keys = [Authenticator.objects.create(user=user, type="webauthn", data={"name": "x"}) for _ in range(2)]
    return user, [key.pk for key in keys]


def test_of_two_passkeys_removed_at_once_one_stays() -> None:
    for _ in range(10):
        User.objects.all().delete()
        user, keys = with_two_passkeys()
        outcomes = race(*(partial(identities.remove_passkey, user=user, passkey_id=key) for key in keys))
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["LastWayIn", "NoneType"]
        assert Authenticator.objects.count() == 1


@pytest.mark.postgresql
def test_control_counting_without_the_lock_removes_both() -> None:
    user, keys = with_two_passkeys()
    gate = threading.Barrier(2, timeout=30)

    def count_then_remove(key: int) -> None:
        with transaction.atomic():
            if not identities.has_spare_way_in(User.objects.get(pk=user.pk)):
                raise LastWayIn
            gate.wait()
            Authenticator.objects.filter(pk=key).delete()

    race(*(partial(count_then_remove, key) for key in keys))
    assert not Authenticator.objects.exists()


def test_of_eight_answers_with_one_state_one_counts() -> None:
    cache.clear()
    request = RequestFactory().get("/")
    request.session = SessionBase()
    _trip, state = round_trips.begin(request, provider_id="line")
    outcomes = race(*[partial(round_trips.take, state, provider_id="line")] * RACERS)
    assert sum(isinstance(outcome, StateRefused) for outcome in outcomes) == RACERS - 1
