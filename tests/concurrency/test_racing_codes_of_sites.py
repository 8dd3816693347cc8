"""A code of the single sign-on brought by eight at once: one gets tokens. And secrets guessed at once."""

import threading
from functools import partial
from typing import Any

import pytest
from allauth.idp.oidc.internal.oauthlib.request_validator import OAuthLibRequestValidator
from allauth.idp.oidc.models import Token
from django.conf import LazySettings
from django.core.cache import cache
from django.test import Client

from redemption_site.guesses import WRONG_SECRETS, Guesses
from redemption_site.sso_provider import Validator
from tests.concurrency.racing import race
from tests.giftcodes.guarded import a_redis
from tests.redemption_site import visits
from tests.redemption_site.shops import Shop

pytestmark = pytest.mark.django_db(transaction=True)
RACERS = 8


@pytest.fixture(params=["redis", "memory"])
def shop(request: pytest.FixtureRequest, settings: LazySettings) -> Shop:
    if request.param == "redis":  # what production counts and keeps codes in
        settings.CACHES = {"default": {"BACKEND": "config.cache.KeptRedisCache", "LOCATION": a_redis()}}
    cache.clear()
    return Shop()


@pytest.fixture
def code(shop: Shop) -> str:
    visitor = Client()
    visits.member_in(visitor)
    return shop.code_for(visitor)


def statuses(shop: Shop, code: str) -> list[Any]:
    answers = race(*[partial(shop.redeem, code)] * RACERS)
    return sorted(answer.status_code for answer in answers if not isinstance(answer, Exception))


def test_of_eight_who_bring_a_code_at_once_one_gets_tokens(shop: Shop, code: str) -> None:
    assert statuses(shop, code) == [200] + [400] * (RACERS - 1)
    assert Token.objects.count() <= 1  # 0, if a later one has put it out already


def test_control_looking_first_gives_tokens_to_several(
    shop: Shop, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Barrier(RACERS, timeout=30)
    looks: Any = OAuthLibRequestValidator.validate_code  # what allauth does: it deletes the code afterwards

    def look_first(*args: Any, **kwargs: Any) -> bool:
        args[0]._lookup_authorization_code(args[4], args[1], args[2])
        is_good: bool = looks(*args, **kwargs)
        gate.wait()
        return is_good

    monkeypatch.setattr(Validator, "validate_code", look_first)
    assert statuses(shop, code).count(200) > 1
    assert Token.objects.count() > 1


def test_wrong_secrets_sent_at_once_are_each_counted(shop: Shop) -> None:
    shop.secret = "wrong"
    answers = race(*[partial(shop.revoke, "x")] * (WRONG_SECRETS + 20))
    found = [answer.status_code for answer in answers if not isinstance(answer, Exception)]
    assert (found.count(401), found.count(429)) == (WRONG_SECRETS, 20)


def test_control_counting_what_was_read_lets_more_through(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    racers = WRONG_SECRETS + 20
    gate = threading.Barrier(racers, timeout=30)

    def read_then_write(self: Guesses) -> None:
        guesses = cache.get(self.key, 0)
        gate.wait()
        cache.set(self.key, guesses + 1, 600)
        assert guesses < WRONG_SECRETS

    monkeypatch.setattr(Guesses, "take", read_then_write)
    shop.secret = "wrong"
    answers = race(*[partial(shop.revoke, "x")] * racers)
    assert [getattr(answer, "status_code", None) for answer in answers].count(401) == racers
